"""How evidence is put into words for a prompt: fractions and percentages, never a price, a share count or a cost (design 4.7)."""

from __future__ import annotations

from functools import cache
from typing import Any

from tradinggroup.agents.gate import is_breakout, is_pullback
from tradinggroup.agents.outputs import Forecasting, NewsSentiment, ReportRetrieval, StyleSelection
from tradinggroup.data.features import Features
from tradinggroup.data.records import Fundamentals
from tradinggroup.models.answers import Answer
from tradinggroup.risk.account import Account
from tradinggroup.risk.thresholds import Thresholds
from tradinggroup.settings import ForecastSettings

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


def features_text(features: Features, settings: ForecastSettings) -> str:
    """One feature a line, with its reading where one of the spec's readings applies."""
    rsi = "overbought" if features.rsi14 > settings.rsi_high else "oversold" if features.rsi14 < settings.rsi_low else "neither extreme"
    calm = ", possibly sideways" if features.volatility_per_year_fraction < settings.sideways_volatility_per_year else ""
    extreme = "new 20-session high" if features.is_new_high else "new 20-session low" if features.is_new_low else "no new extreme"
    patterns = [name for name, holds in (("breakout", is_breakout(features)), ("pullback", is_pullback(features, settings))) if holds]
    return "\n".join(
        (
            f"- return of the last session {percent(features.return_1_fraction)}, of 5 sessions {percent(features.return_5_fraction)}, "
            f"of 20 sessions {percent(features.return_20_fraction)}",
            f"- RSI-14: {features.rsi14:.1f} ({rsi})",
            f"- distance to the 20-session high {percent(features.distance_to_high_fraction)}, to the low "
            f"{percent(features.distance_to_low_fraction)}, to the mean {percent(features.distance_to_mean_fraction)}; {extreme}",
            f"- annualised volatility over 10 sessions: {features.volatility_per_year_fraction * 100:.1f} %{calm}",
            f"- deviation of 20 daily returns: {features.simplified_atr_fraction * 100:.2f} %; "
            f"breakout threshold {features.breakout_threshold_fraction * 100:.2f} %",
            f"- bullish pattern: {', '.join(patterns) or 'none'}",
        )
    )


def news_text(news: NewsSentiment) -> str:
    """The score and why; that there is no news is said, so that it is not read as neutral news."""
    if news.failure is not None:
        return "The news could not be analysed; nothing is known from it."
    if news.no_news:
        return news.analysis
    return f"Score {news.score:+.2f} ({news.label}), from {len(news.items)} of {news.items_seen} items. {news.analysis}"


def report_text(report: ReportRetrieval) -> str:
    """All forms, one after the other."""
    return "\n".join(form.prompt_text for form in report.forms) or "No filing is known."


def forecast_text(forecasting: Forecasting) -> str:
    """Probabilities, the gated trend, and why."""
    if forecasting.failure is not None:
        return "The forecast failed; take no direction from it."
    return (
        f"Trend {forecasting.gated_label} (test: {forecasting.gate}); up {forecasting.p_up:.2f}, down {forecasting.p_down:.2f}, "
        f"sideways {forecasting.p_sideways:.2f}. {forecasting.reasoning}"
    )


def style_text(style: StyleSelection) -> str:
    """The style and why."""
    sure = f", confidence {style.confidence:.2f}" if style.confidence is not None else ""
    return f"{style.style}{sure}. {style.reasoning}"


def account_text(account: Account) -> str:
    """Shares of the equity and returns only."""
    held = account.unrealised_fraction
    position = "flat" if held is None else f"open profit {percent(held)}"
    return (
        f"invested {account.weight_fraction * 100:.1f} % of the equity, cash {(1 - account.weight_fraction) * 100:.1f} %; {position}; "
        f"{percent(account.drawdown_fraction)} from the highest equity"
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
    return "\n".join([f"For the period to {statement.period}:", *shown]) if shown else NO_FIGURES


def quoted(text: str) -> str:
    """A text from outside, fit to stand between triple quotes: it can not close them."""
    return text.strip().replace('"""', "'''")


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
