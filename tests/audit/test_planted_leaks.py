"""Every planted leak is found by the check that it belongs to, with the record that leaked; no honest twin is accused."""

from __future__ import annotations

import pytest

from tests.audit.leaks.kinds import LEAKS, Leak
from tests.audit.leaks.table import audit_of


@pytest.mark.parametrize("leak", LEAKS, ids=[leak.name for leak in LEAKS])
def test_a_planted_leak_is_found(leak: Leak) -> None:
    audit = audit_of(leak, honest=False)
    assert not audit.ok
    found = [finding for finding in audit.findings if finding.check == leak.found_by]
    assert found, [(finding.check, finding.agent, finding.field) for finding in audit.findings]
    assert any(leak.record in finding.record for finding in found), [finding.record for finding in found]
    assert all(finding.agent and finding.field and finding.session for finding in found)


@pytest.mark.parametrize("leak", LEAKS, ids=[leak.name for leak in LEAKS])
def test_an_honest_twin_is_not_accused(leak: Leak) -> None:
    audit = audit_of(leak, honest=True)
    assert audit.findings == ()
    assert audit.ok
    assert audit.coverage_fraction == 1
