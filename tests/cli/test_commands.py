"""Every command for real, over one small run: exit codes, stdout and stderr, one JSON object where it is asked for."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import EXPERIMENT, Run
from tests.cli.refusals import PRICES
from tests.cli.test_help import modules_of
from tests.factories import make_bundle
from tradinggroup.backtest.sink import RowKind
from tradinggroup.cli import backtest as backtest_command
from tradinggroup.cli.main import run
from tradinggroup.errors import ErrorCode, ProviderError
from tradinggroup.project import MARKER, Project, defaults_root
from tradinggroup.runs import execute
from tradinggroup.runs.locate import find_run

SUMMARY_KEYS = {
    "run_id", "path", "status", "experiment", "start", "end", "symbols", "metrics", "baselines", "random", "calls", "cost_usd",
    "costs", "holds", "forecasts",
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a bundle of 80 sessions and one finished run."""
    root = tmp_path_factory.mktemp("finished")
    (root / "backtests").mkdir()
    (root / MARKER).touch()
    (root / "backtests" / "study.toml").write_text(EXPERIMENT, encoding="utf-8")
    make_bundle(root, symbols=("AAA", "BBB"))
    assert run(["-C", str(root), "backtest", "study", "--note", "a note"]) == 0
    return root


@pytest.fixture
def here(finished: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(finished)
    return finished


def the_run(root: Path) -> Path:
    (folder,) = (root / "backtests" / "runs").iterdir()
    return folder


def one_object(text: str) -> Any:
    """The JSON object that is all of `text`."""
    value = json.loads(text)
    assert isinstance(value, dict)
    return value


def test_a_run_prints_the_sentence_and_the_path_last(project_folder: Path, tg: Run) -> None:
    make_bundle(project_folder, symbols=("AAA", "BBB"))
    result = tg("backtest", "study", "--end", "2024-03-15", "--symbols", "AAA")
    assert result.exit_code == 0
    folder = the_run(project_folder)
    assert result.out.splitlines()[-1] == f"saved backtests/runs/{folder.name}"
    assert "ALL made" in result.out
    assert "no LLM" in result.out
    assert result.err.splitlines()[0] == "run study: 1 symbol, 2024-03-04..2024-03-15, model rules (no LLM)"
    header = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    assert header["symbols"] == ["AAA"]


def test_json_of_a_run_is_one_object_and_show_prints_the_same(project_folder: Path, tg: Run) -> None:
    make_bundle(project_folder, symbols=("AAA", "BBB"))
    result = tg("backtest", "study", "--end", "2024-03-08", "--json")
    printed = one_object(result.out)
    assert set(printed) >= SUMMARY_KEYS
    assert printed["status"] == "success"
    assert set(printed["metrics"]) == {"AAA", "BBB", "ALL"}
    assert printed["calls"]["failed"] == 0
    assert one_object(tg("show", "latest", "--json").out) == printed


def test_check_and_dry_run_write_nothing(here: Path, tg: Run) -> None:
    before = sorted(path for path in here.rglob("*"))
    checked = tg("check", "study")
    assert (checked.exit_code, checked.err) == (0, "")
    assert checked.out.splitlines()[-1].startswith("plan")
    dry = tg("backtest", "study", "--dry-run")
    assert (dry.exit_code, dry.out) == (0, checked.out)
    plan = one_object(tg("check", "study", "--json").out)
    assert plan["ok"] is True
    assert plan["plan"]["decisions"] == 2 * plan["plan"]["sessions"]
    assert sorted(path for path in here.rglob("*")) == before


def test_a_failed_check_is_exit_one_and_names_what_is_wrong(here: Path, tg: Run) -> None:
    result = tg("check", "study", "--symbols", "AAA,CCC", "--risk", "bold")
    assert result.exit_code == 1
    lines = result.out.splitlines()
    assert [line.split()[0] for line in lines].count("error") == 2
    assert any("SYMBOL_UNKNOWN" in line for line in lines)
    assert any("RISK_PROFILE_INVALID" in line for line in lines)
    assert one_object(tg("check", "study", "--symbols", "CCC", "--json").out)["ok"] is False


def test_runs_show_trades(here: Path, tg: Run) -> None:
    name = the_run(here).name
    listed = one_object(tg("runs", "--json").out)["runs"]
    assert [Path(summary["path"]).name for summary in listed] == [name]
    run_id = listed[0]["run_id"]
    assert run_id in tg("runs").out
    for word in ("latest", name, run_id, run_id[:3], str(the_run(here))):
        assert one_object(tg("show", word, "--json").out)["run_id"] == run_id
    assert tg("show").out.splitlines()[-1] == f"saved backtests/runs/{name}"
    trades = one_object(tg("trades", "--json").out)["trades"]
    only = one_object(tg("trades", "latest", "--symbol", "AAA", "--json").out)["trades"]
    assert only == [trade for trade in trades if trade["symbol"] == "AAA"]
    assert tg("trades").exit_code == 0


def test_explain_replay_reflections(here: Path, tg: Run) -> None:
    explained = tg("explain", "latest", "2024-04-04", "AAA")
    assert explained.exit_code == 0
    assert "AAA" in explained.out
    both = one_object(tg("explain", "latest", "2024-04-04", "--json").out)["decisions"]
    assert len(both) == 2
    walked = one_object(tg("replay", "latest", "--from", "2024-04-02", "--to", "2024-04-04", "--symbol", "AAA", "--json").out)
    assert [step["session"] for step in walked["sessions"]] == ["2024-04-02", "2024-04-03", "2024-04-04"]
    assert {row["symbol"] for step in walked["sessions"] for row in step["decisions"]} == {"AAA"}
    assert "no session" in tg("replay", "--from", "2030-01-01").out
    lessons = one_object(tg("reflections", "--as-of", "2024-04-04", "--json").out)["reflections"]
    assert lessons
    assert all(lesson["session"] <= "2024-04-04" for lesson in lessons)
    used = one_object(tg("reflections", "--used-by", "2024-04-04", "AAA", "--agent", "decision", "--json").out)["reflections"]
    assert {lesson["agent"] for lesson in used} == {"decision"}
    for words in (["reflections", "--as-of", "2024-04-04"], ["replay", "--from", "2024-04-04"], ["show"], ["trades"], ["runs"]):
        assert max(map(len, tg(*words).out.splitlines())) <= 80, words


def test_verify_equal_then_with_a_changed_file(here: Path, tg: Run, tmp_path: Path) -> None:
    result = tg("verify")
    assert result.exit_code == 0
    assert all(f"equal    {kind.value}" in result.out for kind in RowKind)
    assert one_object(tg("verify", "latest", "--json").out)["equal"] is True
    forged = tmp_path / the_run(here).name
    shutil.copytree(the_run(here), forged)
    equity = forged / "equity.csv"
    equity.write_bytes(equity.read_bytes().replace(b",100000.0,", b",100001.0,", 1))
    result = tg("verify", str(forged))
    assert result.exit_code == 1
    assert result.out.startswith("differs  equity.csv line 2")
    assert "100001.0" in result.out
    assert one_object(tg("verify", str(forged), "--json").out)["equal"] is False


def test_agents_commands(here: Path, tg: Run) -> None:
    cards = one_object(tg("agents", "list", "--json").out)["agents"]
    names = ["news_sentiment", "report_retrieval", "forecasting", "style_selection", "decision", "reflection"]
    assert [card["agent"] for card in cards] == names
    assert max(map(len, tg("agents", "list").out.splitlines())) <= 80
    shown = one_object(tg("agents", "show", "decision", "--json").out)
    assert set(shown["schema"]["properties"]) == {"action", "confidence", "reasoning"}
    assert shown["text"].startswith("+++")
    assert "schema Decision" in tg("agents", "show", "decision").out
    words = ("agents", "render", "decision", "study", "--session", "2024-03-12", "--symbol", "AAA")
    (request,) = one_object(tg(*words, "--json").out)["requests"]
    assert request["messages"][-1]["content"] in tg(*words).out
    no_session = tg("agents", "render", "decision", "study", "--session", "2024-03-09", "--symbol", "AAA")
    assert "Nearest: 2024-03-08, 2024-03-11." in no_session.err


def test_data_commands(project_folder: Path, tg: Run, tmp_path: Path) -> None:
    made = tg("data", "make-demo", "--name", "quiet", "--seed", "11", "--no-edge")
    assert (made.exit_code, made.out.splitlines()[-1]) == (0, "saved data/quiet")
    again = tg("data", "make-demo", "--name", "quiet")
    assert (again.exit_code, again.out) == (3, "")
    assert "BUNDLE_EXISTS" in again.err
    (project_folder / "data" / "broken").mkdir()
    (project_folder / "data" / "broken" / "bundle.json").write_text("{", encoding="utf-8")
    listed = {bundle["name"]: bundle for bundle in one_object(tg("data", "list", "--json").out)["bundles"]}
    assert "BUNDLE_INVALID" in listed["broken"]["problem"]
    assert listed["quiet"]["basis"] == "as_traded"
    assert "unusable: BUNDLE_INVALID" in tg("data", "list").out
    checked = tg("data", "check", "quiet")
    assert checked.exit_code == 0
    assert "left out" in checked.out
    assert max(map(len, checked.out.splitlines())) <= 80
    found = one_object(tg("data", "check", "quiet", "--json").out)
    assert found["ok"] is True
    assert {line["what"] for line in found["summary"]["left_out"]} == {"news items", "news summaries", "filings"}
    missing = tg("data", "check", "quite")
    assert (missing.exit_code, missing.out) == (3, "")
    assert "BUNDLE_NOT_FOUND" in missing.err
    assert "Did you mean quiet?" in missing.err


def test_data_import(project_folder: Path, tg: Run, tmp_path: Path) -> None:
    prices = tmp_path / "plain" / "prices"
    prices.mkdir(parents=True)
    rows = ["Date,Open,High,Low,Close,Adj Close,Volume", "2024-01-02,10,11,9,10.5,10.5,1000", "2024-01-03,10,11,9,10,10,1000"]
    (prices / "AAA.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    made = tg("data", "import", str(tmp_path / "plain"), "--name", "small", "--basis", "as_traded", "--json")
    assert one_object(made.out)["symbols"] == ["AAA"]
    (prices / "AAA.csv").write_text("\n".join([*rows, "2024-01-04,10,8,9,10,10,1000"]) + "\n", encoding="utf-8")
    bad = tg("data", "import", str(tmp_path / "plain"), "--name", "bad")
    assert (bad.exit_code, bad.out) == (3, "")
    assert "IMPORT_INVALID" in bad.err
    assert "line 4" in bad.err
    assert not (project_folder / "data" / "bad").exists()


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (["backtest", "stdy"], 2, "EXPERIMENT_NOT_FOUND"),
        (["backtest", "study", "--set", "bundle=none"], 3, "BUNDLE_NOT_FOUND"),
        (["backtest", "study", "--symbols", "AAB"], 2, "SYMBOL_UNKNOWN"),
        (["backtest", "study", "--start", "2019-01-02"], 2, "DATES_OUTSIDE"),
        (["backtest", "study", "--end", "2031-01-02"], 2, "DATES_OUTSIDE"),
        (["backtest", "study", "--start", "2024-03-09", "--end", "2024-03-10"], 2, "DATES_OUTSIDE"),
        (["backtest", "study", "--model", "gpt"], 2, "MODEL_UNKNOWN"),
        (["backtest", "study", "--model", "openai:tiny"], 2, "KEY_MISSING"),
        (["backtest", "study", "--risk", "defalt"], 2, "RISK_PROFILE_INVALID"),
        (["backtest", "--resume", "latest"], 2, "USAGE"),
        (["show", "nothing"], 3, "RUN_NOT_FOUND"),
        (["verify", "nothing"], 3, "RUN_NOT_FOUND"),
        (["explain", "latest", "2024-03-09"], 3, "DECISION_NOT_FOUND"),
        (["explain", "latest", "2024-03-12", "CCC"], 2, "SYMBOL_UNKNOWN"),
        (["trades", "--symbol", "aaa"], 2, "SYMBOL_UNKNOWN"),
        (["replay", "--agent", "decisio"], 2, "USAGE"),
        (["reflections", "--agent", "news_sentiment"], 2, "USAGE"),
        (["agents", "render", "decision", "study", "--session", "2024-03-09", "--symbol", "AAA"], 3, "DECISION_NOT_FOUND"),
        (["data", "ingest", "--symbols", ",", "--start", "2024-01-02", "--end", "2024-01-03", "--name", "n"], 2, "USAGE"),
        (["data", "ingest", "--symbols", "A", "--start", "2024-02-02", "--end", "2024-01-03", "--name", "n"], 2, "DATES_OUTSIDE"),
        (["data", "import", "nowhere", "--name", "n"], 3, "IMPORT_INVALID"),
        (["data", "import", ".", "--name", "../n"], 2, "USAGE"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_clear_error(here: Path, tg: Run, words: list[str], exit_code: int, code: str) -> None:
    result = tg(*words)
    assert (result.exit_code, result.out) == (exit_code, "")
    assert result.err.splitlines()[-1].startswith(f"{code}: ")
    assert "Traceback" not in result.err
    assert the_run(here)


def test_an_invalid_run_and_one_that_ends_early(here: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Invalid:
        def __init__(self, folder: Any) -> None:
            self.path, self.status, self.summary = folder.path, "invalid", folder.summary

    folder = find_run(Project(here), "latest")
    monkeypatch.setattr(execute, "run_experiment", lambda *_: Invalid(folder))
    assert tg("backtest", "study", "--json").exit_code == 1

    def stop(error: BaseException) -> None:
        def fail(project: Project, *_: object) -> None:
            (project.runs_folder / "20300101T000000Z-study-abcdef").mkdir()
            raise error

        monkeypatch.setattr(execute, "run_experiment", fail)

    for error, exit_code in ((KeyboardInterrupt(), 130), (ProviderError(ErrorCode.PROVIDER_FAILED, "no server"), 5)):
        stop(error)
        result = tg("backtest", "study")
        made = here / "backtests" / "runs" / "20300101T000000Z-study-abcdef"
        made.rmdir()
        assert (result.exit_code, result.out) == (exit_code, "")
        assert f"{backtest_command.NOTE}: backtests/runs/{made.name}" in result.err
        assert "tradinggroup backtest --resume abcdef" in result.err


def test_looking_at_runs_loads_neither_langgraph_nor_chromadb(here: Path) -> None:
    for words in (["runs"], ["show"], ["trades"], ["replay"], ["explain", "latest", "2024-03-12"]):
        code, loaded = modules_of(*words)
        assert code == 0
        assert not loaded & {"langgraph", "chromadb", "openai", "backtrader", "matplotlib"}, words


def test_the_first_line_of_a_run_comes_before_anything_heavy(here: Path) -> None:
    code = """
import sys
import tradinggroup.cli.backtest as command
def check(text):
    heavy = {"langgraph", "chromadb", "pandas", "numpy", "openai", "backtrader", "pyarrow"} & set(sys.modules)
    print(sorted(heavy))
    raise SystemExit
command.narrate = check
from tradinggroup.cli.main import run
run(["backtest", "study"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_a_run_folder_is_read_from_anywhere(here: Path, tg: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = the_run(here)
    moved = shutil.copytree(folder, tmp_path / "mailed")
    monkeypatch.chdir(tmp_path)
    pages = (["show"], ["trades"], ["explain", "2024-03-12", "AAA"], ["replay", "--to", "2024-03-05"], ["reflections"])
    for command, *more in pages:
        for path in (folder, moved):
            result = tg(command, str(path), *more)
            assert (result.exit_code, result.err) == (0, ""), (command, path)
    assert tg("verify", str(folder)).exit_code == 0
    assert tg("verify", str(moved)).err.splitlines()[-1].startswith("BUNDLE_NOT_FOUND: no bundle tiny")
    assert tg("-C", "nowhere", "show", str(folder)).exit_code == 2
    assert tg("show", "latest").err.startswith("PROJECT_INVALID")


def test_a_prompt_that_is_not_asked_for_says_why(project_folder: Path, tg: Run) -> None:
    make_bundle(project_folder, symbols=("AAA",))
    place = ("study", "--symbols", "AAA", "--session", "2024-03-08", "--symbol", "AAA")
    reasons = {
        ("style_selection", "--without", "style"): "it is switched off (--without style)",
        ("reflection",): "its records are told by the template",
    }
    for (agent, *more), reason in reasons.items():
        printed = tg("agents", "render", agent, *place, *more)
        assert printed.exit_code == 0
        assert f"{agent} asks no model on that session: {reason}" in " ".join(printed.out.split())
        assert max(map(len, printed.out.splitlines())) <= 80
        assert " ".join(tg("agents", "try", agent, *place, *more).out.split()) == " ".join(printed.out.split())
    # A summary is made once per filing: what is shown is the prompt behind the one in use, and when it was asked.
    assert tg("agents", "render", "report_retrieval", *place).out.startswith("== report_retrieval 10-K, 2024-03-04  model rules")


def test_a_card_that_shows_no_lesson_is_a_warning(project_folder: Path, tg: Run) -> None:
    make_bundle(project_folder, symbols=("AAA", "BBB"))
    card = (defaults_root() / "agents" / "decision.md").read_text(encoding="utf-8")
    (project_folder / "agents").mkdir()
    (project_folder / "agents" / "decision.md").write_text(card.replace("{experience}", ""), encoding="utf-8")
    checked = tg("check", "study")
    assert checked.exit_code == 0
    assert "warn   cards         no {experience} in agents/decision.md: what past outcomes\n" in checked.out
    assert "warn" not in tg("check", "study", "--without", "reflections").out


def test_a_card_that_says_a_fixed_time_is_a_warning_under_the_other_clock(project_folder: Path, tg: Run) -> None:
    make_bundle(project_folder, symbols=("AAA", "BBB"))
    card = (defaults_root() / "agents" / "decision.md").read_text(encoding="utf-8")
    (project_folder / "agents").mkdir()
    (project_folder / "agents" / "decision.md").write_text(card.replace("{clock}", "after the close"), encoding="utf-8")
    assert "warn" not in tg("check", "study").out
    checked = tg("check", "study", "--set", "decide=pre_open")
    assert checked.exit_code == 0
    assert "no {clock} in agents/decision.md: decisions are made pre_open" in " ".join(checked.out.split())


def test_an_import_says_which_texts_it_left_out(project_folder: Path, tg: Run, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    for name in ("prices/AAA.csv", "prices/BBB.csv", "news/aaa.jsonl", "news/BBB.jsonl", "news/_MARKET.jsonl", "filings/CCC.jsonl"):
        (plain / name).parent.mkdir(parents=True, exist_ok=True)
        (plain / name).write_text(PRICES if name.startswith("prices") else "", encoding="utf-8")
    made = tg("data", "import", str(plain), "--name", "small", "--symbols", "AAA")
    assert made.exit_code == 0
    assert " ".join(made.err.split()) == "left out news/aaa.jsonl, filings/CCC.jsonl: no price file has that name, letter for letter"
    assert tg("data", "import", str(plain), "--name", "more", "--json").err.splitlines()[0].startswith("left out")


def test_verify_begins_within_eighty_columns(here: Path, tg: Run, tmp_path: Path) -> None:
    longer = shutil.copytree(the_run(here), tmp_path / ("a-long-name-of-a-run-folder-" * 2))
    (longer / "trades.csv").unlink()
    assert max(map(len, tg("verify", str(longer)).err.splitlines()[:3])) <= 80
