"""A baseline under the risk layer: the very functions that stand between an agent's wish and its order (`guarded = true`).

What it buys and sells is sized, limited and stopped as the agents' decisions are, under one style for the whole run. So a
difference that is left between the agents and a guarded rule is not the stops'.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from tradinggroup.backtest.baselines.rules import Costs
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.trader import OrderIntent, Trader
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.features import sigma10_fraction
from tradinggroup.data.records import ActionKind
from tradinggroup.data.view import View
from tradinggroup.risk.account import Account
from tradinggroup.risk.exits import ExitRules, exit_rules
from tradinggroup.risk.profile import RiskProfile
from tradinggroup.risk.sizing import Sizing, size_action, size_exit
from tradinggroup.risk.thresholds import forced_exit
from tradinggroup.risk.watch import RiskWatch, watch_close
from tradinggroup.settings import ForecastSettings


@dataclass(frozen=True, slots=True)
class KnownAtClose:
    """What the risk layer asks of a market at the close of one session."""

    sigma10_fraction: float
    """Deviation of the last daily log returns, as the agents' exits are scaled by."""
    mean_volume_shares: float | None = None
    """Over the profile's window, on the share scale of the session; None where no limit asks for it, or it is not known."""
    split_ratio: float = 1.0
    """New shares for one old that took effect since the bar before."""


KnownBySession = Mapping[date, KnownAtClose]


@dataclass(frozen=True, slots=True)
class Guard:
    """What all guarded baselines of a run stand under."""

    profile: RiskProfile
    style: str
    stop_mode: Literal["close", "intraday"]
    known: Mapping[str, KnownBySession]
    """By symbol; a session that is missing has no deviation yet, so no exits: nothing is bought at it."""


class GuardedTrader:
    """Another trader's purchases and sales as actions, which the risk layer sizes; its exits come before what that trader wants.

    Attributes:
        exits: stop and target from this close to the next, where stops work inside the bar; None where they work at the close.
    """

    def __init__(self, trader: Trader, guard: Guard, *, known: KnownBySession, costs: Costs) -> None:
        self._trader = trader
        self._guard = guard
        self._known = known
        self._costs = costs
        self._watch: RiskWatch | None = None
        self.exits: ExitRules | None = None

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        """The forced exit at this close, or what the guarded trader wants, as far as the limits let it."""
        wanted, known = self._trader.on_close(session, account), self._known.get(session)
        if known is None:
            return None
        profile = self._guard.profile
        watch = self._watch = watch_close(
            self._watch,
            account=account,
            style=self._guard.style,
            sigma10_fraction=known.sigma10_fraction,
            profile=profile,
            split_ratio=known.split_ratio,
        )
        is_inside = self._guard.stop_mode == "intraday"
        self.exits = exit_rules(watch.exits, profile) if is_inside else None
        code = None if is_inside else forced_exit(account, watch.exits)
        forced = size_exit(code, account=account, style=watch.exits.style, profile=profile)
        sizing = forced if forced is not None else self._sizing(wanted, account=account, watch=watch, known=known)
        return self._intent(sizing, forced=forced is not None)

    def _sizing(self, wanted: OrderIntent | None, *, account: Account, watch: RiskWatch, known: KnownAtClose) -> Sizing:
        return size_action(
            "hold" if wanted is None else wanted.action,
            account=account,
            style=self._guard.style,
            profile=self._guard.profile,
            commission=self._costs.commission,
            gap_buffer_fraction=self._costs.gap_buffer_fraction,
            slippage=self._costs.slippage,
            conditions=watch.conditions(mean_volume_shares=known.mean_volume_shares),
        )

    def _intent(self, sizing: Sizing, *, forced: bool) -> OrderIntent | None:
        if not sizing.shares and sizing.ends_purchase is None:
            return None
        return OrderIntent(
            shares=sizing.shares,
            action=sizing.action,
            style=self._guard.style,
            code=sizing.verdict.code,
            forced=forced,
            wanted_shares=sizing.wanted_shares,
            limits=self._guard.profile.limits,
            ends_purchase=sizing.ends_purchase,
        )


def known_at_closes(bundle: Bundle, market: SymbolMarket, profile: RiskProfile, settings: ForecastSettings) -> dict[date, KnownAtClose]:
    """What the risk layer may know at each close of a window, each through a view as of that close.

    `settings` say how the deviation is taken. Sessions without a bar, or with too few closes before them, are missing.
    """
    found = {}
    for session, split_ratio in _closes(market):
        view = bundle.view(as_of=bundle.calendar.close_at(session))
        sigma = sigma10_fraction(view.closes(market.symbol, settings.volatility_sessions + 1).closes_usd, settings)
        if sigma is not None:
            found[session] = KnownAtClose(sigma, _mean_volume_shares(view, market.symbol, profile), split_ratio)
    return found


def _mean_volume_shares(view: View, symbol: str, profile: RiskProfile) -> float | None:
    limits = profile.limits
    return None if limits.maximum_volume_fraction is None else view.mean_volume_shares(symbol, limits.volume_window_sessions)


def _closes(market: SymbolMarket) -> Iterator[tuple[date, float]]:
    """(session, split ratio since the bar before) of every session with a bar."""
    with_bar, ratio = set(market.bar_positions), 1.0
    for position, session in enumerate(market.sessions):
        for action in market.actions[position]:
            if action.kind is ActionKind.SPLIT:
                ratio *= action.ratio or 1.0
        if position in with_bar:
            yield session, ratio
            ratio = 1.0
