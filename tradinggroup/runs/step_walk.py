"""Where a person is in a run that is walked session by session, and what each key does. Reads the log only; knows no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tradinggroup.runs.case import AGENTS
from tradinggroup.runs.figures import wrapped
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.text.explain import agent_lines
from tradinggroup.runs.text.replay import ReplayStep

NEXT, PREVIOUS = ("n", " ", "enter", "right", "down"), ("p", "b", "left", "up")
HELP = """n  Space  Enter  right   the next session
p  left                   the session before
t                         the next session in which something was bought or sold
x                         the next stop or target that was reached
l                         the next session after which there was a new lesson
s                         another symbol's agents
m                         more: the lessons in full; again: without the agents
f  e                      the first session, the last one
h                         these keys
q                         leave"""
PROMPT = "n next  p previous  t trade  x stop  l lesson  s symbol  m more  h help  q quit"
DETAILS = ("said", "all", "short")
"""What `m` goes through: the agents with the last line of each lesson, with all of it, and no agents."""


@dataclass
class StepWalk:
    """A place in `steps`, which are not empty, and the symbol whose agents are shown."""

    run: RunFolder
    steps: Sequence[ReplayStep]
    position: int = 0
    symbol: str = ""
    detail: str = DETAILS[0]
    message: str = ""
    """What the last key could not do."""

    def __post_init__(self) -> None:
        self._forced = {(order["session"], order["symbol"]) for order in self.run.orders() if order["forced"]}
        self.symbol = self.symbol or self._symbols()[0]

    @property
    def step(self) -> ReplayStep:
        """The session that is shown."""
        return self.steps[self.position]

    @property
    def place(self) -> tuple[int, str, str]:
        """What a page depends on: it is drawn again where this has changed."""
        return self.position, self.symbol, self.detail

    def press(self, key: str) -> bool:
        """Do what `key` stands for; False where it ends the walk. An unknown key is answered with a message."""
        self.message = ""
        if key in {"q", "end of input"}:
            return False
        if key in NEXT or key in PREVIOUS:
            self._move(1 if key in NEXT else -1)
        elif key in self._actions:
            self._actions[key]()
        else:
            self.message = "no such key"
        return True

    def page(self) -> str:
        """The session in words: what filled, was decided and became known, then the agents of one symbol. 80 columns."""
        parts = [f"{self._heading()}\n{self.step.text}"]
        line = next((line for line in self.step.decisions if line["symbol"] == self.symbol), None)
        if self.detail != "short" and self.step.agent is None and line is not None:
            parts.append("\n".join(self._agents(line)))
        return "\n\n".join(parts)

    def prompt(self) -> str:
        """What waits for a key: what the last one could not do, and the keys."""
        return "\n".join([*(wrapped(self.message, first="-- ") if self.message else []), PROMPT])

    def _heading(self) -> str:
        symbols = self._symbols()
        which = f"   agents of {self.symbol}, one of {len(symbols)} symbols" if self.detail != "short" and len(symbols) > 1 else ""
        return f"-- session {self.position + 1} of {len(self.steps)}{which}"

    def _agents(self, line: Line) -> Iterator[str]:
        yield f"{line['symbol']}, what each agent saw, said and remembered"
        for agent in AGENTS:
            lesson_id = (line[agent] or {}).get("experience")
            lesson = self.step.shown.get(lesson_id) if lesson_id else None
            if lesson is not None and self.detail != "all":
                lesson = {**lesson, "text": _last_line(lesson["text"])}
            yield from agent_lines(line, agent, lesson, without=self.step.without)

    @property
    def _actions(self) -> dict[str, Callable[[], None]]:
        return {
            "t": lambda: self._seek("trade", lambda step: [fill["symbol"] for fill in step.fills]),
            "x": lambda: self._seek("stop or target", self._stopped),
            "l": lambda: self._seek("lesson", lambda step: [lesson["symbol"] for lesson in step.lessons]),
            "s": self._next_symbol,
            "m": self._toggle,
            "f": lambda: self._go(0),
            "e": lambda: self._go(len(self.steps) - 1),
            "h": self._help,
            "?": self._help,
        }

    def _stopped(self, step: ReplayStep) -> list[str]:
        return [symbol for symbol in self._symbols() if (step.session, symbol) in self._forced]

    def _symbols(self) -> list[str]:
        """The symbols of the walk, in the order of the run."""
        walked = {line["symbol"] for step in self.steps for line in step.decisions}
        return [symbol for symbol in self.run.symbols if symbol in walked] or list(self.run.symbols)

    def _move(self, by: int) -> None:
        if 0 <= self.position + by < len(self.steps):
            self.position += by
        else:
            self.message = f"this is the {'last' if by > 0 else 'first'} session"

    def _go(self, position: int) -> None:
        self.position = position

    def _seek(self, what: str, symbols_of: Callable[[ReplayStep], Sequence[str]]) -> None:
        """Go to the next session that has one, and show the agents of its symbol."""
        for place in range(self.position + 1, len(self.steps)):
            found = symbols_of(self.steps[place])
            if found:
                self.position = place
                self.symbol = self.symbol if self.symbol in found else found[0]
                return
        self.message = f"no {what} after this session"

    def _next_symbol(self) -> None:
        symbols = self._symbols()
        self.symbol = symbols[(symbols.index(self.symbol) + 1) % len(symbols)]

    def _toggle(self) -> None:
        self.detail = DETAILS[(DETAILS.index(self.detail) + 1) % len(DETAILS)]

    def _help(self) -> None:
        self.message = HELP


def _last_line(text: str) -> str:
    """The rule at the end of a lesson, after dots where more stands before it."""
    lines = [line for line in text.splitlines() if line.strip()]
    return f"... {lines[-1]}" if len(lines) > 1 else text
