"""What each agent must answer: flat objects of plain types, described for the model.

Only types, ranges and the sum of the probabilities can make an answer unreadable (design 5). The descriptions become the
JSON schema that a server decodes by, so they are prompts too.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Score = Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Style = Literal["aggressive", "balanced", "conservative"]
Action = Literal["buy", "hold", "sell"]

PROBABILITY_SUM_TOLERANCE = 0.05
"""Probabilities whose sum is off by at most this are scaled to one (spec 4.2); beyond it the answer is unreadable."""


class Answer(BaseModel):
    """Base of all answers: unknown fields are ignored, text is stripped."""

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True, frozen=True)


class NewsScore(Answer):
    """One news item, or all of a session together."""

    score: Score = Field(description="market sentiment for the company, from -1 (very negative) to 1 (very positive)")
    analysis: str = Field(description="why, in one or two sentences")


class ReportSummary(Answer):
    """What a filing says that can move the price."""

    indicators: list[str] = Field(description="price-relevant figures and facts, each in a few words")
    guidance: str = Field(description="what the company says about the future; empty if nothing")
    risks: list[str] = Field(description="risks named in the passages, each in a few words")
    opportunities: list[str] = Field(description="opportunities named in the passages, each in a few words")
    summary: str = Field(description="the passages in at most five sentences")


class Forecast(Answer):
    """Probabilities of the next session's close-to-close move."""

    p_up: Probability = Field(description="probability that the next close is clearly higher")
    p_down: Probability = Field(description="probability that the next close is clearly lower")
    p_sideways: Probability = Field(description="probability that the next close is about unchanged")
    reasoning: str = Field(description="why, in a few sentences")

    @model_validator(mode="after")
    def _sums_to_one(self) -> Forecast:
        total = self.p_up + self.p_down + self.p_sideways
        if round(abs(total - 1), 9) > PROBABILITY_SUM_TOLERANCE:  # 0.63 + 0.21 + 0.21 is a hair above 1.05 in binary
            raise ValueError(f"p_up, p_down and p_sideways sum to {total:.3f}; they must sum to 1")
        return self


class StyleChoice(Answer):
    """The trading style for the session."""

    style: Style = Field(description="aggressive, balanced or conservative")
    confidence: Probability = Field(description="confidence in the style, from 0 to 1")
    reasoning: str = Field(description="why, in a few sentences")


class Decision(Answer):
    """What to do at the next fill."""

    action: Action = Field(description="buy, hold or sell")
    confidence: Probability = Field(description="confidence in the action, from 0 to 1")
    reasoning: str = Field(description="why, in a few sentences")


class ExperienceSummary(Answer):
    """What past cases teach."""

    summary: str = Field(description="pattern, cause and rule to apply, as plain text within the number of words that was named")


class Schemas:
    """The schemas that a card's `output` may name."""

    BY_NAME: ClassVar[dict[str, type[Answer]]] = {
        schema.__name__: schema for schema in (NewsScore, ReportSummary, Forecast, StyleChoice, Decision, ExperienceSummary)
    }
