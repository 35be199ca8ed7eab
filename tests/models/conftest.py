"""What the tests of the model layer share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.models.fault_server import FaultServer, fault_server
from tests.models.real_server import running_server
from tradinggroup.models.loop import LoopThread

GOOD = '{"action": "buy", "confidence": 0.75, "reasoning": "momentum"}'


@pytest.fixture
def loop() -> Iterator[LoopThread]:
    """An event loop in a thread."""
    with LoopThread() as thread:
        yield thread


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    """A loopback server, already the endpoint of the environment; it answers with a good decision unless told otherwise."""
    with fault_server(lambda body: GOOD) as faults:
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        yield faults


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real model server with a tiny random model; tests skip where it cannot be had."""
    with running_server(tmp_path_factory.mktemp("real-server")) as url:
        yield url
