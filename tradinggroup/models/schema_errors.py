"""What is wrong with a value that does not follow its schema: the kind that helps most, and one line of detail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tradinggroup.models.answers import Answer
from tradinggroup.models.port import Failure, FailureKind

_DETAIL_CHARACTERS = 300
_SHOWN_CHARACTERS = 40
_SCHEMA_WORDS = {"type", "enum", "const", "description", "title", "minimum", "maximum", "items"}


def schema_failure(error: ValidationError, value: Any, schema: type[Answer]) -> Failure:
    """The failure of `value`, which pydantic refused with `error`."""
    if is_schema_echo(value, schema):
        return Failure(FailureKind.SCHEMA_ECHO, "the schema was repeated in place of an answer to it")
    found = error.errors()
    detail = one_line("; ".join(_described(item) for item in found))
    return Failure(_kind(found, value), detail)


def one_line(text: str) -> str:
    """`text` without line breaks, at most 300 characters."""
    return " ".join(text.split())[:_DETAIL_CHARACTERS]


def is_schema_echo(value: Any, schema: type[Answer], depth: int = 3) -> bool:
    """Whether `value` is the JSON schema itself, bare or inside other objects, or a description of each field in place of its value."""
    if not isinstance(value, dict) or not depth:
        return False
    properties = value.get("properties")
    if isinstance(properties, dict) and set(schema.model_fields) <= set(properties):
        return True
    fields = [value.get(name) for name in schema.model_fields]
    if all(isinstance(field, dict) and field.keys() & _SCHEMA_WORDS for field in fields):
        return True
    return any(is_schema_echo(inner, schema, depth - 1) for inner in value.values())


def _kind(found: list[ErrorDetails], value: Any) -> FailureKind:
    words = [item["input"] for item in found if item["type"] == "literal_error" and isinstance(item["input"], str)]
    is_missing = any(item["type"] == "missing" for item in found)
    keys = [key for key in value if isinstance(key, str)] if isinstance(value, Mapping) and is_missing else []
    if any(_is_other_script(word) for word in (*words, *keys)):
        return FailureKind.WRONG_LANGUAGE
    return FailureKind.WRONG_ENUM if words and len(words) == len(found) else FailureKind.SCHEMA


def _is_other_script(word: str) -> bool:
    """Whether a word has letters, none of which is of the Latin alphabet. Other languages in Latin letters can't be told from a typo."""
    letters = [one for one in word if one.isalpha()]
    return bool(letters) and not any(one.isascii() for one in letters)


def _described(item: ErrorDetails) -> str:
    place = ".".join(str(part) for part in item["loc"])
    said = f", not {str(item['input'])[:_SHOWN_CHARACTERS]!r}" if item["type"] == "literal_error" else ""
    return f"{place}: {item['msg']}{said}" if place else str(item["msg"])
