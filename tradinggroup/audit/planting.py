"""Texts with a sentence planted into them: in every news item, in every few sentences of a filing, in every lesson."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.features import Features
from tradinggroup.data.records import NewsItem
from tradinggroup.data.symbol_data import NewsTable, SymbolData
from tradinggroup.desk.memories import SymbolMemories
from tradinggroup.desk.stages import Stages
from tradinggroup.desk.state import Moment
from tradinggroup.reflection.memory import Lesson

_SENTENCE_END = re.compile(r"(?<=[.!?])[ ]")
_EVERY_SENTENCES = 2
"""Of a filing: often enough that whatever passage is read holds it."""


@dataclass(frozen=True, slots=True)
class Planted:
    """Puts a sentence behind the title of every news item, or behind every few sentences of every filing."""

    sentence: str
    in_news: bool

    def symbol(self, symbol: str, data: SymbolData, clock: datetime) -> SymbolData:  # noqa: ARG002 (the port's signature)
        """The rows of one symbol with the sentence in their texts."""
        if self.in_news:
            return replace(data, news=_PlantedNews(data.news, self.sentence))
        filings = {
            form: (known, tuple(replace(each, sections=tuple((name, self._in(text)) for name, text in each.sections)) for each in records))
            for form, (known, records) in data.filings.items()
        }
        return replace(data, filings=filings)

    def frames(self, frames: BundleFrames, clock: datetime) -> BundleFrames:  # noqa: ARG002 (the port's signature)
        """The tables as they are; no agent reads them whole."""
        return frames

    def _in(self, text: str) -> str:
        sentences = _SENTENCE_END.split(text)
        parts = [sentences[place : place + _EVERY_SENTENCES] for place in range(0, len(sentences), _EVERY_SENTENCES)]
        return " ".join(" ".join([*part, self.sentence]) for part in parts)


class _PlantedNews(NewsTable):
    """News whose every title ends with a sentence."""

    def __init__(self, honest: NewsTable, sentence: str) -> None:
        self.__dict__.update(honest.__dict__)
        self._sentence = sentence

    def item(self, row: int, *, derived_allowed: bool) -> NewsItem:
        """Item `row` with the sentence."""
        item = super().item(row, derived_allowed=derived_allowed)
        return replace(item, title=f"{item.title} {self._sentence}".strip())


class PlantedMemories(SymbolMemories):
    """Memories whose every lesson ends with a sentence, as if the model that told it had been talked into it."""

    def __init__(self, stages: Stages, sentence: str) -> None:
        super().__init__(stages)
        self._sentence = sentence

    def forecasting_lesson(self, moment: Moment, *, today: Features) -> Lesson | None:
        """The lesson for a forecast."""
        return self._with(super().forecasting_lesson(moment, today=today))

    def decision_lesson(self, moment: Moment, *, today: Features) -> Lesson | None:
        """The lesson for a decision."""
        return self._with(super().decision_lesson(moment, today=today))

    def _with(self, lesson: Lesson | None) -> Lesson | None:
        return None if lesson is None else lesson.told(f"{lesson.text} {self._sentence}", "model")


def planted_memories(sentence: str) -> Callable[[Stages], SymbolMemories]:
    """How a desk gets them."""
    return lambda stages: PlantedMemories(stages, sentence)
