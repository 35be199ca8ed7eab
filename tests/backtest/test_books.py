"""The second set of books against the engine, over random markets in every mode; and faults of the engine, which it must find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.helpers import COMMISSION, FREE, day, dividend, intent, market, split
from tests.support.books import run_checked
from tradinggroup.backtest import engine
from tradinggroup.backtest.broker import AccountBroker
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import RowKind
from tradinggroup.backtest.trader import ExitRules, OrderIntent
from tradinggroup.data.records import CorporateAction
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission, Slippage
from tradinggroup.risk.profile import Limits
from tradinggroup.risk.verdicts import ReasonCode

SESSIONS = 14


class Guarded:
    """Orders by position, and exits that change with them."""

    def __init__(self, orders: dict[int, int], exits: dict[int, ExitRules | None], ended: frozenset[int] = frozenset()) -> None:
        self.ended = {day(place) for place in ended}
        self.orders = {day(place): shares for place, shares in orders.items()}
        self.by_session = {day(place): rules for place, rules in exits.items()}
        self.exits: ExitRules | None = None

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        self.exits = self.by_session.get(session, self.exits)
        shares = self.orders.get(session)
        if shares is None:
            return replace(intent(0), ends_purchase=ReasonCode.COOL_DOWN) if session in self.ended else None
        return intent(shares, style="balanced")


PRICE = st.floats(5.0, 50.0).map(lambda price: round(price, 2))
BAR = st.none() | st.tuples(PRICE, PRICE, st.floats(0, 0.2), st.floats(0, 0.2), st.integers(0, 400))
EXIT = st.builds(
    ExitRules,
    stop_loss_fraction=st.floats(-0.4, -0.001),
    take_profit_fraction=st.floats(0.001, 0.4),
    sell_fraction=st.sampled_from([0.3, 0.5, 1.0]),
    style=st.just("balanced"),
)
PLACE = st.integers(0, SESSIONS - 1)
COMMISSIONS = (
    COMMISSION,
    FREE,
    replace(COMMISSION, order="minimum_then_cap"),
    replace(COMMISSION, kind="basis_points", basis_points=7.0),
    replace(COMMISSION, kind="none"),
    Commission(per_share_usd=0.3, minimum_usd=40.0, maximum_fraction=0.02),
)


@dataclass(frozen=True)
class World:
    bars: list[tuple[float, float, float, float, int] | None]
    actions: list[CorporateAction]
    is_ended: bool
    membership: tuple[tuple[date, date | None], ...] = ()

    def market(self) -> SymbolMarket:
        """Bars with highs and lows beyond open and close, and volumes."""
        window = market([None if bar is None else bar[:2] for bar in self.bars], *self.actions, close_before_usd=20.0)
        some = [bar for bar in self.bars if bar is not None]
        return replace(
            window,
            high_usd=window.high_usd * [1 + bar[2] for bar in some] if some else window.high_usd,
            low_usd=window.low_usd * [1 - bar[3] for bar in some] if some else window.low_usd,
            volume_shares=window.volume_shares * 0 + [float(bar[4]) for bar in some] if some else window.volume_shares,
            is_ended=self.is_ended,
            membership=self.membership,
        )


ACTIONS = st.lists(
    st.builds(split, PLACE, st.sampled_from([2.0, 3.0, 1 / 3, 0.1, 1.5])) | st.builds(dividend, PLACE, st.floats(0.01, 3.0)), max_size=4
)
SPANS = st.sampled_from([(), (), ((day(1), day(5)), (day(8), None))])
WORLDS = st.builds(
    World, bars=st.lists(BAR, min_size=SESSIONS, max_size=SESSIONS), actions=ACTIONS, is_ended=st.booleans(), membership=SPANS
)


@given(
    world=WORLDS,
    orders=st.dictionaries(PLACE, st.integers(-600, 600), max_size=10),
    exits=st.dictionaries(PLACE, st.none() | EXIT, max_size=8),
    ended=st.frozensets(PLACE, max_size=6),
    is_guarded=st.booleans(),
    fill=st.sampled_from(["next_open", "next_close", "same_close"]),
    cap=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    commission=st.sampled_from(COMMISSIONS),
    bps=st.sampled_from([0.0, 3.0, 55.5]),
    rate=st.sampled_from([0.0, 0.05]),
    limits=st.sampled_from([None, Limits(maximum_weight_fraction=0.5, cash_buffer_fraction=0.1)]),
    haircut=st.sampled_from([0.0, 0.3]),
)
def test_the_books_agree_with_the_engine_whatever_happens(
    world: World,
    orders: dict[int, int],
    exits: dict[int, ExitRules | None],
    ended: frozenset[int],
    is_guarded: bool,
    fill: Any,
    cap: float,
    commission: Commission,
    bps: float,
    rate: float,
    limits: Limits | None,
    haircut: float,
) -> None:
    trader = Guarded({place: shares for place, shares in orders.items() if shares}, exits, ended)
    run_checked(
        world.market(),
        trader,
        cash_usd=5_000.0,
        commission=commission,
        sink=MemorySink(),
        cash_rate_per_year=rate,
        limits=limits,
        slippage=Slippage(bps, bps / 2),
        execution=Execution(fill=fill, volume_cap_fraction=cap, delisting_sessions=3, delisting_haircut_fraction=haircut),
        guard=trader if is_guarded else None,
    )


# -- faults of the engine, planted ----------------------------------------------------------------------------------------------


def busy() -> tuple[SymbolMarket, Guarded]:
    """Interest, slippage, a volume cap, a split with a rest, a dividend, a cut at the open, a stop inside a bar."""
    bars = [(10.0, 10.2), (10.1, 10.4), (14.0, 13.8), (4.5, 4.6), (4.6, 4.7), (4.7, 4.4), (4.4, 4.1), (4.0, 3.2), (3.3, 3.3)]
    window = market(bars, split(3, 3.0 + 1 / 7), dividend(4, 0.2))
    exits = ExitRules(stop_loss_fraction=-0.1, take_profit_fraction=9.0, sell_fraction=0.5, style="balanced")
    return window, Guarded({0: 211, 1: 400, 6: 50}, {4: exits, 5: None, 6: exits})


def play_busy() -> MemorySink:
    window, trader = busy()
    sink = MemorySink()
    run_checked(
        window,
        trader,
        cash_usd=5_000.0,
        commission=COMMISSION,
        sink=sink,
        cash_rate_per_year=0.04,
        slippage=Slippage(2.0, 3.0),
        execution=Execution(volume_cap_fraction=0.0002),
        guard=trader,
    )
    return sink


def test_the_busy_account_is_busy() -> None:
    rows = play_busy().rows
    assert {"filled", "cut"} <= {row["status"] for row in rows[RowKind.ORDER]}
    assert {"ALLOWED", "STOP_LOSS"} == {row["reason_code"] for row in rows[RowKind.ORDER]}
    assert len(rows[RowKind.FILL]) > len({row["order_id"] for row in rows[RowKind.FILL]}), "no order filled in parts"
    assert [row["shares"] for row in rows[RowKind.EQUITY]][3] > 0


def no_payment(run: Any, broker: AccountBroker, usd: float) -> None:
    """A dividend that is booked in the trade, and never reaches the cash."""
    run._book.dividend(usd)


def dear(real: Any) -> Any:
    return lambda self, shares, price_usd: real(self, shares, price_usd) + 0.01


def late_interest(real: Any) -> Any:
    def start(run: Any, broker: AccountBroker) -> None:
        before = broker.cash_usd
        real(run, broker)
        if run._position == 1:
            broker.credit(-(before * 0.04 / 252))

    return start


def shrunk(real: Any) -> Any:
    return lambda shares, ratio: real(shares, ratio) - (1 if shares > 0 and ratio > 1 else 0)


def one_more(real: Any) -> Any:
    return lambda held, fraction: min(held, real(held, fraction) + 1)


FAULTS: dict[str, tuple[Any, str, Callable[[Any], Any]]] = {
    "a dividend is skipped": (engine._AccountRun, "_pay", lambda real: no_payment),
    "a fill costs one cent too much": (Commission, "usd", dear),
    "one session pays no interest": (engine._AccountRun, "_start_session", late_interest),
    "a split leaves one share too few": (engine, "rebase_shares", shrunk),
    "an exit sells one share too many": (engine, "shares_to_sell", one_more),
    "slippage is for the trader": (Slippage, "price_usd", lambda real: lambda self, shares, quoted_usd: real(self, -shares, quoted_usd)),
    "the volume cap is twice as wide": (
        engine,
        "math",
        lambda real: SimpleNamespace(floor=lambda value: 2 * real.floor(value), copysign=real.copysign),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_engine_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place, attribute, fault = FAULTS[name]
    monkeypatch.setattr(place, attribute, fault(getattr(place, attribute)))
    with pytest.raises(AssertionError, match=r"(orders|fills|equity)\.csv 2024-01-\d\d X \w+: run .+, ledger .+"):
        play_busy()
