"""A key that a server echoes back reaches no error text and no recording (invariant 9)."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.models.conftest import GOOD
from tests.models.fault_server import FaultServer, Step, completion, error
from tests.models.support import ask, request, settings
from tradinggroup.errors import ProviderError
from tradinggroup.models.endpoint import Endpoint
from tradinggroup.models.gateway import Gateway
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.recordings import RecordingStore

KEY = 'sk-planted/"key"+0123456789'
ESCAPED = "".join(f"\\u{ord(character):04x}" for character in KEY)
UNICODE_ESCAPED_BODY = b'{"error": {"message": "your key is ' + ESCAPED.encode() + b'"}}'

ECHOES = {
    "error message": error(400, f"what is {KEY}?"),
    "error message, long before it": error(400, "x" * 190 + KEY),
    "error message, percent-encoded": error(400, quote(KEY, safe="")),
    "error message, unicode-escaped": Step(status=400, body=UNICODE_ESCAPED_BODY),
    "HTML": Step(body=f"<p>{KEY}</p>".encode()),
    "server error": error(500, KEY),
    "refusal": completion(None, refusal=f"no: {KEY}"),
    "wrong answer": completion(f"you said {KEY}"),
    "validation error": completion(json.dumps({"action": KEY, "confidence": 2, "reasoning": KEY})),
    "good answer": completion(json.dumps({"action": "hold", "confidence": 1, "reasoning": KEY})),
    "reasoning": completion(GOOD, reasoning_content=KEY),
    "unicode-escaped content": Step(body=json.dumps({"choices": [{"message": {"content": "K"}}]}).replace("K", ESCAPED).encode()),
}


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_an_echoed_key_is_kept_nowhere(
    server: FaultServer, loop: LoopThread, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, echo: Step
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.script = [echo] * 6

    async def call() -> str:
        chat = OpenAIChat("m", settings())
        gateway = Gateway({"openai:m": chat}, run, shared, settings=settings())
        reply = await gateway.answer(request())
        await gateway.aclose()
        return repr(reply)

    with RecordingStore.open(tmp_path / "run.sqlite") as run, RecordingStore.open(tmp_path / "shared.sqlite") as shared:
        shown = loop.run(call())
        records = run.read_calls()
        attempts = run.read_attempts(records[0].key)
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    for spelling in (KEY, json.dumps(KEY)[1:-1], quote(KEY, safe=""), ESCAPED, KEY[:14]):
        assert spelling.encode() not in kept
        assert spelling not in shown + repr(records) + repr(attempts)


@pytest.mark.parametrize("status", [401, 403, 404])
def test_an_error_that_ends_the_run_shows_no_key(
    server: FaultServer, loop: LoopThread, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    server.script = [error(status, f"Incorrect API key provided: {KEY}")]
    with pytest.raises(ProviderError) as caught:
        ask(loop)
    assert KEY not in str(caught.value)
    assert "sk-planted" not in str(caught.value)


def test_a_password_in_the_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://me:long-password@models.example:8443/v1?token=abc")
    endpoint = Endpoint.from_environment()
    assert endpoint.server == "https://models.example:8443"
    assert "long-password" not in repr(endpoint)
    assert endpoint.clean("it was long-password") == "it was [key]"
    assert not endpoint.is_loopback


def test_what_an_address_sends_in_place_of_a_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "https://long-user-name:p%40ss%2Fword-1@models.example/v1")
    endpoint = Endpoint.from_environment()
    basic = base64.b64encode(b"long-user-name:p@ss/word-1").decode()
    for secret in ("p@ss/word-1", "p%40ss%2Fword-1", "p@ss\\/word-1", "long-user-name", basic):
        assert endpoint.clean(f"it was {secret}.") == "it was [key]."


def test_a_placeholder_key_tears_no_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    assert Endpoint.from_environment().clean("the axis") == "the axis"


@pytest.mark.parametrize("before", ["", "Bearer ", "a", "ab", "abc"])
def test_a_key_in_another_case_or_in_base64_is_not_shown(monkeypatch: pytest.MonkeyPatch, before: str) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    endpoint = Endpoint.from_environment()
    encoded = base64.b64encode(f"{before}{KEY}.".encode()).decode()
    for spelling in (KEY.upper(), KEY.title(), quote(KEY.upper(), safe="").lower()):
        assert endpoint.clean(f"it was {spelling}.") == "it was [key]."
    assert "[key]" in endpoint.clean(encoded)
    middle = base64.b64encode(before.encode() + KEY.encode()).decode()[len(before) * 4 // 3 + 4 : -8]
    assert middle not in endpoint.clean(encoded)
