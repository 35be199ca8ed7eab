"""The rule-based analyst: every agent's answer computed from the same evidence as the prompt's, without any LLM.

It is the default model, so that everything works offline, and the "no LLM" ablation: what does a model add over simple
rules on the same evidence? It reads `request.evidence`, never the prompt, so an instruction inside a news text is only
words to it. All constants are ours and were fixed on the demo market, not on the windows that results are shown on.

| schema | evidence |
|---|---|
| NewsScore, purpose `item` | `title`, `summary` |
| NewsScore, purpose `overall` | `items`: list of `score`, `influence` |
| ReportSummary | `form`, `passages` |
| Forecast | `features`, `news_score`, `reports`, `experience_statistics` |
| StyleChoice | `features`, `news_score`, `p_up`, `p_down`, `account`, `style_statistics` |
| Decision | `p_up`, `p_down`, `gated_label`, `news_score`, `account`, `limits`, `experience_statistics` |
| ExperienceSummary | `text` |
| YesNo | `p_yes` |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tradinggroup.models.answers import Answer, ExperienceSummary
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.rules_market import forecast
from tradinggroup.models.rules_text import read_news, summarise_report
from tradinggroup.models.rules_trading import choose_action, choose_style
from tradinggroup.models.yes_no import YesNo

NAME = "rules"
_LONGEST_EXPERIENCE_WORDS = 200

Evidence = Mapping[str, Any]


class RulesAnalyst:
    """A `ChatModel` that computes its answers. Deterministic, free, and without state."""

    async def answer(self, request: ModelRequest) -> ModelReply:
        """The answer for the request's schema from its evidence. Raises KeyError where the evidence is not that of the table above."""
        answer = _RULES[request.schema.__name__](request.evidence)
        return ModelReply(key=request.key, answer=answer, failure=None, text=answer.model_dump_json(), model_returned=NAME)


def _keep_experience(evidence: Evidence) -> ExperienceSummary:
    """The record itself, cut to length: rules draw no lesson in words."""
    return ExperienceSummary(summary=" ".join(str(evidence["text"]).split()[:_LONGEST_EXPERIENCE_WORDS]))


def _rerank(evidence: Evidence) -> YesNo:
    """What the lexical reranker says."""
    return YesNo(p_yes=evidence["p_yes"], source="rules")


_RULES: dict[str, Callable[[Evidence], Answer]] = {
    "NewsScore": read_news,
    "ReportSummary": summarise_report,
    "Forecast": forecast,
    "StyleChoice": choose_style,
    "Decision": choose_action,
    "ExperienceSummary": _keep_experience,
    "YesNo": _rerank,
}
