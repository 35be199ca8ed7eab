"""What a check of a bundle can find."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

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
