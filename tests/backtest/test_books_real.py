"""The second set of books on real prices as traded: splits and dividends as the bundle holds them, in every fill mode."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.backtest.helpers import COMMISSION, intent
from tests.support.books import run_checked
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.market import market_of
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import RowKind
from tradinggroup.backtest.trader import ExitRules, OrderIntent
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.importing import import_folder
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Slippage
from tradinggroup.runs.books.tape import tape_of

SPLITS = (("TSLA", date(2020, 8, 31)), ("TSLA", date(2022, 8, 25)), ("AMZN", date(2022, 6, 6)))


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("real")
    return import_folder(shared_data / "table1", name="table1", bundles_folder=folder, symbols=["TSLA", "AMZN", "MSFT"])


class Restless:
    """Buys and sells whole shares at random, buys in the days before a split, and has stops that are reached now and then."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self.exits: ExitRules | None = ExitRules(-0.08, 0.15, 0.3, "balanced")

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        count, is_idle = int(self._random.integers(-40, 80)), self._random.random() < 0.3
        if any(timedelta(0) < ex_session - session < timedelta(days=6) for _, ex_session in SPLITS):
            return intent(20, style="balanced")
        return None if is_idle or not count else intent(count, style="balanced")


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
@pytest.mark.parametrize(("symbol", "start", "end"), [("TSLA", 2020, 2022), ("AMZN", 2022, 2022), ("MSFT", 2021, 2023)])
def test_the_books_agree_on_real_prices(real: Bundle, symbol: str, start: int, end: int, fill: Any) -> None:
    market, sink = market_of(real, symbol, date(start, 1, 1), date(end, 6 if end == 2023 else 12, 28)), MemorySink()
    trader = Restless(start)
    run_checked(
        market,
        trader,
        cash_usd=100_000.0,
        commission=COMMISSION,
        sink=sink,
        cash_rate_per_year=0.02,
        slippage=Slippage(1.0, 0.5),
        execution=Execution(fill=fill, volume_cap_fraction=1e-6),
        guard=trader,
        tape=tape_of(real, symbol, market.sessions[0], market.sessions[-1]),
    )
    assert {row["status"] for row in sink.rows[RowKind.ORDER]} >= {"filled", "partial"}
    rows = {row["session"]: row["shares"] for row in sink.rows[RowKind.EQUITY]}
    for name, ex_session in SPLITS:
        if name == symbol and ex_session in rows:
            assert rows[market.sessions[market.sessions.index(ex_session) - 1]] > 0, "no position was held over the split"
