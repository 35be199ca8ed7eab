"""The project folder: where cards, risk profiles, bundles, experiments and runs are looked up.

Order: the folder named by `-C` or `TRADINGGROUP_HOME`; the nearest parent of the working folder that holds
`tradinggroup.toml`; for single content files, the defaults that ship with the package.
"""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from tradinggroup.errors import ErrorCode, UsageError, did_you_mean

MARKER = "tradinggroup.toml"
HOME_VARIABLE = "TRADINGGROUP_HOME"
CONTENT_FOLDERS = ("agents", "risk", "data", "backtests", "notebooks")


def defaults_root() -> Path:
    """The folder of the packaged content: inside the wheel `_defaults/`, in a checkout the repository root itself."""
    package = Path(__file__).resolve().parent
    packaged = package / "_defaults"
    return packaged if packaged.is_dir() else package.parent


@dataclass(frozen=True, slots=True)
class Project:
    """One project folder. `root` may be the packaged defaults, which are read-only: nothing is ever written there."""

    root: Path

    @classmethod
    def find(cls, folder: str | Path | None = None) -> Project:
        """The project of `folder` (as with `-C`), of the environment, or around the working folder.

        Raises UsageError where a folder is named that does not exist, or none can be found.
        """
        named = folder or os.environ.get(HOME_VARIABLE)
        if named:
            root = Path(named).expanduser().resolve()
            if not root.is_dir():
                origin = "" if folder else f", origin={HOME_VARIABLE}"
                raise UsageError(ErrorCode.PROJECT_INVALID, f"no folder {named}{origin}", remedy="Name an existing project folder.")
            return cls(root)
        here = Path.cwd().resolve()
        for candidate in (here, *here.parents):
            if (candidate / MARKER).is_file():
                return cls(candidate)
        raise UsageError(
            ErrorCode.PROJECT_INVALID,
            f"{here} is not inside a project folder (no {MARKER} here or above)",
            remedy="Make one with: tradinggroup init NAME && cd NAME, or name one with -C DIR.",
        )

    @classmethod
    def around_run(cls, folder: Path) -> Project:
        """The project that the run folder `folder` lies in, as `PROJECT/backtests/runs/NAME`; else the packaged defaults."""
        parents = folder.resolve().parents
        root = parents[2] if len(parents) > 2 else None
        return cls(root if root is not None and (root / MARKER).is_file() and cls(root).runs_folder == parents[0] else defaults_root())

    @property
    def bundles_folder(self) -> Path:
        return self.root / "data"

    @property
    def experiments_folder(self) -> Path:
        return self.root / "backtests"

    @property
    def runs_folder(self) -> Path:
        return self.root / "backtests" / "runs"

    @property
    def shared_recordings(self) -> Path:
        """The project's store of model answers, shared by its runs."""
        return self.root / "backtests" / "recordings.sqlite"

    @property
    def ledger_file(self) -> Path:
        """The ledger of every configuration that was tried; meant to be committed."""
        return self.root / "ledger.jsonl"

    @property
    def ledger_head(self) -> Path:
        """What was written to the ledger last, and its lock; derived data."""
        return self.root / "backtests" / "ledger-head.sqlite"

    @property
    def holdout_start(self) -> date | None:
        """`[holdout] start` of the project file: the first day that is sealed for every experiment; None where none is.

        Raises UsageError PROJECT_INVALID for a file that says anything else.
        """
        path = self.root / MARKER
        try:
            settings = tomllib.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}
        except (OSError, ValueError) as problem:
            raise _invalid_marker(f"cannot be read: {problem}") from problem
        table = settings.pop("holdout", {})
        if settings or not isinstance(table, dict) or set(table) - {"start"}:
            raise _invalid_marker(f"knows nothing but [holdout] start, and says {', '.join(settings) or 'another holdout'}")
        start = table.get("start")
        if start is not None and type(start) is not date:
            raise _invalid_marker(f"holdout.start={start} is no day")
        return start

    @property
    def probes_file(self) -> Path:
        """What was found out about model servers (JSON); derived data that the next run finds out again."""
        return self.root / "backtests" / "probes.json"

    @property
    def lessons_folder(self) -> Path:
        """Chroma stores of lessons, one folder a run; derived data that can be rebuilt from the runs."""
        return self.root / "backtests" / "lessons"

    @property
    def chunks_folder(self) -> Path:
        """The Chroma store of filings' chunks and of vectors, shared by the project's runs; derived data that runs make again."""
        return self.root / "backtests" / "chunks"

    def content_file(self, folder: str, filename: str) -> Path | None:
        """`folder/filename` of the project, else of the packaged defaults, else None."""
        for root in (self.root, defaults_root()):
            path = root / folder / filename
            if path.is_file():
                return path
        return None

    def content_names(self, folder: str, suffix: str) -> list[str]:
        """Names (without suffix) of the content files that can be found in `folder`, README aside."""
        found = {
            path.stem
            for root in (self.root, defaults_root())
            if (root / folder).is_dir()
            for path in (root / folder).glob(f"*{suffix}")
            if path.stem != "README" and path.is_file()
        }
        return sorted(found)

    def experiment_file(self, name: str) -> Path:
        """The experiment file that `name` means: a path, or a name in `backtests/`. Raises UsageError where there is none."""
        direct = Path(name).expanduser()
        for candidate in (direct, self.root / name, self.experiments_folder / f"{name}.toml"):
            if candidate.is_file():
                return candidate.resolve()
        # A mistyped path must not fall back to an experiment that only shares its last word.
        packaged = self.content_file("backtests", f"{direct.stem}.toml")
        if packaged is not None and direct.suffix in ("", ".toml") and direct.parent in (Path(), Path("backtests")):
            return packaged
        if name and any(candidate.is_dir() for candidate in (direct, self.root / name)):
            text = f"{name} is a folder, not an experiment file"
            raise UsageError(ErrorCode.EXPERIMENT_NOT_FOUND, text, remedy="Name a TOML file as in backtests/.")
        raise UsageError(
            ErrorCode.EXPERIMENT_NOT_FOUND,
            f"no experiment file {name}",
            remedy=did_you_mean(Path(name).stem, self.content_names("backtests", ".toml")),
        )

    def bundle_folder(self, name: str) -> Path:
        """The folder of bundle `name`: the project's, else the packaged one where `bundle.json` exists, else the project's."""
        own = self.bundles_folder / name
        packaged = defaults_root() / "data" / name
        if not (own / "bundle.json").is_file() and (packaged / "bundle.json").is_file():
            return packaged
        return own

    def bundle_names(self) -> list[str]:
        """Names of all bundles that can be found."""
        folders = (self.bundles_folder, defaults_root() / "data")
        return sorted({path.parent.name for folder in folders for path in folder.glob("*/bundle.json")})


def _invalid_marker(what: str) -> UsageError:
    return UsageError(ErrorCode.PROJECT_INVALID, f"{MARKER} {what}", remedy="Write [holdout], then start = 2025-10-01; or leave it empty.")
