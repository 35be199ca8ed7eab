"""Closes on one scale: what is before a split or a dividend is rescaled, the newest close stays as it is."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from datetime import date

import numpy as np
import numpy.typing as npt

from tradinggroup.data.records import ActionKind, CorporateAction
from tradinggroup.errors import DataError, ErrorCode


def adjusted_closes(
    sessions: Sequence[date], closes_usd: npt.NDArray[np.float64], actions: Sequence[CorporateAction]
) -> npt.NDArray[np.float64]:
    """`closes_usd` (n_sessions,) with everything before each action's ex-session brought to the scale after it.

    A split of `ratio` divides the earlier closes by it; a dividend multiplies them by 1 - cash / previous close, see
    `close_before`. Only actions inside the window may be passed, ordered by (ex-session, kind). Newest first, so that a
    longer history gives the same bits for the sessions it shares.
    """
    adjusted = closes_usd
    if actions:
        adjusted = closes_usd.copy()
    for action in reversed(actions):
        earlier = bisect_left(sessions, action.ex_session)
        if action.kind is ActionKind.SPLIT:
            adjusted[:earlier] /= action.ratio or 1.0
            continue
        previous_usd = close_before(action.ex_session, sessions, closes_usd, actions)
        if previous_usd is not None:
            adjusted[:earlier] *= dividend_factor(action, previous_usd)
    return adjusted


def rebased_volumes(
    sessions: Sequence[date], volumes_shares: npt.NDArray[np.float64], actions: Sequence[CorporateAction]
) -> npt.NDArray[np.float64]:
    """`volumes_shares` (n_sessions,) on the share scale of the newest: multiplied by the ratio of each later split inside the window."""
    splits = [action for action in actions if action.kind is ActionKind.SPLIT]
    rebased = np.array(volumes_shares, dtype=np.float64)
    for action in splits:
        rebased[: bisect_left(sessions, action.ex_session)] *= action.ratio or 1.0
    return rebased


def close_before(
    ex_session: date, sessions: Sequence[date], closes_usd: npt.NDArray[np.float64], actions: Sequence[CorporateAction]
) -> float | None:
    """The last close before `ex_session`, on the scale of that session's prices; None without a bar before it.

    It is divided by every split after that bar up to `ex_session`, which are several sessions where the symbol was halted.
    `actions` are those of the symbol, in any order; what is outside that span does not matter.
    """
    earlier = bisect_left(sessions, ex_session)
    if earlier == 0:
        return None
    bar_session = sessions[earlier - 1]
    ratios = [action.ratio or 1.0 for action in actions if bar_session < action.ex_session <= ex_session]
    return float(closes_usd[earlier - 1]) / math.prod(ratios)


def dividend_factor(action: CorporateAction, previous_close_usd: float) -> float:
    """1 - cash / previous close, between 0 and 1. Raises DataError where the cash is not below the close before it."""
    cash_usd = action.cash_usd or 0.0
    if not 0 <= cash_usd < previous_close_usd:
        raise DataError(
            ErrorCode.BUNDLE_INVALID,
            f"a dividend of {action.symbol} that is not below the close before it",
            ex_session=action.ex_session.isoformat(),
            cash_usd=cash_usd,
            previous_close_usd=previous_close_usd,
            remedy="Correct the actions and import again.",
        )
    return 1 - cash_usd / previous_close_usd
