"""Rules that read texts: news items, a session's news together, and the passages of a filing."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tradinggroup.models.answers import NewsScore, ReportSummary
from tradinggroup.models.tone import Signs, signs, together

HEADLINE_WEIGHT, TEXT_WEIGHT = 1.0, 0.5
"""A sign in the headline counts twice as much as one in the text below (ours)."""

_DECIMALS = 4
_WORDS_SHOWN = 4
_ENTRIES, _ENTRY_WORDS = 5, 30

_SENTENCE_END = re.compile(r"(?<=[.!?;])\s+")
_FIGURE = re.compile(r"\d[\d,.]*\s?(?:%|percent\b|million\b|billion\b|basis points\b)|\$\s?\d", re.IGNORECASE)
_METRIC = re.compile(
    r"\b(?:revenues?|sales|margins?|income|profits?|cash flows?|earnings|costs?|expenses?|deliveries|bookings|backlog|orders|debt)\b",
    re.IGNORECASE,
)
_GUIDANCE = re.compile(r"\b(?:expects?|anticipates?|outlook|guidance|forecasts?|believes?|plans?|intends?|will)\b", re.IGNORECASE)
_RISK = re.compile(
    r"\b(?:risks?|advers\w+|harm\w*|litigation|lawsuits?|uncertain\w*|competiti\w+|could|may not|shortages?|headwinds?)\b", re.IGNORECASE
)
_OPPORTUNITY = re.compile(
    r"\b(?:opportunit\w+|growth|growing|expan\w+|launch\w*|new (?:products?|markets?|customers?)|improv\w+)\b", re.IGNORECASE
)


def read_news(evidence: Mapping[str, Any]) -> NewsScore:
    """One item by its tone, or all items by the mean of their scores, weighted by influence."""
    if "items" in evidence:
        return _overall(evidence["items"])
    found = together(((signs(evidence["title"]), HEADLINE_WEIGHT), (signs(evidence["summary"]), TEXT_WEIGHT)))
    return NewsScore(score=round(found.tone, _DECIMALS), analysis=_because(found))


def _overall(items: Sequence[Mapping[str, float | None]]) -> NewsScore:
    """Items that nobody scored by influence weigh the same."""
    weights = [1.0 if item["influence"] is None else item["influence"] for item in items]
    scores = [item["score"] or 0.0 for item in items]
    total = math.fsum(weights)
    mean = math.fsum(weight * score for weight, score in zip(weights, scores, strict=True)) / total if total > 0 else 0.0
    ups, downs = sum(score > 0 for score in scores), sum(score < 0 for score in scores)
    score = round(max(-1.0, min(1.0, mean)), _DECIMALS)
    return NewsScore(score=score, analysis=f"Mean tone {score:+.2f}, weighted by influence: {ups} of {len(items)} items good, {downs} bad.")


def _because(found: Signs) -> str:
    parts = [
        f"{name} signs: {', '.join(dict.fromkeys(words[:_WORDS_SHOWN]))}"
        for name, words in (("good", found.good_words), ("bad", found.bad_words))
        if words
    ]
    return f"{'; '.join(parts)}." if parts else "No sign in either direction."


def summarise_report(evidence: Mapping[str, Any]) -> ReportSummary:
    """Sentences of the passages by what they hold: a figure, an outlook, a risk, an opportunity. Risks are those with a bad tone."""
    found = list(dict.fromkeys(sentence for passage in evidence["passages"] for sentence in _SENTENCE_END.split(passage)))
    indicators = _entries(sentence for sentence in found if _FIGURE.search(sentence) and _METRIC.search(sentence))
    guidance = _entries(sentence for sentence in found if _GUIDANCE.search(sentence) and not _FIGURE.search(sentence))
    risks = _entries(sentence for sentence in found if _RISK.search(sentence) and signs(sentence).tone < 0)
    opportunities = _entries(sentence for sentence in found if _OPPORTUNITY.search(sentence) and signs(sentence).tone > 0)
    tone = together((signs(sentence), 1.0) for sentence in found).tone
    first = indicators[0] if indicators else ""
    direction = "good" if tone > 0 else "bad" if tone < 0 else "neutral"
    return ReportSummary(
        indicators=indicators,
        guidance=" ".join(guidance[:2]),
        risks=risks,
        opportunities=opportunities,
        summary=f"The passages of the {evidence['form']} have a {direction} tone ({tone:+.2f}). {first}".strip(),
    )


def report_tone(report: ReportSummary) -> float:
    """Tone of a summary's figures, guidance and opportunities, -1 to 1; risks are left out, since every company lists them."""
    texts = (*report.indicators, report.guidance, *report.opportunities)
    return together((signs(text), 1.0) for text in texts).tone


def _entries(sentences: Iterable[str]) -> list[str]:
    """The first few sentences, each cut to a few words."""
    entries: list[str] = []
    for sentence in sentences:
        found = sentence.split()
        entries.append(" ".join(found[:_ENTRY_WORDS]) + (" …" if len(found) > _ENTRY_WORDS else ""))
        if len(entries) == _ENTRIES:
            break
    return entries
