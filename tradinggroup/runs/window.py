"""The window of a run: which sessions count, and on which of them each symbol is decided.

Warm-up is never performance (design 4.5): the accounts, and the baselines with them, start at the first session on which a
decision can be made, not earlier. A symbol that is listed later waits in cash until it has a history of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from tradinggroup.backtest.market import SymbolMarket, market_of
from tradinggroup.data.features import closes_needed
from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.runs.inputs import RunInputs


def markets_of(inputs: RunInputs) -> dict[str, SymbolMarket]:
    """The window of every symbol, by symbol; all have the same sessions.

    Raises UsageError DATES_OUTSIDE for a symbol without a bar in the window, or where no decision can be made in it.
    """
    experiment = inputs.experiment
    markets = {symbol: market_of(inputs.bundle, symbol, experiment.start, experiment.end) for symbol in sorted(experiment.symbols)}
    for symbol, market in markets.items():
        if not market.bar_positions:
            raise UsageError(
                ErrorCode.DATES_OUTSIDE,
                f"{symbol} has no bar from {experiment.start} to {experiment.end}",
                remedy="Leave it out with --symbols, or choose other dates; `tradinggroup data check` prints the span of each symbol.",
            )
    if not experiment.agents_enabled:
        return markets
    first = _first_decision(inputs, markets)
    if first == next(iter(markets.values())).sessions[0]:
        return markets
    return {symbol: market_of(inputs.bundle, symbol, first, experiment.end) for symbol in markets}


def decision_sessions(inputs: RunInputs, market: SymbolMarket) -> list[date]:
    """Sessions of the window at which the agents decide: the symbol has a bar, and enough history before it."""
    calendar, needed = inputs.bundle.calendar, closes_needed(inputs.first.experiment.agents.forecasting)
    with_bar = [market.sessions[position] for position in market.bar_positions]
    return [
        session
        for place, session in enumerate(with_bar)
        if market.may_decide(session)
        and (place >= needed or len(inputs.bundle.view(calendar.close_at(session)).closes(market.symbol, needed).closes_usd) >= needed)
    ]


def window_warnings(inputs: RunInputs, markets: Mapping[str, SymbolMarket]) -> list[str]:
    """What a reader must know of a window that is not what the experiment asked for, or not the same for all symbols."""
    found = [*_delistings(inputs, markets), *_memberships(markets)]
    if not inputs.experiment.agents_enabled:
        return found
    sessions = next(iter(markets.values())).sessions
    asked = inputs.bundle.calendar.sessions(inputs.experiment.start, inputs.experiment.end)
    if len(sessions) < len(asked):
        found.append(f"the first {len(asked) - len(sessions)} sessions are warm-up: the run starts on {sessions[0]}")
    for symbol, market in markets.items():
        decided = decision_sessions(inputs, market)
        if not decided:
            why = "it does not belong to the universe, or its history is too short" if market.membership else "its history is too short"
            found.append(f"{symbol} is never decided: {why}, so its account stays in cash")
        elif market.membership:
            continue
        elif decided[0] > sessions[market.bar_positions[0]] or market.bar_positions[0] > 0:
            found.append(f"{symbol} waits in cash until {decided[0]}: it has too little history before")
    return found


def _memberships(markets: Mapping[str, SymbolMarket]) -> list[str]:
    """Symbols that do not belong to the universe over the whole window."""
    return [
        f"{symbol} belongs to the universe {_spans(market)}: no decision outside, and its shares are sold after its last session"
        for symbol, market in markets.items()
        if not all(market.may_decide(session) for session in market.sessions)
    ]


def _spans(market: SymbolMarket) -> str:
    return " and ".join(f"from {first} to {last or 'now'}" for first, last in market.membership)


def _delistings(inputs: RunInputs, markets: Mapping[str, SymbolMarket]) -> list[str]:
    """Symbols that count as delisted: a bundle whose prices merely stop for one symbol looks the same, so a reader must know."""
    execution = inputs.experiment.execution
    return [
        f"{symbol} has no bar after {market.sessions[market.bar_positions[-1]]} and counts as delisted: its shares are closed "
        f"{execution.delisting_haircut_fraction * 100:g} % below the last price"
        for symbol, market in markets.items()
        if inputs.experiment.convention == "default" and market.delisting_position(execution.delisting_sessions) is not None
    ]


def _first_decision(inputs: RunInputs, markets: Mapping[str, SymbolMarket]) -> date:
    firsts = [sessions[0] for market in markets.values() if (sessions := decision_sessions(inputs, market))]
    if not firsts:
        needed = closes_needed(inputs.experiment.agents.forecasting)
        raise UsageError(
            ErrorCode.DATES_OUTSIDE,
            f"no decision can be made from {inputs.experiment.start} to {inputs.experiment.end}: a first one needs {needed} closes",
            remedy=f"The bundle starts on {inputs.bundle.first_session}; choose a later --end, or a bundle with more history.",
        )
    return min(firsts)
