"""The ledger, the seal, tables of runs and comparisons from the command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.factories import make_bundle

STUDY = """name = "study"
bundle = "tiny"
symbols = ["AAA"]
start = 2024-03-18
end = 2024-04-12
baselines = ["buy_and_hold"]
[statistics]
bootstrap_draws = 100
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a bundle; tests copy it."""
    root = tmp_path_factory.mktemp("made") / "project"
    (root / "backtests").mkdir(parents=True)
    (root / "tradinggroup.toml").touch()
    (root / "backtests" / "study.toml").write_text(STUDY, encoding="utf-8")
    make_bundle(root, symbols=("AAA",))
    return root


@pytest.fixture
def study(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def test_a_table_of_samples_and_cells_then_the_ledger_and_a_comparison(tg: Run, study: Path) -> None:
    sampled = tg("backtest", "study", "--runs", "2", "--json")
    assert sampled.exit_code == 0
    found = json.loads(sampled.out)
    assert set(found) == {"runs", "variant", "run_ids", "spread", "flip_rate_fraction", "flipped", "pairs", "flips_by_session"}
    assert found["flip_rate_fraction"] == 0.0
    assert found["spread"]["total_return_fraction"]["runs"] == 2

    varied = tg("backtest", "study", "--vary", "risk=default,strict")
    assert varied.exit_code == 0
    assert "risk=strict" in varied.out
    assert max(map(len, varied.out.splitlines())) <= 80

    page = json.loads(tg("runs", "--ledger", "--json").out)
    assert (page["trials"], page["runs"], page["ok"], page["lines"]) == (2, 4, True, 8)
    assert [len(trial["runs"]) for trial in page["list"]] == [3, 1], "the cell risk=default is the experiment itself"

    ids = [run["run_id"] for run in found["runs"]]
    compared = tg("compare", ids[0], "latest")
    assert compared.exit_code == 0
    assert "risk default -> strict" in compared.out
    assert max(map(len, compared.out.splitlines())) <= 80
    assert json.loads(tg("compare", *ids, "--json").out)["pairs"][0]["settings"]["seed"] == [7, 8]

    text = study.joinpath("ledger.jsonl").read_text(encoding="utf-8")
    study.joinpath("ledger.jsonl").write_text(text.replace('"seed":8', '"seed":9'), encoding="utf-8")
    broken = tg("runs", "--ledger")
    assert broken.exit_code == 1
    assert "BROKEN at line 3 of 8: it is not as it was written" in broken.out
    assert json.loads(tg("runs", "--ledger", "--json").out)["fault"] == {"line": 3, "problem": "is not as it was written"}
    assert tg("runs").exit_code == 0


def test_a_sealed_window_exits_2_and_a_reason_opens_it(tg: Run, study: Path) -> None:
    (study / "tradinggroup.toml").write_text("[holdout]\nstart = 2024-04-08\n", encoding="utf-8")
    for words in (
        ["backtest", "study"],
        ["backtest", "study", "--vary", "risk=default,strict"],
        ["agents", "render", "decision", "study", "--session", "2024-04-09", "--symbol", "AAA"],
        ["agents", "try", "decision", "study", "--session", "2024-04-09", "--symbol", "AAA"],
    ):
        result = tg(*words)
        assert (result.exit_code, result.out) == (2, "")
        assert "HOLDOUT_SEALED" in result.err
    assert tg("check", "study").exit_code == 1
    assert not (study / "ledger.jsonl").exists()
    assert tg("backtest", "study", "--dry-run", "--unseal", "final").exit_code == 0
    assert tg("backtest", "study", "--unseal", "final").exit_code == 0
    assert "unsealed: final" in " ".join(tg("show", "latest", "--all").out.split())
    assert "by run" in tg("runs", "--ledger").out


def test_a_dry_run_of_a_table_counts_the_runs(tg: Run, study: Path) -> None:
    words = ("backtest", "study", "--vary", "risk=default,strict", "--runs", "3", "--dry-run")
    total = json.loads(tg(*words, "--json").out)["total"]
    assert (total["runs"], total["cost_usd"]) == (6, 0.0)
    assert "total                6 runs" in tg(*words).out
    assert not (study / "ledger.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--vary", "risk=default,strcit"], "RISK_PROFILE_INVALID: no risk profile strcit. Did you mean strict?"),
        (["--vary", "symbols=AAA,ZZZ"], "SYMBOL_UNKNOWN"),
        (["--runs", "0"], "USAGE"),
        (["--resume", "latest", "--runs", "2"], "--resume cannot go with"),
    ],
)
def test_a_table_is_refused_as_a_whole(tg: Run, study: Path, words: list[str], says: str) -> None:
    result = tg("backtest", *([] if "--resume" in words else ["study"]), *words)
    assert result.exit_code in (2, 3)
    assert says in result.err
    assert not (study / "backtests" / "runs").exists()


def test_an_empty_ledger_is_whole(tg: Run, study: Path) -> None:
    result = tg("runs", "--ledger")
    assert (result.exit_code, result.out.splitlines()[0]) == (0, "the ledger is empty: no run was started since there is one")
    assert study.exists()


@pytest.mark.parametrize("line", ['{"kind":"start"}', '{"kind":"end","line":9}', '{"kind":"unseal"}', "[1]"])
def test_a_line_of_another_shape_stops_no_run_and_no_page(tg: Run, study: Path, line: str) -> None:
    (study / "ledger.jsonl").write_text(f"{line}\n", encoding="utf-8")
    assert tg("backtest", "study").exit_code == 0
    page = tg("runs", "--ledger")
    assert page.exit_code == 1
    assert "BROKEN at line 1 of 3" in page.out
    assert "the ledger is damaged: line 1" in tg("show", "latest").out
    assert tg("report", "--all").exit_code == 0
