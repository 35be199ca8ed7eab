"""The rule-based analyst is fixed: its constants, and what it answers to a grid of evidence, have hashes that stand here.

They were chosen on the demo market, before the analyst met real data. Whoever changes one changes every result with `rules`, and
has to change this test, `docs/rule-based-analyst.md` and the figures of `docs/demo-market.md` with it.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from tests.models.test_rules import ACCOUNT, EVIDENCE, FEATURES, FLAT, LIMITS, REPORT
from tradinggroup.models.answers import Answer, Decision, Forecast, NewsScore, ReportSummary, StyleChoice
from tradinggroup.models.port import Message, ModelRequest
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.models.rules_constants import constants_hash, rules_constants

CONSTANTS_HASH = "sha256:47678c638e448948346ed2a4698074c7a5428225521cdbcb1460abde7d215076"
ANSWERS_HASH = "d5de15391925f480bbdfcf16af44c42a53b7b81363f728e50515588373a18a9f"

SENTENCES = (
    "Acme beats estimates and raises its outlook", "Acme misses estimates", "Acme cuts costs", "Debt rose at Acme", "Acme did not win",
    "Nothing of note", "Regulator opens a probe into Acme", "Acme upgraded; strong demand despite delays",
)  # fmt: skip


def answers() -> list[Any]:
    """Labels and numbers, without texts, over a grid of evidence."""
    found: list[Any] = []
    for title, summary in itertools.product(SENTENCES, SENTENCES[:3]):
        found.append(ask(NewsScore, {"title": title, "summary": summary}).model_dump(include={"score"}))
    found.append(ask(ReportSummary, {"form": "10-K", "passages": SENTENCES}).model_dump(exclude={"summary"}))
    features = [
        replace(FEATURES, return_20_fraction=trend, rsi14=rsi, distance_to_mean_fraction=distance, volatility_per_year_fraction=volatility)
        for trend, rsi, distance, volatility in itertools.product((-0.2, 0.0, 0.05), (35.0, 55.0, 75.0), (-0.02, 0.02), (0.1, 0.4, 0.7))
    ]
    records = (None, {"cases": 15, "hit_rate": 0.2, "by_action": {"buy": 0.01, "hold": -0.002, "sell": -0.02}})
    for each, news, record in itertools.product(features, (None, -0.6, 0.4), records):
        evidence = {"features": each, "news_score": news, "reports": (REPORT,), "experience_statistics": record}
        found.append(ask(Forecast, evidence).model_dump(exclude={"reasoning"}))
    styles = (None, {"balanced": {"sessions": 8, "mean_return_fraction": -0.004}})
    for each, p_up, news, account, statistics in itertools.product(features[::7], (0.2, 0.4, 0.6), (None, -0.5), (ACCOUNT, FLAT), styles):
        evidence = {"features": each, "news_score": news, "p_up": p_up, "p_down": 0.3, "account": account, "style_statistics": statistics}
        found.append(ask(StyleChoice, evidence).model_dump(exclude={"reasoning"}))
    for p_up, label, news, account, limits, record in itertools.product(
        (0.2, 0.35, 0.6), ("up", "down", "sideways"), (None, 0.5), (ACCOUNT, FLAT), (None, LIMITS), records
    ):
        evidence = EVIDENCE[Decision] | {
            "p_up": p_up, "gated_label": label, "news_score": news, "account": account, "limits": limits, "experience_statistics": record,
        }  # fmt: skip
        found.append(ask(Decision, evidence).model_dump(exclude={"reasoning"}))
    return found


def ask(schema: type[Answer], evidence: dict[str, Any]) -> Answer:
    request = ModelRequest("rules", (Message("user", "prompt"),), schema, {}, evidence=evidence)
    answer = asyncio.run(RulesAnalyst().answer(request)).answer
    assert answer is not None
    return answer


def test_the_constants_are_the_ones_that_were_fixed(repository: Path) -> None:
    assert constants_hash() == CONSTANTS_HASH
    assert len(rules_constants()) > 40
    assert CONSTANTS_HASH in (repository / "docs" / "rule-based-analyst.md").read_text(encoding="utf-8")


def test_the_answers_are_the_ones_that_were_fixed() -> None:
    assert hashlib.sha256(orjson.dumps(answers())).hexdigest() == ANSWERS_HASH


def test_a_changed_constant_changes_the_hash(monkeypatch: Any) -> None:
    from tradinggroup.models import rules_market, tone

    monkeypatch.setattr(rules_market, "NEWS_WEIGHT", 1.21)
    changed = constants_hash()
    monkeypatch.undo()
    monkeypatch.setattr(tone, "_STRONG_GOOD", tone._STRONG_GOOD + " zebra")
    assert len({changed, constants_hash(), CONSTANTS_HASH}) == 3
