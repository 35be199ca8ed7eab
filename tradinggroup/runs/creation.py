"""A new run folder: its name, and the texts that the run was made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tradinggroup.runs.row_file import unwritable, write_through

EXPERIMENT = "experiment.toml"
RESOLVED = "resolved.toml"
RISK = "risk.toml"
MODELS = "models.toml"
CARDS = "cards"
PAST = "past"
"""Folder of a fork: `past/1`, `past/2`, … hold what was in force before the session of each fork."""
_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class RunSources:
    """What a person wrote and the run was made from, copied word for word."""

    experiment_toml: str
    """The experiment file as given."""
    resolved_toml: str
    """Every setting with the value that was used."""
    risk_toml: str
    cards: Mapping[str, str]
    """File name in `cards/` -> text."""
    models_toml: str = ""
    """What the registry says of the models that the run asks; nothing for a run that asks no server."""
    past: tuple[RunSources, ...] = ()
    """Of a fork: the same of each earlier stage."""

    def write(self, folder: Path) -> None:
        """Write all of them into `folder`, and onto the disk. Raises DataError RUN_UNWRITABLE."""
        for number, past in enumerate(self.past, 1):
            past.write(folder / PAST / str(number))
        texts = {EXPERIMENT: self.experiment_toml, RESOLVED: self.resolved_toml, RISK: self.risk_toml}
        texts |= {MODELS: self.models_toml} if self.models_toml else {}
        texts |= {f"{CARDS}/{name}": text for name, text in sorted(self.cards.items())}
        try:
            (folder / CARDS).mkdir(parents=True, exist_ok=True)
            for name, text in texts.items():
                write_through(folder / name, text.encode("utf-8"))
        except OSError as problem:
            raise unwritable(folder, problem) from problem


def new_run_folder(runs_folder: Path, *, experiment: str, identity: bytes, started_at: datetime) -> Path:
    """Make `<UTC time>-<experiment>-<id>`. Names sort by start: a second that another run has already taken is passed over.

    Raises DataError RUN_UNWRITABLE.
    """
    try:
        runs_folder.mkdir(parents=True, exist_ok=True)
        counter = 0
        while True:
            names = [path.name for path in runs_folder.iterdir()]
            stamp = _free_stamp(started_at.astimezone(UTC), names)
            run_id = hashlib.sha256(b"%s|%s|%d" % (identity, started_at.isoformat().encode(), counter)).hexdigest()[:6]
            folder = runs_folder / f"{stamp}-{experiment}-{run_id}"
            if not any(name.endswith(f"-{run_id}") for name in names) and _made(folder):
                return folder
            counter += 1
    except OSError as problem:
        raise unwritable(runs_folder, problem) from problem


def _free_stamp(moment: datetime, names: list[str]) -> str:
    taken = {name.split("-", 1)[0] for name in names}
    while moment.strftime(_STAMP) in taken:
        moment += timedelta(seconds=1)
    return moment.strftime(_STAMP)


def _made(folder: Path) -> bool:
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True
