"""Answers without a model: what was recorded, else, where nobody ran the experiment yet, what the rule-based analyst says."""

from __future__ import annotations

from collections.abc import Sequence

from tradinggroup.models.misses import recording_missing
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import is_local
from tradinggroup.models.rules import RulesAnalyst


class AnswersWithoutModel:
    """Asks no server. With `needs_recordings` a call of a served model that was not recorded is an error.

    Attributes:
        recorded: calls answered from a recording.
        by_rules: calls of the rule-based analyst, or answered by it in the place of a model.
        in_place: those of them that stand for a model behind a server.
    """

    def __init__(self, stores: Sequence[RecordingStore], *, needs_recordings: bool) -> None:
        self._stores = tuple(stores)
        self._needs_recordings = needs_recordings
        self._rules = RulesAnalyst()
        self.recorded = self.by_rules = self.in_place = 0

    async def answer(self, request: ModelRequest) -> ModelReply:
        """The reply. Raises DataError RECORDING_MISSING."""
        found = (store.get(request, answers_only=not self._needs_recordings) for store in self._stores)
        reply = next((each for each in found if each is not None), None)
        if reply is not None:
            self.recorded += 1
            return reply
        if not is_local(request.model):
            if self._needs_recordings:
                raise recording_missing(request, self._stores)
            self.in_place += 1
        self.by_rules += 1
        return await self._rules.answer(request)
