from __future__ import annotations

import sys
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tradinggroup as tg
from tests.runs.factory import HOSTILE, SESSIONS, SYMBOLS, make_project, make_run
from tradinggroup.backtest.sink import COLUMNS, RowKind
from tradinggroup.errors import DataError, UsageError
from tradinggroup.project import Project
from tradinggroup.runs import run as run_module
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.frames import DECISION_COLUMNS, ENTRY_COLUMNS, INTERVAL_COLUMNS, OUTCOME_COLUMNS, interval_frame, trade_frame
from tradinggroup.runs.plot import drawdowns, equity_path
from tradinggroup.runs.run import Run


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(make_run(make_project(tmp_path_factory.mktemp("run"))))


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.add(tag)


def tags(page: str) -> set[str]:
    parser = Tags()
    parser.feed(page)
    return parser.found


def test_frames_have_the_documented_columns_and_types(opened: Run) -> None:
    for frame, kind in (
        (opened.equity, RowKind.EQUITY),
        (opened.orders, RowKind.ORDER),
        (opened.fills, RowKind.FILL),
    ):
        assert tuple(frame.columns) == COLUMNS[kind]
        assert pd.api.types.is_datetime64_dtype(frame["session"])
    assert list(opened.decisions.columns) == list(DECISION_COLUMNS)
    assert list(opened.outcomes.columns) == list(OUTCOME_COLUMNS)
    trades = opened.trades
    assert list(trades.columns) == [*COLUMNS[RowKind.TRADE], *ENTRY_COLUMNS]
    assert trades["decision_session"].dt.date.tolist() == [SESSIONS[0]] * 2 + [SESSIONS[6]] * 2
    assert trades["news_score"].tolist() == [0.31] * 4
    assert trades["reasoning"].notna().all()
    assert trades["exit_session"].isna().tolist() == [False, False, True, True]
    assert pd.api.types.is_datetime64_dtype(trades["exit_session"])
    decisions = opened.decisions
    assert str(decisions["as_of"].dt.tz) == "UTC"
    assert pd.api.types.is_float_dtype(decisions["news_score"])
    assert np.isnan(decisions["news_score"].iloc[2]), "no news is no score"
    assert decisions["order_shares"].sum() == 2 * (100 - 100 + 100)
    assert opened.equity.groupby("symbol")["equity_usd"].last().to_dict() == pytest.approx(dict.fromkeys(SYMBOLS, 100_700))


def test_frames_of_a_run_without_rows_keep_their_columns_and_types(project: Project) -> None:
    empty = Run(make_run(project, status="interrupted", sessions=()))
    for frame in (empty.equity, empty.trades, empty.orders, empty.fills, empty.decisions, empty.outcomes):
        assert len(frame) == 0
        assert pd.api.types.is_datetime64_dtype(frame["session"])
    assert empty.stats.total_return_fraction is None
    assert len(empty.reflections) == 0
    empty.plot()


def test_a_trade_without_a_decision_has_no_entry(opened: Run) -> None:
    frame = trade_frame(opened.folder.trades(), opened.folder.fills(), [])
    assert frame["decision_session"].notna().all()
    assert frame[["news_score", "p_up", "confidence"]].isna().all(axis=None)
    assert frame["profit_usd"].notna().all()


def test_intervals_are_a_frame(opened: Run) -> None:
    assert list(opened.intervals.columns) == list(INTERVAL_COLUMNS)
    assert len(opened.intervals) == 0, "a run of before there were intervals"
    own = {"value": 0.2, "low": -0.1, "high": 0.5, "reason": None}
    lead = {"value": 0.1, "low": None, "high": None, "reason": "only 7 of 10 round trips", "p_value": None}
    statistics = {
        "metrics": {"ALL": {"total_return_fraction": own, "sharpe_ratio": own, "max_drawdown_fraction": {"quantiles": {}}}},
        "differences": {"random": {"ALL": {"total_return_fraction": lead, "sharpe_ratio": lead, "return_correlation": 0.5}}},
    }
    frame = interval_frame(statistics)
    assert frame["against"].isna().tolist() == [True, True, False, False]
    assert frame["metric"].tolist() == ["total_return_fraction", "sharpe_ratio"] * 2
    assert frame["low"].iloc[0] == -0.1
    assert np.isnan(frame["low"].iloc[2])
    assert frame["reason"].iloc[2] == "only 7 of 10 round trips"


def test_claims_are_a_page_and_a_sequence(opened: Run) -> None:
    assert [claim.topic for claim in opened.claims][:2] == ["run", "clock"]
    assert "what may be claimed" in str(opened.claims)
    assert tags(opened.claims._repr_html_()) == {"pre"}
    assert max(map(len, str(opened.claims).splitlines())) <= 80


def test_changing_a_frame_changes_nothing_else(opened: Run) -> None:
    frame = opened.equity
    frame["equity_usd"] = 0.0
    assert opened.equity["equity_usd"].min() > 0
    assert opened.folder.equity()[0]["equity_usd"] > 0


def test_stats_are_typed_and_draw_themselves(opened: Run) -> None:
    stats = opened.stats
    assert (stats.total_return_fraction, stats.buy_and_hold_return_fraction, stats.trades) == (0.0641, 0.0788, 2)
    assert (stats.model, stats.calls, stats.failed_calls, stats.agents_percentile) == ("no LLM", 16, 2, 0.63)
    assert "total_return_fraction +6.41 %" in " ".join(str(stats).split())
    assert "<td>total_return_fraction</td><td>+6.41 %</td>" in stats._repr_html_()
    assert stats.sharpe_ratio is not None, "the number itself stays"
    reason = "only 8 of 60 sessions and 2 of 10 round trips"
    assert f"sharpe_ratio - ({reason})" in " ".join(str(stats).split())
    assert f"<td>sharpe_ratio</td><td>- ({reason})</td>" in stats._repr_html_()
    assert "ratio_withheld" not in str(stats)
    assert f"sharpe_ratio {stats.sharpe_ratio:.2f}" in " ".join(str(replace(stats, ratio_withheld="")).split())
    with pytest.raises(AttributeError):
        stats.trades = 3  # type: ignore[misc]


def test_metrics_frame(opened: Run) -> None:
    frame = opened.metrics.set_index(["who", "symbol"])
    assert frame.loc[("agents", "ALL"), "total_return_fraction"] == 0.0641
    assert np.isnan(frame.loc[("random", "ALL"), "sharpe_ratio"])


def test_the_card_and_the_text_stand_alone(opened: Run) -> None:
    assert opened.headline in " ".join(repr(opened).split())
    assert "CR   cumulative return" in repr(opened)
    assert tags(opened._repr_html_()) == {"b", "pre"}
    assert str(opened).startswith(f"run {opened.id}")
    assert opened.warnings == []


def test_model_text_is_escaped_everywhere(opened: Run) -> None:
    pages = [
        opened.explain(SESSIONS[2], "ACME"),
        opened.replay(agent="news_sentiment"),
        opened.calls(agent="decision", symbol="ACME"),
        opened.reflections,
    ]
    assert HOSTILE[:8] in str(pages[0])
    assert HOSTILE[:8] in str(pages[2])
    for page in pages:
        assert tags(page._repr_html_()) == {"pre"}
        assert "\x1b" not in page._repr_html_()


def test_a_hostile_note_or_name_is_escaped(project: Project) -> None:
    hostile = Run(make_run(project, note=HOSTILE, model="openai:<script>"))
    assert tags(hostile._repr_html_()) == {"b", "pre"}
    assert tags(hostile.stats._repr_html_()) == {"table", "tr", "td"}


def test_explain_takes_texts_dates_and_timestamps(opened: Run) -> None:
    texts = {str(opened.explain(day, "ACME")) for day in ("2023-09-11", SESSIONS[0], pd.Timestamp("2023-09-11"))}
    assert len(texts) == 1
    explanation = opened.explain("2023-09-11")
    assert [case.symbol for case in explanation.cases] == ["ACME", "BOLT"]
    assert explanation.cases[0].fills[0]["shares"] == 100
    with pytest.raises(DataError, match="DECISION_NOT_FOUND"):
        opened.explain("2023-09-16")
    with pytest.raises(DataError, match="'yesterday' is no session"):
        opened.explain("yesterday")
    with pytest.raises(UsageError, match=r"SYMBOL_UNKNOWN: the run has no symbol acme\. Did you mean ACME\?"):
        opened.explain("2023-09-11", "acme")


def test_replay_is_a_sequence(opened: Run) -> None:
    replay = opened.replay(start="2023-09-15", symbol="ACME")
    assert [step.session for step in replay] == ["2023-09-15", "2023-09-18", "2023-09-19", "2023-09-20"]
    assert len(replay[1:]) == 3
    assert replay[0].decisions[0]["symbol"] == "ACME"
    assert repr(replay).count("equity") >= 4


def test_reflections_as_of_and_used_by(opened: Run) -> None:
    reflections = opened.reflections
    assert len(reflections) == 30
    early = reflections.as_of("2023-09-14")
    assert [lesson["lesson_id"] for lesson in early] == [
        f"{symbol}-{agent}-2023-09-14" for symbol in SYMBOLS for agent in ("forecasting", "style_selection", "decision")
    ]
    assert len(reflections.as_of("2023-09-14", agent="decision")) == 2
    assert len(reflections.as_of(date(2023, 9, 13))) == 0
    assert {lesson["symbol"] for lesson in reflections.as_of("2023-09-14", symbol="BOLT")} == {"BOLT"}
    assert [lesson["agent"] for lesson in reflections.used_by("2023-09-18", "BOLT", agent="decision")] == ["decision"]
    assert "at the close of 2023-09-14" in repr(early)


def test_calls_by_agent_session_and_text(opened: Run) -> None:
    assert len(opened.calls()) == 16
    assert len(opened.calls(text="BREAKOUT?")) == 16
    assert len(opened.calls(text="no such words")) == 0
    found = opened.calls(agent="decision", session="2023-09-12", symbol="BOLT")
    assert [call.messages[0].content for call in found] == ["BOLT 2023-09-12: a breakout?"]
    assert "1 model call" in str(found)
    assert "16 model calls" in str(opened.calls())
    assert "buy 0.70 <script>" in str(opened.calls())
    assert len(opened.calls(failed=True)) == 0
    with pytest.raises(UsageError, match="no agent decisions"):
        opened.calls(agent="decisions")


def test_calls_without_recordings_is_one_clear_error(run: RunFolder) -> None:
    run.recordings.unlink()
    with pytest.raises(DataError, match="RECORDING_INVALID"):
        Run(run).calls()


def test_plot_returns_a_figure_without_pyplot(opened: Run) -> None:
    before = "matplotlib.pyplot" in sys.modules
    figure = opened.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["equity of ALL, USD", "drawdown, %"]
    lines = {line.get_label(): line.get_ydata() for line in figure.axes[0].get_lines()}
    assert list(lines) == ["agents", "buy and hold", "random"]
    assert np.asarray(lines["agents"])[-1] == pytest.approx(201_400)
    one = opened.plot(symbol="ACME")
    marks = {line.get_label(): len(np.asarray(line.get_xdata())) for line in one.axes[0].get_lines()}
    assert {name: marks[name] for name in ("bought", "sold", "forced sell")} == {"bought": 2, "sold": 0, "forced sell": 1}
    assert one._repr_png_().startswith(b"\x89PNG")
    assert ("matplotlib.pyplot" in sys.modules) is before, "no global state, no window"


def test_plot_of_trades_has_fills_exits_and_news(opened: Run) -> None:
    figure = opened.plot_trades("ACME")
    price, news = figure.axes
    lines: dict[str, int] = {}
    for line in price.get_lines():
        label = str(line.get_label())
        lines[label] = lines.get(label, 0) + len(np.asarray(line.get_xdata()))
    assert {name: lines[name] for name in ("bought", "sold", "forced sell")} == {"bought": 2, "sold": 0, "forced sell": 1}
    assert {"stop", "target"} <= set(lines)
    stops = next(np.asarray(line.get_ydata()) for line in price.get_lines() if line.get_label() == "stop")
    assert stops.tolist() == pytest.approx([250.5 * (1 - 0.039)] * 4)
    assert [bar.get_height() for bar in news.patches] == pytest.approx([0.31] * 7), "one session had no news"  # type: ignore[attr-defined]
    assert figure._repr_png_().startswith(b"\x89PNG")
    part = opened.plot_trades("ACME", start="2023-09-13", end=SESSIONS[5])
    assert part.axes[0].get_xlim() < figure.axes[0].get_xlim() or part.axes[0].get_xlim()[1] < figure.axes[0].get_xlim()[1]
    opened.plot_trades("ACME", start="2030-01-01")
    with pytest.raises(UsageError, match="SYMBOL_UNKNOWN"):
        opened.plot_trades("acme")


def test_drawdown_and_equity_path(opened: Run) -> None:
    assert drawdowns(np.array([100.0, 110.0, 99.0, 121.0])).tolist() == pytest.approx([0, 0, -0.1, 0])
    sessions, values = equity_path(opened.folder.equity(), None)
    assert sessions == list(SESSIONS)
    assert values[0] == 200_000


def test_nothing_is_printed_or_written(opened: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in opened.path.rglob("*")}
    _ = opened.stats, opened.metrics, opened.equity, opened.decisions, opened.explain("2023-09-11"), opened.replay(), opened.calls()
    opened.plot()
    assert {path: path.stat().st_mtime_ns for path in opened.path.rglob("*")} == before
    assert capsys.readouterr() == ("", "")


def test_open_run(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    made = make_run(project)
    monkeypatch.chdir(tmp_path)
    assert tg.open_run("latest", project=project).id == made.run_id
    assert tg.open_run(made.run_id, project=str(project.root)).id == made.run_id
    assert tg.open_run(made.path).id == made.run_id, "a path needs no project"
    monkeypatch.setenv("TRADINGGROUP_HOME", str(project.root))
    assert tg.open_run().id == made.run_id
    with pytest.raises(DataError, match="RUN_NOT_FOUND"):
        tg.open_run("zzz")


def test_backtest_passes_what_was_given(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    (project.root / "backtests").mkdir()
    text = 'name = "x"\nbundle = "demo"\nsymbols = ["ACME", "BOLT"]\nstart = 2023-01-03\nend = 2023-12-29\n'
    (project.root / "backtests" / "x.toml").write_text(text, encoding="utf-8")
    seen: list[object] = []

    def fake(*arguments: object) -> RunFolder:
        seen.extend(arguments)
        return make_run(project)

    monkeypatch.setattr("tradinggroup.runs.execute.run_experiment", fake)
    made = tg.backtest(
        "x", project=project, symbols=["ACME"], start="2023-02-01", end=date(2023, 3, 1), note="n", cash_usd=5000,
        reflection={"window_sessions": 10}, **{"agents.news_sentiment.k": 3},
    )  # fmt: skip
    assert isinstance(made, Run)
    resolved, options = seen[1], seen[2]
    experiment = resolved.experiment  # type: ignore[attr-defined]
    assert (experiment.symbols, experiment.start, experiment.end) == (("ACME",), date(2023, 2, 1), date(2023, 3, 1))
    assert (experiment.cash_usd, experiment.reflection.window_sessions, experiment.agents.news_sentiment.k) == (5000, 10, 3)
    assert options.note == "n"  # type: ignore[attr-defined]
    assert options.arguments["set"]["reflection.window_sessions"] == 10  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match=r"SETTING_UNKNOWN: no setting cash, origin=argument cash"):
        run_module.backtest("x", project=project, cash=1)
