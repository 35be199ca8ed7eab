"""Requests, settings and a way to ask, for the tests of the model layer."""

from __future__ import annotations

from typing import Any

from tradinggroup.models.answers import Answer, Decision
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.port import Message, ModelReply, ModelRequest
from tradinggroup.settings import ModelSettings


def settings(**changes: Any) -> ModelSettings:
    """Settings without waits, with short limits and without a probe."""
    fixed = {"retry_wait_seconds": 0.0, "timeout_seconds": 5.0, "maximum_retries": 2, "structured_output": "json_schema"}
    return ModelSettings(**{**fixed, **changes})


def request(text: str = "What now?", *, schema: type[Answer] = Decision, model: str = "openai:m", **context: Any) -> ModelRequest:
    """A request of the decision agent; `context` overrides any field."""
    fields: dict[str, Any] = {
        "parameters": {"temperature": 0.0, "max_tokens": 100},
        "agent": "decision", "purpose": "decision", "symbol": "ACME", "session": "2024-03-01", **context,
    }  # fmt: skip
    return ModelRequest(model=model, messages=(Message("system", "You trade."), Message("user", text)), schema=schema, **fields)


def ask(loop: LoopThread, wanted: ModelRequest | None = None, **changes: Any) -> ModelReply:
    """One call of a fresh client at the endpoint of the environment."""

    async def call() -> ModelReply:
        chat = OpenAIChat("m", settings(**changes))
        try:
            return await chat.answer(wanted or request())
        finally:
            await chat.aclose()

    return loop.run(call())
