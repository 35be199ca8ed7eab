"""The probe finds the rung of a server, once, and what it found is used again; servers as the real ones were seen to be."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.models.conftest import GOOD
from tests.models.fault_server import FaultServer, Json, Step, error, fault_server
from tests.models.limited_server import limited, rung_of, schema_name
from tests.models.support import request, settings
from tradinggroup.errors import DataError, ProviderError
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.port import FailureKind, ModelReply
from tradinggroup.models.probe_file import read_probes, stored_rung
from tradinggroup.models.rung_choice import RungChoice
from tradinggroup.models.rungs import Rung

ALL = set(Rung)


def answer(body: Json) -> str:
    return '{"shade": "cobalt"}' if schema_name(body) == "ProbeAnswer" else GOOD


SERVERS = {
    "all rungs": (ALL, None, Rung.JSON_SCHEMA),
    "400 to a schema, tools": (ALL - {Rung.JSON_SCHEMA}, 400, Rung.TOOL_CALL),
    "500 to a schema and to tools": ({Rung.JSON_OBJECT, Rung.TEXT}, 500, Rung.JSON_OBJECT),
    "422 to everything that it does not know": ({Rung.TEXT}, 422, Rung.TEXT),
    "404 from a router": ({Rung.JSON_OBJECT, Rung.TEXT}, 404, Rung.JSON_OBJECT),
    "a schema is ignored, tools work": (ALL - {Rung.JSON_SCHEMA}, None, Rung.TOOL_CALL),
    "schema and tools are ignored": ({Rung.JSON_OBJECT, Rung.TEXT}, None, Rung.JSON_OBJECT),
    "everything is ignored": ({Rung.TEXT}, None, Rung.TEXT),
}


def ask_all(loop: LoopThread, rungs: RungChoice, *texts: str, name: str = "m", **changes: object) -> list[ModelReply]:
    """One client asks every text at once."""

    async def call() -> list[ModelReply]:
        chat = OpenAIChat(name, settings(maximum_retries=0, **changes), rungs=rungs)
        try:
            return list(await asyncio.gather(*(chat.answer(request(text)) for text in texts)))
        finally:
            await chat.aclose()

    return loop.run(call())


@pytest.mark.parametrize(("can", "refusal", "rung"), SERVERS.values(), ids=SERVERS)
def test_the_best_rung_that_works_is_found_with_one_call_a_rung(
    server: FaultServer, loop: LoopThread, tmp_path: Path, can: set[Rung], refusal: int | None, rung: Rung
) -> None:
    server.choose = limited(answer, can=can, refusal=refusal)
    rungs = RungChoice("auto", probes=tmp_path / "probes.json")
    replies = ask_all(loop, rungs, *"abcdefgh")
    assert [(reply.failure, reply.attempts, reply.rung) for reply in replies] == [(None, 1, rung)] * 8
    tried = list(Rung)[: list(Rung).index(rung) + 1]
    assert [rung_of(body) for body in server.requests] == [*tried, *[rung] * 8], "one probe for all that ask at once"
    assert rungs.used == {"openai:m": rung}

    (entry,) = read_probes(tmp_path / "probes.json").values()
    assert (entry["rung"], list(entry["rungs"])) == (rung, sorted(tried))
    assert [entry["rungs"][each]["works"] for each in tried] == [False] * (len(tried) - 1) + [True]


def test_what_was_found_is_used_again_for_the_same_address_and_model(server: FaultServer, loop: LoopThread, tmp_path: Path) -> None:
    server.choose = limited(answer, can={Rung.TEXT}, refusal=400)
    probes = tmp_path / "probes.json"
    ask_all(loop, RungChoice("auto", probes=probes), "one")
    asked = len(server.requests)
    ask_all(loop, RungChoice("auto", probes=probes), "two")
    assert len(server.requests) == asked + 1
    ask_all(loop, RungChoice("auto", probes=probes), "two", name="other")
    assert len(server.requests) == asked + 1 + len(Rung) + 1, "another model is probed for itself"
    address = server.url
    assert set(read_probes(probes)) == {f"{address} m", f"{address} other"}
    assert stored_rung(probes, address=f"{address}/other", model="m") is None


def test_the_setting_and_the_run_go_before_the_project(server: FaultServer, loop: LoopThread, tmp_path: Path) -> None:
    server.choose = limited(answer, can=ALL)
    probes = tmp_path / "probes.json"
    ask_all(loop, RungChoice("auto", probes=probes), "one")
    (reply,) = ask_all(loop, RungChoice("auto", used={"openai:m": Rung.TOOL_CALL}, probes=probes), "one")
    assert reply.rung == Rung.TOOL_CALL
    (reply,) = ask_all(loop, RungChoice("text", used={"openai:m": Rung.TOOL_CALL}, probes=probes), "one")
    assert reply.rung == Rung.TEXT


@pytest.mark.parametrize("step", [error(503), error(429), Step(drop=True), Step(body=b"<html>"), Step(sleep_seconds=1.0)])
def test_a_server_that_is_down_says_nothing_about_its_rungs(server: FaultServer, loop: LoopThread, tmp_path: Path, step: Step) -> None:
    server.choose = lambda body: step
    with pytest.raises(ProviderError, match="no way of asking openai:m for a structured answer worked \\(json_schema: "):
        ask_all(loop, RungChoice("auto", probes=tmp_path / "probes.json"), *"abcd", timeout_seconds=0.2)
    assert [rung_of(body) for body in server.requests] == [Rung.JSON_SCHEMA], "the others are not asked, and nobody asks twice"
    assert not (tmp_path / "probes.json").exists()


def test_a_model_without_a_rung_ends_the_run_with_what_it_said(server: FaultServer, loop: LoopThread, tmp_path: Path) -> None:
    server.choose = limited(lambda body: "no idea", can=set())
    with pytest.raises(ProviderError) as caught:
        ask_all(loop, RungChoice("auto", probes=tmp_path / "probes.json"), "one", "two")
    assert len(server.requests) == len(Rung)
    for rung, kind in zip(Rung, ("not_json", "tool_call", "not_json", "not_json"), strict=True):
        assert f"{rung}: {kind}" in str(caught.value)
    assert "models probe openai:m" in str(caught.value)
    assert not (tmp_path / "probes.json").exists()


def test_a_rung_that_is_refused_later_fails_and_is_not_left(server: FaultServer, loop: LoopThread) -> None:
    server.choose = limited(answer, can=ALL)
    rungs = RungChoice("auto")
    ask_all(loop, rungs, "one")
    server.choose = limited(answer, can={Rung.TEXT}, refusal=400)
    (reply,) = ask_all(loop, rungs, "two")
    assert reply.failure is not None
    assert (reply.failure.kind, reply.rung) == (FailureKind.HTTP_STATUS, Rung.JSON_SCHEMA)


def test_a_model_that_the_server_does_not_know_is_no_matter_of_rungs(server: FaultServer, loop: LoopThread) -> None:
    server.choose = lambda body: error(404, "no such model")
    with pytest.raises(ProviderError, match="knows no model m"):
        ask_all(loop, RungChoice("auto"), "one")


@pytest.mark.parametrize("text", ["{", "[1]", '{"http://x m": {"rung": "ladder"}}', '{"http://x m": 7}'])
def test_a_damaged_file_of_probes_is_named(server: FaultServer, loop: LoopThread, tmp_path: Path, text: str) -> None:
    (tmp_path / "probes.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"RECORDING_INVALID.*probes\.json is no file of probes.*Delete it"):
        ask_all(loop, RungChoice("auto", probes=tmp_path / "probes.json"), "one")


def test_addresses_are_kept_without_secrets(loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fault_server() as faults:
        faults.choose = limited(answer, can=ALL)
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url.replace("://", "://somebody:secret-word@") + "/?token=secret-token")
        monkeypatch.setenv("OPENAI_API_KEY", "secret-key-0123456789")
        ask_all(loop, RungChoice("auto", probes=tmp_path / "probes.json"), "one")
    kept = (tmp_path / "probes.json").read_text(encoding="utf-8")
    assert list(json.loads(kept)) == [f"{faults.url} m"]
    assert "secret" not in kept
