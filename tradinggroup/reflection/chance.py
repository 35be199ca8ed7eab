"""Random streams of a run: one for each (seed, symbol, session, purpose), whoever asks and in whatever order."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np


def stream(seed: int, *, symbol: str, session: date, purpose: str) -> np.random.Generator:
    """The generator of that place; the same numbers in every process."""
    digest = hashlib.sha256(f"{seed}|{symbol}|{session.isoformat()}|{purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
