"""What differs between two requests is said by its name, with the place in a long text where they part."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from tests.models.support import request
from tradinggroup.models.misses import difference

LONG = "a" * 300


@pytest.mark.parametrize(
    ("wanted", "recorded", "expected"),
    [
        ({"text": f"{LONG} 7"}, {"text": f"{LONG} 8"}, 'user message line 1 ("aaaaaaaaaaaaaa 7" instead of "aaaaaaaaaaaaaa 8")'),
        ({"text": f"1{LONG}"}, {"text": f"2{LONG}"}, f'user message line 1 ("1{LONG[:59]}…" instead of "2{LONG[:59]}…")'),
        ({"text": "a\nb"}, {"text": "a"}, 'user message line 2 ("b" instead of "")'),
        ({"parameters": {"top_p": 0.9}}, {"parameters": {}}, "parameter top_p (0.9 instead of none)"),
        (
            {"model": "openai:b", "seed_index": 1, "text": "x"},
            {"model": "openai:a", "text": "y"},
            'model (openai:b instead of openai:a), seed_index (1 instead of 0), user message line 1 ("x" instead of "y")',
        ),
    ],
)
def test_what_differs_is_named(wanted: dict[str, Any], recorded: dict[str, Any], expected: str) -> None:
    one, other = (orjson.loads(request(**fields).content) for fields in (wanted, recorded))
    assert difference(one, other) == expected


def test_a_changed_description_of_the_schema_is_named() -> None:
    one = orjson.loads(request().content)
    assert difference(one, one | {"schema_hash": "other"}) == "schema (its fields or descriptions changed)"
