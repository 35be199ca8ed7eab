"""The forecast of the rule-based analyst: a softmax over a few terms that a person can add up.

direction = trend + breakout + reversion + news + report
up = direction, down = -direction, sideways = base + calm
p = softmax(up, down, sideways), drawn toward one third each where recent forecasts were poor
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from tradinggroup.data.features import Features
from tradinggroup.models.answers import Forecast, ReportSummary
from tradinggroup.models.rules_text import report_tone

TREND_WEIGHT = 0.20
"""A 20-session return of one deviation adds this; at most two deviations count."""
BREAKOUT_WEIGHT = 0.20
REVERSION_WEIGHT = 0.30
NEWS_WEIGHT = 1.20
REPORT_WEIGHT = 0.30
SIDEWAYS_BASE = 0.10
CALM_WEIGHT = 0.40
CALM_VOLATILITY_PER_YEAR = 0.20

POOR_HIT_RATE = 0.5
"""A recent hit rate below this makes the forecast more modest."""
MOST_SHRINKAGE = 0.6
CASES_FOR_HALF_TRUST = 10.0
"""After this many cases a record counts half."""

_RSI_HIGH, _RSI_LOW = 70.0, 40.0
_DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Terms:
    """What speaks for up (positive) or down (negative)."""

    trend: float
    breakout: float
    reversion: float
    news: float
    report: float

    @property
    def direction(self) -> float:
        return self.trend + self.breakout + self.reversion + self.news + self.report


def forecast(evidence: Mapping[str, Any]) -> Forecast:
    """Probabilities from features, the news score (None: nothing known) and the filings' summaries."""
    features: Features = evidence["features"]
    terms = _terms(features, evidence["news_score"], evidence["reports"])
    sideways = SIDEWAYS_BASE + CALM_WEIGHT * max(0.0, 1 - features.volatility_per_year_fraction / CALM_VOLATILITY_PER_YEAR)
    trust = forecast_trust(evidence.get("experience_statistics"))
    p_up, p_down = (round(1 / 3 + trust * (p - 1 / 3), _DECIMALS) for p in _softmax(terms.direction, -terms.direction, sideways)[:2])
    named = ", ".join(f"{part.name} {getattr(terms, part.name):+.2f}" for part in fields(terms))
    record = f" Recent record: trust {trust:.2f}." if trust < 1 else ""
    return Forecast(
        p_up=p_up,
        p_down=p_down,
        p_sideways=round(1 - p_up - p_down, _DECIMALS),
        reasoning=f"Direction {terms.direction:+.2f} ({named}); sideways {sideways:.2f}.{record}",
    )


def forecast_trust(statistics: Mapping[str, Any] | None) -> float:
    """1 for no record or a fair one; down to 1 - MOST_SHRINKAGE for a long record without any hit."""
    if not statistics or statistics.get("hit_rate") is None:
        return 1.0
    cases = float(statistics["cases"])
    poor = max(0.0, POOR_HIT_RATE - float(statistics["hit_rate"])) / POOR_HIT_RATE
    return 1 - MOST_SHRINKAGE * poor * cases / (cases + CASES_FOR_HALF_TRUST)


def _terms(features: Features, news_score: float | None, reports: Sequence[ReportSummary]) -> Terms:
    deviation = max(features.simplified_atr_fraction, 1e-6) * math.sqrt(20)
    trend = max(-2.0, min(2.0, features.return_20_fraction / deviation))
    tones = [report_tone(report) for report in reports]
    return Terms(
        trend=TREND_WEIGHT * trend,
        breakout=BREAKOUT_WEIGHT * (features.is_new_high - features.is_new_low),
        reversion=REVERSION_WEIGHT * _reversion(features),
        news=NEWS_WEIGHT * (news_score or 0.0),
        report=REPORT_WEIGHT * (math.fsum(tones) / len(tones) if tones else 0.0),
    )


def _reversion(features: Features) -> float:
    """-1 for overbought and far from the high, +1 for oversold and slightly below the mean, else 0."""
    if features.rsi14 > _RSI_HIGH and not features.is_new_high:
        return -1.0
    return 1.0 if features.rsi14 < _RSI_LOW and -0.03 <= features.distance_to_mean_fraction <= 0 else 0.0


def _softmax(*values: float) -> list[float]:
    top = max(values)
    weights = [math.exp(value - top) for value in values]
    total = math.fsum(weights)
    return [weight / total for weight in weights]
