"""What an audit found: one line for an agent's field of a symbol, however many sessions it concerns."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["passed", "found", "untestable", "too little"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was used before it was known."""

    check: str
    """Name of the check that found it."""
    symbol: str
    agent: str
    field: str
    session: str
    """The first session."""
    sessions: int
    """How many sessions of the symbol; later ones may follow from the first."""
    record: str
    """What leaked."""
    was: str
    became: str
    """What stands there in the run, and what on the altered data."""

    def to_plain(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check of an audit."""

    name: str
    verdict: Verdict
    covered: int
    of: int
    """What was looked at, and what there was to look at."""
    noun: str
    """What is counted."""
    text: str

    def to_plain(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return asdict(self)
