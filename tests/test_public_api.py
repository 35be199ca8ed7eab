"""The names that a user imports: few, lazy, and the same whatever was imported before."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib.metadata import version

import pytest

import tradinggroup as tg

PUBLIC = {
    "backtest", "open_run", "compare", "Comparison",
    "Run", "RunStats", "Project", "Experiment", "Bundle", "TradinggroupError", "UsageError", "DataError",
    "LookaheadError", "BudgetError", "ProviderError", "ErrorCode", "__version__",
}  # fmt: skip


def run_python(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_public_names_are_these_and_at_most_twenty() -> None:
    assert set(tg.__all__) == PUBLIC
    assert len(tg.__all__) == len(PUBLIC) <= 20
    assert set(dir(tg)) == PUBLIC


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_name_is_there_and_explains_itself(name: str) -> None:
    value = getattr(tg, name)
    assert name == "__version__" or (callable(value) and inspect.getdoc(value))


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="module 'tradinggroup' has no attribute 'backtests'"):
        _ = tg.backtests  # type: ignore[attr-defined]


def test_version_is_that_of_the_installed_package() -> None:
    assert tg.__version__ == version("tradinggroup")


def test_importing_costs_nothing() -> None:
    run_python(
        "import sys, tradinggroup\n"
        "heavy = {'pandas', 'numpy', 'pydantic', 'langgraph', 'chromadb', 'openai', 'matplotlib'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )


@pytest.mark.parametrize(
    "before",
    ["", "import tradinggroup.backtest.sink", "from tradinggroup.backtest import sink", "tg.backtest", "import tradinggroup.runs.run"],
)
def test_backtest_is_a_function_and_a_room_whatever_was_imported_before(before: str) -> None:
    run_python(
        f"import tradinggroup as tg\n{before}\nassert callable(tg.backtest)\n"
        "import tradinggroup.backtest.sink as sink\nassert callable(tg.backtest) and tg.backtest.sink is sink\n"
        "from tradinggroup import backtest\nassert callable(backtest)\n"
        "try:\n    tg.backtest('no-such-experiment', project='.')\n"
        "except tg.UsageError as error:\n    assert error.code == 'EXPERIMENT_NOT_FOUND'\n"
        "else:\n    raise AssertionError\n"
    )


def test_backtest_shows_its_signature() -> None:
    assert list(inspect.signature(tg.backtest).parameters)[:3] == ["experiment", "project", "symbols"]
