"""Run the baselines of an experiment: same windows, costs and cash as the agents."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from threading import Event

import numpy as np
import numpy.typing as npt

from tradinggroup.backtest.baselines.fitted import TrainingSpan, arima_signals, xgboost_signals
from tradinggroup.backtest.baselines.guarded import GuardedTrader
from tradinggroup.backtest.baselines.history import SessionHistory
from tradinggroup.backtest.baselines.paths import PathTrader, WeightPath, executed_path, mean_weight, shifted_paths
from tradinggroup.backtest.baselines.random_draws import RandomDraws, draw_random
from tradinggroup.backtest.baselines.rules import BuyAndHold, ConstantExposure, FollowSignals
from tradinggroup.backtest.baselines.shared import DEFAULT_TRAINING_YEARS, BaselineSettings
from tradinggroup.backtest.baselines.signals import MOMENTUM_CLOSES, RULES, Signals
from tradinggroup.backtest.engine import run_account
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import Row, RowKind
from tradinggroup.backtest.trader import Trader

HINDSIGHT = ("constant_exposure", "random")
"""Baselines that know the agents' weights of the whole window, so that they come after the agents."""
NO_AGENTS = "there are no agents in this run whose weights it could follow"


@dataclass(frozen=True, slots=True)
class AgentRows:
    """The agents' own rows by symbol, by session: what hindsight baselines are made from."""

    equity: Mapping[str, Sequence[Row]]
    fills: Mapping[str, Sequence[Row]]


@dataclass(frozen=True, slots=True)
class BaselineResult:
    """Rows of one baseline by symbol, for `baselines/NAME/{equity,fills}.csv`; or the reason why there are none."""

    name: str
    reason: str | None = None
    equity: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    fills: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    """Symbols without rows -> why. ALL would then be another sum than that of the other baselines, so there is none."""
    remarks: Mapping[str, str] = field(default_factory=dict)
    """Symbols with rows -> what a reader must know of them."""
    guarded: bool = False
    """Whether the risk layer stood between its signals and its orders."""

    @property
    def is_whole(self) -> bool:
        """Whether every symbol has rows."""
        return self.reason is None and not self.skipped

    @property
    def explanation(self) -> str | None:
        """Why there is no result, or not for every symbol, or what must be known of some; None where nothing is to be said."""
        said = [f"{symbol}: {reason}" for symbol, reason in {**self.skipped, **self.remarks}.items()]
        return self.reason or "; ".join(said) or None

    @property
    def hindsight(self) -> bool:
        """Whether it uses what the agents did later in the window."""
        return self.name in HINDSIGHT


@dataclass(frozen=True, slots=True)
class BaselineReport:
    """All baselines in the order asked for, and where the agents stand among the random draws."""

    results: Mapping[str, BaselineResult]
    draws: RandomDraws | None = None
    """The draws behind the random baseline; None without it."""


class BaselinesStoppedError(Exception):
    """The baselines were asked to stop before they were finished."""


def run_baselines(
    names: Sequence[str],
    markets: Mapping[str, SymbolMarket],
    *,
    histories: Mapping[str, SessionHistory],
    settings: BaselineSettings,
    agents: AgentRows | None,
    made: Mapping[str, BaselineResult] | None = None,
    stop: Event | None = None,
) -> BaselineReport:
    """Run every baseline of `names` on every market.

    Args:
        names: as in the setting `baselines`.
        markets: symbol -> window; all have the same sessions.
        histories: symbol -> its sessions up to the window's end (`history_of`); for baselines that look at prices.
        settings: cash, costs, seed.
        agents: the agents' rows, or None in a run without agents.
        made: results that are there already, by name; these baselines are not run again.
        stop: looked at before each account and each fit.

    Raises:
        KeyError: for an unknown name.
        BaselinesStoppedError: once `stop` is set.
    """
    run = _BaselineRun(markets, histories, settings, agents, stop or Event())
    have = made or {}
    results = {name: have[name] if name in have else run.result(name) for name in names}
    return BaselineReport(results, run.draws)


class _BaselineRun:
    def __init__(
        self,
        markets: Mapping[str, SymbolMarket],
        histories: Mapping[str, SessionHistory],
        settings: BaselineSettings,
        agents: AgentRows | None,
        stop: Event,
    ) -> None:
        self._stop = stop
        self._markets = markets
        self._histories = histories
        self._settings = settings
        self._agents = agents
        self._paths = {} if agents is None else {name: self._executed_path(agents, name) for name in markets}
        self.draws: RandomDraws | None = None

    def _executed_path(self, agents: AgentRows, symbol: str) -> WeightPath:
        lag = self._settings.execution.lag_sessions
        return executed_path(agents.equity[symbol], agents.fills.get(symbol, ()), lag_sessions=lag)

    def result(self, name: str) -> BaselineResult:
        makers: dict[str, Callable[[], BaselineResult]] = {
            "buy_and_hold": lambda: self._run("buy_and_hold", lambda _: BuyAndHold(self._settings.costs)),
            "constant_exposure": self._constant_exposure,
            "momentum": self._momentum,
            "random": self._random,
            "arima": self._arima,
            "xgboost": self._xgboost,
        }
        if name in RULES and name not in makers:
            return self._follow(name, {symbol: RULES[name](history) for symbol, history in self._histories.items()})
        return makers[name]()

    def _run(self, name: str, trader_of: Callable[[str], Trader], *, symbols: Sequence[str] | None = None) -> BaselineResult:
        sinks = {symbol: MemorySink() for symbol in (self._markets if symbols is None else symbols)}
        for symbol in sinks:
            self._end_if_stopped()
            trader = trader_of(symbol)
            run_account(
                self._markets[symbol],
                trader,
                cash_usd=self._settings.cash_usd,
                commission=self._settings.costs.commission,
                sink=sinks[symbol],
                cash_rate_per_year=self._settings.cash_rate_per_year,
                slippage=self._settings.costs.slippage,
                execution=self._settings.execution,
                guard=trader if isinstance(trader, GuardedTrader) else None,
            )
        return BaselineResult(name, equity=_rows(sinks, RowKind.EQUITY), fills=_rows(sinks, RowKind.FILL))

    def _end_if_stopped(self) -> None:
        if self._stop.is_set():
            raise BaselinesStoppedError

    def _constant_exposure(self) -> BaselineResult:
        if self._agents is None:
            return BaselineResult("constant_exposure", NO_AGENTS)
        weights = {symbol: mean_weight(path) for symbol, path in self._paths.items()}
        return self._run("constant_exposure", lambda symbol: ConstantExposure(weights[symbol], self._settings.costs))

    def _momentum(self) -> BaselineResult:
        for symbol, market in self._markets.items():
            known = self._histories[symbol].count_before(market.sessions[0] + timedelta(days=1))
            if known < MOMENTUM_CLOSES:
                reason = f"needs {MOMENTUM_CLOSES} closes up to {market.sessions[0]}, but {symbol} has {known}"
                return BaselineResult("momentum", reason)
        return self._follow("momentum", {symbol: RULES["momentum"](history) for symbol, history in self._histories.items()})

    def _arima(self) -> BaselineResult:
        signals = {
            symbol: arima_signals(self._histories[symbol], self._span(symbol), years=self._years(symbol)) for symbol in self._markets
        }
        return self._follow("arima", signals)

    def _xgboost(self) -> BaselineResult:
        return self._follow("xgboost", {symbol: xgboost_signals(self._histories[symbol], self._span(symbol)) for symbol in self._markets})

    def _years(self, symbol: str) -> int:
        return self._settings.training_years.get(symbol, DEFAULT_TRAINING_YEARS)

    def _span(self, symbol: str) -> TrainingSpan:
        self._end_if_stopped()
        return TrainingSpan.of(self._histories[symbol], window_start=self._markets[symbol].sessions[0], years=self._years(symbol))

    def _follow(self, name: str, signals: Mapping[str, Signals | str]) -> BaselineResult:
        """Run a trader by the signals of each symbol; a symbol with a reason in place of signals is left out."""
        skipped = {symbol: found for symbol, found in signals.items() if isinstance(found, str)}
        if len(skipped) == len(signals):
            return BaselineResult(name, "; ".join(f"{symbol}: {reason}" for symbol, reason in skipped.items()))
        by_session = {
            symbol: dict(zip(self._histories[symbol].sessions, found.tolist(), strict=True))
            for symbol, found in signals.items()
            if not isinstance(found, str)
        }
        result = self._run(name, lambda symbol: self._follower(symbol, by_session[symbol]), symbols=tuple(by_session))
        return replace(result, skipped=skipped, guarded=self._settings.guard is not None)

    def _follower(self, symbol: str, signals: Mapping[date, int]) -> Trader:
        follower, guard = FollowSignals(signals, self._settings.costs), self._settings.guard
        if guard is None:
            return follower
        return GuardedTrader(follower, guard, known=guard.known[symbol], costs=self._settings.costs)

    def _random(self) -> BaselineResult:
        if self._agents is None:
            return BaselineResult("random", NO_AGENTS)
        if any(market.membership for market in self._markets.values()):
            return BaselineResult("random", "symbols belong to the universe for a time only: shifted weights would trade outside it")
        draws = draw_random(self._markets, self._paths, agents_return=self._return_of_all(self._agents.equity), settings=self._settings)
        if draws is None:
            return BaselineResult("random", "the window is too short to shift the agents' weights")
        self.draws = draws
        offset = np.array([draws.median_offset])
        return self._run("random", lambda symbol: self._path_trader(symbol, offset))

    def _return_of_all(self, equity: Mapping[str, Sequence[Row]]) -> float:
        first, last = (math.fsum(equity[name][place]["equity_usd"] for name in self._markets) for place in (0, -1))
        return last / first - 1

    def _path_trader(self, symbol: str, offset: npt.NDArray[np.int64]) -> PathTrader:
        shifted = shifted_paths(self._paths[symbol], offset)
        path = WeightPath(shifted.weights[0], shifted.traded[0], shifted.lag_sessions)
        return PathTrader(path, self._markets[symbol].sessions, self._settings.costs)


def _rows(sinks: Mapping[str, MemorySink], kind: RowKind) -> dict[str, list[Row]]:
    return {symbol: sink.rows[kind] for symbol, sink in sinks.items()}
