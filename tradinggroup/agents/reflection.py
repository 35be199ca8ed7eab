"""Reflection agent: what past cases teach, in the words of the model (spec 4.4, 7).

The cases are chosen and labelled by the reflection room, which asks nobody. Where the model is `rules`, their template is the
lesson; any other model gets the template as its evidence and is asked for pattern, cause and rule. The prompt holds no session
and nothing of the account's present state, so that the same cases are asked about once, and forecasts can be reviewed ahead of
the account.
"""

from __future__ import annotations

import re
from datetime import date
from typing import cast

from tradinggroup.agents.context import AgentContext, ask
from tradinggroup.agents.timing import PAST_FILL_NAMES, REWARD_SPANS
from tradinggroup.models.answers import ExperienceSummary
from tradinggroup.models.registry import is_local
from tradinggroup.reflection.memory import Lesson
from tradinggroup.retrieval.quoting import quoted
from tradinggroup.settings import ReflectionSettings

AGENT = "reflection"
_SENTENCE_END = re.compile(r"[.!?][\"'”’)\]]*$")


async def tell_lesson(context: AgentContext, lesson: Lesson | None, *, session: date, settings: ReflectionSettings) -> Lesson | None:
    """The lesson in the model's words, at most as many as the settings allow; its template where the call fails or the model is `rules`.

    A failed call is counted like any other, and the lesson says by its `author` that the template stood in.
    """
    if lesson is None or is_local(context.cards[AGENT].model or context.model_name):
        return lesson
    told = context.lessons_told.get(lesson.lesson_id)
    if told is None:
        told = context.lessons_told[lesson.lesson_id] = await _told(context, lesson, session, settings)
    return told


def experience_text(lesson: Lesson | None) -> str | None:
    """The lesson as a prompt shows it: what a model wrote stands in a block of quoted text. None without a lesson."""
    if lesson is None:
        return None
    return quoted(lesson.text) if lesson.author == "model" else lesson.text


async def _told(context: AgentContext, lesson: Lesson, session: date, settings: ReflectionSettings) -> Lesson:
    words = settings.forecast_summary_words if lesson.agent == "forecasting" else settings.decision_summary_words
    reply = await ask(
        context,
        agent=AGENT,
        template=lesson.agent,
        values={
            "record": lesson.text,
            "words": str(words),
            "fill": PAST_FILL_NAMES[context.fill],
            "reward_span": REWARD_SPANS[context.fill],
        },
        evidence={"text": lesson.text},
        session=session,
    )
    summary = shortened(cast(ExperienceSummary, reply.answer).summary, words) if reply.answer is not None else ""
    return lesson.told(summary, "model") if summary else lesson.told(lesson.text, "fallback")


def shortened(text: str, words: int) -> str:
    """The text where it has at most `words` words, else its whole sentences within them, else the first `words` words."""
    found = [(match.group(), match.end()) for match in re.finditer(r"\S+", text)]
    if len(found) <= words:
        return text
    ends = [end for word, end in found[:words] if _SENTENCE_END.search(word)]
    return text[: ends[-1] if ends else found[words - 1][1]]
