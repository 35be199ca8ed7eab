"""Real splits on prices as traded, inside a position and over the night of a waiting order."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.backtest.helpers import FREE, Guarded, Result, Script, play
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.market import SymbolMarket, market_of
from tradinggroup.data.bundle import Bundle
from tradinggroup.risk.exits import ExitRules

SPLITS = [("TSLA", date(2020, 8, 31), 5), ("TSLA", date(2022, 8, 25), 3), ("AMZN", date(2022, 6, 6), 20)]
IDS = [f"{symbol}-{session}" for symbol, session, _ in SPLITS]
CASH_USD = 100_000.0


@pytest.fixture(scope="session")
def as_traded(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    from tradinggroup.data.importing import import_folder

    folder = tmp_path_factory.mktemp("bundles")
    span = {"start": date(2020, 8, 3), "end": date(2022, 9, 30)}
    return import_folder(shared_data / "table1", name="splits", bundles_folder=folder, symbols=("TSLA", "AMZN"), **span)


def around(bundle: Bundle, symbol: str, session: date) -> tuple[SymbolMarket, int]:
    """Ten sessions or so, and the bar of the split in them."""
    sessions = bundle.calendar.sessions(bundle.first_session, bundle.last_session)
    place = sessions.index(session)
    return market_of(bundle, symbol, sessions[place - 4], sessions[place + 4]), 4


def script(window: SymbolMarket, orders: dict[int, int]) -> dict[date, int]:
    return {window.sessions[place]: shares for place, shares in orders.items()}


def run(window: SymbolMarket, orders: dict[int, int], *, exits: ExitRules | None = None, execution: Execution | None = None) -> Result:
    trader = Guarded({}, exits) if exits else Script({})
    trader.orders = script(window, orders)
    return play(window, trader, cash_usd=CASH_USD, commission=FREE, execution=execution or Execution())


@pytest.mark.parametrize(("symbol", "session", "ratio"), SPLITS, ids=IDS)
def test_a_position_and_a_waiting_sale_over_the_night_of_the_split(as_traded: Bundle, symbol: str, session: date, ratio: int) -> None:
    window, at = around(as_traded, symbol, session)
    result = run(window, {0: 9, at - 1: -4})
    bought, sold = result.fills
    assert (bought["shares"], bought["price_usd"]) == (9, window.open_usd[1])
    assert (sold["session"], sold["shares"], sold["price_usd"]) == (session, -4 * ratio, window.open_usd[at])
    assert [row["shares"] for row in result.equity[at - 1 : at + 1]] == [9, 5 * ratio]
    cash_usd = CASH_USD - 9 * window.open_usd[1] + 4 * ratio * window.open_usd[at]
    assert result.equity[at]["equity_usd"] == pytest.approx(cash_usd + 5 * ratio * window.close_usd[at], rel=1e-12)
    assert abs(result.equity_usd[at] / result.equity_usd[at - 1] - 1) < 0.1


@pytest.mark.parametrize(("symbol", "session", "ratio"), SPLITS, ids=IDS)
@pytest.mark.parametrize("fill", ["next_open", "next_close"])
def test_a_waiting_purchase_over_the_night_of_the_split(as_traded: Bundle, symbol: str, session: date, ratio: int, fill: str) -> None:
    window, at = around(as_traded, symbol, session)
    result = run(window, {at - 1: 7}, execution=Execution(fill=fill))
    prices = window.open_usd if fill == "next_open" else window.close_usd
    assert [(made["session"], made["shares"], made["price_usd"]) for made in result.fills] == [(session, 7 * ratio, prices[at])]
    assert result.orders[0]["status"] == "filled"


@pytest.mark.parametrize(("symbol", "session", "ratio"), SPLITS, ids=IDS)
def test_levels_go_through_the_split(as_traded: Bundle, symbol: str, session: date, ratio: int) -> None:
    """Bought at the last close before it, so that the levels live from the bar of the split on."""
    window, at = around(as_traded, symbol, session)
    at_close, bar = Execution(fill="next_close"), {name: float(getattr(window, f"{name}_usd")[at]) for name in ("open", "high", "low")}
    cost_usd = float(window.close_usd[at - 1]) / ratio
    wide = run(window, {at - 2: 9}, exits=ExitRules(-0.3, 0.3, 1.0, "balanced"), execution=at_close)
    assert [made["shares"] for made in wide.fills] == [9]  # the fall by the split is no loss
    target_usd = (bar["open"] + bar["high"]) / 2
    rules = ExitRules(-0.3, target_usd / cost_usd - 1, 1.0, "balanced")
    up = run(window, {at - 2: 9}, exits=rules, execution=at_close)
    assert [(made["session"], made["shares"]) for made in up.fills[1:]] == [(session, -9 * ratio)]
    assert up.fills[1]["price_usd"] == pytest.approx(target_usd)
    both = run(window, {at - 2: 9}, exits=replace(rules, stop_loss_fraction=bar["low"] / cost_usd - 1), execution=at_close)
    assert both.fills[1]["price_usd"] == pytest.approx(bar["low"])


@pytest.mark.parametrize(("symbol", "session", "ratio"), SPLITS, ids=IDS)
def test_the_rest_of_a_capped_order_goes_through_the_split(as_traded: Bundle, symbol: str, session: date, ratio: int) -> None:
    window, at = around(as_traded, symbol, session)
    part = 3.5 / float(window.volume_shares[at - 1])
    result = run(window, {at - 2: 10}, execution=Execution(volume_cap_fraction=part))
    assert result.fills[0]["shares"] == 3
    assert result.equity[at]["shares"] == 3 * ratio + result.fills[1]["shares"]
    assert sum(made["shares"] for made in result.fills[1:]) <= 7 * ratio
