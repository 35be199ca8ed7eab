"""Look-ahead: does anything that became known later reach a prompt, a decision or an order?

The run is executed once as it is, and each symbol's desk twice more: over a bundle that is cut at the clock of every session, and
over one whose future is absurd. Each session of these shadows gets the account that the run had and the answers that the run was
given, so a difference is made by the data alone. Needs no model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from tradinggroup.audit.answers import AnswersWithoutModel
from tradinggroup.audit.differences import differences
from tradinggroup.audit.finding import CheckResult, Finding, Verdict
from tradinggroup.audit.leak_search import LeakSearch
from tradinggroup.audit.observed import Observed
from tradinggroup.audit.passes import Reference, Workshop, run_reference, run_shadow
from tradinggroup.audit.poison import Poison
from tradinggroup.audit.row_checks import CLOCK, FILLS, RECORDS, clock_findings, fill_findings, grouped, record_findings
from tradinggroup.audit.shadow import AT_THE_CLOCK
from tradinggroup.audit.subject import keep_check, require_ended
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.sink import RowKind
from tradinggroup.desk.graph import build_graphs
from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.experiment import ResolvedExperiment
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ChatModel
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import Project
from tradinggroup.retrieval.chunk_store import ChunkStore
from tradinggroup.retrieval.kept_embedder import VectorSources
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.inputs import RunInputs, inputs_of_project, inputs_of_run
from tradinggroup.runs.ledger.holdout import refuse_sealed
from tradinggroup.runs.progress import NoProgress, Progress
from tradinggroup.runs.window import markets_of

NAME = "lookahead"
CUT, POISON, ACTIONS = "future removed", "future absurd", "later split, dividend"
LEAST_COVERAGE_FRACTION = 0.95
"""Share of the decisions below which nothing found proves nothing (ours)."""
_SEARCHES = 6
"""Differences whose record is looked for; every other one is listed without."""


@dataclass(frozen=True, slots=True)
class LookaheadAudit:
    """What came of it."""

    subject: str
    """The run or the experiment."""
    symbols: tuple[str, ...]
    first_session: date
    last_session: date
    checks: tuple[CheckResult, ...]
    findings: tuple[Finding, ...]
    prompts: int
    """Prompts of the run, each built again from either altered bundle."""
    answers: dict[str, int]
    """How the calls were answered: recorded, by rules, and by rules in the place of a model."""

    @property
    def ok(self) -> bool:
        """Whether nothing was found, and enough was looked at."""
        return not any(check.verdict in ("found", "too little") for check in self.checks)

    @property
    def untestable(self) -> tuple[str, ...]:
        """Checks that this bundle does not allow; they are not passed."""
        return tuple(check.name for check in self.checks if check.verdict == "untestable")

    @property
    def coverage_fraction(self) -> float:
        """Share of the decisions that were built again from the cut bundle and from the absurd one."""
        cut = self.checks[0]
        return cut.covered / cut.of if cut.of else 0.0

    def to_check(self) -> dict[str, Any]:
        """The line of `checks.jsonl`: verdicts, and the first finding."""
        return {
            "ok": self.ok,
            "coverage_fraction": self.coverage_fraction,
            "verdicts": {check.name: check.verdict for check in self.checks},
            "untestable": list(self.untestable),
            "found": len(self.findings),
            "first": self.findings[0].to_plain() if self.findings else None,
        }

    def to_plain(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "audit": NAME,
            "subject": self.subject,
            "ok": self.ok,
            "symbols": list(self.symbols),
            "start": self.first_session.isoformat(),
            "end": self.last_session.isoformat(),
            "coverage_fraction": self.coverage_fraction,
            "prompts": self.prompts,
            "answers": self.answers,
            "untestable": list(self.untestable),
            "checks": [check.to_plain() for check in self.checks],
            "findings": [finding.to_plain() for finding in self.findings],
        }


def audit_experiment(project: Project, resolved: ResolvedExperiment, progress: Progress | None = None) -> LookaheadAudit:
    """Audit an experiment that need not have been run: the project's recordings answer, else rules.

    Raises UsageError or DataError for inputs that no run could use, UsageError HOLDOUT_SEALED for sessions that are held out.
    """
    inputs = inputs_of_project(project, resolved)
    markets = _markets(inputs)
    refuse_sealed(project, inputs.experiment, next(iter(markets.values())).sessions[-1])
    with contextlib.ExitStack() as opened:
        stores = []
        if project.shared_recordings.is_file():
            stores.append(opened.enter_context(RecordingStore.open(project.shared_recordings, readonly=True)))
        chunks = ChunkStore(project.chunks_folder, embedder=inputs.experiment.retrieval.embedder)
        opened.callback(chunks.close)
        model = AnswersWithoutModel(stores, needs_recordings=False)
        return audit_inputs(inputs, markets, model, VectorSources(chunk_store=chunks, mode="replay"), progress)


def audit_run(project: Project, run: RunFolder, progress: Progress | None = None) -> LookaheadAudit:
    """Audit a run that has ended, from its own recordings; the result is appended to its `checks.jsonl`.

    Raises DataError where it did not end, its bundle or a recording is missing, or its decisions do not come out the same.
    """
    require_ended(run)
    inputs = inputs_of_run(project, run)
    markets = _markets(inputs)
    with RecordingStore.open(run.recordings, readonly=True) as store:
        model = AnswersWithoutModel([store], needs_recordings=True)
        audit = audit_inputs(inputs, markets, model, VectorSources(store, None, "replay"), progress, run=run)
    audit = replace(audit, subject=run.name)
    keep_check(run, NAME, audit.to_check(), progress or NoProgress())
    return audit


def _markets(inputs: RunInputs) -> dict[str, SymbolMarket]:
    if not inputs.experiment.agents_enabled:
        raise UsageError(
            ErrorCode.USAGE, "no agents are asked here, so nothing can look ahead", remedy="Audit one with agents_enabled = true."
        )
    return markets_of(inputs)


def audit_inputs(
    inputs: RunInputs,
    markets: dict[str, SymbolMarket],
    model: ChatModel,
    sources: VectorSources,
    progress: Progress | None = None,
    *,
    run: RunFolder | None = None,
) -> LookaheadAudit:
    """Audit what a run is a function of; with `run`, its decisions must come out as they stand in its folder."""
    progress = progress or NoProgress()
    progress.start(2 * sum(len(market.bar_positions) for market in markets.values()), f"audit {inputs.experiment.name}")
    with LoopThread() as loop:
        shop = Workshop(inputs, build_graphs(), loop, sources)
        seen = [_audit_symbol(shop, market, model, progress, run) for market in markets.values()]
    sessions = next(iter(markets.values())).sessions
    counted = model if isinstance(model, AnswersWithoutModel) else None
    return LookaheadAudit(
        subject=inputs.experiment.name,
        symbols=tuple(markets),
        first_session=sessions[0],
        last_session=sessions[-1],
        checks=_results(inputs, seen),
        findings=tuple(finding for each in seen for finding in each.findings),
        prompts=sum(len(each.reference.heard.requests) for each in seen),
        answers={}
        if counted is None
        else {"recorded": counted.recorded, "rules": counted.by_rules, "in_place_of_a_model": counted.in_place},
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """One symbol, audited."""

    reference: Reference
    covered: int
    """Decisions built again from both altered bundles, where something was there to remove."""
    findings: tuple[Finding, ...]


def _audit_symbol(shop: Workshop, market: SymbolMarket, model: ChatModel, progress: Progress, run: RunFolder | None) -> _Seen:
    reference = run_reference(shop, market, model)
    if run is not None:
        _refuse_another_run(run, reference)
    bundle = shop.inputs.bundle
    poison = Poison(bundle.calendar, bundle.basis)
    cut = _compared(reference, run_shadow(shop, reference, AT_THE_CLOCK), progress)
    absurd = _compared(reference, run_shadow(shop, reference, poison), progress)
    last_bar = bundle.symbol_data(market.symbol).sessions[-1]
    with_future = {session for session in reference.observed if session < last_bar}
    lost = {session for shadow in (cut, absurd) for session, each in shadow.items() if each.problem is not None}
    findings = [
        *_searched(shop, reference, cut, CUT),
        *_searched(shop, reference, absurd, POISON),
        *clock_findings(shop, reference),
        *record_findings(shop, reference),
        *fill_findings(shop, reference),
    ]
    return _Seen(reference, len(with_future - lost), tuple(grouped(findings)))


def _compared(reference: Reference, shadow: Iterator[Observed], progress: Progress) -> dict[date, Observed]:
    """The sessions of a shadow that differ from the run."""
    found = {}
    for seen in shadow:
        progress.advance()
        if not seen.is_like(reference.observed[seen.session]):
            found[seen.session] = seen
    return found


def _refuse_another_run(run: RunFolder, reference: Reference) -> None:
    kept = [line for line in run.decisions() if line["symbol"] == reference.symbol]
    if [_key(line) for line in kept] != [_key(seen.line) for seen in reference.observed.values()]:
        raise DataError(
            ErrorCode.RUN_INVALID,
            f"the decisions of run {run.run_id} do not come out the same",
            remedy=f"See where it differs: tradinggroup verify {run.run_id}.",
        )


def _key(line: Any) -> tuple[Any, ...]:
    return (line["session"], line["features"], line["decision"], line["sizing"])


def _searched(shop: Workshop, reference: Reference, shadow: dict[date, Observed], check: str) -> Iterator[Finding]:
    """What differs in a shadow. The record is looked for where a field differs for the first time, and holds for its later sessions."""
    records: dict[tuple[str, str], tuple[str, str]] = {}
    searches = 0
    for session, seen in shadow.items():
        found = differences(reference.observed[session], seen)
        fields = {(each.agent, each.field) for each in found} - records.keys()
        if fields:
            record = _record(shop, reference, session, check) if searches < _SEARCHES else (check, "not looked for")
            records |= dict.fromkeys(fields, record)
            searches += 1
        for each in found:
            name, text = records[each.agent, each.field]
            yield Finding(name, reference.symbol, each.agent, each.field, session.isoformat(), 1, text, each.was, each.became)


def _record(shop: Workshop, reference: Reference, session: date, check: str) -> tuple[str, str]:
    """(check, record): a difference that the inserted actions make belongs to their own check."""
    search = LeakSearch(shop, reference, session)
    if check == CUT:
        return check, search.behind_cut()
    part, text = search.behind_poison()
    return (ACTIONS if part in ("actions", "adjusted") else check), text


def _results(inputs: RunInputs, seen: Sequence[_Seen]) -> tuple[CheckResult, ...]:
    decisions = sum(len(each.reference.sessions) for each in seen)
    covered = sum(each.covered for each in seen)
    lines = sum(len(each.reference.observed) for each in seen)
    fills = sum(len(each.reference.rows.rows[RowKind.FILL]) for each in seen)
    found = {finding.check for each in seen for finding in each.findings}

    def result(name: str, count: int, of: int, noun: str, text: str) -> CheckResult:
        is_little = noun == "decision" and (of == 0 or count < LEAST_COVERAGE_FRACTION * of)
        verdict: Verdict = "found" if name in found else "too little" if is_little else "passed"
        return CheckResult(name, verdict, count, of, noun, text)

    actions = result(ACTIONS, covered, decisions, "decision", "a 7:1 split and a 5 % dividend, every adjusted close recomputed")
    if inputs.bundle.levels_unsafe and actions.verdict != "found":
        basis = inputs.bundle.basis.value
        actions = CheckResult(ACTIONS, "untestable", 0, decisions, "decision", f"prices of basis {basis} have later ones inside already")
    return (
        result(CUT, covered, decisions, "decision", "each built again from a bundle that ends at its clock"),
        result(POISON, covered, decisions, "decision", "each built again with absurd prices and texts after its clock"),
        actions,
        result(CLOCK, lines, decisions, "decision", "as_of is the decision's clock, and nothing on the line is newer"),
        result(RECORDS, len(seen), len(seen), "symbol", "no record says it was known before it can have been"),
        result(FILLS, fills, fills, "fill", "later than their decision; accounts are valued at the close"),
    )
