"""A key and a password reach no file and no line of output, however a run ends (invariant 9)."""

from __future__ import annotations

import base64
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.e2e.answers import good_answer, messages_of, number_of
from tests.e2e.command import Result, Run, header, latest
from tests.models.fault_server import FaultServer, Json, Step, completion, error, fault_server

KEY = "sk-planted-0123456789"
PASSWORD = "pass/planted@word"
USER = "user-planted-name"
BASIC = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
ECHO = f"who are you, {KEY} of {USER}:{PASSWORD}, that is {BASIC}?"
EXIT_CODES = {"success": 0, "invalid": 1, "provider": 5, "interrupted": 130}


def echoing(body: Json) -> str:
    """A good answer that repeats the key in every text."""
    answer = json.loads(good_answer(body))
    return json.dumps(
        {name: f"{value} {ECHO}" if name in {"analysis", "reasoning", "summary"} else value for name, value in answer.items()}
    )


def interrupts(server: FaultServer, body: Json) -> Step | None:
    if len(server.requests) == 40:
        os.kill(os.getpid(), signal.SIGINT)
    return Step(drop=True, sleep_seconds=60.0) if len(server.requests) >= 40 else None


ENDS: dict[str, Callable[[FaultServer, Json], Step | None]] = {
    "success": lambda server, body: None,
    "invalid": lambda server, body: completion(ECHO) if number_of(messages_of(body)) % 2 else error(400, ECHO),
    "provider": lambda server, body: error(500, ECHO, x_request_id=KEY) if len(server.requests) > 30 else None,
    "interrupted": interrupts,
}


@pytest.mark.parametrize("status", ENDS)
@pytest.mark.parametrize("place", ["key", "address"])
def test_no_secret_is_kept_or_shown(project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch, status: str, place: str) -> None:
    """An address with `user:password@` is asked with these in place of the key."""
    with fault_server(echoing) as server:
        server.choose = lambda body: ENDS[status](server, body)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv(
            "OPENAI_BASE_URL", server.url if place == "key" else server.url.replace("http://", f"http://{USER}:{quote(PASSWORD, safe='')}@")
        )
        shown = [tg("backtest", "study", "--set", "models.maximum_retries=0")]
    assert server.headers[0]["authorization"] == (f"Bearer {KEY}" if place == "key" else f"Basic {BASIC}")
    assert header(latest(project))["status"] == status
    assert shown[0].exit_code == EXIT_CODES[status]
    shown += [
        tg(*words)
        for words in (
            ["show", "--all"],
            ["show", "--json"],
            ["logs", "--full"],
            ["logs", "--json"],
            ["replay"],
            ["runs"],
            ["config", "show"],
            ["verify"],
        )
    ]
    assert places_of_secrets(project, shown, place=place) == []


def places_of_secrets(project: Path, shown: list[Result], *, place: str) -> list[str]:
    """Where a secret stands, in whatever spelling: in a file or in what a command said."""
    texts = {str(path): path.read_bytes() for path in project.rglob("*") if path.is_file()}
    texts |= {f"output {number}": (result.out + result.err).encode() for number, result in enumerate(shown)}
    # Without an address that holds them, user and password are words like any other.
    secrets = [KEY] if place == "key" else [KEY, PASSWORD, USER, BASIC]
    spellings = [form.encode() for secret in secrets for form in (secret, quote(secret, safe=""), secret[:12])]
    return [name for name, content in texts.items() if any(spelling in content for spelling in spellings)]
