"""From a schema to what a server decodes by, and from raw text to a validated answer or a typed failure."""

from __future__ import annotations

import re
from typing import Any

import orjson
from pydantic import ValidationError

from tradinggroup.models.answers import Answer
from tradinggroup.models.port import Failure, FailureKind, Message

_DETAIL_CHARACTERS = 300
_SHOWN_CHARACTERS = 4000
"""Longest part of a wrong answer that is shown to the model again."""
_FENCE = re.compile(r"```[A-Za-z]*[ \t]*\r?\n(.*?)\r?\n?```", re.DOTALL)
_RESPONSE_FORMATS: dict[type[Answer], dict[str, Any]] = {}


def response_format(schema: type[Answer]) -> dict[str, Any]:
    """The `response_format` of a chat completion: strict JSON-schema decoding, every field required, no others."""
    if schema not in _RESPONSE_FORMATS:
        body = {"name": schema.__name__, "strict": True, "schema": _strict(schema.model_json_schema())}
        _RESPONSE_FORMATS[schema] = {"type": "json_schema", "json_schema": body}
    return _RESPONSE_FORMATS[schema]


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {name: _strict(value) for name, value in node.items() if name != "default"}
    if isinstance(node.get("properties"), dict):
        strict |= {"additionalProperties": False, "required": list(node["properties"])}
    return strict


def parse_answer(text: str, schema: type[Answer]) -> Answer | Failure:
    """The answer in `text`, or why there is none: `EMPTY`, `NOT_JSON` (NaN and Infinity are no JSON) or `SCHEMA`.

    A thinking block and code fences around the answer are taken off. Types are strict: the text "0.5" is not a number.
    """
    if not text.strip():
        return Failure(FailureKind.EMPTY, "the answer is empty")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        bare = without_wrapping(text)
        if not bare:
            return Failure(FailureKind.EMPTY, "nothing follows the thinking")
        try:
            value = orjson.loads(bare)
        except orjson.JSONDecodeError as error:
            return Failure(FailureKind.NOT_JSON, _one_line(f"not valid JSON: {error}"))
    try:
        return schema.model_validate(value, strict=True)
    except ValidationError as error:
        return Failure(FailureKind.SCHEMA, _one_line("; ".join(_describe(item) for item in error.errors())))


def without_wrapping(text: str) -> str:
    """`text` without a leading thinking block (its opening tag may be missing) and without a fence around the rest."""
    bare = text.strip()
    head, closing, rest = bare.rpartition("</think>")
    if closing and (head.startswith("<think>") or "<think>" not in head):
        bare = rest.strip()
    elif bare.startswith("<think>"):
        return ""
    fenced = _FENCE.fullmatch(bare)
    return fenced[1].strip() if fenced else bare


def _describe(item: Any) -> str:
    place = ".".join(str(part) for part in item["loc"])
    return f"{place}: {item['msg']}" if place else str(item["msg"])


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_DETAIL_CHARACTERS]


def repair_messages(messages: tuple[Message, ...], text: str, failure: Failure) -> tuple[Message, ...]:
    """The conversation with the wrong answer and the reason why it can't be used: the one repair turn."""
    return (
        *messages,
        Message("assistant", text[:_SHOWN_CHARACTERS] if text.strip() else "(no answer)"),
        Message(
            "user",
            f"That answer cannot be used: {failure.detail}.\n"
            "Answer again: one JSON object that follows the schema, and nothing before or after it.",
        ),
    )
