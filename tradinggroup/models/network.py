"""Refusing the network while only recordings may speak (`replay`, `verify`)."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from tradinggroup.errors import DataError, ErrorCode

_LOOKUPS = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_SENDS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_PAIR_FUNCTIONS = frozenset({"socketpair", "_fallback_socketpair"})

_lock = threading.Lock()
_depth = [0]
_installed: list[Callable[[str, tuple[Any, ...]], None]] = []


class NetworkRefusedError(DataError, OSError):
    """Something tried to reach the network. An OSError too, so that libraries see an ordinary failure to connect."""


@contextmanager
def refuse_network() -> Iterator[None]:
    """Inside, every outgoing connection, datagram and name look-up of this process raises NetworkRefusedError, loopback included.

    Unix sockets stay allowed. It sees what goes through Python's `socket` (so also asyncio, httpx and openai). May be nested.
    """
    with _lock:
        if not _installed:
            _installed.append(_make_hook(_depth))
            sys.addaudithook(_installed[0])
        _depth[0] += 1
    try:
        yield
    finally:
        with _lock:
            _depth[0] -= 1


def _make_hook(depth: list[int]) -> Callable[[str, tuple[Any, ...]], None]:
    """A hook can't be taken out again, so it looks at `depth` first: every audit event of the process comes by here."""

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if depth[0] and event.startswith("socket.") and _leaves_process(event, arguments, sys._getframe(1)):
            raise NetworkRefusedError(
                ErrorCode.RECORDING_MISSING,
                f"{event.removeprefix('socket.')} was called while the network is refused",
                remedy="Nothing but recordings may answer here; ask live with --calls record.",
                address=_address(event, arguments),
            )

    return hook


def _leaves_process(event: str, arguments: tuple[Any, ...], caller: FrameType) -> bool:
    if event in _LOOKUPS:
        return arguments[0] is not None
    if event not in _SENDS or arguments[0].family == getattr(socket, "AF_UNIX", None):
        return False
    if event == "socket.sendmsg" and arguments[1] is None:
        return False
    # Where there are no Unix sockets, Python makes a socket pair over loopback; an event loop needs one.
    return not (caller.f_code.co_name in _PAIR_FUNCTIONS and caller.f_code.co_filename == socket.__file__)


def _address(event: str, arguments: tuple[Any, ...]) -> object:
    return arguments[0] if event in _LOOKUPS else arguments[1]
