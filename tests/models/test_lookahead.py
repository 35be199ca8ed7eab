"""Models that search the web: told by name, by entry, by parameter, and by what they answer."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.models.fault_server import FaultServer, Step, completion, completion_body
from tests.models.support import ask, request, settings
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.gateway import Gateway
from tradinggroup.models.lookahead import searches
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.port import FailureKind
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import check_model
from tradinggroup.models.registry_file import load_registry, registry_from_text
from tradinggroup.project import Project, defaults_root

REGISTRY = load_registry(Project(defaults_root()))
GOOD = '{"action": "buy", "confidence": 0.75, "reasoning": "momentum"}'
URL = {"type": "url_citation", "url_citation": {"url": "https://x", "title": "x", "start_index": 0, "end_index": 1}}


@pytest.mark.parametrize(
    "name",
    [
        "openrouter:openai/gpt-4o:online", "openrouter:x/y:ONLINE", "openai:gpt-4o-search-preview", "openai:gpt-5-search-api",
        "openai:gpt-4o-mini-search-preview-2025-03-11", "openrouter:perplexity/sonar", "openai:sonar-pro", "openai:sonar-reasoning",
        "openai:o3-deep-research", "openai:o4-mini-deep-research", "openai:llama-3.1-sonar-small-128k-online",
    ],
)  # fmt: skip
def test_names_that_search_are_refused_even_where_only_recordings_are_read(name: str) -> None:
    assert searches(name)
    with pytest.raises(UsageError) as caught:
        check_model(name, REGISTRY, is_asked=False)
    assert (caught.value.code, caught.value.exit_code) == (ErrorCode.LOOKAHEAD_MODEL, 2)


@pytest.mark.parametrize(
    "name", ["openai:gpt-4o", "openai:research-7b", "vllm:Qwen/Qwen3-8B", "ollama:llama3.1:8b", "openrouter:x/onliner"]
)
def test_other_names_are_not(name: str) -> None:
    assert not searches(name)
    check_model(name, REGISTRY, is_asked=False)


@pytest.mark.parametrize(
    ("parameters", "is_refused"),
    [
        ({"web_search_options": "{}"}, True), ({"enable_search": True}, True), ({"enable_search": False}, False),
        ({"plugins": "web"}, True), ({"search_parameters": "auto"}, True), ({"top_p": 0.9}, False), ({}, False),
    ],
)  # fmt: skip
def test_parameters_that_switch_a_search_on(parameters: dict[str, object], is_refused: bool) -> None:
    refused = pytest.raises(UsageError, match="LOOKAHEAD_MODEL: the parameter")
    with refused if is_refused else contextlib.nullcontext():
        check_model("ollama:m", REGISTRY, parameters=parameters)


def test_an_entry_may_say_that_its_model_searches() -> None:
    own = registry_from_text(
        '[servers.x]\nbase_url = "http://x"\n[models."x:*"]\nsearches_web = true\n[models."x:plain"]\nsearches_web = false\n'
    )
    check_model("x:plain", own)
    with pytest.raises(UsageError, match="LOOKAHEAD_MODEL: x:other searches the web"):
        check_model("x:other", own)


def body(**top: Any) -> Step:
    return Step(body=json.dumps({**completion_body(GOOD), **top}).encode())


def parts(**of_text: Any) -> Step:
    found = completion_body("")
    found["choices"][0]["message"]["content"] = [{"type": "text", "text": GOOD, **of_text}]
    return Step(body=json.dumps(found).encode())


CITING = [
    parts(annotations=[URL]),
    parts(citations=[{"url": "https://x"}]),
    completion(GOOD, annotations=[URL]),
    completion(GOOD, annotations=[{"url_citation": {"url": "https://x"}}]),
    completion(GOOD, citations=["https://x"]),
    body(citations=["https://x", "https://y"]),
    body(search_results=[{"title": "x", "url": "https://x"}]),
    body(search_info={"search_results": [{"url": "https://x"}]}),
]
PLAIN = [
    parts(),
    parts(annotations=[{"type": "file", "file": {}}], citations=[]),
    completion(GOOD, annotations=[]),
    completion(GOOD, annotations=None),
    completion(GOOD, annotations=[{"type": "file", "file": {}}]),
    completion(GOOD, citations=None),
    body(citations=[], search_results=None),
]


@pytest.mark.parametrize("step", CITING)
def test_an_answer_that_cites_the_web_ends_the_run_now_and_when_it_is_resumed(
    server: FaultServer, loop: LoopThread, tmp_path: Path, step: Step
) -> None:
    server.script = [step]
    store = RecordingStore.open(tmp_path / "run.sqlite")
    shared = RecordingStore.open(tmp_path / "shared.sqlite")
    for _ in range(2):
        gateway = Gateway({"openai:m": OpenAIChat("m", settings())}, store, shared, settings=settings())
        with pytest.raises(UsageError, match="LOOKAHEAD_MODEL: openai:m searched the web for decision on 2024-03-01"):
            loop.run(gateway.answer(request()))
        with pytest.raises(UsageError, match="LOOKAHEAD_MODEL"):
            loop.run(gateway.answer(request("another")))
        loop.run(gateway.aclose())
    kept = store.get(request())
    assert len(server.requests) == 1, "what was cited is not asked again, and nothing else is asked"
    assert kept is not None
    assert kept.failure is not None
    assert (kept.failure.kind, kept.text) == (FailureKind.WEB_SEARCH, GOOD)
    assert shared.get(request()) is None
    store.close()
    shared.close()


@pytest.mark.parametrize("step", PLAIN)
def test_an_answer_without_pages_is_an_answer(server: FaultServer, loop: LoopThread, step: Step) -> None:
    server.script = [step]
    assert ask(loop).answer is not None
