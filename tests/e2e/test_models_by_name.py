"""Models of several servers in one run, and models that a backtest may not use, as a person meets them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.e2e.answers import good_answer
from tests.e2e.command import Run, header, latest
from tests.models.fault_server import FaultServer, Json, Step, completion_body, fault_server

REGISTRY = """
[servers.box]
base_url = "{url}"
key_variable = "BOX_KEY"
[models."box:m*"]
omit_parameters = ["seed"]
price = {{ prompt_usd_per_million = 1, completion_usd_per_million = 1, as_of = 2026-01-01, source = "us" }}
"""
CITED = {"citations": ["https://news.example/tomorrow"]}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with fault_server(good_answer) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        yield faults


def test_one_agent_is_asked_elsewhere_with_its_own_key(
    server: FaultServer, project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fault_server(good_answer) as box:
        (project / "models.toml").write_text(REGISTRY.format(url=box.url), encoding="utf-8")
        without_key = tg("backtest", "study", "--model", "decision=box:mine")
        assert without_key.exit_code == 2
        assert "BOX_KEY is not set" in without_key.err
        assert server.requests == box.requests == []
        monkeypatch.setenv("BOX_KEY", "box-key-0123456789")
        monkeypatch.setenv("OPENAI_API_KEY", "other-key-0123456789")
        result = tg("backtest", "study", "--model", "decision=box:mine", "--json")
    assert result.exit_code == 0
    folder = latest(project)
    assert {body["model"] for body in box.requests} == {"mine"}
    assert {sent["authorization"] for sent in box.headers} == {"Bearer box-key-0123456789"}
    assert not any("seed" in body for body in box.requests)
    assert {sent["authorization"] for sent in server.headers} == {"Bearer other-key-0123456789"}
    assert len(box.requests) == header(folder)["calls"]["by_agent"]["decision"]["calls"]
    assert header(folder)["title"] == "box:mine, openai:m"
    assert "box-key" not in (folder / "models.toml").read_text(encoding="utf-8")
    monkeypatch.delenv("BOX_KEY")
    monkeypatch.delenv("OPENAI_BASE_URL")
    (project / "models.toml").unlink()
    assert tg("verify", "latest").exit_code == 0, "what the run kept is enough, and no key is needed"


def test_a_prompt_that_does_not_fit_ends_the_run_before_the_call(server: FaultServer, project: Path, tg: Run) -> None:
    (project / "models.toml").write_text('[models."openai:m"]\ncontext_tokens = 1800\n', encoding="utf-8")
    checked = tg("check", "study")
    assert checked.exit_code == 1
    assert "PROMPT_TOO_LONG: the prompt of" in " ".join(checked.out.split())
    result = tg("backtest", "study")
    assert result.exit_code == 2
    (line,) = result.error_lines
    assert line.startswith("PROMPT_TOO_LONG: the prompt of ")
    assert "the context of openai:m holds 1,800; its longest part is " in line
    assert header(latest(project))["status"] == "error"


def test_an_answer_that_cites_the_web_ends_the_run(server: FaultServer, project: Path, tg: Run) -> None:
    def choose(body: Json) -> Step | None:
        return Step(body=orjson.dumps({**completion_body(good_answer(body)), **CITED})) if len(server.requests) > 12 else None

    server.choose = choose
    result = tg("backtest", "study")
    assert result.exit_code == 2
    (line,) = result.error_lines
    assert line.startswith("LOOKAHEAD_MODEL: openai:m searched the web for ")
    server.choose = lambda body: None
    again = tg("backtest", "--resume", "latest")
    assert again.exit_code == 2
    assert "LOOKAHEAD_MODEL" in again.err


@pytest.mark.parametrize("words", [("--model", "openai:gpt-4o:online"), ("--model", "decision=openai:sonar-pro")])
def test_a_model_that_searches_is_refused_before_a_folder_is_made(
    server: FaultServer, project: Path, tg: Run, words: tuple[str, ...]
) -> None:
    for verb in (("backtest", "study"), ("backtest", "study", "--calls", "replay")):
        result = tg(*verb, *words)
        assert result.exit_code == 2
        assert "LOOKAHEAD_MODEL" in result.err
    assert not (project / "backtests" / "runs").exists()
    assert server.requests == []
