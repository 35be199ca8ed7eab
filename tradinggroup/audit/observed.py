"""What one session of one symbol asked, decided, labelled and learned, as it is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from tradinggroup.desk.symbol_desk import DeskResult
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.registry import is_local
from tradinggroup.models.rules import RulesAnalyst

Place = tuple[str, str, int]
"""Agent, purpose and position of a call inside its session."""


@dataclass(frozen=True)
class Observed:
    """One session of one symbol. With a `problem` the desk came to no decision."""

    session: date
    line: Mapping[str, Any]
    outcomes: tuple[Mapping[str, Any], ...]
    lessons: tuple[Mapping[str, Any], ...]
    requests: tuple[ModelRequest, ...]
    moved: tuple[Place, ...] = ()
    """Calls that asked something else than in the run, and that the rule-based analyst answers otherwise."""
    problem: str | None = None

    @classmethod
    def of(cls, session: date, result: DeskResult, requests: tuple[ModelRequest, ...], moved: tuple[Place, ...] = ()) -> Observed:
        """From what the desk returned."""
        lessons = tuple(lesson.to_line() for lesson in result.lessons)
        return cls(session, result.line, result.outcomes, lessons, requests, moved)

    @cached_property
    def prompts(self) -> dict[Place, ModelRequest]:
        """The request of each place."""
        return {place_of(request): request for request in self.requests}

    def is_like(self, other: Observed) -> bool:
        """Whether decision, outcomes, lessons and every prompt are the same."""
        return self.compared == other.compared

    @cached_property
    def compared(self) -> tuple[Any, ...]:
        """All that must be the same, whatever comes after the clock."""
        keys = sorted((place_of(request), request.key) for request in self.requests)
        return (self.line, self.outcomes, self.lessons, keys, self.problem)


def place_of(request: ModelRequest) -> Place:
    """Where in its session a call is made."""
    return request.agent, request.purpose, request.position


class NotingModel:
    """Passes calls on, and keeps each with its reply: the answers that the shadows are given."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.requests: list[ModelRequest] = []
        self.by_key: dict[str, ModelReply] = {}
        self.by_place: dict[tuple[str, Place], ModelReply] = {}

    async def answer(self, request: ModelRequest) -> ModelReply:
        """The model's reply."""
        reply: ModelReply = await self._model.answer(request)
        self.requests.append(request)
        self.by_key[request.key] = reply
        self.by_place[request.session, place_of(request)] = reply
        return reply


class EchoModel:
    """Answers with what the run was told in the same place, whatever is asked: so one difference does not make the next.

    Where the run's answer came from rules, they are asked again, and another answer is noted as `moved`. What the run never asked
    is answered by rules.
    """

    def __init__(self, heard: NotingModel) -> None:
        self._heard = heard
        self._rules = RulesAnalyst()
        self.requests: list[ModelRequest] = []
        self.moved: list[Place] = []

    async def answer(self, request: ModelRequest) -> ModelReply:
        """The reply of the run."""
        self.requests.append(request)
        same = self._heard.by_key.get(request.key)
        if same is not None:
            return same
        place = place_of(request)
        heard = self._heard.by_place.get((request.session, place))
        if heard is None or is_local(request.model):
            own = await self._rules.answer(request)
            if heard is None:
                return own
            if own.answer != heard.answer:
                self.moved.append(place)
        return heard
