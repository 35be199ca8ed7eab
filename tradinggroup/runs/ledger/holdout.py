"""The sealed hold-out: sessions that nobody looks at until a study is over, and what is said once somebody did.

`[holdout] start = D` in an experiment or in `tradinggroup.toml`; where both name a day, the earlier one holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.project import MARKER, Project
from tradinggroup.runs.ledger.file import Entry
from tradinggroup.settings import Experiment


@dataclass(frozen=True, slots=True)
class Seal:
    """From which day on sessions are sealed, and who says so."""

    start: date
    origin: str


@dataclass(frozen=True, slots=True)
class Unsealing:
    """A run that was allowed to look at sealed sessions."""

    seal: Seal
    reason: str


def seal_of(project: Project, experiment: Experiment) -> Seal | None:
    """The seal that an experiment runs under. Raises UsageError PROJECT_INVALID for a project file that can't be read."""
    own, common = experiment.holdout.start, project.holdout_start
    seals = [Seal(common, MARKER)] if common is not None else []
    seals += [Seal(own, "the experiment")] if own is not None else []
    return min(seals, key=lambda seal: seal.start, default=None)


def refuse_sealed(project: Project, experiment: Experiment, last: date) -> None:
    """Refuse whatever looks at sessions up to `last`. Raises UsageError HOLDOUT_SEALED."""
    seal = seal_of(project, experiment)
    if seal is not None and last >= seal.start:
        raise _sealed(seal, last)


def unsealing_of(project: Project, experiment: Experiment, sessions: Sequence[date], reason: str | None) -> Unsealing | None:
    """What a run over `sessions` unseals for `reason`; None where it touches nothing sealed.

    Raises UsageError: HOLDOUT_SEALED where a sealed session would be run without a reason, USAGE for a reason without need.
    """
    seal = seal_of(project, experiment)
    touches = seal is not None and bool(sessions) and sessions[-1] >= seal.start
    if reason is None:
        if touches and seal is not None:
            raise _sealed(seal, sessions[-1])
        return None
    if not reason.strip():
        raise UsageError(ErrorCode.USAGE, "--unseal without a reason", remedy='Say why in words: --unseal "final test of the study".')
    if seal is None or not touches:
        what = f"the hold-out starts on {seal.start}, after this window" if seal else "no hold-out is declared"
        raise UsageError(ErrorCode.USAGE, f"--unseal: {what}", remedy="Leave it out.")
    return Unsealing(seal, reason.strip())


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands to the hold-out, by what the ledger holds before it."""

    header: dict[str, Any] | None
    """What its header says; None where there is no hold-out and never was one on its sessions."""
    warnings: tuple[str, ...] = ()


def standing_of(
    entries: Sequence[Entry],
    *,
    seal: Seal | None,
    unsealing: Unsealing | None,
    configuration: str,
    bundle: str,
    symbols: Collection[str],
    sessions: Sequence[date],
) -> Standing:
    """How a run of `configuration` over `sessions` stands to the hold-out.

    `seen_before` counts runs that were started on held-out sessions of this run, whatever their configuration and whether they were
    held out then: a seal that is declared later makes nothing unseen.
    """
    last = sessions[-1].isoformat() if sessions else ""
    start = seal.start.isoformat() if seal is not None else None
    first = next(_unsealings(entries, since=start, first=sessions[0].isoformat() if sessions else "", last=last), None)
    seen_before = _runs_that_saw(entries, since=start, last=last, bundle=bundle, symbols=symbols) if start is not None else 0
    is_later = first is not None and first["configuration"] != configuration
    warnings = [_after_unsealing(first)] if first is not None and is_later else []
    dropped = _dropped_seal(entries, bundle=bundle, start=start, last=last) if first is None and unsealing is None else None
    if dropped is not None:
        text = f"the hold-out from {dropped}, which earlier runs kept, is no longer kept: this run used its sessions without unsealing"
        warnings.append(text)
    if seal is None and first is None and dropped is None:
        return Standing(None)
    header = {
        "start": start or dropped,
        "origin": seal.origin if seal is not None else None,
        "unsealed": unsealing.reason if unsealing is not None else None,
        "first_unsealed_at": first["at"] if first is not None else None,
        "first_unsealed_run": first["run_id"] if first is not None else None,
        "after_unsealing": is_later,
        "dropped": dropped is not None,
        "sessions": sum(seal is not None and session >= seal.start for session in sessions),
        "seen_before": seen_before,
    }
    return Standing(header, tuple(warnings))


def _unsealings(entries: Sequence[Entry], *, since: str | None, first: str, last: str) -> Iterator[Entry]:
    """Unsealings that saw sessions of the hold-out from `since` on; of a run without one, sessions between `first` and `last`."""
    for entry in entries:
        if entry.get("kind") != "unseal":
            continue
        if entry["through"] >= since if since is not None else entry["holdout_start"] <= last and entry["through"] >= first:
            yield entry


def _runs_that_saw(entries: Sequence[Entry], *, since: str, last: str, bundle: str, symbols: Collection[str]) -> int:
    """Runs on this bundle, or of one of these symbols, whose window has sessions from `since` to `last`."""
    return sum(
        entry.get("kind") == "start"
        and (entry.get("start") or "") <= last
        and (entry.get("end") or "") >= since
        and ((entry.get("bundle") or {}).get("name") == bundle or not set(symbols).isdisjoint(entry.get("symbols") or ()))
        for entry in entries
    )


def _after_unsealing(first: Entry) -> str:
    return (
        f"after unsealing: the hold-out from {first['holdout_start']} was first looked at on {first['at'][:10]} by run {first['run_id']}, "
        "with another configuration than this run's"
    )


def _dropped_seal(entries: Sequence[Entry], *, bundle: str, start: str | None, last: str) -> str | None:
    """The earliest hold-out of earlier runs on this bundle that this run's sessions reach, and its own seal does not keep."""
    kept = [
        str(entry["holdout_start"])
        for entry in entries
        if entry.get("kind") == "start" and entry.get("holdout_start") and (entry.get("bundle") or {}).get("name") == bundle
    ]
    earliest = min(kept, default=None)
    return earliest if earliest is not None and last >= earliest and (start is None or start > earliest) else None


def _sealed(seal: Seal, last: date) -> UsageError:
    before = seal.start - timedelta(days=1)
    remedy = f'End before it: --end {before}; or look at it for good: backtest with --unseal "reason", which the ledger keeps.'
    return UsageError(
        ErrorCode.HOLDOUT_SEALED, f"sessions from {seal.start} on are the hold-out ({seal.origin})", last_session=last, remedy=remedy
    )
