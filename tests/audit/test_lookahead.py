"""The look-ahead audit under other models, clocks and parts; and what a finding says."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.leaks.kinds import LEAKS, tomorrows_close
from tests.audit.leaks.market import FIRST, LAST, audited, market
from tests.doubles import FunctionModel
from tests.support.desk_runs import inputs_for
from tests.test_invariants import answer_by_content
from tradinggroup.audit.lookahead import CUT, LookaheadAudit, audit_inputs
from tradinggroup.audit.text import text_lookahead
from tradinggroup.retrieval.kept_embedder import VectorSources
from tradinggroup.runs.window import markets_of


@pytest.mark.parametrize(
    "settings",
    [
        {"decide": "pre_open"},
        {"placebo": ("news", "filings", "reflections")},
        {"without": ("retrieval", "style")},
        {"stops": "intraday"},
        {"schedule": "serial", "fill": "next_close"},
    ],
    ids=str,
)
def test_the_desk_is_honest_in_every_way_that_it_works(settings: dict[str, Any]) -> None:
    audit = audited(settings=settings)
    assert (audit.findings, audit.ok, audit.coverage_fraction) == ((), True, 1)


def with_model() -> LookaheadAudit:
    inputs = inputs_for(market(), start=FIRST, end=LAST, model="openai:double")
    return audit_inputs(inputs, markets_of(inputs), FunctionModel(answer_by_content), VectorSources())


def test_a_models_answers_are_given_again_in_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what the leak itself touches differs: no answer, so no order of another kind, and no account."""
    assert with_model().findings == ()
    tomorrows_close(monkeypatch, False)
    leaked = with_model()
    assert not leaked.ok
    assert {finding.check for finding in leaked.findings} >= {CUT}
    fields = {(finding.agent, finding.field) for finding in leaked.findings}
    assert ("forecasting", "prompt forecast") in fields
    assert not any(field == "answer" or field.startswith(("account", "action")) for _, field in fields)


def test_a_finding_names_agent_field_session_and_record(monkeypatch: pytest.MonkeyPatch) -> None:
    tomorrows_close(monkeypatch, False)
    audit = audited()
    first = next(finding for finding in audit.findings if finding.agent == "features")
    assert (first.symbol, first.session, first.sessions) == ("AAA", FIRST.isoformat(), 5)
    assert first.record == "the bar of AAA on 2024-02-15, known at 2024-02-15T21:00:00Z"
    said = text_lookahead(audit)
    assert "FOUND:" in said
    assert max(map(len, said.splitlines())) <= 80


def test_the_pack_has_at_least_ten_kinds() -> None:
    assert len({leak.name for leak in LEAKS}) >= 10
