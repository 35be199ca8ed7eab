"""Session returns of ALL, the accounts of a run together, from the rows of `equity.csv`; and how the ledger keeps them."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

KEPT_DECIMALS = 8
"""Decimals of a return in the ledger: a thousandth of a basis point, far below what a correlation or a Sharpe ratio shows."""


def equity_by_session(rows: Sequence[Mapping[str, Any]], *, symbols: Collection[str] | None = None) -> dict[str, float]:
    """Session (ISO) -> equity in USD of all accounts, or of those of `symbols`, in order of the sessions."""
    by_session: dict[str, list[float]] = {}
    for row in rows:
        if symbols is None or row["symbol"] in symbols:
            by_session.setdefault(row["session"], []).append(row["equity_usd"])
    return {session: math.fsum(values) for session, values in sorted(by_session.items())}


def returns_by_session(rows: Sequence[Mapping[str, Any]], *, symbols: Collection[str] | None = None) -> dict[str, float]:
    """Session (ISO) -> return since the session before, from the second session on; empty once an account is worth nothing."""
    equity = equity_by_session(rows, symbols=symbols)
    if any(value <= 0 for value in equity.values()):
        return {}
    return {later: equity[later] / equity[earlier] - 1 for earlier, later in pairwise(equity)}


def packed(returns: Mapping[str, float]) -> dict[str, Any] | None:
    """Returns as the ledger keeps them: the first session, days from one to the next, and rounded fractions; None for none."""
    if not returns:
        return None
    days = [date.fromisoformat(session) for session in returns]
    return {
        "first_session": days[0].isoformat(),
        "days_between": [(later - earlier).days for earlier, later in pairwise(days)],
        "fractions": [round(value, KEPT_DECIMALS) for value in returns.values()],
    }


def unpacked(kept: Mapping[str, Any] | None) -> dict[str, float]:
    """The inverse of `packed`, up to its rounding."""
    if not kept:
        return {}
    days = [date.fromisoformat(kept["first_session"])]
    for step in kept["days_between"]:
        days.append(days[-1] + timedelta(days=step))
    return {day.isoformat(): value for day, value in zip(days, kept["fractions"], strict=True)}
