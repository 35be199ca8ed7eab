"""From a name to a model, and what can be told before anything runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.registry import check_model, is_local, make_model
from tradinggroup.models.registry_file import load_registry
from tradinggroup.project import Project, defaults_root
from tradinggroup.settings import ModelSettings

REGISTRY = load_registry(Project(defaults_root()))


def test_an_openai_name_keeps_its_colons() -> None:
    model = make_model("openai:llama3.1:8b", ModelSettings(), REGISTRY)
    assert isinstance(model, OpenAIChat)
    assert model.name == "llama3.1:8b"


@pytest.mark.parametrize("name", ["", "openai", "openai:", "openai: ", "anthropic:x", "Rules", "rule"])
def test_other_names_are_refused_with_what_is_known(name: str) -> None:
    for call in (lambda: make_model(name, ModelSettings(), REGISTRY), lambda: check_model(name, REGISTRY)):
        with pytest.raises(UsageError) as caught:
            call()
        assert (caught.value.code, caught.value.exit_code) == (ErrorCode.MODEL_UNKNOWN, 2)
        assert "openai:<name>, openrouter:<name>, rules" in str(caught.value)


def test_a_missing_key_can_be_told_before_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    check_model("rules", REGISTRY)
    with pytest.raises(UsageError, match="KEY_MISSING"):
        check_model("openai:x", REGISTRY)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-0123456789")
    check_model("openai:x", REGISTRY)
    monkeypatch.setenv("OPENAI_API_KEY", "schlüssel")
    with pytest.raises(UsageError, match="characters that no key has"):
        check_model("openai:x", REGISTRY)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")
    check_model("openai:x", REGISTRY)


def test_rules_are_local() -> None:
    assert is_local("rules")
    assert not is_local("openai:rules")


def test_reading_recordings_imports_no_client() -> None:
    code = (
        "import sys, tradinggroup.models.gateway, tradinggroup.models.registry as r, tradinggroup.settings as s;"
        "import tradinggroup.models.registry_file as f;"
        "from tradinggroup.project import Project, defaults_root;"
        "r.make_model('openai:x', s.ModelSettings(), f.load_registry(Project(defaults_root())));"
        "sys.exit(' '.join({'openai', 'httpx2', 'langgraph', 'chromadb', 'pandas'} & set(sys.modules)) or 0)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
