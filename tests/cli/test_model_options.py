"""`--model` for all agents or for one, and `models list`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def settings_of(tg: Run, *words: str) -> dict[str, object]:
    result = tg("config", "show", "study", "--json", *words)
    assert result.exit_code == 0, result.err
    found: dict[str, object] = json.loads(result.out)
    return found


@pytest.mark.parametrize(
    ("words", "model", "agent_models"),
    [
        ((), "rules", {}),
        (("--model", "openai:y"), "openai:y", {}),
        (("--model", "decision=openai:x"), "rules", {"decision": "openai:x"}),
        (("--model", "decision=openai:x", "--model", "openai:y"), "openai:y", {"decision": "openai:x"}),
        (("--model", "decision=a:x,forecasting=b:y,c:z"), "c:z", {"decision": "a:x", "forecasting": "b:y"}),
        (("--model", "vllm:name=odd"), "vllm:name=odd", {}),
    ],
)
def test_a_model_for_all_and_for_one(
    project_folder: Path, tg: Run, words: tuple[str, ...], model: str, agent_models: dict[str, str]
) -> None:
    text = json.dumps(settings_of(tg, *words))
    shown = tg("config", "show", "study", *words).out
    assert model in shown
    for agent, own in agent_models.items():
        assert agent in text
        assert own in text
        assert own in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--model", "decison=openai:x"), "Did you mean decision?"),
        (("--model", "a:x", "--model", "b:y"), "model is given twice"),
        (("--model", "decision=a:x", "--model", "decision=b:y"), "agent_models is given twice"),
    ],
)
def test_what_cannot_be_meant(project_folder: Path, tg: Run, words: tuple[str, ...], said: str) -> None:
    result = tg("config", "show", "study", *words)
    assert result.exit_code == 2
    assert said in result.err


def test_the_files_models_of_agents_stay_beside_those_of_the_command_line(project_folder: Path, tg: Run) -> None:
    with (project_folder / "backtests" / "study.toml").open("a", encoding="utf-8") as file:
        file.write('[agent_models]\nforecasting = "a:file"\ndecision = "a:file"\n')
    shown = tg("config", "show", "study", "--model", "decision=b:option").out
    assert "a:file" in shown
    assert "b:option" in shown
    assert shown.count("a:file") == 1


def test_the_list_shows_what_is_known_and_what_is_not(project_folder: Path, tg: Run) -> None:
    (project_folder / "models.toml").write_text('[models."ollama:mine"]\ncontext_tokens = 8192\n', encoding="utf-8")
    result = tg("models", "list")
    assert result.exit_code == 0
    rows = {line.split()[0]: line.split() for line in result.out.splitlines() if line}
    assert rows["ollama:mine"] == ["ollama:mine", "8,192", "-", "-", "-", "-", "yes"]
    assert rows["ollama"] == ["ollama", "http://127.0.0.1:11434/v1", "no", "key"]
    assert max(map(len, result.out.splitlines())) <= 80
    listed = json.loads(tg("models", "list", "--json").out)
    mine = next(entry for entry in listed["models"] if entry["name"] == "ollama:mine")
    assert (mine["context_tokens"], mine["price"], mine["training_cutoff"], mine["is_own"]) == (8192, None, None, True)


def test_a_key_in_an_address_of_the_environment_is_not_listed(project_folder: Path, tg: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_BASE_URL", "https://me:sk-secret-secret@box:8000/v1?key=sk-secret-secret")
    result = tg("models", "list", "--json")
    assert "https://box:8000/v1" in result.out
    assert "secret" not in result.out


def test_a_wrong_registry_is_an_error_of_usage(project_folder: Path, tg: Run) -> None:
    (project_folder / "models.toml").write_text('[servers.x]\nbase_ur = "http://x"\n', encoding="utf-8")
    result = tg("models", "list")
    assert (result.exit_code, result.out) == (2, "")
    assert "MODEL_REGISTRY_INVALID: models.toml: servers.x: unknown key base_ur. Did you mean base_url?" in result.err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--model", "decision="), "USAGE: --model decision= names no model"),
        (("--model", "=openai:x"), "USAGE: --model =openai:x names no agent"),
        (("--max-cost-usd", "0"), "USAGE: max_cost_usd of 0 would spend nothing"),
        (("--max-cost-usd", "0.0"), "USAGE: max_cost_usd of 0 would spend nothing"),
        (("--set", "max_cost_usd=0"), "USAGE: max_cost_usd of 0 would spend nothing"),
    ],
)
def test_options_that_say_nothing_are_refused(tg: Run, words: tuple[str, ...], text: str) -> None:
    result = tg("config", "show", "study", *words)
    assert (result.exit_code, result.out) == (2, "")
    assert result.err.startswith(text)
