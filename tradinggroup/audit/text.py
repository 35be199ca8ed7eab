"""An audit in a terminal: a table of verdicts with what they cover, and what was found."""

from __future__ import annotations

from collections.abc import Iterator

from tradinggroup.audit.finding import CheckResult, Finding
from tradinggroup.audit.lookahead import LookaheadAudit
from tradinggroup.runs.figures import columns, counted, percent, wrapped

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
