"""Runs held against each other: the paired interval, common sessions, and the first thing that differed."""

from __future__ import annotations

import copy
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tradinggroup as tg
from tests.runs.factory import make_run
from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError, UsageError
from tradinggroup.project import Project
from tradinggroup.runs.comparison import compare_results
from tradinggroup.runs.decision_differences import compare_decisions
from tradinggroup.runs.figures import WIDTH
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.samples import samples_of
from tradinggroup.runs.text.comparison import text_comparison
from tradinggroup.runs.text.samples import text_samples

FIRST = date(2024, 1, 1)
LINE: dict[str, Any] = {
    "as_of": "x",
    "features": {"rsi14": 50.0},
    "news_sentiment": {"score": 0.1, "items_seen": 2, "items": [{"id": "a", "score": 0.1}]},
    "report_retrieval": {"forms": {}},
    "forecasting": {"p_up": 0.5, "experience": None},
    "style_selection": {"style": "balanced", "experience": "lesson"},
    "decision": {"action": "hold", "experience": None},
    "risk": {"thresholds": {"style": "balanced"}},
    "sizing": {"shares": 0, "account": {"cash_usd": 100.0}},
    "hold_kind": "model",
}


def sessions(count: int) -> list[str]:
    return [(FIRST + timedelta(days=day)).isoformat() for day in range(count)]


def run_of(
    name: str,
    returns: Any,
    *,
    symbols: tuple[str, ...] = ("AAA",),
    shift: int = 0,
    trips: int = 20,
    lines: list[dict[str, Any]] | None = None,
    lesson: str = "as ever",
    **settings: Any,
) -> RunFolder:
    """A run in memory: the returns of one account, its decision lines, and settings."""
    days = sessions(len(returns) + 1 + shift)[shift:]
    path = 100.0 * np.cumprod(np.concatenate([[1.0], 1 + np.asarray(returns)]))
    equity = [
        {"session": day, "symbol": symbol, "equity_usd": float(value)} for day, value in zip(days, path, strict=True) for symbol in symbols
    ]
    header = {
        "run_id": name, "status": "success", "experiment": "study", "symbols": list(symbols), "sessions": len(days), "title": "openai:m",
        "settings": {"seed": 7, "cash_rate_per_year": 0.0, "statistics": {"bootstrap_draws": 400}, "placebo": [], **settings},
        "metrics": {"ALL": {"total_return_fraction": float(path[-1] / path[0] - 1), "trades": trips}}, "seed": 7,
    }  # fmt: skip
    reflections = [{"lesson_id": "lesson", "text": lesson}]
    return RunFolder(
        Path(name), header, [], {RowKind.EQUITY: equity, RowKind.DECISION: lines or [], RowKind.REFLECTION: reflections}
    )  # fmt: skip


def line_of(place: int, **changes: Any) -> dict[str, Any]:
    """A decision line; `forecasting__p_up=0.6` changes a field."""
    line = {"session": sessions(place + 1)[-1], "symbol": "AAA", **copy.deepcopy(LINE)}
    for key, value in changes.items():
        *above, leaf = key.split("__")
        node: Any = line
        for part in above:
            node = node[part]
        node[leaf] = value
    return line


NOISE = np.random.default_rng(5).normal(0, 0.01, 200)
SMALL = np.random.default_rng(6).normal(0, 0.0005, 200)


def test_a_common_market_drops_out_of_the_difference() -> None:
    """A small lead on top of the same large noise is found; between two runs of their own noise it is not."""
    (pair,) = compare_results([run_of("a", NOISE), run_of("b", NOISE + 0.0004 + SMALL)]).pairs
    found = pair.differences["total_return_fraction"]
    assert found.excludes_zero
    assert found.difference is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.difference < found.high
    other = np.random.default_rng(7).normal(0.0004, 0.01, 200)
    (apart,) = compare_results([run_of("a", NOISE), run_of("b", other)]).pairs
    assert not apart.differences["total_return_fraction"].excludes_zero
    assert "no difference is shown" in " ".join(text_comparison(compare_results([run_of("a", NOISE), run_of("b", other)])).split())


def test_the_difference_turns_with_the_order() -> None:
    first, second = run_of("a", NOISE), run_of("b", NOISE + 0.0004 + SMALL)
    (there,), (back,) = compare_results([first, second]).pairs, compare_results([second, first]).pairs
    for metric in ("total_return_fraction", "sharpe_ratio"):
        assert there.differences[metric].difference == pytest.approx(-(back.differences[metric].difference or 0))
        assert there.differences[metric].low == pytest.approx(-(back.differences[metric].high or 0))


def test_only_common_sessions_are_compared_and_it_says_so() -> None:
    comparison = compare_results([run_of("a", NOISE[:100]), run_of("b", NOISE[:120], shift=30)])
    (pair,) = comparison.pairs
    assert (len(pair.sessions), pair.only_first, pair.only_second) == (71, 30, 50)
    assert pair.sessions[0] == sessions(31)[-1]
    assert pair.differences["total_return_fraction"].first == pytest.approx(np.prod(1 + NOISE[30:100]) - 1)
    text = " ".join(text_comparison(comparison).split())
    assert "other windows: only the common sessions are compared, 30 and 50 are left out" in text


@pytest.mark.parametrize(
    ("runs", "says"),
    [
        ((run_of("a", NOISE[:20]), run_of("b", NOISE[:20], shift=60)), "the runs have no session in common: a 2024-01-01..2024-01-21"),
        ((run_of("a", NOISE[:20]), run_of("b", NOISE[:20], symbols=("BBB",))), "the runs have no symbol in common: AAA and BBB"),
        ((run_of("a", NOISE[:20]),), "compare needs two runs"),
        ((run_of("a", NOISE[:20]), run_of("a", NOISE[:20])), "run a is named twice"),
    ],
)
def test_what_cannot_be_compared_is_refused(runs: tuple[RunFolder, ...], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        compare_results(runs)
    assert says in str(caught.value)


def test_a_run_without_accounts_is_refused() -> None:
    empty = RunFolder(Path("c"), {**run_of("c", NOISE).header, "status": "interrupted"}, [], {RowKind.EQUITY: []})
    with pytest.raises(DataError, match=r"run c has no accounts of agents \(status interrupted\)"):
        compare_results([run_of("a", NOISE), empty])


def test_other_symbols_leave_the_common_ones() -> None:
    comparison = compare_results([run_of("a", NOISE, symbols=("AAA", "BBB")), run_of("b", NOISE, symbols=("BBB", "CCC"))])
    assert comparison.pairs[0].symbols == ("BBB",)
    assert "other symbols: ALL is the sum of the common ones here" in " ".join(text_comparison(comparison).split())


@pytest.mark.parametrize(("count", "trips", "reason"), [(30, 20, "31 of 60 sessions"), (100, 4, "4 of 10 round trips")])
def test_too_little_shows_no_interval_and_keeps_it_in_json(count: int, trips: int, reason: str) -> None:
    comparison = compare_results([run_of("a", NOISE[:count]), run_of("b", NOISE[50 : 50 + count], trips=trips)])
    text = " ".join(text_comparison(comparison).split())
    assert "no interval and no Sharpe ratio" in text
    assert reason in text
    assert "95 %" not in text
    assert comparison.to_plain()["pairs"][0]["differences"]["total_return_fraction"]["low"] is not None


def test_equal_runs_have_no_interval_and_differ_nowhere() -> None:
    comparison = compare_results([run_of("a", NOISE, lines=[line_of(0)]), run_of("b", NOISE, lines=[line_of(0)])])
    assert comparison.pairs[0].differences["total_return_fraction"].reason == "the returns are the same"
    assert comparison.pairs[0].decisions.actions_differ == ()
    assert "settings the same" in " ".join(text_comparison(comparison).split())


@pytest.mark.parametrize(
    ("lead", "placebo_first", "beats"), [(0.0006, False, True), (0.0006, True, True), (-0.0006, False, False), (0.0, False, False)]
)
def test_real_beats_placebo_only_where_the_interval_leaves_zero_out(lead: float, placebo_first: bool, beats: bool) -> None:
    real, placebo = run_of("real", NOISE + lead + SMALL), run_of("fake", NOISE, placebo=["news"])
    comparison = compare_results([placebo, real] if placebo_first else [real, placebo])
    assert comparison.pairs[0].real_beats_placebo is beats
    text = " ".join(text_comparison(comparison).split())
    assert ("not shown that real beats placebo" in text) is not beats
    assert "real beats placebo" in text


def test_p_values_of_several_pairs_are_adjusted_together() -> None:
    runs = [run_of("a", NOISE), *(run_of(name, NOISE + lead + SMALL) for name, lead in (("b", 0.0004), ("c", 0.00002), ("d", 0.00001)))]
    found = [pair.differences["total_return_fraction"] for pair in compare_results(runs).pairs]
    assert found[0].p_value is not None
    assert found[0].p_value_adjusted == pytest.approx(3 * found[0].p_value)
    assert all((each.p_value_adjusted or 0) >= (each.p_value or 0) for each in found)


@pytest.mark.parametrize(
    ("changes", "agent", "field"),
    [
        ({"as_of": "y"}, "clock", "as_of"),
        ({"features__rsi14": 51.0, "forecasting__p_up": 0.6}, "features", "rsi14"),
        ({"news_sentiment__score": 0.2, "news_sentiment__items": [{"id": "a", "score": 0.3}]}, "news_sentiment", "items[0].score"),
        ({"news_sentiment__score": 0.2}, "news_sentiment", "score"),
        ({"report_retrieval__forms": {"10-K": 1}}, "report_retrieval", "forms.10-K"),
        ({"forecasting__p_up": 0.6, "style_selection__style": "aggressive"}, "forecasting", "p_up"),
        ({"sizing__account": {"cash_usd": 99.0}, "risk__thresholds": None}, "account", "cash_usd"),
        ({"risk__thresholds": {"style": "aggressive"}}, "risk thresholds", "style"),
        ({}, "decision", "action"),
    ],
)
def test_the_first_difference_on_the_way_to_the_decision_is_named(changes: dict[str, Any], agent: str, field: str) -> None:
    first = run_of("a", NOISE, lines=[line_of(0), line_of(1)])
    second = run_of("b", NOISE, lines=[line_of(0), line_of(1, decision__action="buy", **changes)])
    found = compare_decisions(first, second)
    (one,) = found.actions_differ
    assert (one.session, one.first_action, one.second_action) == (sessions(2)[-1], "hold", "buy")
    assert (one.agent, one.field) == (agent, field)
    assert found.compared == 2


def test_a_lesson_that_says_something_else_is_an_input_though_its_id_is_the_same() -> None:
    first = run_of("a", NOISE, lines=[line_of(0)], lesson="much the same at the start, then: hold")
    second = run_of("b", NOISE, lines=[line_of(0, decision__action="buy")], lesson="much the same at the start, then: buy")
    (one,) = compare_decisions(first, second).actions_differ
    assert (one.agent, one.field) == ("style_selection", "experience")
    assert one.first_value.endswith("hold")


def test_a_forced_exit_counts_as_an_action_and_a_size_for_itself() -> None:
    first = run_of("a", NOISE, lines=[line_of(0), line_of(1), line_of(2)])
    second = run_of("b", NOISE, lines=[line_of(0, decision=None), line_of(1, sizing__shares=3)])
    found = compare_decisions(first, second)
    assert found.actions_differ[0].second_action == "forced exit"
    assert (found.sizes_differ, found.only_first, found.only_second) == (1, 1, 0)


def test_flips_are_counted_over_all_runs_by_session() -> None:
    lines = [[line_of(0), line_of(1, decision__action=action), line_of(2)] for action in ("hold", "hold", "buy")]
    samples = samples_of([run_of(f"r{place}", NOISE * (place + 1) / 2, lines=own) for place, own in enumerate(lines)])
    assert samples.flip_rate_fraction == pytest.approx(1 / 3)
    assert samples.flips_by_session == {sessions(2)[-1]: 1.0}
    values = [run.header["metrics"]["ALL"]["total_return_fraction"] for run in samples.runs]
    spread = samples.spread["total_return_fraction"]
    assert (spread.mean, spread.lowest, spread.highest) == pytest.approx((np.mean(values), min(values), max(values)))
    assert spread.deviation == pytest.approx(np.std(values, ddof=1))
    text = text_samples([samples])
    assert "flips: on 33.3 % of 3 decisions not all 3 runs chose the same action" in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= WIDTH
    assert max(map(len, text_samples([samples, samples]).splitlines())) <= WIDTH


def test_the_pages_fit_and_show_themselves_in_a_notebook(project: Project) -> None:
    first, second = make_run(project), make_run(project, seed=8)
    comparison = tg.compare(first.run_id, tg.open_run(second.path), project=project)
    text = str(comparison)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "seed 7 -> 8" in text
    page = comparison._repr_html_()
    assert "<script>" not in page
    assert first.run_id in page
    assert [run["run_id"] for run in comparison.to_plain()["runs"]] == [first.run_id, second.run_id]
