"""What a server's body says is taken for what it is worth."""

from __future__ import annotations

import json

import pytest

from tradinggroup.models import completion


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((11, 7), (11, 7)),
        ((2000.0, 7.0), (2000, 7)),
        ((11, 0), (11, 0)),
        ((10**30, 7), (0, 0)),
        ((11, 1e300), (0, 0)),
        ((-1, 7), (0, 0)),
        ((0, 7), (0, 0)),
        ((11, "7"), (0, 0)),
        ((True, 7), (0, 0)),
        ((None, 1.5), (0, 0)),
    ],
)
def test_a_count_that_is_none_leaves_the_call_uncounted(counts: tuple[object, object], expected: tuple[int, int]) -> None:
    usage = completion._usage(json.loads(json.dumps({"prompt_tokens": counts[0], "completion_tokens": counts[1]})))
    assert (usage.prompt_tokens, usage.completion_tokens) == expected
