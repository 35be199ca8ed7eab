"""One key at a time from the terminal, without Enter, on Unix and on Windows."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

END_OF_INPUT = "end of input"
_NAMES = {"\r": "enter", "\n": "enter", "\x04": END_OF_INPUT, "": END_OF_INPUT}
_WAIT_SECONDS = 0.05
"""An arrow key sends several bytes at once; Escape alone sends one, so the rest is waited for this long."""


def has_terminal() -> bool:
    """Whether a person can press a key and see what comes of it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


if sys.platform == "win32":
    import msvcrt

    _ARROWS = {"H": "up", "P": "down", "K": "left", "M": "right"}

    @contextlib.contextmanager
    def keyboard() -> Iterator[Callable[[], str]]:
        """A function that waits for a key: a letter, `enter`, `up`, `down`, `left`, `right` or `end of input`."""

        def read() -> str:
            letter = msvcrt.getwch()
            if letter in {"\x00", "\xe0"}:
                return _ARROWS.get(msvcrt.getwch(), "unknown")
            if letter == "\x03":
                raise KeyboardInterrupt
            return END_OF_INPUT if letter == "\x1a" else _NAMES.get(letter, letter)

        yield read

else:
    import select
    import termios
    import tty

    _ARROWS = {"\x1b[A": "up", "\x1b[B": "down", "\x1b[D": "left", "\x1b[C": "right"}
    _ARROWS |= {name.replace("[", "O"): key for name, key in _ARROWS.items()}

    @contextlib.contextmanager
    def keyboard() -> Iterator[Callable[[], str]]:
        """A function that waits for a key: a letter, `enter`, `up`, `down`, `left`, `right` or `end of input`.

        The terminal is given back as it was.
        """
        source = sys.stdin.fileno()

        def read() -> str:
            letters = os.read(source, 1).decode("ascii", "replace")
            while letters.startswith("\x1b") and select.select([source], [], [], _WAIT_SECONDS)[0]:
                letters += os.read(source, 1).decode("ascii", "replace")
                if letters in _ARROWS:
                    break
            return _ARROWS.get(letters, _NAMES.get(letters, letters))

        before = termios.tcgetattr(source)
        try:
            tty.setcbreak(source)
            yield read
        finally:
            termios.tcsetattr(source, termios.TCSADRAIN, before)
