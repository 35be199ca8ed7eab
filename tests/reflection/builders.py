"""Cases and outcomes with plain defaults; sessions are consecutive weekdays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from tradinggroup.data.features import Features
from tradinggroup.data.records import Bar
from tradinggroup.reflection.outcomes import (
    DecisionCase,
    DecisionOutcome,
    ForecastCase,
    ForecastOutcome,
    label_decision,
    label_forecast,
)
from tradinggroup.reflection.trade_terms import SessionAfter, TradeTerms
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.profile import RiskProfile, load_profile
from tradinggroup.settings import ReflectionSettings

SETTINGS = ReflectionSettings()
COMMISSION = Commission(per_share_usd=0.0049, minimum_usd=0.99, maximum_fraction=0.01)
PROFILE: RiskProfile = load_profile(Path(__file__).resolve().parents[2] / "risk" / "default.toml")
SESSIONS = [day for day in (date(2024, 1, 1) + timedelta(days=n) for n in range(365)) if day.weekday() < 5]


def close_at(session: date) -> datetime:
    return datetime(session.year, session.month, session.day, 21, tzinfo=UTC)


def features(**changes: Any) -> Features:
    values: dict[str, Any] = {
        "return_1_fraction": 0.01,
        "return_5_fraction": 0.02,
        "return_20_fraction": 0.03,
        "rsi14": 61.4,
        "distance_to_high_fraction": -0.012,
        "distance_to_low_fraction": 0.05,
        "distance_to_mean_fraction": 0.021,
        "distance_to_previous_high_fraction": -0.012,
        "is_new_high": False,
        "is_new_low": False,
        "volatility_per_year_fraction": 0.31,
        "simplified_atr_fraction": 0.02,
        "breakout_threshold_fraction": 0.01,
        "sigma10_fraction": 0.02,
        "mean_absolute_return_fraction": 0.03,
    }
    return Features(**(values | changes))


def forecast_case(index: int = 0, *, p: tuple[float, float, float] = (0.6, 0.3, 0.1), symbol: str = "ACME", **changes: Any) -> ForecastCase:
    labels = ("up", "down", "sideways")
    argmax = labels[int(np.argmax(p))]
    values: dict[str, Any] = {
        "symbol": symbol,
        "session": SESSIONS[index],
        "features": features(),
        "p_up": p[0],
        "p_down": p[1],
        "p_sideways": p[2],
        "argmax_label": argmax,
        "gated_label": argmax,
        "news_score": 0.35,
        "is_fallback": False,
    }
    return ForecastCase(**(values | changes))


def forecast_outcome(index: int = 0, change: float | None = 0.02, **changes: Any) -> ForecastOutcome:
    case = forecast_case(index, **changes)
    session = SESSIONS[index + 1]
    return label_forecast(case, outcome_session=session, known_at=close_at(session), return_fraction=change, settings=SETTINGS)


def account(cash_usd: float = 100_000.0, shares: int = 0, cost_usd: float | None = None, close_usd: float = 100.0) -> Account:
    return Account(
        cash_usd=cash_usd,
        shares=shares,
        average_cost_usd=cost_usd,
        close_usd=close_usd,
        peak_equity_usd=cash_usd + shares * close_usd,
    )


def decision_case(
    index: int = 0, *, before: Account | None = None, action: str | None = "buy", shares: int = 0, **changes: Any
) -> DecisionCase:
    executed = "buy" if shares > 0 else "sell" if shares < 0 else "hold"
    values: dict[str, Any] = {
        "symbol": "ACME",
        "session": SESSIONS[index],
        "account": before or account(),
        "style": "balanced",
        "action": action,
        "executed_action": executed,
        "executed_shares": shares,
        "forced": False,
        "features": features(),
        "gated_label": "up",
        "news_score": None,
    }
    return DecisionCase(**(values | changes))


def decision_outcome(
    case: DecisionCase,
    *,
    open_usd: float | None,
    close_usd: float | None,
    split_ratio: float = 1.0,
    dividend_usd: float = 0.0,
    gap_buffer: float = 0.0,
) -> DecisionOutcome:
    """The outcome after one session with these prices; without an open the symbol has no bar on it."""
    session = SESSIONS[SESSIONS.index(case.session) + 1]
    after = None
    if open_usd is not None and close_usd is not None:
        high, low = max(open_usd, close_usd), min(open_usd, close_usd)
        bar = Bar("ACME", session, open_usd, high, low, close_usd, 1e6, close_at(session))
        after = [SessionAfter(bar, split_ratio, dividend_usd)]
    terms = TradeTerms(PROFILE, COMMISSION, gap_buffer_fraction=gap_buffer)
    return label_decision(case, after, outcome_session=session, known_at=close_at(session), terms=terms, settings=SETTINGS)
