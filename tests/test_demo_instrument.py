"""What the page of the demo market says about the agents is what the benchmark measures: the rows of the committed market, anew."""

from __future__ import annotations

import importlib.util
import re
import sys
from types import ModuleType

import pytest

from tests.conftest import REPOSITORY
from tradinggroup.data.demo_market import DEFAULT_SEED


@pytest.fixture(scope="module")
def instrument() -> ModuleType:
    """`benchmarks/demo_market.py`, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("demo_market_benchmark", REPOSITORY / "benchmarks" / "demo_market.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def page() -> str:
    return (REPOSITORY / "docs" / "demo-market.md").read_text(encoding="utf-8")


def row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


@pytest.mark.long
@pytest.mark.parametrize("has_edge", [True, False], ids=["edge", "no edge"])
def test_the_page_states_what_is_measured_on_the_committed_market(instrument: ModuleType, has_edge: bool) -> None:
    found = [instrument.measure(DEFAULT_SEED, has_edge=has_edge)]
    without = [instrument.measure(DEFAULT_SEED, has_edge=has_edge, without=["reflections"])]
    assert row(instrument.evidence_rows(found)[1]) in page()
    assert row(instrument.skill_rows(found)[1]) in page()
    assert row(instrument.reflection_rows(found, without)[1]) in page()
    assert found[0].news_correlation > 0.9
    assert abs(found[0].forecast_to_return) < 0.08 or has_edge


def test_the_page_has_every_seed(instrument: ModuleType) -> None:
    _, _, block = page().partition("<!-- measured: demo instrument -->")
    tables = block.partition("<!-- end measured -->")[0].split("**")
    rows = re.findall(r"^\| (\d+|all) \|", block, re.MULTILINE)
    assert rows == [*map(str, instrument.SEEDS), "all"] * 5
    assert sum(part.startswith(("With edge", "Without edge", "What is read")) for part in tables) == 5


@pytest.mark.parametrize("tone", [-1, 0, 1])
def test_planted_guidance_is_recognised_and_only_of_its_tone(instrument: ModuleType, tone: int) -> None:
    said = {
        -1: "We lowered our full-year guidance and now expect a revenue decline of 2% to 4%, compared with our earlier outlook of revenue "
        "growth of 4% to 6%.",
        0: "We see opportunities and risks to this outlook\nas balanced at this time.",
        1: "We expect demand to remain strong through the next two quarters and are increasing capacity for slurry pumps to meet it.",
    }
    for other, text in said.items():
        assert any(pattern.search(text) for pattern in instrument.guidance_patterns(tone)) is (other == tone)
