"""Skill of forecasts over a reference, with an interval that does not count two symbols of one session as two proofs.

    skill = 1 - sum of the forecasts' Brier scores / sum of the reference's        1 perfect, 0 no better, negative worse

The interval is a bootstrap of whole sessions: sessions are drawn with replacement, each with all of its symbols, and the skill is
computed anew. Forecasts of one session share the market's move, so they are kept together; sessions count as independent, since
the moves that they forecast do not overlap.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

MINIMUM_SESSIONS = 60
"""Sessions below which no interval is given."""
DRAWS = 2000
LOW_PERCENT, HIGH_PERCENT = 2.5, 97.5
_DECIMALS = 6
"""Ends of an interval are rounded: beyond this they would say how a machine sums."""

NOTHING_COMPARED = "no forecast was made with 60 labels known"
NO_REFERENCE = "the base rate made no error"
TOO_FEW_SESSIONS = f"fewer than {MINIMUM_SESSIONS} sessions compared, so no interval"


@dataclass(frozen=True, slots=True)
class Pair:
    """The Brier scores, 0 to 2, of one forecast and of the reference at the same place."""

    session: str
    forecast: float
    reference: float


def skill_figures(pairs: Sequence[Pair], *, seed: int, purpose: str) -> dict[str, Any]:
    """`skill`, `skill_low` and `skill_high` (95 %), `skill_sessions`, and `skill_reason`: why one of them is None, or None.

    Args:
        pairs: of all symbols that are looked at together, in any order of sessions.
        seed: of the run.
        purpose: names the random stream beside the seed, such as `ALL close_to_close`.
    """
    sessions = sorted({pair.session for pair in pairs})
    figures: dict[str, Any] = {"skill": None, "skill_low": None, "skill_high": None, "skill_sessions": len(sessions)}
    reference = math.fsum(pair.reference for pair in pairs)
    if reference <= 0:
        return figures | {"skill_reason": NO_REFERENCE if pairs else NOTHING_COMPARED}
    figures["skill"] = 1 - math.fsum(pair.forecast for pair in pairs) / reference
    if len(sessions) < MINIMUM_SESSIONS:
        return figures | {"skill_reason": TOO_FEW_SESSIONS}
    figures["skill_low"], figures["skill_high"] = _interval(pairs, sessions, seed=seed, purpose=purpose)
    return figures | {"skill_reason": None}


def _interval(pairs: Sequence[Pair], sessions: Sequence[str], *, seed: int, purpose: str) -> tuple[float, float]:
    places = {session: place for place, session in enumerate(sessions)}
    sums = np.zeros((len(sessions), 2))
    for pair in pairs:
        sums[places[pair.session]] += (pair.forecast, pair.reference)
    drawn = sums[_stream(seed, purpose).integers(len(sessions), size=(DRAWS, len(sessions)))].sum(axis=1)
    low, high = np.percentile(1 - drawn[:, 0] / drawn[:, 1], (LOW_PERCENT, HIGH_PERCENT))
    return round(float(low), _DECIMALS), round(float(high), _DECIMALS)


def _stream(seed: int, purpose: str) -> np.random.Generator:
    digest = hashlib.sha256(f"{seed}|forecast skill|{purpose}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
