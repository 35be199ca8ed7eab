"""The decision line: everything that one session of one symbol knew, said and did, and nothing from after its clock."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from tradinggroup.clock import iso_utc
from tradinggroup.desk.state import DeskState, Moment
from tradinggroup.risk.account import Account
from tradinggroup.risk.verdicts import ReasonCode

MODEL_HOLDS = frozenset({ReasonCode.HOLD, ReasonCode.NOTHING_TO_SELL, ReasonCode.ZERO_SHARES})
"""The model asked to hold, or for what was not possible; every other refusal is the risk layer's."""


def decision_line(moment: Moment, state: DeskState) -> dict[str, Any]:
    """One line of `decisions.jsonl` (design 9).

    `risk.thresholds` are the exits in force; `risk.daily_thresholds`, those of the session's style and deviation alone, are
    there where they differ. `sizing.ended_purchase` is there where a limit ended the rest of an earlier purchase at this close.
    """
    decision, sizing, limits = state.get("decision"), state["sizing"], state["thresholds"]
    daily = state["daily_thresholds"]
    return {
        "session": moment.session.isoformat(),
        "symbol": moment.symbol,
        "as_of": iso_utc(moment.as_of),
        "newest_known_at": iso_utc(newest_known_at(state)),
        "features": asdict(state["features"]),
        "news_sentiment": state["news"].to_line(),
        "report_retrieval": state["report"].to_line(),
        "forecasting": state["forecasting"].to_line(),
        "style_selection": state["style"].to_line(),
        "decision": decision.to_line() if decision is not None else None,
        "risk": {
            "thresholds": asdict(limits) if limits is not None else None,
            **({"daily_thresholds": asdict(daily)} if daily is not None and daily != limits else {}),
            "status": str(sizing.verdict.status),
            "reason_code": str(sizing.verdict.code),
            "numbers": dict(sizing.verdict.numbers),
        },
        "sizing": {
            "action": sizing.action,
            "shares": sizing.shares,
            "wanted_shares": sizing.wanted_shares,
            "order_id": order_id(moment) if sizing.shares else None,
            **({"ended_purchase": str(sizing.ends_purchase)} if sizing.ends_purchase is not None else {}),
            "account": account_line(moment.required_account()),
        },
        "hold_kind": hold_kind(state),
    }


def order_id(moment: Moment) -> str:
    """Ours, not backtrader's: its counter is shared by the whole process."""
    return f"{moment.symbol}-{moment.session.isoformat()}"


def account_line(account: Account) -> dict[str, Any]:
    """The account at the close, before the decision."""
    return {
        "cash_usd": account.cash_usd,
        "shares": account.shares,
        "average_cost_usd": account.average_cost_usd,
        "close_usd": account.close_usd,
        "equity_usd": account.equity_usd,
        "weight_fraction": account.weight_fraction,
        "unrealised_fraction": account.unrealised_fraction,
        "drawdown_fraction": account.drawdown_fraction,
    }


def hold_kind(state: DeskState) -> str | None:
    """Why no order was sent; None where one was (design 5)."""
    if state["sizing"].shares:
        return None
    decision = state.get("decision")
    if decision is not None and decision.failure is not None:
        return "provider" if decision.failure.kind.is_provider else "unreadable"
    return "model" if state["sizing"].verdict.code in MODEL_HOLDS else "risk"


def newest_known_at(state: DeskState) -> datetime:
    """The newest moment at which any evidence or lesson behind the line became known."""
    lessons = (state.get("forecasting_lesson"), state.get("style_lesson"), state.get("decision_lesson"))
    moments = [
        state["newest_price_known_at"],
        state["news"].newest_known_at,
        state["report"].newest_known_at,
        *(lesson.known_at for lesson in lessons if lesson is not None),
    ]
    return max(moment for moment in moments if moment is not None)
