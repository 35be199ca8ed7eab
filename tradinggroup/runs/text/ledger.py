"""The ledger as a page, and what `show` says of a run's place in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.backtest.statistics.enough import is_enough
from tradinggroup.errors import DataError
from tradinggroup.project import MARKER, Project
from tradinggroup.runs.figures import NONE, columns, counted, number, percent, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.ledger.check import LedgerPage
from tradinggroup.runs.ledger.file import Ledger, places_of
from tradinggroup.runs.ledger.trials import OpenLedger, Trial, deflation_of
from tradinggroup.runs.returns import returns_by_session
from tradinggroup.runs.summary import ALL

LONGEST_NAME = 24
SMALLEST_VARIANCE = 1e-12
"""Variance of per-session Sharpe ratios below which they are equal but for rounding."""
LONGEST_MODEL = 14


def text_ledger(page: LedgerPage) -> str:
    """Trials, their count, and whether the chain holds, at 80 columns."""
    if not page.ledger.lines and page.fault is None:
        return "\n".join(["the ledger is empty: no run was started since there is one", *_unlisted(page)])
    heads = ["trial", "started, UTC", "experiment", "model", "status", "runs", "return"]
    table = columns([heads, *map(_row, page.trials)], left=5)
    lines = [*_count_lines(page), *_unsealed(page), *_deleted(page), *_unlisted(page), *wrapped(_chain_text(page), first="chain    ")]
    return "\n".join([table, "", *lines])


def ledger_lines(run: RunFolder) -> Iterator[str]:
    """What `ledger_texts` says, in lines of at most 80 characters."""
    for label, text in ledger_texts(run):
        yield from wrapped(text, first=f"{label:<9}")


def ledger_texts(run: RunFolder) -> Iterator[tuple[str, str]]:
    """Trials and deflated Sharpe ratio of a run as its ledger has them at this moment; else as its header kept them at its end."""
    kept = run.header.get("ledger")
    if not kept:
        return
    found = figures_now(run)
    figures, when = found or kept, found["as_of"] if found else "when the run ended"
    yield "trials", f"{_trials_text(figures)}; {when}"
    yield "", _deflated_text(run, figures)
    if figures.get("fault"):
        yield "", f"the ledger is damaged: {figures['fault']}; so there were at least as many trials"
    holdout = run.header.get("holdout") or {}
    if holdout.get("unsealed"):
        yield "hold-out", f"from {holdout['start']} on, unsealed: {holdout['unsealed']}"
    elif holdout.get("start") and not holdout.get("dropped"):
        yield "hold-out", f"from {holdout['start']} on, sealed: this run saw none of it"


def figures_now(run: RunFolder, book: OpenLedger | None = None) -> dict[str, Any] | None:
    """The run among the trials that its project's ledger has now; None where that is another ledger, or none is at hand.

    The figures are those of `header["ledger"]`, which keeps how it was when the run ended; `as_of` says of when these are, and `fault`
    what is wrong with the ledger. `book` is that ledger, where it was read already.
    """
    kept, parents = run.header.get("ledger") or {}, run.path.resolve().parents
    if len(parents) < 3 or not (parents[2] / MARKER).is_file() or "trial" not in kept:
        return None
    try:
        book = book or OpenLedger.of(Project(parents[2]))
        returns = returns_by_session(run.equity()) if run.header.get("metrics") else {}
    except DataError:
        return None
    ledger = book.ledger
    if not ledger.entries or not (ledger.id == kept.get("id") or any(entry.get("run_id") == run.run_id for entry in ledger.entries)):
        return None
    when = f"by the {counted(ledger.lines, 'line')} of the ledger up to {ledger.entries[-1]['at'][:10]}"
    seen = {"as_of": when, "fault": _fault_text(ledger, kept)}
    if not returns:
        return {"trials": len(book.trials), **seen}
    rate = run.settings.get("cash_rate_per_year", 0.0)
    return {**deflation_of(book.trials, own_trial=kept["trial"], own_returns=returns, cash_rate_per_year=rate), **seen}


def _fault_text(ledger: Ledger, kept: Mapping[str, Any]) -> str | None:
    """What is wrong with a ledger, as far as it and one run tell."""
    if ledger.fault is not None:
        return f"line {ledger.fault.line} {ledger.fault.text}"
    gone = next((place for place in places_of(kept) if not ledger.holds(place)), None)
    return None if gone is None else f"line {gone.line}, of this run, is gone or not as it was written"


def _deflated_text(run: RunFolder, figures: Mapping[str, Any]) -> str:
    enough = is_enough(run.header.get("sessions"), run.summary()["metrics"].get(ALL, {}).get("trades", 0))
    if "deflated_sharpe" not in figures:
        return "no deflated Sharpe ratio, the run has no returns"
    if figures["deflated_sharpe"] is None or not enough:
        return f"no deflated Sharpe ratio, {enough.reason or figures['reason']}"
    if figures["trials"] == 1:
        return (
            f"deflated Sharpe ratio {number(figures['deflated_sharpe'])}: the probability that the true one is above zero, of one trial "
            f"alone; the run has {number(figures['sharpe_per_session'], decimals=4)} a session"
        )
    return (
        f"deflated Sharpe ratio {number(figures['deflated_sharpe'])}: the probability that the true one is above "
        f"{number(figures['expected_maximum_per_session'], decimals=4)} a session, which the best of so many worthless "
        f"trials is expected to reach; the run has {number(figures['sharpe_per_session'], decimals=4)}"
    )


def _trials_text(figures: Mapping[str, Any]) -> str:
    text = counted(figures["trials"], "configuration") + " tried"
    if figures.get("effective_trials") is None:
        return text
    text += f", effectively {number(float(figures['effective_trials']), decimals=1)} by the correlation of their returns"
    variance = figures.get("sharpe_variance")
    if variance is None:
        return f"{text}; no variance of Sharpe ratios, for lack of overlapping trials"
    return f"{text}; variance of the Sharpe ratio a session {variance_text(variance)} over {figures['overlapping_trials']} that overlap"


def variance_text(variance: float) -> str:
    """`0.00123`; what equal returns leave by rounding is `0`."""
    return f"{variance:.3g}" if variance >= SMALLEST_VARIANCE else "0"


def _row(trial: Trial) -> list[str]:
    plain = trial.to_plain()
    return [
        trial.hash.removeprefix("sha256:")[:6],
        trial.first["at"][:16].replace("T", " "),
        _short(str(plain["variant"] or plain["experiment"]), LONGEST_NAME),
        _short(str(plain["model"] or NONE), LONGEST_MODEL),
        trial.status,
        str(len(trial.runs)),
        percent(plain["total_return_fraction"]),
    ]


def _count_lines(page: LedgerPage) -> Iterator[str]:
    runs = sum(len(trial.runs) for trial in page.trials)
    yield from wrapped(f"{_trials_text(page.figures)}; {counted(runs, 'run')}", first="trials   ")


def _unsealed(page: LedgerPage) -> Iterator[str]:
    for entry in page.ledger.entries:
        if entry.get("kind") == "unseal":
            text = f"from {entry['holdout_start']} on, unsealed {entry['at'][:10]} by run {entry['run_id']}: {entry['reason']}"
            yield from wrapped(text, first="hold-out ")


def _deleted(page: LedgerPage) -> Iterator[str]:
    if page.deleted:
        yield from wrapped(f"{counted(len(page.deleted), 'run')} without a folder any more; the trials stay", first="deleted  ")


def _unlisted(page: LedgerPage) -> Iterator[str]:
    if page.unlisted:
        shown = ", ".join(page.unlisted[:6]) + (", ..." if len(page.unlisted) > 6 else "")
        text = f"{counted(len(page.unlisted), 'run folder')} not in this ledger, and in no count: {shown}"
        yield from wrapped(text, first="unlisted ")


def _chain_text(page: LedgerPage) -> str:
    if page.fault is not None:
        return f"BROKEN at line {page.fault.line} of {page.ledger.lines}: it {page.fault.text}"
    return f"whole, {counted(page.ledger.lines, 'line')}"


def _short(name: str, longest: int) -> str:
    return name if len(name) <= longest else f"{name[: longest - 3]}..."
