"""How a run tells somebody how far it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Receives the progress of a run. Every method may be called from any thread, at any time between `start` and `finish`."""

    def start(self, total: int, title: str) -> None:
        """`total` units of work begin; a unit is one symbol on one session. A later `start` begins anew."""
        ...

    def advance(self, count: int = 1) -> None:
        """`count` more units are done."""
        ...

    def message(self, text: str) -> None:
        """One line to show at once."""
        ...

    def finish(self) -> None:
        """Nothing more comes. May be called twice, and without `start`."""
        ...


class NoProgress:
    """Shows nothing: for the notebook interface and for tests."""

    def start(self, total: int, title: str) -> None:
        """Ignore it."""

    def advance(self, count: int = 1) -> None:
        """Ignore it."""

    def message(self, text: str) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""
