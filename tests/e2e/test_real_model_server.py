"""Whole runs against a server that nobody here wrote (llama.cpp over a tiny random model), then without it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.answers import good_answer
from tests.e2e.command import Result, Run, calls, decisions, header, latest, row_files
from tests.models.fault_server import fault_server
from tests.models.real_server import running_server
from tradinggroup.models.port import FailureKind
from tradinggroup.runs.folder import RunFolder

DEMO = """name = "demo"
bundle = "demo"
symbols = ["ACME"]
start = 2023-01-03
end = 2023-01-06
"""
US2025 = """name = "us2025"
bundle = "us2025"
symbols = ["TSLA", "MSFT"]
start = 2025-02-28
end = 2025-12-30
[agents.news_sentiment]
k = 3
"""
MODEL = ("--model", "openai:tiny")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_server(tmp_path_factory.mktemp("server")) as url:
        yield url


@pytest.fixture
def experiments(project: Path) -> Path:
    """The project with small copies of the two experiments of the repository."""
    (project / "backtests" / "demo.toml").write_text(DEMO, encoding="utf-8")
    (project / "backtests" / "us2025.toml").write_text(US2025, encoding="utf-8")
    return project


def check_run(folder: Path, result: Result) -> None:
    """Exit code, status, calls, holds and accounts agree with each other and with the files."""
    kept, summary = calls(folder), result.json
    failed = [call.failure.kind for call in kept if call.failure is not None]
    is_valid = len(failed) <= 0.05 * len(kept)
    assert (result.exit_code, summary["status"]) == ((0, "success") if is_valid else (1, "invalid"))
    assert (summary["calls"]["total"], summary["calls"]["failed"]) == (len(kept), len(failed))
    assert set(failed) <= {FailureKind.SCHEMA, FailureKind.CUT_OFF}
    assert all("tiny" in call.model_returned for call in kept)
    assert all("tiny" in name for name in header(folder)["models_returned"])
    check_accounts(folder, summary)


def check_accounts(folder: Path, summary: dict[str, Any]) -> None:
    holds = Counter(line["hold_kind"] for line in decisions(folder))
    assert summary["holds"] == {kind: holds[kind] for kind in summary["holds"]}
    rows = RunFolder.open(folder).equity()
    assert rows
    assert all(row["cash_usd"] >= 0 and row["shares"] >= 0 for row in rows)


def check_again_without_the_server(tg: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL")
    verified = tg("verify", folder.name, "--json")
    assert (verified.exit_code, verified.json["equal"]) == (0, True)


@pytest.mark.slow
def test_the_demo_market(experiments: Path, tg: Run, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    result = tg("backtest", "demo", *MODEL, "--json")
    folder = latest(experiments)
    check_run(folder, result)
    check_again_without_the_server(tg, folder, monkeypatch)
    check_second_run(tg, experiments, first=folder)


def check_second_run(tg: Run, project: Path, *, first: Path) -> None:
    """From recordings alone: only answers that validated are shared, so a run with failures can't be made again without a server."""
    again = tg("backtest", "demo", *MODEL, "--calls", "replay")
    missing = next((call for call in calls(first) if call.failure is not None), None)
    if missing is None:
        assert again.exit_code == 0
        assert row_files(latest(project)) == row_files(first)
        return
    assert again.exit_code == 3
    (line,) = again.error_lines
    assert line.startswith(f"RECORDING_MISSING: agent={missing.agent}, ")
    assert f"session={missing.session}, symbol={missing.symbol}" in line
    assert header(latest(project))["status"] == "error"


@pytest.mark.slow
def test_real_prices_news_and_filings(experiments: Path, tg: Run, address: str, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["--prices", "prices_recent", "--symbols", "TSLA,MSFT", "--start", "2024-06-01", "--end", "2025-03-31", "--name", "us2025"]
    assert tg("data", "import", str(shared_data), *words).exit_code == 0
    monkeypatch.setenv("OPENAI_BASE_URL", address)
    result = tg("backtest", "us2025", *MODEL, "--symbols", "TSLA", "--end", "2025-03-03", "--json")
    folder = latest(experiments)
    check_run(folder, result)
    assert {call.symbol for call in calls(folder)} == {"TSLA"}
    assert result.json["end"] == "2025-03-03"
    check_again_without_the_server(tg, folder, monkeypatch)


def test_a_second_run_is_made_from_shared_recordings(project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server(good_answer) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert tg("backtest", "study").exit_code == 0
    first = latest(project)
    monkeypatch.delenv("OPENAI_BASE_URL")
    again = tg("backtest", "study", "--calls", "replay", "--json")
    second = latest(project)
    assert (again.exit_code, again.json["calls"]["live"]) == (0, 0)
    assert second != first
    assert row_files(second) == row_files(first)
    assert tg("verify", second.name).exit_code == 0

    longer = tg("backtest", "study", "--calls", "replay", "--end", "2024-03-25")
    assert longer.exit_code == 3
    (line,) = longer.error_lines
    assert "session=2024-03-25" in line
    assert "Nearest recording" in line


def test_a_model_without_a_known_prefix_is_refused_in_replay_too(project: Path, tg: Run) -> None:
    result = tg("backtest", "study", "--calls", "replay", "--model", "opanai:m")
    assert result.exit_code == 2
    assert "MODEL_UNKNOWN" in result.err
    assert not (project / "backtests" / "runs").exists()
