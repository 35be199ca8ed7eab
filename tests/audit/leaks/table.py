"""The table of planted leaks: `python -m tests.audit.leaks.table`."""

from __future__ import annotations

import sys
from functools import cache

import pytest

from tests.audit.leaks.kinds import LEAKS, NOTHING, Leak
from tests.audit.leaks.market import audited
from tradinggroup.audit.lookahead import LookaheadAudit
from tradinggroup.runs.figures import columns


def audit_of(leak: Leak, *, honest: bool) -> LookaheadAudit:
    """The audit with the leak planted, or with its twin."""
    if honest and leak.plant is NOTHING and leak.honest is None:
        return _plain()
    with pytest.MonkeyPatch.context() as patch:
        leak.plant(patch, honest)
        change, settings = (leak.honest, {}) if honest else (leak.leaky, leak.leaky_settings)
        return audited(change, settings)


@cache
def _plain() -> LookaheadAudit:
    """The desk as it is: the twin of what was planted into data or settings."""
    return audited()


def table() -> str:
    """One line a leak: whether it was found, by what, in which field, and whether its twin was accused."""
    rows = [["leak", "found", "by", "in", "twin"]]
    for leak in LEAKS:
        findings, twin = audit_of(leak, honest=False).findings, audit_of(leak, honest=True)
        own = [finding for finding in findings if finding.check == leak.found_by]
        first = own[0] if own else None
        where = f"{first.agent}, {first.field}" if first else "-"
        rows.append([leak.name, "yes" if own else "NO", leak.found_by, where, "not accused" if twin.ok else "ACCUSED"])
    found, accused = sum(row[1] == "yes" for row in rows[1:]), sum(row[4] == "ACCUSED" for row in rows[1:])
    return f"{columns(rows, left=5, width=140)}\n\n{found} of {len(LEAKS)} found, {accused} twins accused"


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
