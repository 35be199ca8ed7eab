"""The claim card: nothing that was not done is ok, and each fault of a run is seen."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.factory import make_project, make_run
from tradinggroup.runs.claim_card import AUDITS, Claim, ClaimCard, claim_card
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.text.claims import card_of
from tradinggroup.runs.text.warnings import run_warnings
from tradinggroup.runs.writer import hashes_of

PERFECT: dict[str, Any] = {
    "status": "success",
    "title": "openai:x",
    "sessions": 400,
    "symbols": ["A", "B", "C", "D", "E"],
    "metrics": {"ALL": {"total_return_fraction": 0.1, "trades": 40}},
    "settings": {
        "convention": "default",
        "fill": "next_open",
        "decide": "after_close",
        "execution": {"volume_cap_fraction": 0.1},
        "costs": {"commission": "per_share", "per_share_usd": 0.0049, "half_spread_bps": 2.0},
    },
    "bundle": {"levels_unsafe": False},
    "costs": {"ALL": {"model_bill_usd": 1.0}},
    "baselines": {name: {"ALL": {"total_return_fraction": 0.05}} for name in ("buy_and_hold", "sma_cross", "random")},
    "random": {"draws": 999},
    "statistics": {
        "enough": True,
        "metrics": {},
        "differences": {
            "buy_and_hold": {
                "ALL": {"total_return_fraction": {"low": 0.01, "high": 0.2, "by_block_length": {"5": {"low": 0.02, "high": 0.19}}}}
            }
        },
    },
    "power": {"sharpe_difference": 0.8},
    "ledger": {"trials": 3, "deflated_sharpe": 0.97},
    "holdout": {"start": "2025-01-01", "unsealed": "final test", "sessions": 400, "seen_before": 0},
    "universe": {"dated": True},
    "cutoffs": {"decision": {"sessions": {"before": 0, "after": 400, "unknown": 0}}},
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


def test_the_best_run_is_evidence_and_one_open_point_makes_it_a_description() -> None:
    card = claim_card(PERFECT, CHECKS)
    assert [(claim.topic, claim.state) for claim in card.claims if claim.state != "ok"] == []
    assert card.verdict == "This run may be called evidence, for these symbols and this window."
    assert "no evidence of skill" in claim_card(changed("universe", None), CHECKS).verdict
    untestable = [*CHECKS, {"check": "audit warmup", "ok": True, "untestable": ["indicators"]}]
    assert claim_card(PERFECT, untestable).verdict.endswith("but for what no audit could test (not testable on this bundle: indicators).")


LEAD = "statistics.differences.buy_and_hold.ALL.total_return_fraction"
FAULTS: list[tuple[str, Any, str, str]] = [
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
    ("sessions", 0, "run", "missing"),
    ("settings", {}, "clock", "missing"),
    ("settings", None, "costs", "missing"),
    ("settings.costs.per_share_usd", 0.0, "costs", "failed"),
    ("settings.costs.half_spread_bps", 0.001, "costs", "weak"),
    ("baselines", {"random": {}, "buy_and_hold": {}, "sma_cross": {}}, "baselines", "missing"),
    ("random.draws", 99, "baselines", "weak"),
    (LEAD, {"low": -0.3, "high": -0.1, "by_block_length": {"5": {"low": -0.3, "high": -0.1}}}, "interval", "weak"),
    (f"{LEAD}.by_block_length", {"5": {"low": 0.01, "high": 0.2}, "20": {"low": -0.2, "high": 0.4}}, "interval", "weak"),
    (f"{LEAD}.by_block_length", {}, "interval", "missing"),
    ("statistics.enough", False, "trials", "missing"),
    ("sessions", 59, "trials", "missing"),
    ("metrics.ALL.trades", 9, "trials", "missing"),
    ("warnings", ["the ledger is damaged: line 3 is cut short; so there"], "trials", "failed"),
    ("ledger.fault", "line 3 is cut short", "trials", "failed"),
    ("holdout.seen_before", 2, "hold-out", "weak"),
    ("holdout.sessions", 40, "hold-out", "weak"),
    ("holdout.seen_before", None, "hold-out", "missing"),
    ("cutoffs.decision", {"model": "openai:x"}, "cutoff", "missing"),
    ("cutoffs.decision.sessions", {"before": 0, "after": 0, "unknown": 0}, "cutoff", "missing"),
    ("cutoffs.decision.sessions", {"before": 100, "after": 200, "unknown": 100}, "cutoff", "missing"),
    ("calls", {"total": 1000}, "errors", "missing"),
    ("holds", None, "errors", "missing"),
    ("universe", None, "universe", "weak"),
]


@pytest.mark.parametrize(("path", "value", "topic", "expected"), FAULTS)
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


def leaves(value: Any, path: str = "") -> list[str]:
    """Every path of a header, inner ones included."""
    if not isinstance(value, dict):
        return []
    return [found for key, each in value.items() for found in (f"{path}{key}", *leaves(each, f"{path}{key}."))]


NOT_READ = {"title", "metrics.ALL.total_return_fraction", "statistics.metrics", "holds.model", "holds.risk"} | {
    path
    for path in leaves(PERFECT)
    if path.startswith((f"{LEAD}.by_block_length.5.", "baselines.random")) or (path.startswith("baselines.") and path.count(".") == 3)
}
"""What no rule needs, or needs only in part: a baseline of no figures is missed, one figure of it is not."""


@pytest.mark.parametrize("path", [path for path in leaves(PERFECT) if path not in NOT_READ])
def test_whatever_is_not_written_down_opens_a_point(path: str) -> None:
    states = [claim.state for claim in claim_card(changed(path, None), CHECKS).claims]
    assert states.count("ok") < len(states), path


@given(st.sampled_from(FAULTS), st.sets(st.sampled_from(leaves(PERFECT)), max_size=4))
def test_what_is_missing_never_becomes_ok(fault: tuple[str, Any, str, str], dropped: set[str]) -> None:
    """Whatever part of a header is gone, at whatever depth, no point that was open is ok."""
    path, value, topic, _ = fault
    header = changed(path, value)
    for each in dropped:
        *parents, last = each.split(".")
        place: Any = header
        for key in parents:
            place = place.get(key) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place.pop(last, None)
    assert state(header, topic) != "ok"
    for claim in claim_card(header, []).claims:
        assert claim.state != "ok" or claim.may
        assert claim.state != "ok" or claim.topic not in {"verify", "audits"}


def test_one_trial_is_no_best_of_many() -> None:
    claims = {claim.topic: claim for claim in claim_card(changed("ledger", {"trials": 1, "deflated_sharpe": 0.5}), CHECKS).claims}
    assert claims["trials"].may == "it may be luck"
    now = claim_card(PERFECT, CHECKS, trials={"trials": 9, "deflated_sharpe": 0.2}).claims
    assert next(claim.found for claim in now if claim.topic == "trials") == "9 configurations tried, deflated Sharpe ratio 0.20"


def test_a_file_that_changed_after_verify_is_no_verified_one(tmp_path: Any) -> None:
    run = make_run(make_project(tmp_path))
    path = run.path / "trades.csv"
    run.header["files"] = hashes_of(run.path)
    (run.path / "checks.jsonl").write_text('{"check":"verify","ok":true,"at":"2026-01-01T00:00:00Z"}\n', encoding="utf-8")
    assert next(claim.state for claim in card_of(RunFolder(run.path, run.header)).claims if claim.topic == "verify") == "ok"
    content = path.read_bytes()
    path.write_bytes(content[:-2] + b"x\n")
    again = RunFolder(run.path, run.header)
    found = next(claim for claim in card_of(again).claims if claim.topic == "verify")
    assert (found.state, found.found) == ("failed", "trades.csv changed since the run ended")
    assert "trades.csv was changed since the run ended" in run_warnings(again)
    assert "trades.csv was changed since the run ended" in Material.of(again).problems


def test_show_and_report_have_the_same_card(tmp_path: Any) -> None:
    run = make_run(make_project(tmp_path))
    assert Material.of(run).card == card_of(run)


def test_a_dated_universe_is_no_open_point() -> None:
    dated = {**PERFECT, "universe": {"note": "the index of its day", "dated": True}}
    assert state(dated, "universe") == "ok"
    assert state({**dated, "symbols": ["A"]}, "universe") == "weak"
    assert state({**PERFECT, "universe": {"note": "chosen by hand", "dated": False}}, "universe") == "weak"
