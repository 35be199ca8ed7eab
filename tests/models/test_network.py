"""The refusal of the network, against everything that could reach it."""

from __future__ import annotations

import _socket
import asyncio
import socket
import threading
from pathlib import Path

import pytest

from tests.models.fault_server import FaultServer
from tests.models.support import ask
from tradinggroup.errors import DataError, ErrorCode, ProviderError
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.network import NetworkRefusedError, refuse_network

LOOPBACK = ("127.0.0.1", 9)


def _connect() -> None:
    with socket.socket() as client:
        client.connect(LOOPBACK)


def _connect_ex() -> None:
    with socket.socket() as client:
        client.connect_ex(LOOPBACK)


def _datagram() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as client:
        client.sendto(b"x", LOOPBACK)


def _look_up() -> None:
    socket.getaddrinfo("localhost", 80)


def _create_connection() -> None:
    socket.create_connection(LOOPBACK)


def _asyncio() -> None:
    asyncio.run(asyncio.open_connection(*LOOPBACK))


@pytest.mark.parametrize("attempt", [_connect, _connect_ex, _datagram, _look_up, _create_connection, _asyncio])
def test_every_way_out_is_refused(attempt: object) -> None:
    with refuse_network(), pytest.raises(DataError, match="while the network is refused") as caught:
        attempt()
    assert (caught.value.code, caught.value.exit_code) == (ErrorCode.RECORDING_MISSING, 3)


def test_other_threads_are_refused_and_outside_is_allowed(server: FaultServer) -> None:
    port = int(server.url.split(":")[2].split("/")[0])
    errors: list[BaseException] = []

    def connect() -> None:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except BaseException as error:
            errors.append(error)

    for refused in (False, True, False):
        thread = threading.Thread(target=connect)
        if refused:
            with refuse_network(), refuse_network():
                thread.start()
                thread.join()
        else:
            thread.start()
            thread.join()
    assert [type(error) for error in errors] == [NetworkRefusedError]


def test_an_inner_block_does_not_end_the_outer() -> None:
    with refuse_network():
        with refuse_network():
            pass
        with pytest.raises(DataError):
            _connect()


def test_the_client_cannot_ask(server: FaultServer, loop: LoopThread) -> None:
    with refuse_network(), pytest.raises(ProviderError, match="no model server answers"):
        ask(loop)
    assert server.requests == []


def test_an_event_loop_can_start_inside() -> None:
    with refuse_network(), LoopThread() as loop:
        assert loop.run(asyncio.sleep(0, "well")) == "well"


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets on this system")
def test_unix_sockets_stay(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client, refuse_network():
        listener.bind(str(tmp_path / "s"))
        listener.listen()
        client.connect(str(tmp_path / "s"))


@pytest.mark.skipif(not hasattr(socket, "_fallback_socketpair"), reason="this Python has no socket pair over loopback to call")
def test_the_socket_pair_of_systems_without_unix_sockets_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _socket.socket.connect)  # pytest-socket's guard would be the caller that is looked at
    with refuse_network():
        first, second = socket._fallback_socketpair()
        first.close()
        second.close()
