"""Bad input through the command line: one clear error, the right exit code, no traceback, nothing on stdout, nothing lost.

What needs a model server, a full disk or a signal is in `tests/e2e`; bundles and runs that are cut short are in `test_cut_short.py`.
"""

from __future__ import annotations

import os
import shutil
from errno import ENOSPC
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.cli.conftest import Run
from tests.cli.refusals import FILING, ITEM, PRICES, Spoil, appended, check_refused, contents, make_project, replaced, written
from tradinggroup.errors import ErrorCode
from tradinggroup.project import HOME_VARIABLE

COMMAND_LINES: tuple[tuple[str, int, ErrorCode, tuple[str, ...]], ...] = (
    ("bactest study", 2, ErrorCode.USAGE, ("Did you mean 'backtest'?",)),
    ("backtest", 2, ErrorCode.USAGE, ("no EXPERIMENT",)),
    ("backtest study more", 2, ErrorCode.USAGE, ("(more)",)),
    ("backtest study --symbol AAA", 2, ErrorCode.USAGE, ("--symbol",)),
    ("backtest study --note", 2, ErrorCode.USAGE, ("'--note' requires an argument",)),
    ("backtest study --calls live", 2, ErrorCode.USAGE, ("'--calls': 'live' is not one of",)),
    ("backtest stdy", 2, ErrorCode.EXPERIMENT_NOT_FOUND, ("Did you mean study?",)),
    ("backtest elsewhere/study.toml", 2, ErrorCode.EXPERIMENT_NOT_FOUND, ("elsewhere/study.toml",)),
    ("backtest data/tiny", 2, ErrorCode.EXPERIMENT_NOT_FOUND, ("data/tiny is a folder, not an experiment file",)),
    ("backtest elsewhere/demo.toml", 2, ErrorCode.EXPERIMENT_NOT_FOUND, ("elsewhere/demo.toml",)),
    ("backtest data/tiny/prices.parquet", 2, ErrorCode.EXPERIMENT_INVALID, ("prices.parquet is not UTF-8 text",)),
    ("backtest agents/decision.md", 2, ErrorCode.EXPERIMENT_INVALID, ("agents/decision.md line 1: not TOML",)),
    ("backtest study --set bundle=tinny", 3, ErrorCode.BUNDLE_NOT_FOUND, ("Did you mean tiny?",)),
    ("backtest study --symbols AAB", 2, ErrorCode.SYMBOL_UNKNOWN, ("AAB", "Did you mean AAA?")),
    ("backtest study --symbols aaa", 2, ErrorCode.SYMBOL_UNKNOWN, ("Did you mean AAA?",)),
    ("backtest study --symbols ,", 2, ErrorCode.SETTING_INVALID, ("symbols is empty",)),
    ("backtest study --set symbols=[]", 2, ErrorCode.SETTING_INVALID, ("symbols is empty",)),
    ("backtest study --set agents.news_sentiment.kk=5", 2, ErrorCode.SETTING_UNKNOWN, ("Did you mean agents.news_sentiment.k?",)),
    ("backtest study --set seed", 2, ErrorCode.SETTING_INVALID, ("--set key=value",)),
    ("backtest study --seed many", 2, ErrorCode.SETTING_INVALID, ("seed=many", "origin=--seed")),
    ("backtest study --cash nan", 2, ErrorCode.SETTING_INVALID, ("cash_usd",)),
    ("backtest study --cash -1", 2, ErrorCode.SETTING_INVALID, ("cash_usd",)),
    ("backtest study --start 2019-01-02", 2, ErrorCode.DATES_OUTSIDE, ("not covered by bundle tiny", "2024-01-02..")),
    ("backtest study --end 2031-01-02", 2, ErrorCode.DATES_OUTSIDE, ("not covered by bundle tiny",)),
    ("backtest study --start 2024-04-02 --end 2024-03-05", 2, ErrorCode.DATES_OUTSIDE, ("is after",)),
    (
        "backtest study --start 2024-03-09 --end 2024-03-10",
        2,
        ErrorCode.DATES_OUTSIDE,
        ("no session lies between", "2024-03-08 and 2024-03-11"),
    ),
    ("backtest study --start soon", 2, ErrorCode.SETTING_INVALID, ("start=soon must be a date such as",)),
    ("backtest study --model gpt-4", 2, ErrorCode.MODEL_UNKNOWN, ("gpt-4", "openai:<name>")),
    ("backtest study --model anthropic:x", 2, ErrorCode.MODEL_UNKNOWN, ("anthropic:x",)),
    ("backtest study --model openai:tiny", 2, ErrorCode.KEY_MISSING, ("OPENAI_API_KEY", "OPENAI_BASE_URL")),
    ("backtest study --risk defalt", 2, ErrorCode.RISK_PROFILE_INVALID, ("Did you mean default?",)),
    ("backtest study --without riks", 2, ErrorCode.SETTING_INVALID, ("without=riks", "risk")),
    ("backtest --resume nothing", 3, ErrorCode.RUN_NOT_FOUND, ("no run nothing",)),
    ("backtest --resume latest", 2, ErrorCode.USAGE, ("has ended (success)",)),
    ("backtest study --resume latest", 2, ErrorCode.USAGE, ("--resume cannot go with study",)),
    ("check stdy", 2, ErrorCode.EXPERIMENT_NOT_FOUND, ("Did you mean study?",)),
    ("config show stdy", 2, ErrorCode.EXPERIMENT_NOT_FOUND, ("Did you mean study?",)),
    ("config show --seed 3", 2, ErrorCode.USAGE, ("--seed without an EXPERIMENT",)),
    ("show nothing", 3, ErrorCode.RUN_NOT_FOUND, ("no run nothing", "tradinggroup runs")),
    ("show plain", 3, ErrorCode.RUN_NOT_FOUND, ("no run plain",)),
    ("show plain/prices", 3, ErrorCode.RUN_INVALID, ("holds no run.json",)),
    ("verify nothing", 3, ErrorCode.RUN_NOT_FOUND, ("no run nothing",)),
    ("trades --symbol AAB", 2, ErrorCode.SYMBOL_UNKNOWN, ("Did you mean AAA?",)),
    ("explain latest", 2, ErrorCode.USAGE, ("'SESSION'",)),
    ("explain latest today", 2, ErrorCode.USAGE, ("today", "YYYY-MM-DD")),
    ("explain 2024-03-12 AAA", 2, ErrorCode.USAGE, ("The run comes first",)),
    ("explain latest 2024-03-09", 3, ErrorCode.DECISION_NOT_FOUND, ("Nearest: 2024-03-08",)),
    ("explain latest 2024-03-12 CCC", 2, ErrorCode.SYMBOL_UNKNOWN, ("CCC",)),
    ("replay latest --symbol CCC", 2, ErrorCode.SYMBOL_UNKNOWN, ("CCC",)),
    ("replay latest --agent decisio", 2, ErrorCode.USAGE, ("Did you mean decision?",)),
    ("replay --from 2024-03-12 --to 2024-03-05", 2, ErrorCode.DATES_OUTSIDE, ("is after --to",)),
    ("reflections --as-of someday", 2, ErrorCode.USAGE, ("--as-of someday",)),
    ("reflections --used-by 2024-03-12 CCC", 2, ErrorCode.SYMBOL_UNKNOWN, ("CCC",)),
    ("agents shw", 2, ErrorCode.USAGE, ("Did you mean 'show'?",)),
    ("agents show decisio", 2, ErrorCode.CARD_INVALID, ("Did you mean decision?",)),
    ("agents render decisio study --session 2024-03-12 --symbol AAA", 2, ErrorCode.CARD_INVALID, ("Did you mean decision?",)),
    ("agents render decision study --session 2024-03-09 --symbol AAA", 3, ErrorCode.DECISION_NOT_FOUND, ("2024-03-08, 2024-03-11",)),
    ("agents render decision study --session 2024-03-12 --symbol CCC", 2, ErrorCode.SYMBOL_UNKNOWN, ("CCC",)),
    ("data extend demo plain", 2, ErrorCode.USAGE, ("demo is the packaged one", "--name")),
    ("data extend tiny nowhere", 3, ErrorCode.IMPORT_INVALID, ("no folder nowhere",)),
    ("data ingest --symbols A --start 2024-01-02 --end 2024-02-01 --name n --texts edgr", 2, ErrorCode.USAGE, ("Did you mean edgar?",)),
    ("data check tinny", 3, ErrorCode.BUNDLE_NOT_FOUND, ("Did you mean tiny?",)),
    ("data make-demo --name tiny", 3, ErrorCode.BUNDLE_EXISTS, ("tiny is already there",)),
    ("data make-demo --seed x --name new", 2, ErrorCode.USAGE, ("'--seed'",)),
    ("data import plain", 2, ErrorCode.USAGE, ("'--name'",)),
    ("data import plain --name tiny", 3, ErrorCode.BUNDLE_EXISTS, ("tiny is already there",)),
    ("data import plain --name ../new", 2, ErrorCode.USAGE, ("'../new' cannot be the name",)),
    ("data import nowhere --name new", 3, ErrorCode.IMPORT_INVALID, ("no folder nowhere",)),
    ("data import plain/prices/AAA.csv --name new", 3, ErrorCode.IMPORT_INVALID, ("no folder plain/prices/AAA.csv",)),
    ("data import agents --name new", 3, ErrorCode.IMPORT_INVALID, ("no folder prices in agents", "--prices")),
    ("data import plain --prices news --name new", 3, ErrorCode.IMPORT_INVALID, ("no price files in plain/news",)),
    ("data import plain --symbols AAB --name new", 3, ErrorCode.SYMBOL_UNKNOWN, ("Did you mean AAA?",)),
    ("data import plain --symbols , --name new", 2, ErrorCode.USAGE, ("--symbols names no symbol",)),
    ("data import plain --start 2024-01-04 --end 2024-01-02 --name new", 2, ErrorCode.DATES_OUTSIDE, ("reversed",)),
    ("data import plain --start 2025-01-04 --name new", 3, ErrorCode.DATES_OUTSIDE, ("prices/AAA.csv", "2024-01-02..2024-01-04")),
    ("data import plain --start 4.1.2024 --name new", 2, ErrorCode.USAGE, ("--start 4.1.2024 is no day",)),
    ("data import plain --basis raw --name new", 2, ErrorCode.USAGE, ("'--basis': 'raw' is not one of",)),
    ("init plain/prices/AAA.csv", 2, ErrorCode.PROJECT_INVALID, ("plain/prices/AAA.csv",)),
    ("-C nowhere runs", 2, ErrorCode.PROJECT_INVALID, ("no folder nowhere",)),
    ("-C plain/prices/AAA.csv runs", 2, ErrorCode.PROJECT_INVALID, ("no folder plain/prices/AAA.csv",)),
)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole project that no test may change."""
    root = tmp_path_factory.mktemp("template") / "project"
    make_project(root)
    return root


@pytest.fixture
def project(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the template that a test may spoil, as the working folder."""
    root = tmp_path / "project"
    shutil.copytree(template, root)
    monkeypatch.chdir(root)
    return root


@pytest.fixture
def untouched(template: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The template itself, for what changes nothing."""
    monkeypatch.chdir(template)
    return template


@pytest.mark.parametrize(("words", "exit_code", "code", "says"), COMMAND_LINES, ids=[case[0] for case in COMMAND_LINES])
def test_a_wrong_command_line(untouched: Path, tg: Run, words: str, exit_code: int, code: ErrorCode, says: tuple[str, ...]) -> None:
    assert check_refused(tg, untouched, words, code, *says).exit_code == exit_code


CSV, NEWS, FILINGS, FUNDAMENTALS = "plain/prices/AAA.csv", "plain/news/AAA.jsonl", "plain/filings/AAA.jsonl", "plain/fundamentals/AAA.jsonl"
BINARY = bytes(range(256))
UNUSABLE_DATA: dict[str, tuple[Spoil, str, str]] = {
    "a missing column": (replaced(CSV, ",Adj Close,", ",Adjusted,"), "prices/AAA.csv line 1", "no column 'Adj Close'"),
    "other separators": (written(CSV, PRICES.replace(",", ";").encode()), "prices/AAA.csv line 1", "no column 'Date'"),
    "a NaN": (replaced(CSV, "10,11,9,10.5", "10,nan,9,10.5"), "prices/AAA.csv line 2", "High is nan"),
    "an empty cell": (replaced(CSV, "10,11,9,10.5", "10,,9,10.5"), "prices/AAA.csv line 2", "High is empty"),
    "a word": (replaced(CSV, "10,11,9,10.5", "10,none,9,10.5"), "prices/AAA.csv line 2", "High 'none' is not a number"),
    "a price of zero": (replaced(CSV, "10,11,9,10.5", "0,11,9,10.5"), "prices/AAA.csv line 2", "Open is 0.0"),
    "a missing cell": (appended(CSV, "2024-01-05,10,11,9,10,10\n"), "prices/AAA.csv line 5", "6 fields under 7 columns"),
    "a date twice": (appended(CSV, "2024-01-04,10,11,9,10,10,1000\n"), "prices/AAA.csv line 5", "a second row for 2024-01-04"),
    "unsorted dates": (appended(CSV, "2024-01-03,10,11,9,10,10,1000\n"), "prices/AAA.csv line 5", "comes after 2024-01-04"),
    "a Saturday": (appended(CSV, "2024-01-06,10,11,9,10,10,1000\n"), "prices/AAA.csv line 5", "2024-01-06 is no session of XNYS"),
    "a holiday": (appended(CSV, "2024-01-15,10,11,9,10,10,1000\n"), "prices/AAA.csv line 5", "2024-01-15 is no session of XNYS"),
    "another way to write dates": (appended(CSV, "01/05/2024,10,11,9,10,10,1000\n"), "prices/AAA.csv line 5", "YYYY-MM-DD"),
    "high below low": (appended(CSV, "2024-01-05,10,8,9,10,10,1000\n"), "prices/AAA.csv line 5", "High 8.0 is below Low 9.0"),
    "no rows": (written(CSV, PRICES.splitlines()[0].encode()), "prices/AAA.csv", "no prices"),
    "an empty file": (written(CSV, b""), "prices/AAA.csv line 1", "no column 'Date'"),
    "a binary file": (written(CSV, BINARY), "prices/AAA.csv", "not UTF-8"),
    "a folder among the price files": (lambda root: (root / "plain/prices/BBB.csv").mkdir(), "prices/BBB.csv", "cannot be read"),
    "a time before the first year": (
        appended(NEWS, ITEM.replace("2024-01-02T15:00:00Z", "0001-01-01T00:00:00+05:00")), "news/AAA.jsonl line 2", "not a time",
    ),
    "a day of the last year": (
        appended(NEWS, '{"title": "Another", "published_at": "9999-12-31", "time_precision": "day"}\n'),
        "news/AAA.jsonl line 2", "outside 1970 to 2100",
    ),
    "a line that is not JSON": (appended(NEWS, "headline: none\n"), "news/AAA.jsonl line 2", "not JSON"),
    "a line cut short": (appended(NEWS, ITEM[:40]), "news/AAA.jsonl line 2", "not JSON"),
    "a line that is no object": (appended(NEWS, "[1]\n"), "news/AAA.jsonl line 2", "not a JSON object"),
    "an item without time": (appended(NEWS, '{"title": "Another"}\n'), "news/AAA.jsonl line 2", "no published_at"),
    "a time without zone": (appended(NEWS, ITEM.replace("Z", "")), "news/AAA.jsonl line 2", "time zone"),
    "an item twice": (appended(NEWS, ITEM), "news/AAA.jsonl line 2", "first in line 1"),
    "news that is no text": (written(NEWS, BINARY), "news/AAA.jsonl line 1", "not JSON"),
    "another symbol's item": (appended(NEWS, ITEM.replace("{", '{"ticker": "BBB", ')), "news/AAA.jsonl line 2", "ticker is BBB"),
    "a filing without text": (appended(FILINGS, FILING.replace("Revenue grew.", "")), "filings/AAA.jsonl line 2", "no text"),
    "a filing without form": (appended(FILINGS, FILING.replace('"10-K"', "null")), "filings/AAA.jsonl line 2", "no form"),
    "figures missing": (
        written(FUNDAMENTALS, FILING.replace("{", '{"period": "2023-12-31", ').encode()), "fundamentals/AAA.jsonl line 1", "no figures",
    ),
    "an unknown kind of action": (
        written("plain/actions/AAA.csv", b"ex_session,kind,ratio,cash_usd\n2024-01-03,splt,2,\n"), "actions/AAA.csv line 2", "'splt'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "where", "what"), UNUSABLE_DATA.values(), ids=UNUSABLE_DATA)
def test_data_that_cannot_be_used(project: Path, tg: Run, spoil: Spoil, where: str, what: str) -> None:
    spoil(project)
    assert check_refused(tg, project, "data import plain --name new", ErrorCode.IMPORT_INVALID, where, what).exit_code == 3


TOLERATED: dict[str, Spoil] = {
    "Windows line ends and a byte order mark": written(CSV, b"\xef\xbb\xbf" + PRICES.replace("\n", "\r\n").encode()),
    "the same in JSON lines": written(NEWS, b"\xef\xbb\xbf" + ITEM.replace("\n", "\r\n").encode()),
    "no newline at the end": written(NEWS, ITEM.rstrip().encode()),
    "blank lines": appended(NEWS, "\n\n"),
    "a blank line among the prices": appended(CSV, "\n"),
    "a column more": written(CSV, PRICES.replace("Volume\n", "Volume,Note\n").replace(",1000\n", ",1000,x\n").encode()),
    "an empty file of news": written("plain/news/_MARKET.jsonl", b""),
}


@pytest.mark.parametrize("change", TOLERATED.values(), ids=TOLERATED)
def test_files_as_other_programs_write_them(project: Path, tg: Run, change: Spoil) -> None:
    assert tg("data", "import", "plain", "--name", "plain").exit_code == 0
    change(project)
    result = tg("data", "import", "plain", "--name", "new")
    assert (result.exit_code, result.err) == (0, "")
    plain, new = (tg("data", "list").out.partition(f"\n{name} ")[2].split()[0] for name in ("plain", "new"))
    assert plain == new, "the same data has another id"


DECISION, PROFILE, STUDY = "agents/decision.md", "risk/default.toml", "backtests/study.toml"
WRONG_FILES: dict[str, tuple[Spoil, ErrorCode, tuple[str, ...]]] = {
    "a card without front matter": (
        written(DECISION, b"Decide about {symbol}.\n"), ErrorCode.CARD_INVALID, ("agents/decision.md line 1", "no front matter"),
    ),
    "a card that is empty": (written(DECISION, b""), ErrorCode.CARD_INVALID, ("agents/decision.md line 1", "no front matter")),
    "a card that is no text": (written(DECISION, BINARY), ErrorCode.CARD_INVALID, ("agents/decision.md", "not UTF-8")),
    "an unknown placeholder": (
        appended(DECISION, "\n{acount}\n"), ErrorCode.CARD_INVALID, ("agents/decision.md line ", "{acount}", "Did you mean account?"),
    ),
    "a card of another agent": (
        replaced(DECISION, 'agent = "decision"', 'agent = "forecasting"'), ErrorCode.CARD_INVALID, ("agents/decision.md",),
    ),
    "a card with an unknown key": (
        replaced(DECISION, "temperature =", "temprature ="), ErrorCode.CARD_INVALID, ("agents/decision.md", "temprature"),
    ),
    "an unknown key of the profile": (appended(PROFILE, "\nmood = 1\n"), ErrorCode.RISK_PROFILE_INVALID, ("risk/default.toml", "mood")),
    "a profile that is no TOML": (appended(PROFILE, "\nmood\n"), ErrorCode.RISK_PROFILE_INVALID, ("risk/default.toml", "line ")),
    "a profile that is empty": (written(PROFILE, b""), ErrorCode.RISK_PROFILE_INVALID, ("risk/default.toml", "missing")),
    "an experiment that is empty": (written(STUDY, b""), ErrorCode.EXPERIMENT_INVALID, ("backtests/study.toml lacks name",)),
    "an experiment that is no text": (written(STUDY, BINARY), ErrorCode.EXPERIMENT_INVALID, ("backtests/study.toml is not UTF-8",)),
    "an experiment that is no TOML": (appended(STUDY, "seed 7\n"), ErrorCode.EXPERIMENT_INVALID, ("backtests/study.toml line 6",)),
    "an unknown setting": (appended(STUDY, "sede = 7\n"), ErrorCode.SETTING_UNKNOWN, ("sede", "line 6", "Did you mean seed?")),
    "no symbols": (replaced(STUDY, '["AAA", "BBB"]', "[]"), ErrorCode.SETTING_INVALID, ("symbols is empty",)),
    "a symbol twice": (replaced(STUDY, '["AAA", "BBB"]', '["AAA", "AAA"]'), ErrorCode.SETTING_INVALID, ("symbols", "AAA")),
    "a date in quotes that is none": (replaced(STUDY, "2024-03-04", '"March"'), ErrorCode.SETTING_INVALID, ("start=March",)),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "code", "says"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_a_file_of_the_project_that_is_wrong(project: Path, tg: Run, spoil: Spoil, code: ErrorCode, says: tuple[str, ...]) -> None:
    spoil(project)
    assert check_refused(tg, project, "backtest study", code, *says).exit_code == 2


@pytest.mark.parametrize("words", ["data import plain --name new", "data make-demo --name new"])
def test_a_full_disk_leaves_no_bundle(project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    def write_half(_: object, path: Path, **__: object) -> None:
        path.write_bytes(b"PAR1")
        raise OSError(ENOSPC, os.strerror(ENOSPC), str(path))

    monkeypatch.setattr(pq, "write_table", write_half)
    assert check_refused(tg, project, words, ErrorCode.BUNDLE_UNWRITABLE, "bundle new", os.strerror(ENOSPC)).exit_code == 3


def test_outside_of_a_project(tmp_path: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for words in ("backtest demo", "runs", "show", "data list", "data make-demo --name new", "agents list"):
        assert (
            check_refused(tg, tmp_path, words, ErrorCode.PROJECT_INVALID, "not inside a project folder", "tradinggroup init").exit_code == 2
        )
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "nowhere"))
    check_refused(tg, tmp_path, "runs", ErrorCode.PROJECT_INVALID, "nowhere", f"origin={HOME_VARIABLE}")


def test_what_was_there_stays(project: Path, tg: Run) -> None:
    """A second `init`, and content that a person changed."""
    (project / DECISION).write_text("mine", encoding="utf-8")
    assert tg("init").exit_code == 0
    before = contents(project)
    again = tg("init")
    assert again.exit_code == 0
    assert again.out.startswith("wrote nothing")
    assert contents(project) == before
    assert before[DECISION] == b"mine"
