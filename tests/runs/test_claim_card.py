"""The claim card: nothing that was not done is ok, and each fault of a run is seen."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.factory import make_project, make_run
from tradinggroup.runs.claim_card import AUDITS, Claim, ClaimCard, claim_card
from tradinggroup.runs.text_claims import card_of

PERFECT: dict[str, Any] = {
    "status": "success",
    "title": "openai:x",
    "sessions": 400,
    "symbols": ["A", "B", "C", "D", "E"],
    "metrics": {"ALL": {"total_return_fraction": 0.1}},
    "settings": {
        "fill": "next_open",
        "decide": "after_close",
        "execution": {"volume_cap_fraction": 0.1},
        "costs": {"commission": "per_share", "half_spread_bps": 2.0},
    },
    "bundle": {"levels_unsafe": False},
    "costs": {"ALL": {"model_bill_usd": 1.0}},
    "baselines": {"buy_and_hold": {}, "sma_cross": {}, "random": {}},
    "random": {"draws": 999},
    "statistics": {
        "enough": True,
        "metrics": {},
        "differences": {"buy_and_hold": {"ALL": {"total_return_fraction": {"low": 0.01, "high": 0.2}}}},
    },
    "power": {"sharpe_difference": 0.8},
    "ledger": {"trials": 3, "deflated_sharpe": 0.97},
    "holdout": {"start": "2025-01-01", "unsealed": "final test"},
    "cutoffs": {"decision": {"model": "openai:x", "sessions": {"before": 0, "after": 400, "unknown": 0}}},
    "calls": {"total": 1000, "failed": 0},
    "holds": {"model": 10, "unreadable": 0, "provider": 0, "budget": 0, "risk": 0},
}
CHECKS = [{"check": "verify", "ok": True, "at": "2026-01-01T00:00:00Z"}, *({"check": f"audit {name}", "ok": True} for name in AUDITS)]


def changed(path: str, value: Any) -> dict[str, Any]:
    header = deepcopy(PERFECT)
    *parents, last = path.split(".")
    place = header
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return header


def state(header: dict[str, Any], topic: str, checks: list[dict[str, Any]] = CHECKS) -> str:
    return next(claim.state for claim in claim_card(header, checks).claims if claim.topic == topic)


def test_the_best_run_is_ok_but_for_its_universe() -> None:
    card = claim_card(PERFECT, CHECKS)
    assert [(claim.topic, claim.state) for claim in card.claims if claim.state != "ok"] == [("universe", "weak")]
    assert "no evidence of skill" in card.verdict


@pytest.mark.parametrize(
    ("path", "value", "topic", "expected"),
    [
        ("status", "interrupted", "run", "failed"),
        ("status", "invalid", "errors", "failed"),
        ("metrics", None, "run", "missing"),
        ("settings.convention", "finsaber", "clock", "failed"),
        ("settings.fill", "same_close", "clock", "weak"),
        ("bundle.levels_unsafe", True, "clock", "weak"),
        ("settings.execution", None, "fills", "weak"),
        ("settings.costs.commission", "none", "costs", "failed"),
        ("settings.costs.half_spread_bps", 0.0, "costs", "weak"),
        ("costs", None, "costs", "weak"),
        ("baselines", None, "baselines", "missing"),
        ("random.draws", 10, "baselines", "weak"),
        ("statistics", None, "interval", "missing"),
        ("statistics.enough", False, "interval", "missing"),
        ("statistics.differences.buy_and_hold.ALL.total_return_fraction.low", -0.01, "interval", "weak"),
        ("statistics.differences.buy_and_hold.ALL.total_return_fraction.high", None, "interval", "missing"),
        ("power", None, "power", "missing"),
        ("power.sharpe_difference", 1.9, "power", "weak"),
        ("ledger", None, "trials", "missing"),
        ("ledger.deflated_sharpe", None, "trials", "missing"),
        ("ledger.deflated_sharpe", 0.5, "trials", "weak"),
        ("holdout", None, "hold-out", "missing"),
        ("holdout.after_unsealing", True, "hold-out", "failed"),
        ("holdout.dropped", True, "hold-out", "failed"),
        ("holdout.unsealed", None, "hold-out", "weak"),
        ("cutoffs", None, "cutoff", "missing"),
        ("cutoffs.decision.sessions", {"before": 0, "after": 0, "unknown": 400}, "cutoff", "missing"),
        ("cutoffs.decision.sessions", {"before": 400, "after": 0, "unknown": 0}, "cutoff", "failed"),
        ("cutoffs.decision.sessions", {"before": 10, "after": 390, "unknown": 0}, "cutoff", "weak"),
        ("calls", None, "errors", "missing"),
        ("calls.failed", 11, "errors", "weak"),
        ("holds.unreadable", 1, "errors", "weak"),
    ],
)
def test_every_fault_is_seen(path: str, value: Any, topic: str, expected: str) -> None:
    assert state(PERFECT, topic) == "ok"
    assert state(changed(path, value), topic) == expected


def test_checks_count_by_their_last_line() -> None:
    failed = {"check": "verify", "ok": False, "file": "fills.csv", "line": 3}
    assert state(PERFECT, "verify", []) == state(PERFECT, "audits", []) == "missing"
    assert state(PERFECT, "verify", [*CHECKS, failed]) == "failed"
    assert state(PERFECT, "verify", [failed, *CHECKS]) == "ok"
    assert state(PERFECT, "audits", CHECKS[:-1]) == "missing"
    assert state(PERFECT, "audits", [*CHECKS, {"check": "lookahead", "ok": False}]) == "failed"


def test_a_failed_point_forbids_every_claim() -> None:
    card = claim_card(changed("settings.costs.commission", "none"), CHECKS)
    assert card.verdict == "Nothing may be claimed from this run (costs)."
    whole = ClaimCard((Claim("run", "ok", "", "", ""),))
    assert whole.verdict == "This run may be called evidence, for these symbols and this window."


@given(st.sets(st.sampled_from(sorted(PERFECT))))
def test_what_is_missing_never_becomes_ok(kept: set[str]) -> None:
    """Whatever part of a header is there, no point is better than with the whole of it."""
    header = {key: value for key, value in PERFECT.items() if key in kept}
    whole = {claim.topic: claim.state for claim in claim_card(PERFECT, CHECKS).claims}
    for claim in claim_card(header, []).claims:
        if claim.state == "ok":
            assert whole[claim.topic] == "ok"
            assert claim.topic not in {"verify", "audits"}
            assert claim.may


def test_show_and_report_have_the_same_card(tmp_path: Any) -> None:
    from tradinggroup.runs.report.material import Material

    run = make_run(make_project(tmp_path))
    assert Material.of(run).card == card_of(run)


def test_a_dated_universe_is_no_open_point() -> None:
    dated = {**PERFECT, "universe": {"note": "the index of its day", "dated": True}}
    assert state(dated, "universe") == "ok"
    assert state({**dated, "symbols": ["A"]}, "universe") == "weak"
    assert state({**PERFECT, "universe": {"note": "chosen by hand", "dated": False}}, "universe") == "weak"
