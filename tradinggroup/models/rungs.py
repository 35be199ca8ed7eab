"""The rungs of the ladder: four ways of asking a server for an answer that follows a schema, the best one first.

json_schema   the server decodes by the schema
tool_call     one tool is forced, whose parameters are the schema
json_object   the server decodes JSON; the schema stands in the prompt
text          plain text with the schema in the prompt; its last JSON object is the answer
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from tradinggroup.models.answers import Answer
from tradinggroup.models.port import Failure, Message
from tradinggroup.models.schemas import schema_text, strict_schema

_SHOWN_CHARACTERS = 4000
"""Longest part of a wrong answer that is shown to the model again."""


class Rung(StrEnum):
    """One way of asking, best first."""

    JSON_SCHEMA = "json_schema"
    TOOL_CALL = "tool_call"
    JSON_OBJECT = "json_object"
    TEXT = "text"

    @property
    def needs_schema_in_prompt(self) -> bool:
        """Whether nothing but the prompt tells the model what to answer."""
        return self in {Rung.JSON_OBJECT, Rung.TEXT}


def tool_name(schema: type[Answer], rung: Rung) -> str | None:
    """The tool that an answer on this rung must call; None where it is text."""
    return schema.__name__ if rung is Rung.TOOL_CALL else None


def decoding(schema: type[Answer], rung: Rung) -> Mapping[str, Any]:
    """What the body of a request says about the form of the answer."""
    name = schema.__name__
    if rung is Rung.JSON_SCHEMA:
        return {"response_format": {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": strict_schema(schema)}}}
    if rung is Rung.TOOL_CALL:
        function = {"name": name, "description": "Give the answer.", "parameters": strict_schema(schema)}
        # Of one tool, `required` asks what its name would; llama.cpp takes the longer form that names it for `auto`.
        return {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}
    return {"response_format": {"type": "json_object"}} if rung is Rung.JSON_OBJECT else {}


def prompt_on(messages: tuple[Message, ...], schema: type[Answer], rung: Rung) -> tuple[Message, ...]:
    """The messages as they are sent on this rung: with the schema at their end where nothing else tells it."""
    if not rung.needs_schema_in_prompt:
        return messages
    *before, last = messages
    wish = f"Answer with one JSON object that follows this JSON schema, and with nothing before or after it:\n{schema_text(schema)}"
    return (*before, Message(last.role, f"{last.content}\n\n{wish}"))


def repair_messages(messages: tuple[Message, ...], text: str, failure: Failure, rung: Rung) -> tuple[Message, ...]:
    """The conversation with the wrong answer and the reason why it can't be used: the one repair turn."""
    wanted = "call the tool once, with arguments that follow its schema" if rung is Rung.TOOL_CALL else (
        "one JSON object that follows the schema, and nothing before or after it"
    )  # fmt: skip
    return (
        *messages,
        Message("assistant", text[:_SHOWN_CHARACTERS] if text.strip() else "(no answer)"),
        Message("user", f"That answer cannot be used: {failure.detail}.\nAnswer again: {wanted}."),
    )
