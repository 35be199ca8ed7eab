"""The settings as one tree: every key by its dotted name, what may stand there, and how to say that something may not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime, time
from functools import cache
from typing import Any, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.settings import Experiment, Section

DEFAULT_ORIGIN = "default"
"""Where a value came from that nobody gave."""


@cache
def known_settings() -> Mapping[str, FieldInfo]:
    """Every setting by dotted key, in the order of the settings' classes."""
    return {key: field for key, field in _walk(Experiment, "") if not _is_section(field)}


@cache
def sections() -> frozenset[str]:
    """Every table of settings by dotted key."""
    return frozenset(key for key, field in _walk(Experiment, "") if _is_section(field))


def _walk(section: type[Section], prefix: str) -> list[tuple[str, FieldInfo]]:
    found = []
    for name, field in section.model_fields.items():
        found.append((f"{prefix}{name}", field))
        if _is_section(field):
            found.extend(_walk(field.annotation, f"{prefix}{name}."))  # type: ignore[arg-type]
    return found


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Section)


def is_list(field: FieldInfo) -> bool:
    """Whether the setting is a list of values."""
    return get_origin(field.annotation) is tuple


def plain(value: Any) -> Any:
    """Dates and times as text, everything else as it is."""
    return value.isoformat() if isinstance(value, date | datetime | time) else value


def invalid_setting(details: ErrorDetails, origins: Mapping[str, str]) -> UsageError:
    """What pydantic found, as an error that names key, value, origin (by dotted key) and meaning."""
    parts = [str(part) for part in details["loc"]]
    key = ".".join(parts)
    while parts and key not in known_settings():
        parts.pop()
        key = ".".join(parts)
    field = known_settings().get(key)
    meaning = f" It means: {field.description}." if field is not None and field.description else ""
    return UsageError(
        ErrorCode.SETTING_INVALID,
        f"{key}={short(details['input'])} {_must(details, field)}, origin={origins.get(key, DEFAULT_ORIGIN)}",
        remedy=f"{_percent_hint(details)}{meaning}".strip(),
    )


def _must(details: ErrorDetails, field: FieldInfo | None) -> str:
    allowed = allowed_words(field) if field else ""
    if allowed:
        return f"must be one of {allowed}"
    if details["type"].startswith("date"):
        return "must be a date such as 2025-02-03"
    return re.sub(r"^(Input|String|Value) should ", "must ", details["msg"])


def allowed_words(field: FieldInfo) -> str:
    """The words that a closed set allows; empty for any other setting."""
    annotation = field.annotation.__args__[0] if is_list(field) else field.annotation  # type: ignore[union-attr]
    words = getattr(annotation, "__args__", ())
    return ", ".join(map(str, words)) if words and all(isinstance(word, str) for word in words) else ""


def _percent_hint(details: ErrorDetails) -> str:
    value = details["input"]
    most = details.get("ctx", {}).get("le", math.inf) if details["type"] == "less_than_equal" else math.inf
    return f"Did you mean {value / 100:g} ({value:g} %)?" if most <= 1 <= value and value / 100 <= most else ""


def short(value: object) -> str:
    """A value in at most 60 characters."""
    text = value if isinstance(value, str) else json.dumps(value, default=plain)
    return text if len(text) <= 60 else f"{text[:57]}..."
