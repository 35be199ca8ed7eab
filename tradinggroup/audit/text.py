"""An audit in a terminal: a table of verdicts with what they cover, and what was found."""

from __future__ import annotations

from collections.abc import Iterator

from tradinggroup.audit.attack import AttackAudit
from tradinggroup.audit.costs import CostAudit
from tradinggroup.audit.cutoff import CutoffAudit
from tradinggroup.audit.finding import CheckResult, Finding
from tradinggroup.audit.lookahead import LookaheadAudit
from tradinggroup.audit.warmup import WarmupAudit
from tradinggroup.runs.figures import columns, counted, number, percent, wrapped

_SHOWN = 12


def text_lookahead(audit: LookaheadAudit) -> str:
    """Verdicts, findings and one sentence."""
    head = [["check", "verdict", "covered"], *([check.name, check.verdict, _covered(check)] for check in audit.checks)]
    lines = [columns(head, left=2), ""]
    for check in audit.checks:
        lines += wrapped(check.text, first=f"{check.name}: ", then="  ")
    lines.append("")
    for finding in audit.findings[:_SHOWN]:
        lines += list(_finding(finding))
    if len(audit.findings) > _SHOWN:
        lines += [f"and {len(audit.findings) - _SHOWN} more (--json lists all)"]
    return "\n".join([*lines, *([""] if audit.findings else []), *wrapped(sentence(audit))])


def sentence(audit: LookaheadAudit) -> str:
    """What may be said."""
    coverage = percent(audit.coverage_fraction, signed=False)
    done = f"{counted(audit.checks[0].of, 'decision')} and {counted(audit.prompts, 'prompt')}, coverage {coverage}"
    if any(check.verdict == "found" for check in audit.checks):
        return f"FOUND: {counted(len(audit.findings), 'use')} of what was not known yet, in {done}."
    if not audit.ok:
        return f"Too little was looked at to say anything: {done}."
    open_ones = f" Not testable on this bundle, so not passed: {', '.join(audit.untestable)}." if audit.untestable else ""
    return f"No look-ahead was found: {done}.{open_ones}"


def _covered(check: CheckResult) -> str:
    return f"{check.covered:,d} of {counted(check.of, check.noun)}"


def _finding(finding: Finding) -> Iterator[str]:
    where = f"{finding.symbol} {finding.session}"
    more = f", {counted(finding.sessions, 'session')}" if finding.sessions > 1 else ""
    yield from wrapped(f"{where}: {finding.agent}, {finding.field}{more} ({finding.check})", first="found  ", then="       ")
    yield from wrapped(finding.record, first="       record  ")
    yield from wrapped(f"{finding.was}", first="       run     ")
    yield from wrapped(f"{finding.became}", first="       honest  ")


def text_costs_audit(audit: CostAudit) -> str:
    """The cases side by side, and what is lost in which."""
    head = [["", "return", "less buy and hold", "Sharpe", "filled less"]]
    rows = [
        [
            case.name,
            percent(case.total_return_fraction),
            percent(case.lead_fraction),
            number(case.sharpe_ratio),
            f"{case.orders_filled_less:,d} of {counted(case.orders, 'order')}",
        ]
        for case in audit.cases
    ]
    lost = f"FOUND: what the run had is gone: {', '.join(audit.lost)}." if audit.lost else "Nothing that the run had is lost."
    return "\n".join([columns([*head, *rows]), "", *wrapped(f"Every decision held fixed; buy and hold at the run's own costs. {lost}")])


def text_cutoff_audit(audit: CutoffAudit) -> str:
    """Each agent's model and cutoff, the sessions on each side, and the same figures on both."""
    agents = [["agent", "model", "trained up to", "gap days", "before", "after", "unknown"]]
    for agent, each in audit.agents.items():
        counts = each["sessions"]
        known = each["training_cutoff"] or ("-" if each["source"] else "not known")
        agents.append([agent, each["model"], known, str(each["gap_days"]), *(str(counts[side.side]) for side in audit.sides)])
    sides = [["sessions", "", "return", "buy and hold", "Sharpe", "deepest fall"]]
    for side in audit.sides:
        own = (percent(side.total_return_fraction), percent(side.buy_and_hold_fraction), number(side.sharpe_ratio))
        sides.append([side.side, str(side.sessions), *own, percent(side.max_drawdown_fraction)])
    verdict = "Every session is after every cutoff." if audit.ok else "FOUND: only sessions after every cutoff can be evidence."
    return "\n".join([columns(agents, left=3), "", columns(sides), "", verdict])


def text_warmup_audit(audit: WarmupAudit) -> str:
    """Each condition with the decisions that moved, and the verdict."""
    if audit.verdict == "untestable":
        return "Untestable, so not passed: a model behind a server would have to be asked again."
    head = [["", "decisions", "other features", "moved", "share", "in the second half"]]
    rows = [
        [
            case.name,
            f"{case.decisions:,d}",
            f"{case.features_differ:,d}",
            f"{case.moved:,d}",
            percent(case.moved_fraction, signed=False),
            f"{case.moved_in_second_half:,d}",
        ]
        for case in audit.cases
    ]
    said = {
        "found": "FOUND: decisions hang on where the history begins.",
        "too little": "Too little was looked at: the bundle has no more history than a decision needs.",
        "passed": "Decisions hold with less history.",
    }
    return "\n".join(
        [
            columns([*head, *rows]),
            "",
            *wrapped(f"{said[audit.verdict]} A later start begins with another account, so it is shown and not judged."),
        ]
    )


def text_attack_audit(audit: AttackAudit) -> str:
    """Each instruction with the prompts that it reached, and every order that it changed."""
    if not audit.is_testable:
        return "Untestable, so not passed: a model behind a server would have to be asked again."
    head = [["planted in", "wants", "verdict", "prompts", "outside a block", "orders changed"]]
    rows = [
        [case.place, case.wanted, case.verdict, f"{case.prompts_reached:,d}", f"{case.prompts_outside:,d}", f"{len(case.changed):,d}"]
        for case in audit.cases
    ]
    lines = [columns([*head, *rows], left=3), ""]
    for case in audit.cases:
        for change in case.changed[:_SHOWN]:
            where = f"{case.place}, {case.wanted}: {change.symbol} {change.session}"
            lines += wrapped(f"{where}: {change.was} became {change.became}", first="found  ", then="       ")
    said = "No instruction reached an order." if audit.ok else "FOUND: an instruction reached an order, or left its block of quoted text."
    if not audit.ok and not any(case.verdict == "found" for case in audit.cases):
        said = "Too little was looked at: no prompt held a planted text."
    return "\n".join([*lines, *wrapped(said)])
