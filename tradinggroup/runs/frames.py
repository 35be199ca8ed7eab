"""Rows of a run as pandas frames for notebooks. Sessions are `datetime64`, moments are UTC, undefined is NaN or None.

The columns are a contract: the CSV files keep theirs, `decisions` and `outcomes` have those below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from tradinggroup.backtest.sink import COLUMNS, RowKind
from tradinggroup.runs.folder import Line

DECISION_COLUMNS: Mapping[str, str] = {
    "session": "trading date of the decision, made after its close or before the next open",
    "symbol": "which stock",
    "action": "buy, hold or sell as the decision agent asked; None on a forced exit or without a usable answer",
    "confidence": "of that action, 0 to 1",
    "order_shares": "shares ordered, sales negative; 0 where no order was sent",
    "reason_code": "what the risk layer and the sizing said",
    "hold_kind": "why no order was sent; None where one was",
    "style": "aggressive, balanced or conservative",
    "p_up": "forecast probability of a clearly higher next close",
    "p_sideways": "of an unchanged one",
    "p_down": "of a clearly lower one",
    "gated_label": "trend after the gate: up, down or sideways",
    "gate": "which test of the gate decided",
    "news_score": "-1 to 1; NaN without news or where the call failed",
    "news_items": "news items seen",
    "close_usd": "close of the session, on the bundle's price basis",
    "held_shares": "held before the decision",
    "equity_usd": "cash and shares at the close",
    "unrealised_fraction": "close over average cost, less one; NaN when flat",
    "stop_loss_fraction": "negative; NaN with the risk layer off",
    "take_profit_fraction": "positive; NaN with the risk layer off",
    "rsi14": "relative strength index, 0 to 100",
    "return_1_fraction": "simple return of the session",
    "volatility_per_year_fraction": "10-session volatility, a year",
    "decision_lesson": "id of the lesson that the decision agent was shown; None without one",
    "as_of": "the clock of the decision, UTC",
    "newest_known_at": "newest moment at which any of its inputs became known, UTC",
    "reasoning": "what the decision agent said",
}
"""Column of `Run.decisions` -> meaning."""

OUTCOME_COLUMNS: Mapping[str, str] = {
    "session": "trading date at whose close the outcome became known",
    "symbol": "which stock",
    "kind": "forecast or decision",
    "decision_session": "trading date of the forecast or decision",
    "outcome_id": "what lessons refer to",
    "known_at": "UTC",
    "reason": "why there is no label; None with one",
    "return_fraction": "forecast: close-to-close return of the next session",
    "argmax_label": "forecast: the class that was most probable",
    "true_label": "forecast: the class that came",
    "correct": "forecast: whether they are the same",
    "p_true": "forecast: probability given to the class that came",
    "fill_return_fraction": "forecast: from the next session's open to its close",
    "fill_label": "forecast: the class of that move, by the same band",
    "executed_action": "decision: buy, hold or sell as executed",
    "equity_return_fraction": "decision: what it brought, costs included",
    "reward_taken": "decision: the reward of the executed action",
    "best_action": "decision: the action with the highest reward",
    "regret": "decision: best reward less the reward taken, never negative",
}
"""Column of `Run.outcomes` -> meaning."""

ENTRY_COLUMNS: Mapping[str, str] = {
    "decision_session": "trading date of the decision that opened the position",
    "confidence": "of the decision agent in the purchase, 0 to 1",
    "news_score": "at that decision, -1 to 1; NaN without news or where the call failed",
    "news_items": "news items seen then",
    "p_up": "forecast probability of a clearly higher next close, at that decision",
    "p_down": "of a clearly lower one",
    "gated_label": "trend after the gate, at that decision",
    "stop_loss_fraction": "stop at that decision, negative; NaN with the risk layer off",
    "take_profit_fraction": "target at that decision, positive; NaN with the risk layer off",
    "decision_lesson": "id of the lesson that the decision agent was shown; None without one",
    "reasoning": "what the decision agent said",
}
"""Column of `Run.trades` behind those of `trades.csv` -> meaning. All are of the purchase that opened the position."""

INTERVAL_COLUMNS: Mapping[str, str] = {
    "symbol": "one symbol, or ALL",
    "metric": "total_return_fraction or sharpe_ratio",
    "against": "None for the metric itself; a baseline for the agents' metric less the baseline's",
    "value": "what it came out as",
    "low": "lower end of the 95 % interval; NaN where there is none",
    "high": "upper end of it",
    "p_value": "of no difference to the baseline, two-sided; NaN for the metric itself",
    "reason": "why there is no interval; None with one",
}
"""Column of `Run.intervals` -> meaning."""


def csv_frame(kind: RowKind, rows: Sequence[Line]) -> pd.DataFrame:
    """`equity`, `orders`, `fills` or `trades` with the columns of the file."""
    return _typed(pd.DataFrame(list(rows), columns=list(COLUMNS[kind])))


def trade_frame(trades: Sequence[Line], fills: Sequence[Line], decisions: Sequence[Line]) -> pd.DataFrame:
    """One row a round trip: the columns of `trades.csv`, then `ENTRY_COLUMNS` of the decision that opened it, where there is one."""
    opened = {(fill["symbol"], fill["session"]): fill["decision_session"] for fill in reversed(fills) if fill["shares"] > 0}
    decided = {(line["symbol"], line["session"]): line for line in decisions}
    rows = []
    for trade in trades:
        session = opened.get((trade["symbol"], trade["entry_session"]))
        line = decided.get((trade["symbol"], session)) if session is not None else None
        known = _decision(line) if line is not None else {}
        rows.append(dict(trade) | {"decision_session": session} | {name: known.get(name) for name in list(ENTRY_COLUMNS)[1:]})
    return _typed(pd.DataFrame(rows, columns=[*COLUMNS[RowKind.TRADE], *ENTRY_COLUMNS]))


def outcome_frame(rows: Sequence[Line]) -> pd.DataFrame:
    """One row an outcome, with the columns of `OUTCOME_COLUMNS`."""
    values = [[row.get(column) for column in OUTCOME_COLUMNS] for row in rows]
    return _typed(pd.DataFrame(values, columns=list(OUTCOME_COLUMNS)))


def decision_frame(rows: Sequence[Line]) -> pd.DataFrame:
    """One row a decision, with the columns of `DECISION_COLUMNS`."""
    return _typed(pd.DataFrame([_decision(row) for row in rows], columns=list(DECISION_COLUMNS)))


def interval_frame(statistics: Mapping[str, Any]) -> pd.DataFrame:
    """One row a symbol, metric and baseline, with the columns of `INTERVAL_COLUMNS`, from `statistics` of a run's header."""
    sides = {None: statistics.get("metrics") or {}, **(statistics.get("differences") or {})}
    rows = [
        {"symbol": symbol, "metric": metric, "against": against} | {name: interval.get(name) for name in list(INTERVAL_COLUMNS)[3:]}
        for against, by_symbol in sides.items()
        for symbol, metrics in by_symbol.items()
        for metric in ("total_return_fraction", "sharpe_ratio")
        if (interval := metrics.get(metric)) is not None
    ]
    frame = pd.DataFrame(rows, columns=list(INTERVAL_COLUMNS))
    return frame.astype(dict.fromkeys(("value", "low", "high", "p_value"), "float64"))


def _decision(line: Line) -> dict[str, Any]:
    news, forecast, style, sizing = line["news_sentiment"], line["forecasting"], line["style_selection"], line["sizing"]
    decision, account, features = line["decision"] or {}, sizing["account"], line["features"]
    limits = line["risk"]["thresholds"] or {}
    return {
        **{key: line[key] for key in ("session", "symbol", "as_of", "newest_known_at", "hold_kind")},
        **{key: decision.get(key) for key in ("action", "confidence", "reasoning")},
        **{key: forecast[key] for key in ("p_up", "p_sideways", "p_down", "gated_label", "gate")},
        **{key: account[key] for key in ("close_usd", "equity_usd", "unrealised_fraction")},
        **{key: limits.get(key) for key in ("stop_loss_fraction", "take_profit_fraction")},
        **{key: features[key] for key in ("rsi14", "return_1_fraction", "volatility_per_year_fraction")},
        "order_shares": sizing["shares"] if sizing["order_id"] else 0,
        "reason_code": line["risk"]["reason_code"],
        "style": style["style"],
        "news_score": None if news["no_news"] or news["failure"] else news["score"],
        "news_items": news["items_seen"],
        "held_shares": account["shares"],
        "decision_lesson": decision.get("experience"),
    }


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Dates as `datetime64`, moments as UTC, figures as floats whatever the first row holds."""
    kinds: Mapping[str, Callable[[pd.Series[Any]], pd.Series[Any]]] = {
        "session": lambda column: pd.to_datetime(column, format="%Y-%m-%d"),
        "_session": lambda column: pd.to_datetime(column, format="%Y-%m-%d"),
        "_at": lambda column: pd.to_datetime(column, format="ISO8601", utc=True),
        "as_of": lambda column: pd.to_datetime(column, format="ISO8601", utc=True),
        "_fraction": lambda column: column.astype("float64"),
        "_usd": lambda column: column.astype("float64"),
        "news_score": lambda column: column.astype("float64"),
        "p_up": lambda column: column.astype("float64"),
        "p_down": lambda column: column.astype("float64"),
        "confidence": lambda column: column.astype("float64"),
    }
    for name in frame.columns:
        for ending, convert in kinds.items():
            if name.endswith(ending):
                frame[name] = convert(frame[name])
                break
    return frame
