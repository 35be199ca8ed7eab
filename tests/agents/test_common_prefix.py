"""Prompts that are asked often start with what is the same in all of them, so that a server can keep its work on it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.factories import make_bundle
from tests.support.desk_runs import run_desk
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.rules import RulesAnalyst


class Keeping(RulesAnalyst):
    """The rule-based analyst under the name of a model behind a server, keeping what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.prompts: dict[tuple[str, str], list[str]] = {}

    async def answer(self, request: ModelRequest) -> ModelReply:
        text = "\n".join(message.content for message in request.messages)
        self.prompts.setdefault((request.agent, request.purpose), []).append(text)
        return await super().answer(request)


@pytest.fixture(scope="module")
def prompts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], list[str]]:
    folder: Path = tmp_path_factory.mktemp("prefix")
    bundle, model = make_bundle(folder, symbols=("AAA", "BBB"), sessions=50), Keeping()
    run_desk(bundle, start=date(2024, 2, 20), end=bundle.last_session, model="openai:m", asked=model)
    return model.prompts


@pytest.mark.parametrize(
    "call", [("news_sentiment", "item"), ("news_sentiment", "overall"), ("reflection", "forecasting"), ("reflection", "decision")]
)
def test_most_of_what_never_changes_comes_first(prompts: dict[tuple[str, str], list[str]], call: tuple[str, str]) -> None:
    """Of two symbols and all sessions; what the system message and the card say is about 1,300 characters and more."""
    asked = prompts[call]
    assert len(asked) > 10
    first, last = min(asked), max(asked)
    length = next(place for place, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    common = first[:length]
    assert length > 1200
    assert "Answer with one JSON object with these fields:" in common
