"""One page over all runs of a project: what each made, what may be claimed, and how many configurations were tried."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tradinggroup.backtest.statistics.enough import is_enough
from tradinggroup.errors import DataError
from tradinggroup.project import Project
from tradinggroup.runs.claim_card import BUY_AND_HOLD, STATES
from tradinggroup.runs.figures import NONE, counted, number, percent
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.ledger.file import Fault
from tradinggroup.runs.ledger.trials import OpenLedger, ledger_figures
from tradinggroup.runs.locate import list_runs
from tradinggroup.runs.report.html import Child, Html, tag
from tradinggroup.runs.report.page import document
from tradinggroup.runs.report.parts import badge, nothing, remark, section, table
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.claims import card_of
from tradinggroup.runs.text.ledger import variance_text
from tradinggroup.runs.text.show import without_text
from tradinggroup.runs.text.statistics import enough_of
from tradinggroup.runs.text.warnings import run_warnings

REPORT = "report.html"
HEADS = (
    "run", "experiment", "status", "model", "window", "symbols", "return", "buy and hold", "Sharpe", "drawdown", "round trips", "random",
    "claims open", "trial",
)  # fmt: skip


def overview(project: Project, *, beside: Path) -> str:
    """The page, to lie in the folder `beside`: its links to reports are relative to that. Damaged runs are rows, too."""
    runs, book = list_runs(project), _read(project)
    body = [
        tag("header", tag("p", "tradinggroup report", class_="kicker"), tag("h1", "All runs"), tag("p", _lead(runs), class_="lead")),
        section("runs", "Runs", _runs(runs, beside, None if isinstance(book, DataError) else book)),
        _ledger(book),
    ]
    return document(f"runs of {project.root.name}", body, class_="broad")


def _lead(runs: Sequence[RunFolder]) -> str:
    done = sum(run.status == "success" for run in runs)
    return f"{counted(len(runs), 'run')}, {done:,d} ended well. The best of many tries says little: look at the trials below."


def _runs(runs: Sequence[RunFolder], beside: Path, book: OpenLedger | None) -> Html:
    if not runs:
        return nothing("There is no run yet.")
    rows = [_row(run, beside, book) for run in reversed(runs)]
    hint = remark("A run whose name leads nowhere has no report yet: ", tag("code", "tradinggroup report RUN"), " writes it.")
    return tag("div", table(HEADS, rows, left=6), hint)


def _row(run: RunFolder, beside: Path, book: OpenLedger | None) -> list[Child]:
    header = run.header
    own = (header.get("metrics") or {}).get(ALL) or {}
    held = ((header.get("baselines") or {}).get(BUY_AND_HOLD) or {}).get(ALL) or {}
    states = [claim.state for claim in card_of(run, book).claims]
    percentile = (header.get("random") or {}).get("agents_percentile")
    said = [*run_warnings(run), *([str(header["note"])] if header.get("note") else [])]
    name = ", ".join(part for part in (str(header["experiment"]), str(header.get("variant") or ""), without_text(run.settings)) if part)
    return [
        _link(run, beside),
        tag("span", name, tag("small", " ⚠") if run_warnings(run) else None, title="; ".join(said) or None),
        badge("ok" if run.status == "success" else "failed", run.status),
        str(header.get("title") or NONE),
        tag("span", f"{header.get('start') or NONE} to {header.get('end') or NONE}", class_="day"),
        _symbols(run),
        percent(own.get("total_return_fraction")),
        percent(held.get("total_return_fraction")),
        number(own.get("sharpe_ratio")) if enough_of(run) else NONE,
        percent(own.get("max_drawdown_fraction")),
        number(own.get("trades")),
        percent(percentile, decimals=0, signed=False),
        tag(
            "span",
            f"{len(states) - states.count('ok')} of {len(states)}",
            title=", ".join(f"{states.count(state)} {state}" for state in STATES),
        ),
        str((header.get("ledger") or {}).get("trial") or NONE).removeprefix("sha256:")[:6],
    ]


def _link(run: RunFolder, beside: Path) -> Child:
    """To the run's own report, where it has one."""
    report = run.path / REPORT
    started = str(run.header.get("started_at") or "")[:16].replace("T", " ")
    if not report.is_file():
        return tag("span", run.run_id, title=started or None)
    return tag("a", run.run_id, href=quote(Path(os.path.relpath(report, beside)).as_posix()), title=started or None)


def _symbols(run: RunFolder) -> Html:
    names = ", ".join(run.symbols)
    return tag("span", names if len(run.symbols) == 1 else counted(len(run.symbols), "symbol"), title=names or None)


def _read(project: Project) -> OpenLedger | DataError:
    """The ledger, or why it can't be read."""
    try:
        return OpenLedger.of(project)
    except DataError as problem:
        return problem


def _ledger(book: OpenLedger | DataError) -> Html:
    """Every configuration that was tried, deleted runs included."""
    if isinstance(book, DataError):
        return section("ledger", "Ledger", nothing(book.render()))
    ledger, trials = book.ledger, book.trials
    if not ledger.lines:
        return section("ledger", "Ledger", nothing("There is no ledger, so nobody knows how much was tried."))
    rows = [_trial(trial.to_plain()) for trial in trials]
    heads = ["trial", "experiment", "model", "window", "status", "runs", "return", "Sharpe", "drawdown", "round trips"]
    return section(
        "ledger",
        "Ledger",
        _damage(ledger.fault),
        table(heads, rows, left=5),
        remark(*_figures(ledger_figures(trials))),
        intro="A trial is a distinct configuration. Runs that were deleted, or looked at unfinished, count.",
    )


def _damage(fault: Fault | None) -> Html | None:
    if fault is None:
        return None
    text = f"The ledger is damaged: line {fault.line} {fault.text}. So there were at least as many trials as are counted."
    return tag("ul", tag("li", tag("b", "Warning. "), text), class_="warnings")


def _trial(plain: Mapping[str, Any]) -> list[Child]:
    return [
        str(plain["trial"]).removeprefix("sha256:")[:6],
        ", ".join(str(part) for part in (plain["experiment"], plain["variant"]) if part),
        str(plain["model"] or NONE),
        f"{plain['start'] or NONE} to {plain['end'] or NONE}",
        str(plain["status"]),
        number(len(plain["runs"])),
        percent(plain["total_return_fraction"]),
        number(plain["sharpe_ratio"]) if is_enough(plain["sessions"], plain["trades"] or 0) else NONE,
        percent(plain["max_drawdown_fraction"]),
        number(plain["trades"]),
    ]


def _figures(found: Mapping[str, Any]) -> Iterator[str]:
    yield f"{counted(found['trials'], 'trial')}"
    if found["effective_trials"] is not None:
        yield f", as many as {number(found['effective_trials'], decimals=1)} independent ones by the correlation of their returns"
    if found["sharpe_variance"] is not None:
        variance = variance_text(found["sharpe_variance"])
        yield f"; variance of the per-session Sharpe ratio {variance} over {found['overlapping_trials']} that overlap"
    yield "."
