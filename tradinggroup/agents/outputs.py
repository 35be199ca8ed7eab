"""What each agent hands on: to the next agents, to the desk, and to the decision line.

Every output says how new its newest evidence is, and whether the model call behind it failed; a failure is never hidden
behind a neutral answer. `to_line()` gives the agent's object of a line in `decisions.jsonl`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from tradinggroup.clock import iso_utc
from tradinggroup.models.answers import Action, ReportSummary, Style
from tradinggroup.models.port import Failure

Label = Literal["up", "down", "sideways"]
SentimentLabel = Literal["positive", "neutral", "negative"]


@dataclass(frozen=True, slots=True)
class NewsItemAnalysis:
    """One kept news item. `score` is None where its call failed."""

    id: str
    known_at: datetime
    title: str
    base: float | None
    """Importance by keywords and length, 0 to 1. This and the next two are None where a run takes the items as given."""
    probability: float | None
    """The reranker's probability that it matters, 0 to 1."""
    influence: float | None
    """N = base_weight * base + probability_weight * probability + floor (spec 2)."""
    score: float | None
    analysis: str
    failure: Failure | None

    def to_line(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "known_at": iso_utc(self.known_at),
            "title": self.title,
            "base": self.base,
            "probability": self.probability,
            "influence": self.influence,
            "score": self.score,
            "analysis": self.analysis,
            "failure": failure_line(self.failure),
        }


@dataclass(frozen=True, slots=True)
class NewsSentiment:
    """The session's news in one score, -1 to 1; 0 with `no_news` where there is none, 0 with `failure` where the call failed."""

    score: float
    label: SentimentLabel
    analysis: str
    no_news: bool
    items_seen: int
    items: tuple[NewsItemAnalysis, ...]
    """Kept items, most influential first."""
    failure: Failure | None
    newest_known_at: datetime | None

    @property
    def known_score(self) -> float | None:
        """The score, or None where nothing is known: no news, or a failed call."""
        return None if self.no_news or self.failure is not None else self.score

    def to_line(self) -> dict[str, Any]:
        return {
            "score": self.score,
            "label": self.label,
            "analysis": self.analysis,
            "no_news": self.no_news,
            "items_seen": self.items_seen,
            "items": [item.to_line() for item in self.items],
            "failure": failure_line(self.failure),
        }


@dataclass(frozen=True, slots=True)
class FormReport:
    """What one filing says, made once a filing. `summary` is None where the call failed."""

    form: str
    filing_id: str
    period: str
    known_at: datetime
    newest_known_at: datetime
    """Of the filing and of the figures beside it."""
    summary: ReportSummary | None
    failure: Failure | None
    prompt_text: str
    """What later prompts quote of it; empty where the call failed."""
    line: Mapping[str, Any]
    """Its object of the decision line, made once."""


@dataclass(frozen=True, slots=True)
class ReportRetrieval:
    """The latest annual and quarterly filing, as far as they are known and not too old."""

    forms: tuple[FormReport, ...]

    @property
    def no_filing(self) -> bool:
        return not self.forms

    @property
    def summaries(self) -> tuple[ReportSummary, ...]:
        """The summaries that there are."""
        return tuple(form.summary for form in self.forms if form.summary is not None)

    @property
    def failure(self) -> Failure | None:
        """The first failure among the forms."""
        return next((form.failure for form in self.forms if form.failure is not None), None)

    @property
    def newest_known_at(self) -> datetime | None:
        return max((form.newest_known_at for form in self.forms), default=None)

    def to_line(self) -> dict[str, Any]:
        return {"no_filing": self.no_filing, "forms": {form.form: form.line for form in self.forms}}


@dataclass(frozen=True, slots=True)
class Forecasting:
    """Probabilities of the next session's move, and the trend that passed the gate. One third each where the call failed."""

    p_up: float
    p_down: float
    p_sideways: float
    argmax_label: Label
    """The most probable class, for scoring the forecast."""
    gated_label: Label
    """The trend after the hybrid gate (spec 4.3), which later agents see."""
    gate: str
    """Which test of the gate decided: `hard`, `soft` or `default`."""
    reasoning: str
    experience: str | None
    """Id of the lesson that the prompt showed."""
    failure: Failure | None
    newest_known_at: datetime | None

    @property
    def probabilities(self) -> dict[Label, float]:
        """Probability by class; they sum to one."""
        return {"up": self.p_up, "down": self.p_down, "sideways": self.p_sideways}

    def to_line(self) -> dict[str, Any]:
        return {
            "p_up": self.p_up,
            "p_down": self.p_down,
            "p_sideways": self.p_sideways,
            "argmax_label": self.argmax_label,
            "gated_label": self.gated_label,
            "gate": self.gate,
            "reasoning": self.reasoning,
            "experience": self.experience,
            "failure": failure_line(self.failure),
        }


@dataclass(frozen=True, slots=True)
class StyleSelection:
    """The session's style. `confidence` is None where no model chose: on the first session, or after a failure."""

    style: Style
    confidence: float | None
    reasoning: str
    experience: str | None
    failure: Failure | None
    newest_known_at: datetime | None

    def to_line(self) -> dict[str, Any]:
        return {
            "style": self.style,
            "confidence": self.confidence,
            "reasoning": self.reasoning,
            "experience": self.experience,
            "failure": failure_line(self.failure),
        }


@dataclass(frozen=True, slots=True)
class DecisionOutput:
    """What the decision agent wants. `action` is None where the call failed: that is no hold, and sends no order."""

    action: Action | None
    confidence: float | None
    reasoning: str
    experience: str | None
    failure: Failure | None
    newest_known_at: datetime | None

    def to_line(self) -> dict[str, Any]:
        return {
            "action": self.action,
            "confidence": self.confidence,
            "reasoning": self.reasoning,
            "experience": self.experience,
            "failure": failure_line(self.failure),
        }


def failure_line(failure: Failure | None) -> dict[str, str] | None:
    """`{"kind", "detail"}`, or None where nothing failed."""
    return None if failure is None else {"kind": str(failure.kind), "detail": failure.detail}


def newest(*moments: datetime | None) -> datetime | None:
    """The newest of the moments that there are."""
    return max((moment for moment in moments if moment is not None), default=None)
