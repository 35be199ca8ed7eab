"""Errors: one line, the right exit code, and a meaning for every code."""

from __future__ import annotations

import pytest

from tradinggroup.errors import (
    BudgetError,
    DataError,
    ErrorCode,
    LookaheadError,
    ProviderError,
    TradinggroupError,
    UsageError,
    did_you_mean,
)


@pytest.mark.parametrize(
    ("kind", "exit_code"), [(UsageError, 2), (DataError, 3), (LookaheadError, 3), (BudgetError, 4), (ProviderError, 5)]
)
def test_exit_codes(kind: type[TradinggroupError], exit_code: int) -> None:
    assert kind.exit_code == exit_code


def test_the_line_has_code_text_facts_and_remedy() -> None:
    error = UsageError(ErrorCode.USAGE, "too many words", given=3, allowed=2, remedy="Leave one out.")
    assert str(error) == "USAGE: too many words, given=3, allowed=2. Leave one out."
    assert str(UsageError(ErrorCode.USAGE, "really?")) == "USAGE: really?"
    assert str(DataError(ErrorCode.RUN_INVALID, file="run.json")) == "RUN_INVALID: file=run.json."
    assert str(LookaheadError("field=close")).startswith("LOOKAHEAD: field=close. Nothing after as_of can be read")


def test_every_code_is_its_own_name_and_has_a_meaning() -> None:
    for code in ErrorCode:
        assert code == code.name
        assert code.meaning
        assert not code.meaning.endswith(".")


def test_the_nearest_known_name_is_offered() -> None:
    assert did_you_mean("demmo", ["demo", "us2025"]) == "Did you mean demo? Known: demo, us2025."
    assert did_you_mean("zzz", ["demo"]) == "Known: demo."
    assert did_you_mean("demo", []) == "Known: none."
