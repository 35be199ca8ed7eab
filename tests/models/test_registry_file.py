"""models.toml: what it may say, how a project's own lies over the packaged one, and what a request looks like then."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.models.fault_server import FaultServer
from tests.models.support import request, settings
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.endpoint import OPENAI_SERVER, Endpoint
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.registry_entries import ModelEntry, Price
from tradinggroup.models.registry_file import FILE, ModelRegistry, load_registry, registry_from_text
from tradinggroup.project import Project, defaults_root

TEXT = """
[servers.here]
base_url = "http://127.0.0.1:9/v1"
context_tokens = 4096
requests_per_minute = 60
omit_parameters = ["seed"]

[models."here:big*"]
context_tokens = 32000
rename_parameters = { max_tokens = "max_completion_tokens" }

[models."here:big-new"]
price = { prompt_usd_per_million = 1, completion_usd_per_million = 2.5, as_of = 2026-01-31, source = "a page" }
training_cutoff = { date = 2025-06-30, source = "a card" }
omit_parameters = ["temperature"]
"""


def project(folder: Path, text: str) -> Project:
    (folder / FILE).write_text(text, encoding="utf-8")
    return Project(folder)


def entry(registry: ModelRegistry, name: str) -> ModelEntry:
    found = registry.entry_of(name)
    assert found is not None
    return found


def test_the_closest_entry_lies_over_wider_ones_and_over_its_server() -> None:
    registry = registry_from_text(TEXT)
    new, old, other = (entry(registry, f"here:{name}") for name in ("big-new", "big-old:7b", "small"))
    assert (new.context_tokens, old.context_tokens, other.context_tokens) == (32000, 32000, 4096)
    assert (new.requests_per_minute, new.maximum_concurrent) == (60, None)
    assert (new.omit_parameters, old.omit_parameters) == (("temperature",), ("seed",)), "a closer entry replaces the list"
    assert new.price == Price(prompt_usd_per_million=1, completion_usd_per_million=2.5, as_of=date(2026, 1, 31), source="a page")
    assert (old.price, old.training_cutoff) == (None, None), "what nobody stated is unknown"
    assert registry.entry_of("rules") is None
    assert registry.entry_of("elsewhere:big-new") is None


def test_a_price_is_per_million_tokens_of_each_kind() -> None:
    price = Price(prompt_usd_per_million=3.0, completion_usd_per_million=12.0, as_of=date(2026, 1, 1), source="x")
    assert price.cost_usd(prompt_tokens=500_000, completion_tokens=250_000) == 1.5 + 3.0


def test_a_projects_file_lies_over_the_packaged_one_key_by_key(tmp_path: Path) -> None:
    own = """
    [servers.mine]
    base_url = "https://models.example/v1"
    key_variable = "MINE_KEY"
    [models."openai:gpt-4"]
    training_cutoff = { date = 2024-01-31, source = "corrected" }
    [models."mine:x"]
    context_tokens = 10
    """
    registry = load_registry(project(tmp_path, own))
    packaged = entry(load_registry(Project(defaults_root())), "openai:gpt-4")
    corrected = entry(registry, "openai:gpt-4")
    assert corrected.training_cutoff is not None
    assert (corrected.training_cutoff.date, corrected.training_cutoff.source) == (date(2024, 1, 31), "corrected")
    assert (corrected.price, corrected.context_tokens) == (packaged.price, packaged.context_tokens)
    assert entry(registry, "mine:x").context_tokens == 10
    assert registry.own == {"mine", "mine:x", "openai:gpt-4"}
    assert "ollama" in registry.servers


def test_facts_of_the_package_do_not_hold_at_another_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = project(tmp_path, '[models."openai:mine"]\ncontext_tokens = 99\n')
    monkeypatch.setenv("OPENAI_BASE_URL", "https://api.openai.com/v1/")
    assert entry(load_registry(own), "openai:gpt-4").context_tokens == 8192
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:8080/v1")
    moved = load_registry(own)
    assert entry(moved, "openai:gpt-4") == ModelEntry(name="openai:gpt-4"), "another host may give any model that name"
    assert entry(moved, "openai:mine").context_tokens == 99


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server.x]\n", "unknown table server. Did you mean servers?"),
        ("models = 3\n", "models holds something that is no table"),
        ("[servers.x\n", "not TOML"),
        ("[servers.x]\n", "servers.x lacks base_url"),
        ('[servers.x]\nbase_url = "ftp://x"\n', "is not an address that starts with http"),
        ('[servers.x]\nbase_url = "https://me:secret@x/v1"\n', "holds a user, a password or a query"),
        ('[servers.x]\nbase_url = "https://x/v1?key=secret"\n', "holds a user, a password or a query"),
        ('[servers."X Y"]\nbase_url = "http://x"\n', "servers.X Y: name="),
        ('[servers.x]\nbase_url = "http://x"\nkey = "sk-1"\n', "servers.x: unknown key key. Known: base_url"),
        ('[servers.x]\nbase_url = "http://x"\nname = "y"\n', "servers.x: unknown key name"),
        ('[servers.openai]\nbase_url = "http://x"\n', "base_url comes from OPENAI_BASE_URL alone"),
        ('[models."openai:x"]\ncontext = 3\n', "models.openai:x: unknown key context. Did you mean context_tokens?"),
        ('[models."openai:x"]\ncontext_tokens = 0\n', "models.openai:x: context_tokens=0 must be greater than or equal to 1"),
        ('[models."openai:x"]\ncontext_tokens = "8k"\n', "context_tokens='8k' must be a valid integer"),
        ('[models."openai:x"]\nrequests_per_minute = -1\n', "requests_per_minute=-1 must be"),
        ('[models."openai:x"]\ntraining_cutoff = 2024-01-01\n', "models.openai:x: training_cutoff="),
        ('[models."openai:x"]\ntraining_cutoff = { date = 2024-01-01 }\n', "models.openai:x lacks training_cutoff.source"),
        ('[models."openai:x"]\ntraining_cutoff = { date = "2024-13-01", source = "x" }\n', "training_cutoff.date='2024-13-01' must be"),
        (
            '[models."openai:x".price]\nprompt_usd_per_million = -1\ncompletion_usd_per_million = 1\nas_of = 2026-01-01\nsource = "x"\n',
            "price.prompt_usd_per_million=-1 must be greater than or equal to 0",
        ),
        (
            '[models."openai:x".price]\nprompt_usd = 1\ncompletion_usd_per_million = 1\nas_of = 2026-01-01\nsource = "x"\n',
            "unknown key price.prompt_usd. Did you mean prompt_usd_per_million?",
        ),
        ('[models."x"]\n', "models.x: no name of a model"),
        ('[models."olama:x"]\n', "models.olama:x: no server olama. Did you mean ollama?"),
    ],
)
def test_what_a_file_may_not_say(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_registry(project(tmp_path, text))
    assert (caught.value.code, caught.value.exit_code) == (ErrorCode.MODEL_REGISTRY_INVALID, 2)
    assert "models.toml: " in str(caught.value)
    assert said in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_run_keeps_what_it_needs_and_no_more() -> None:
    registry = registry_from_text(TEXT)
    kept = registry_from_text(registry.to_toml(["here:big-new", "rules"]))
    assert list(kept.servers) == ["here"]
    assert list(kept.models) == ["here:big-new"]
    assert kept.entry_of("here:big-new") == registry.entry_of("here:big-new")
    assert registry.to_toml(["rules"]) == ""


def test_every_packaged_fact_names_its_source() -> None:
    registry = load_registry(Project(defaults_root()))
    assert set(registry.servers) == {"openai", "vllm", "llamacpp", "ollama", "lmstudio", "deepseek", "openrouter"}
    assert registry.servers["openai"].base_url == OPENAI_SERVER.base_url
    assert {name for name, server in registry.servers.items() if server.key_variable} == {"openai", "deepseek", "openrouter"}
    for name in registry.models:
        found = entry(registry, name)
        assert found.price is None or found.price.source.startswith("https://"), name
        assert found.training_cutoff is None or found.training_cutoff.source.startswith("https://"), name


def test_a_server_of_ones_own_needs_no_key_and_the_environment_beats_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    servers = load_registry(Project(defaults_root())).servers
    assert Endpoint.of(servers["ollama"]) == Endpoint("http://127.0.0.1:11434/v1", None, "http://127.0.0.1:11434")
    with pytest.raises(UsageError, match="DEEPSEEK_API_KEY is not set"):
        Endpoint.of(servers["deepseek"])
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://box:1/v1")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://other:2/v1")
    assert Endpoint.of(servers["ollama"]).server == "http://box:1"
    monkeypatch.setenv("OLLAMA_BASE_URL", "box")
    with pytest.raises(UsageError, match="OLLAMA_BASE_URL is not an address"):
        Endpoint.of(servers["ollama"])


def test_parameters_are_left_out_renamed_and_added_on_the_way(server: FaultServer, loop: LoopThread) -> None:
    wishes = ModelEntry(
        name="openai:m",
        omit_parameters=("temperature", "seed"),
        rename_parameters={"max_tokens": "max_completion_tokens"},
        extra_parameters={"provider": {"require_parameters": True}, "model": "never"},
    )

    async def call() -> None:
        chat = OpenAIChat("m", settings(), entry=wishes)
        assert (await chat.answer(request())).answer is not None
        await chat.aclose()

    loop.run(call())
    (body,) = server.requests
    assert not {"temperature", "seed", "max_tokens"} & body.keys()
    assert (body["max_completion_tokens"], body["provider"], body["model"]) == (100, {"require_parameters": True}, "m")
