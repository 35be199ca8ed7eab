"""Why no order was sent: the five kinds of hold are told apart (design 5)."""

from __future__ import annotations

import pytest

from tests.support.desk_runs import demo_bundle, run_desk
from tradinggroup.agents.outputs import DecisionOutput
from tradinggroup.backtest.sink import RowKind
from tradinggroup.desk.lines import hold_kind
from tradinggroup.desk.state import DeskState
from tradinggroup.models.port import Failure, FailureKind
from tradinggroup.risk.sizing import Sizing
from tradinggroup.risk.verdicts import ReasonCode, Status, Verdict


def state(code: ReasonCode, *, shares: int = 0, failure: FailureKind | None = None) -> DeskState:
    made = DecisionOutput(
        action=None if failure else "buy",
        confidence=None,
        reasoning="",
        experience=None,
        failure=Failure(failure, "x") if failure else None,
        newest_known_at=None,
    )
    return {"sizing": Sizing("buy" if shares else "hold", shares, shares, Verdict(Status.DENIED, code)), "decision": made}


@pytest.mark.parametrize(
    ("code", "shares", "failure", "expected"),
    [
        (ReasonCode.ALLOWED, 10, None, None),
        (ReasonCode.STOP_LOSS, -10, None, None),
        (ReasonCode.HOLD, 0, None, "model"),
        (ReasonCode.NOTHING_TO_SELL, 0, None, "model"),
        (ReasonCode.ZERO_SHARES, 0, None, "model"),
        (ReasonCode.POSITION_EXCEEDS_MAX_WEIGHT, 0, None, "risk"),
        (ReasonCode.CASH_BUFFER, 0, None, "risk"),
        *[(ReasonCode.NO_ANSWER, 0, kind, "provider" if kind.is_provider else "unreadable") for kind in FailureKind],
    ],
)
def test_kinds_of_hold(code: ReasonCode, shares: int, failure: FailureKind | None, expected: str | None) -> None:
    assert hold_kind(state(code, shares=shares, failure=failure)) == expected


def test_every_line_has_an_order_or_a_kind_of_hold() -> None:
    sink = run_desk(demo_bundle(), start=demo_bundle().calendar.next_session(demo_bundle().first_session), end=demo_bundle().last_session)
    orders = {row["order_id"] for row in sink.rows[RowKind.ORDER]}
    assert len(orders) > 50
    for line in sink.rows[RowKind.DECISION]:
        assert (line["hold_kind"] is None) == (line["sizing"]["order_id"] in orders)
        assert (line["sizing"]["shares"] != 0) == (line["hold_kind"] is None)
        if line["risk"]["reason_code"] in ("STOP_LOSS", "TAKE_PROFIT"):
            assert line["decision"] is None
