"""How evidence is put into words for a prompt: fractions and percentages, never a price, a share count or a cost (design 4.7).

Times are relative, too: a weekday, hours or days ago, never a date, so that a prompt names no calendar year of its own. What
comes from outside, or was written by a model that read it, stands between `<quoted>` and `</quoted>` and nowhere else.
"""

from __future__ import annotations

from datetime import date, datetime
from functools import cache
from typing import Any

from tradinggroup.agents.gate import is_breakout, is_pullback
from tradinggroup.agents.outputs import Forecasting, FormReport, NewsSentiment, ReportRetrieval, StyleSelection
from tradinggroup.clock import NEW_YORK
from tradinggroup.data.features import Features
from tradinggroup.data.records import Fundamentals
from tradinggroup.models.answers import Answer
from tradinggroup.retrieval.quoting import quoted
from tradinggroup.risk.account import Account
from tradinggroup.risk.thresholds import Thresholds
from tradinggroup.settings import ForecastSettings

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

NO_EXPERIENCE = "None yet."
NO_FIGURES = "None known."

FIGURES = (
    "revenues", "cost_of_revenue", "gross_profit", "operating_expenses", "operating_income_loss", "net_income_loss",
    "net_cash_flow_from_operating_activities", "net_cash_flow_from_investing_activities", "net_cash_flow_from_financing_activities",
    "cash", "assets", "current_assets", "current_liabilities", "liabilities", "long_term_debt", "inventory", "equity",
)  # fmt: skip
"""Figures of a statement that a prompt may show: amounts of the whole company, nothing per share."""


def percent(fraction: float) -> str:
    """`+1.25 %`; the sign is always shown."""
    return f"{fraction * 100:+.2f} %"


def weekday(session: date) -> str:
    """`Tuesday`: all that a prompt says about the day."""
    return WEEKDAYS[session.weekday()]


def hours_ago(moment: datetime, as_of: datetime, *, is_day_only: bool = False) -> str:
    """`2.5 hours ago`, from the clock of the prompt; of an item without a time the least that it can be."""
    hours = f"{(as_of - moment).total_seconds() / 3600:.1f} hours"
    return f"at least {hours} ago (day known, time not)" if is_day_only else f"{hours} ago"


def ended_before(period: str, filed_at: datetime) -> str:
    """When a period ended, counted from the day in New York on which its filing or figures became known."""
    days = _days(period, filed_at.astimezone(NEW_YORK).date())
    return "end not stated" if days is None else f"ended {days} days before it was filed"


def _days(day: str, later: date) -> int | None:
    """Calendar days from an ISO date to `later`; None where there is no date."""
    try:
        return (later - date.fromisoformat(day)).days
    except ValueError:
        return None


def features_text(features: Features, settings: ForecastSettings) -> str:
    """A fixed block: one number a line, always the same lines in the same order, with its reading where the spec has one."""
    window, volatility = settings.window_sessions, settings.volatility_sessions
    rsi = "overbought" if features.rsi14 > settings.rsi_high else "oversold" if features.rsi14 < settings.rsi_low else "neither extreme"
    is_calm = features.volatility_per_year_fraction < settings.sideways_volatility_per_year
    patterns = [
        name for name, holds in (("breakout", is_breakout(features, settings)), ("pullback", is_pullback(features, settings))) if holds
    ]
    return "\n".join(
        (
            f"- return, last session: {percent(features.return_1_fraction)}",
            f"- return, 5 sessions: {percent(features.return_5_fraction)}",
            f"- return, 20 sessions: {percent(features.return_20_fraction)}",
            f"- RSI-{settings.rsi_sessions}: {features.rsi14:.1f} ({rsi})",
            f"- distance to the {window}-session high: {percent(features.distance_to_high_fraction)}{' (new high)' * features.is_new_high}",
            f"- distance to the {window}-session low: {percent(features.distance_to_low_fraction)}{' (new low)' * features.is_new_low}",
            f"- distance to the {window}-session mean: {percent(features.distance_to_mean_fraction)}",
            f"- usual daily move, {window} sessions: {features.mean_absolute_return_fraction * 100:.2f} %",
            f"- deviation of daily returns, {window} sessions: {features.simplified_atr_fraction * 100:.2f} %",
            f"- volatility, {volatility} sessions: {features.volatility_per_year_fraction * 100:.1f} % a year"
            f"{' (possibly sideways)' * is_calm}",
            f"- breakout threshold: {features.breakout_threshold_fraction * 100:.2f} %",
            f"- bullish pattern: {', '.join(patterns) or 'none'}",
        )
    )


def news_text(news: NewsSentiment) -> str:
    """The score and why; that there is no news is said, so that it is not read as neutral news."""
    if news.failure is not None:
        return "The news could not be analysed; nothing is known from it."
    if news.no_news:
        return news.analysis
    head = f"Score {news.score:+.2f} ({news.label}), from {len(news.items)} of {news.items_seen} items."
    return f"{head} {quoted(news.analysis)}".rstrip()


def report_text(report: ReportRetrieval, today: date) -> str:
    """All forms, one after the other, with their age on `today`, the day in New York on which the prompt is asked."""
    return "\n".join(_form_text(form, today) for form in report.forms) or "No filing is known."


def _form_text(form: FormReport, today: date) -> str:
    age, ended = (today - form.known_at.astimezone(NEW_YORK).date()).days, _days(form.period, today)
    head = f"{form.form}, filed {age} days ago, for a period " + ("not stated" if ended is None else f"that ended {ended} days ago")
    if form.summary is None:
        return f"{head}: it could not be summarised; nothing is known from it."
    return f"{head}: {quoted(form.prompt_text, otherwise='nothing was found in it.')}"


def forecast_text(forecasting: Forecasting) -> str:
    """Probabilities, the gated trend, and why."""
    if forecasting.failure is not None:
        return "The forecast failed; take no direction from it."
    return (
        f"Trend {forecasting.gated_label} (test: {forecasting.gate}); up {forecasting.p_up:.2f}, down {forecasting.p_down:.2f}, "
        f"sideways {forecasting.p_sideways:.2f}. {quoted(forecasting.reasoning)}"
    ).rstrip()


def style_text(style: StyleSelection) -> str:
    """The style and why."""
    sure = f", confidence {style.confidence:.2f}" if style.confidence is not None else ""
    return f"{style.style}{sure}. {quoted(style.reasoning)}".rstrip()


def account_text(account: Account) -> str:
    """Shares of the equity and returns only."""
    held = account.unrealised_fraction
    return "\n".join(
        (
            f"- invested: {account.weight_fraction * 100:.1f} % of the equity",
            f"- cash: {(1 - account.weight_fraction) * 100:.1f} % of the equity",
            f"- open profit: {'none, the account is flat' if held is None else percent(held)}",
            f"- below the highest equity so far: {percent(account.drawdown_fraction)}",
        )
    )


def account_evidence(account: Account) -> dict[str, float | None]:
    """The same for the rule-based analyst."""
    return {
        "weight_fraction": account.weight_fraction,
        "unrealised_fraction": account.unrealised_fraction,
        "drawdown_fraction": account.drawdown_fraction,
    }


def limits_text(limits: Thresholds | None) -> str:
    """The exits that the risk layer will enforce."""
    if limits is None:
        return "The risk layer is off: there are no forced exits."
    return (
        f"forced sale at an open loss of {percent(limits.stop_loss_fraction)} or an open profit of {percent(limits.take_profit_fraction)} "
        f"(daily deviation {limits.sigma10_fraction * 100:.2f} %)"
    )


def limits_evidence(limits: Thresholds | None) -> dict[str, float] | None:
    """The same for the rule-based analyst."""
    if limits is None:
        return None
    return {"stop_loss_fraction": limits.stop_loss_fraction, "take_profit_fraction": limits.take_profit_fraction}


def figures_text(statement: Fundamentals | None) -> str:
    """Figures as filed in million USD, and the margins that follow from them."""
    if statement is None:
        return NO_FIGURES
    by_name = {name.rpartition(".")[2]: value for name, value in statement.figures.items()}
    shown = [f"- {name.replace('_', ' ')}: {by_name[name] / 1e6:,.1f} million USD" for name in FIGURES if name in by_name]
    revenues = by_name.get("revenues", 0.0)
    if revenues > 0:
        margins = (("gross", "gross_profit"), ("operating", "operating_income_loss"), ("net", "net_income_loss"))
        shown += [f"- {name} margin: {percent(by_name[item] / revenues)}" for name, item in margins if item in by_name]
    return "\n".join([f"(period {ended_before(statement.period, statement.known_at)})", *shown]) if shown else NO_FIGURES


@cache
def schema_text(schema: type[Answer]) -> str:
    """One line a field: name, type, range, meaning."""
    properties: dict[str, dict[str, Any]] = schema.model_json_schema()["properties"]
    return "\n".join(f'- "{name}": {_type_text(field)}: {field["description"]}' for name, field in properties.items())


def _type_text(field: dict[str, Any]) -> str:
    if "enum" in field:
        return "one of " + ", ".join(f'"{value}"' for value in field["enum"])
    if field["type"] == "array":
        return f"list of {field['items']['type']}s"
    if "minimum" in field:
        return f"{field['type']} from {field['minimum']:g} to {field['maximum']:g}"
    return str(field["type"])
