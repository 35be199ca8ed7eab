"""The JSON schema of an answer as servers decode by it and as prompts show it."""

from __future__ import annotations

from typing import Any

import orjson

from tradinggroup.models.answers import Answer

_STRICT: dict[type[Answer], dict[str, Any]] = {}


def strict_schema(schema: type[Answer]) -> dict[str, Any]:
    """The JSON schema with every field required and no others: what strict decoding asks for."""
    if schema not in _STRICT:
        _STRICT[schema] = _strict(schema.model_json_schema())
    return _STRICT[schema]


def schema_text(schema: type[Answer]) -> str:
    """The same as one line of JSON, for a prompt."""
    return orjson.dumps(strict_schema(schema)).decode()


def _strict(node: Any) -> Any:
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {name: _strict(value) for name, value in node.items() if name != "default"}
    if isinstance(node.get("properties"), dict):
        strict |= {"additionalProperties": False, "required": list(node["properties"])}
    return strict
