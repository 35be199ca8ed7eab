from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.runs.factory import SESSIONS, FakeBundle, experiment
from tradinggroup.data.records import PriceBasis
from tradinggroup.runs.header import RunStart, address_without_secrets, end_header, git_state, model_title, package_versions, start_header

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def start(tmp_path: Path, *, bundle: object = None, base_url: str | None = None, **changes: object) -> RunStart:
    return RunStart(
        experiment=experiment(**changes), arguments={"cash_usd": 5.0}, bundle=bundle or FakeBundle(),  # type: ignore[arg-type]
        models={"decision": "rules"}, sessions=SESSIONS, calls_mode="record", project_root=tmp_path, started_at=NOW, base_url=base_url,
    )  # fmt: skip


def test_header_says_what_was_passed_and_what_was_used(tmp_path: Path) -> None:
    header = start_header(start(tmp_path))
    assert header["status"] == "running"
    assert header["title"] == "no LLM"
    assert header["arguments"] == {"cash_usd": 5.0}
    assert header["settings"]["gap_buffer_fraction"] == 0.01, "every default is there"
    assert (header["start"], header["end"], header["sessions"]) == ("2023-09-11", "2023-09-20", 8)
    assert header["bundle"]["hash"] == FakeBundle.hash
    assert header["warnings"] == []
    assert {"python", "tradinggroup", "langgraph", "backtrader"} <= set(header["versions"])


def test_no_secret_gets_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    header = start_header(start(tmp_path, base_url="https://me:sk-very-secret@host:8080/v1?key=sk-very-secret#sk-very-secret"))
    assert header["base_url"] == "https://host:8080/v1"
    assert "secret" not in str(header)
    assert address_without_secrets("http://[::1]:80/v1") == "http://[::1]:80/v1"


def test_warnings_of_the_start_and_of_the_end_add_up(tmp_path: Path) -> None:
    class Adjusted(FakeBundle):
        basis = PriceBasis.TOTAL_RETURN
        levels_unsafe = True

    header = start_header(start(tmp_path, bundle=Adjusted(), derived_text="allow"))
    assert [warning.split(":")[0] for warning in header["warnings"]] == ["optimistic", "prices of basis total_return"]
    ended = end_header(
        header, status="success", finished_at=NOW, results={"warnings": ["new", header["warnings"][0]], "holds": {"model": 1}}
    )
    assert ended["warnings"] == [*header["warnings"], "new"]
    assert (ended["status"], ended["holds"], ended["finished_at"]) == ("success", {"model": 1}, "2026-01-01T00:00:00Z")
    assert header["status"] == "running", "the given header is not changed"


def test_a_run_that_fills_at_the_close_it_decided_on_is_optimistic_and_the_stop_mode_is_told(tmp_path: Path) -> None:
    header = start_header(start(tmp_path, fill="same_close"))
    assert any(warning.startswith("optimistic: ") and "fill = same_close" in warning for warning in header["warnings"])
    assert header["stop_mode"] == "close"


def test_title() -> None:
    assert model_title({"a": "rules", "b": "rules"}) == "no LLM"
    assert model_title({"a": "openai:x", "b": "openai:x"}) == "openai:x"
    assert model_title({"a": "openai:x", "b": "rules", "c": "openai:b"}) == "openai:b, openai:x and rules"


def test_git_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    git("init")
    assert git_state(tmp_path) is None, "no commit yet"
    (tmp_path / "a").write_text("1", encoding="utf-8")
    git("add", "a")
    git("commit", "-m", "one")
    clean = git_state(tmp_path)
    assert clean is not None
    assert len(clean["commit"]) == 40
    assert clean["dirty"] is False
    (tmp_path / "a").write_text("2", encoding="utf-8")
    assert git_state(tmp_path) == {"commit": clean["commit"], "dirty": True}
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path) is None, "without git"


def test_versions_of_packages_that_are_missing_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradinggroup.runs.header.PACKAGES", ("numpy", "no-such-package"))
    assert list(package_versions()) == ["python", "numpy"]
