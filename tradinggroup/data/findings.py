"""What a check of a bundle can find."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Literal

from tradinggroup.data.finding_meanings import FINDING_MEANINGS

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""From what makes results wrong, over what a person should look at, to what is only said."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One kind of finding about one symbol, or about the whole bundle (`symbol` empty)."""

    severity: Severity
    code: str
    symbol: str
    session: date | None
    """The first session or day concerned, None where it is about no day."""
    text: str
    """A whole sentence."""
    count: int
    """Rows, sessions or months concerned."""

    @property
    def why(self) -> str:
        """Why it matters."""
        return FINDING_MEANINGS[self.code].why

    @property
    def handling(self) -> str:
        """What the tool does about it by itself."""
        return FINDING_MEANINGS[self.code].handling

    def to_plain(self) -> dict[str, Any]:
        """All of it by name, for JSON."""
        return {**asdict(self), "why": self.why, "handling": self.handling}
