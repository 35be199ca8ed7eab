from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.runs.factory import HOSTILE, SESSIONS, make_project, make_run
from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.project import Project
from tradinggroup.runs.figures import columns, counted, figure, percent, usd, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.lesson_changes import lesson_changes
from tradinggroup.runs.text.explain import explain_rows, text_explain
from tradinggroup.runs.text.overview import text_overview
from tradinggroup.runs.text.reflections import reflection_rows, text_reflections
from tradinggroup.runs.text.replay import replay_steps, text_replay
from tradinggroup.runs.text.runs import text_runs
from tradinggroup.runs.text.show import headline, text_result, text_show
from tradinggroup.runs.text.trades import text_trades

PAGES: dict[str, Callable[[RunFolder], str]] = {
    "show": text_overview,
    "show --all": text_show,
    "result": text_result,
    "runs": lambda run: text_runs([run]),
    "trades": text_trades,
    "replay": text_replay,
    "reflections": text_reflections,
    "reflections as of": lambda run: text_reflections(run, as_of=SESSIONS[4]),
    **{f"explain {day}": lambda run, day=day: text_explain(run, day) for day in SESSIONS},
    **{
        f"replay {agent}": lambda run, agent=agent: text_replay(run, agent=agent)
        for agent in ("news_sentiment", "report_retrieval", "forecasting", "style_selection", "decision")
    },
}


@pytest.fixture(scope="module")
def optimistic(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return make_run(make_project(tmp_path_factory.mktemp("optimistic")), status="invalid", derived_text="allow")


@pytest.mark.parametrize("page", PAGES)
def test_every_page_fits_80_columns_and_moves_no_cursor(shared_run: RunFolder, page: str) -> None:
    text = PAGES[page](shared_run)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    assert [line for line in text.splitlines() if line != line.rstrip()] == []
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    assert text.isascii()


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_that_a_run_is_invalid_or_optimistic(optimistic: RunFolder, page: str) -> None:
    text = " ".join(PAGES[page](optimistic).split())
    assert "optimistic: texts written later than their articles were used" in text
    assert "invalid" in text.casefold()


def test_headline_is_the_one_sentence(shared_run: RunFolder) -> None:
    assert headline(shared_run) == (
        "demo: ALL made +6.41 % against +7.88 % for buy and hold (-1.47 points), more than 63 % of 999 random runs, "
        "in 2 round trips; no LLM."
    )


def test_headline_of_runs_without_a_result(project: Project, optimistic: RunFolder) -> None:
    running = make_run(project, status="running", sessions=SESSIONS[:2])
    assert headline(running) == (
        f"demo: no result, the run is still going, or ended without a word; go on with: tradinggroup backtest --resume {running.run_id}."
    )
    assert headline(optimistic).startswith("INVALID. demo: ALL made +6.41 %")
    named = make_run(project, model="openai:tiny")
    assert headline(named).endswith("; openai:tiny.")


def test_a_run_that_never_traded_is_no_better_than_random_runs(run: RunFolder) -> None:
    run.header["metrics"]["ALL"] |= {"trades": 0, "open_positions": 0}
    assert ", the same as 999 random runs, which cannot trade either, in 0 round trips" in headline(run)
    run.header["metrics"]["ALL"]["open_positions"] = 1
    assert ", more than 63 % of 999 random runs, in 0 round trips" in headline(run)


def test_a_baseline_that_could_not_run_is_said_on_both_pages(run: RunFolder) -> None:
    run.header["baselines_missing"] = {"momentum": "needs the extra ml"}
    for text in (text_show(run), text_result(run)):
        assert "missing  momentum: needs the extra ml" in text.splitlines()
    assert "missing    momentum: needs the extra ml" in text_overview(run).splitlines()


def test_show_names_the_metrics_in_full_and_percent(shared_run: RunFolder) -> None:
    lines = text_show(shared_run).splitlines()
    assert "CR   cumulative return  +6.41 %  +7.88 %  +1.00 %" in lines
    assert "no Sharpe ratio and no interval: only 8 of 60 sessions and 2 of 10 round trips" in lines
    assert not any(line.startswith(("SPR", "Sortino")) for line in lines)
    assert "AV   annual volatility  11.20 %  11.20 %  11.20 %" in lines
    assert "no LLM: the rule-based analyst answered" in lines[0]
    assert "  TAKE_PROFIT            2  the open profit reached the target: a forced sale," in lines
    assert "  unreadable      2  answer could not be read: counted as a failure" in lines
    assert "total 16 calls: 15 recorded, 1 live, 2 failed" in lines
    assert any(line.startswith("assumes  decisions after close, fills at the next open; commission 0.0049 USD") for line in lines)


def test_show_fits_on_one_screen_and_says_how_to_see_more(shared_run: RunFolder) -> None:
    lines = text_overview(shared_run).splitlines()
    assert len(lines) <= 45
    assert "CR   cumulative return  +6.41 %  +7.88 %  +1.00 %" in lines
    for line in (
        "forecasts  50 % of 6 right; Brier 0.620, base rate 0.660",
        "decisions  no order on 8 decisions (6 by model, 2 by unreadable)",
        "exits      2 TAKE_PROFIT, 2 still open",
        "calls      16 model calls, 2 failed; 15 recorded, 1 live; 240 tokens; no LLM",
        f"more       tradinggroup show {shared_run.run_id} --all",
    ):
        assert any(each.startswith(line) for each in lines), line
    assert "gross +1,405.94 USD, less commission 5.94 and slippage 0.00: net +1,400.00;" in " ".join(" ".join(lines).split())


def test_show_names_a_run_without_agents_and_tells_random_runs_only_where_they_are_many(run: RunFolder) -> None:
    run.header["random"] |= {"total_return_fraction": {"q05": -0.1, "q95": 0.2}}
    assert "random     nine tenths of 999 random runs made -10.00 % to +20.00 %" in text_overview(run)
    run.header["random"]["draws"] = 1
    assert "nine tenths" not in text_overview(run)
    run.settings["agents_enabled"] = False
    assert text_overview(run).splitlines()[0] == f"run {run.run_id}  demo  success  no agents"


def test_show_of_many_symbols_counts_them(run: RunFolder) -> None:
    names = [f"S{number}" for number in range(40)]
    run.header["symbols"] = names
    run.header["metrics"] |= dict.fromkeys(names, run.header["metrics"]["ALL"])
    text = text_overview(run)
    assert "40 symbols  2023-09-11..2023-09-20" in text
    assert "by symbol" not in text
    assert "\nS39 " in text_show(run)


def test_show_of_a_damaged_run_still_shows_the_header(run: RunFolder) -> None:
    (run.path / "decisions.jsonl").unlink()
    text = text_show(RunFolder.open(run.path))
    assert "WARNING  decisions.jsonl is missing" in text
    assert "CR   cumulative return" in text


def test_trades_with_totals(shared_run: RunFolder) -> None:
    text = text_trades(shared_run)
    assert " ".join(text.splitlines()[1].split()) == "ACME 2023-09-12 2023-09-18 100 250.50 254.50 +398 +1.6 % take profit"
    assert "2 round trips, 2 with a profit, 2 positions still open" in text
    assert "profit +771.04 USD after commission of 7.92 USD" in text
    assert "BOLT" not in text_trades(shared_run, symbol="ACME")


def test_explain_goes_from_inputs_to_outcome(shared_run: RunFolder) -> None:
    lines = text_explain(shared_run, SESSIONS[0], "ACME").splitlines()
    assert lines[0] == "decision 2023-09-11 ACME   as of 16:00 New York, newest input 2023-09-11 16:00"
    text = "\n".join(lines)
    for part in (
        "  1 news_sentiment    +0.31 positive   1 kept of 3 items",
        "      +0.31  2023-09-11 13:00  ACME-n1: ACME wins a large contract",
        "  2 report_retrieval  10-Q of 2023-06-30, known since 2023-08-08 07:30",
        "gate (soft): up became\n                      sideways",
        "    risk              flat; stop -3.90 %, take +7.80 %",
        "  5 decision          buy 0.70",
        "    order             buy 100 shares (balanced; allowed, ALLOWED)",
        "    fill              2023-09-12 at 250.50, commission 0.99 USD",
        "    outcome           known 2023-09-12: price -1.10 %, so down",
        "    taught            forecasting from 2023-09-14 on",
        "    calls             1 (decision 1):\n    tradinggroup logs f76151 --session 2023-09-11 --symbol ACME",
    ):
        assert part in text


def test_explain_shows_a_forced_exit_a_failure_and_a_cut_order(shared_run: RunFolder) -> None:
    forced = text_explain(shared_run, SESSIONS[4], "ACME")
    assert "not asked: the risk layer decided" in forced
    assert "sell 100 shares (balanced; allowed, TAKE_PROFIT:" in forced
    failed = text_explain(shared_run, SESSIONS[5], "ACME")
    assert "FAILED (not_json): no object" in failed
    assert "none (hold by unreadable; denied, NO_ANSWER)" in failed
    assert "experience ACME-decision-2023-09-18, from 5 outcomes known by 2023-09-18" in failed
    assert "        | Gap breakouts of ACME faded 5 times.\n        | Do not chase them." in failed
    cut = text_explain(shared_run, SESSIONS[6], "ACME")
    assert "cut: OPEN_ABOVE_BUDGET, 99 filled" in cut


def test_explain_of_a_session_shows_every_symbol(shared_run: RunFolder) -> None:
    text = text_explain(shared_run, "2023-09-12")
    assert [line.split()[2] for line in text.splitlines() if line.startswith("decision ")] == ["ACME", "BOLT"]
    rows = explain_rows(shared_run, SESSIONS[0], "BOLT")
    assert rows[0]["fills"][0]["price_usd"] == 250.5
    assert rows[0]["calls"] == {"decision": 1}


def test_a_session_without_a_decision_names_its_neighbours(shared_run: RunFolder) -> None:
    with pytest.raises(DataError, match=r"no decision on 2023-09-16 for ACME .*Nearest: 2023-09-15, 2023-09-18\.") as raised:
        text_explain(shared_run, "2023-09-16", "ACME")
    assert raised.value.code is ErrorCode.DECISION_NOT_FOUND


def test_replay_walks_session_by_session(shared_run: RunFolder) -> None:
    steps = replay_steps(shared_run, start=SESSIONS[4], end="2023-09-18", symbol="ACME")
    assert [step.session for step in steps] == ["2023-09-15", "2023-09-18"]
    assert steps[0].text.splitlines()[1] == "  close  ACME  news +0.31  sideways  balanced  take_profit  sell 100"
    assert steps[1].text.splitlines()[1] == "  open   ACME sold 100 shares at 254.50, decided on 2023-09-15"
    assert steps[1].equity_usd == pytest.approx(100_500)
    assert text_replay(shared_run, start="2030-01-01") == "no session in this range"
    assert steps[1].to_plain()["session"] == "2023-09-18"
    only = replay_steps(shared_run, symbol="BOLT", agent="forecasting")[0]
    assert list(only.to_plain()["decisions"][0]) == ["session", "symbol", "as_of", "forecasting"]
    with pytest.raises(UsageError, match=r"no agent decisions\. Did you mean decision\?"):
        replay_steps(shared_run, agent="decisions")


def test_reflections_as_of_show_exactly_what_was_visible(shared_run: RunFolder) -> None:
    for day in SESSIONS:
        rows = reflection_rows(shared_run, as_of=day)
        assert {row["lesson_id"] for row in rows} == {row["lesson_id"] for row in shared_run.reflections() if row["session"] <= str(day)}
        for row in rows:
            assert all(outcome["session"] <= str(day) for outcome in row["outcomes"])
            assert all(session <= str(day) for session in row["shown_on"])
            assert str(day) >= row["known_at"][:10]
    assert reflection_rows(shared_run, as_of=SESSIONS[2]) == []
    text = text_reflections(shared_run, as_of=SESSIONS[2])
    assert "0 lessons at the close of 2023-09-13" in text
    assert "no lesson: the first needs 5 labelled outcomes" in text


def test_reflections_of_one_agent_and_of_one_decision(shared_run: RunFolder) -> None:
    rows = reflection_rows(shared_run, used_by=(SESSIONS[5], "BOLT"))
    assert [row["lesson_id"] for row in rows] == [f"BOLT-{agent}-2023-09-18" for agent in ("forecasting", "style_selection", "decision")]
    assert {row["agent"] for row in reflection_rows(shared_run, agent="decision")} == {"decision"}
    assert rows[0]["shown_on"] == ["2023-09-18"]
    text = text_reflections(shared_run, used_by=("2023-09-18", "BOLT"), agent="decision")
    assert "1 lesson shown to the decision 2023-09-18 BOLT" in text
    with pytest.raises(UsageError, match="agent news_sentiment has no lessons"):
        reflection_rows(shared_run, agent="news_sentiment")
    with pytest.raises(DataError, match="DECISION_NOT_FOUND"):
        reflection_rows(shared_run, used_by=("2023-09-17", "BOLT"))


def test_what_a_lesson_changed_is_its_outcomes_and_the_answer(shared_run: RunFolder) -> None:
    changes = lesson_changes(shared_run, SESSIONS[5], "BOLT")
    assert list(changes) == [f"BOLT-{agent}-2023-09-18" for agent in ("forecasting", "style_selection", "decision")]
    change = changes["BOLT-forecasting-2023-09-18"]
    assert (change.previous_session, change.previous_lesson_id) == ("2023-09-15", "BOLT-forecasting-2023-09-15")
    assert (change.outcomes_added, change.outcomes_removed) == (("BOLT-forecasting-2023-09-15",), ())
    assert re.fullmatch(r"since 2023-09-15: 1 outcome more, 0 fewer; said up 0\.\d+ .*, before up 0\.\d+ .*", change.text)
    decision = changes["BOLT-decision-2023-09-18"]
    expected = "no lesson on 2023-09-15; said nothing usable (not_json), before nothing (the risk layer decided)"
    assert decision.text == expected
    first = lesson_changes(shared_run, SESSIONS[3], "BOLT")["BOLT-decision-2023-09-14"]
    assert (first.previous_session, first.previous_lesson_id) == ("2023-09-13", None)
    assert first.text.startswith("no lesson on 2023-09-13; said ")
    assert lesson_changes(shared_run, "2023-09-17", "BOLT") == {}
    (row,) = reflection_rows(shared_run, used_by=(SESSIONS[5], "BOLT"), agent="forecasting")
    assert row["change"] == change.to_plain()
    assert "change" not in reflection_rows(shared_run, agent="decision")[0]
    assert "since 2023-09-15: 1 outcome more" in text_reflections(shared_run, used_by=(SESSIONS[5], "BOLT"), agent="forecasting")


def test_reflections_that_were_switched_off_say_so(tmp_path: Path) -> None:
    run = make_run(make_project(tmp_path), sessions=SESSIONS[:2], status="interrupted", without=("reflections",))
    assert "reflections were switched off" in text_reflections(run)


def test_model_text_cannot_move_the_cursor(shared_run: RunFolder) -> None:
    text = text_explain(shared_run, SESSIONS[2], "ACME")
    assert "\x1b" in HOSTILE
    assert "\x1b" not in text
    assert "<script>alert(1)</script>" in text


def test_trades_of_a_run_that_did_not_end_say_what_it_holds(project: Project) -> None:
    text = text_trades(make_run(project, status="interrupted", sessions=SESSIONS[:4]))
    assert text.splitlines()[-2:] == [
        "2 positions still open: ACME 100 shares at the close of 2023-09-14, BOLT 100",
        "shares at the close of 2023-09-14",
    ]
    flat = text_trades(make_run(project, status="budget", sessions=SESSIONS[:7]), symbol="ACME")
    assert "1 round trip, 1 with a profit\nno position still open\n" in flat


def test_what_the_gate_changed_is_said_with_the_decision_and_its_outcome(shared_run: RunFolder) -> None:
    first, second = (step.text for step in replay_steps(shared_run, end=SESSIONS[1], symbol="ACME"))
    assert "  trend  ACME forecast up, gated to sideways" in first.splitlines()
    assert "trend" not in second
    wrong = "price -1.10 %, so down; forecast up, gated to sideways, was wrong, it had given 0.15 to that"
    assert wrong in " ".join(second.split())
    assert wrong in " ".join(text_explain(shared_run, SESSIONS[0], "ACME").split())


def test_a_forecast_that_failed_is_no_forecast(project: Project) -> None:
    run = make_run(project)
    for line in run.decisions():
        line["forecasting"]["failure"] = {"kind": "not_json", "detail": "no object"}
    for line in run.outcomes():
        line["is_fallback"] = True
    steps = replay_steps(run, end=SESSIONS[1], symbol="ACME")
    assert "  no forecast  " in steps[0].text
    assert "price -1.10 %, so down; no forecast was made\n" in steps[1].text + "\n"
    explained = text_explain(run, SESSIONS[0], "ACME")
    assert "3 forecasting       no forecast was made: one third for each, so sideways" in explained
    assert "so down; no forecast was made" in " ".join(explained.split())


def test_figures() -> None:
    assert [percent(value) for value in (0.0641, -0.00001, None)] == ["+6.41 %", "0.00 %", "-"]
    assert usd(104310.2) == "104,310.20"
    assert figure("total_return_fraction", 0.1) == "+10.00 %"
    assert figure("exposure_fraction", 0.1) == "10.00 %"
    assert counted(1, "session") == "1 session"
    assert columns([["a", "1"], ["bb", "22"]]) == "a    1\nbb  22"
    assert wrapped("x" * 100, first="- ")[0] == "- " + "x" * 78
    assert wrapped("", first="note  ") == ["note"]
    assert wrapped("one\n\ntwo", first="- ") == ["- one", "  two"]


def test_reading_a_run_imports_nothing_heavy(shared_run: RunFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from tradinggroup.runs.folder import RunFolder;"
        "from tradinggroup.runs import locate, compare; from tradinggroup.runs.text import show, runs, trades, explain, replay;"
        f"run = RunFolder.open(Path({str(shared_run.path)!r})); show.text_show(run); explain.text_explain(run, '2023-09-11');"
        "heavy = {'pandas', 'numpy', 'langgraph', 'chromadb', 'openai', 'matplotlib', 'backtrader', 'pyarrow'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
