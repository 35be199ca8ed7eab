"""The whole account loop under the risk layer: whatever the bars, styles and answers are, no limit is passed and no stop skipped.

Everything is judged by plain books of this file (fills -> cash, shares, equity, entries), not by the layer's own functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.backtest.helpers import COMMISSION, FREE, day, dividend, split
from tests.risk.strategies import ACTIONS, STYLES, profiles
from tests.support.books import run_checked
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import Row, RowKind
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.data.records import ActionKind, Bar, CorporateAction
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.exits import ExitRules, exit_rules
from tradinggroup.risk.profile import Limits, RiskProfile, Stops, StyleRules, Styles
from tradinggroup.risk.sizing import Sizing, size_action, size_exit
from tradinggroup.risk.thresholds import forced_exit
from tradinggroup.risk.verdicts import ReasonCode, Status
from tradinggroup.risk.watch import RiskWatch, watch_close

VOLUME_WINDOW = 3


@dataclass(frozen=True)
class Step:
    """One session: its bar, what happens before it, and what is answered at its close."""

    change: float
    gap: float
    reach: float
    volume: float
    has_bar: bool
    split_ratio: float
    dividend_fraction: float
    sigma10: float
    style: str
    action: object


SIGMAS = st.one_of(st.floats(0.001, 0.1), st.sampled_from([0.0, math.nan, math.inf, -1.0, 1e300]))
STEPS = st.lists(
    st.builds(
        Step,
        change=st.floats(0.7, 1.35),
        gap=st.floats(-0.15, 0.15),
        reach=st.floats(0.0, 0.2),
        volume=st.sampled_from([0.0, 900.0, 20_000.0, 1e6]),
        has_bar=st.sampled_from([True] * 9 + [False]),
        split_ratio=st.sampled_from([1.0] * 8 + [7.0, 0.1]),
        dividend_fraction=st.sampled_from([0.0] * 6 + [0.02]),
        sigma10=SIGMAS,
        style=STYLES,
        action=ACTIONS,
    ),
    min_size=4,
    max_size=25,
)


@dataclass(frozen=True)
class World:
    market: SymbolMarket
    steps: list[Step]
    volumes: list[tuple[int, float]]
    """(position, volume) of each bar, on the scale of its own session."""

    def ratio(self, after: int, through: int) -> float:
        return math.prod(step.split_ratio for step in self.steps[after + 1 : through + 1])

    def mean_volume(self, position: int) -> float:
        """Of the last bars up to a position, on its scale."""
        known = [(at, volume) for at, volume in self.volumes if at <= position][-VOLUME_WINDOW:]
        return math.fsum(volume * self.ratio(at, position) for at, volume in known) / len(known)


def world_of(steps: list[Step], first_usd: float) -> World:
    bars, actions, volumes, close = [], list[CorporateAction](), [], first_usd
    for position, step in enumerate(steps):
        session = day(position)
        close /= step.split_ratio
        if step.split_ratio != 1:
            actions.append(split(position, step.split_ratio))
        if step.dividend_fraction:
            actions.append(dividend(position, close * step.dividend_fraction))
        if not step.has_bar:
            continue
        opened = close * (1 + step.gap)
        close *= step.change
        high, low = max(opened, close) * (1 + step.reach), min(opened, close) * (1 - step.reach)
        moment = datetime(session.year, session.month, session.day, 21, tzinfo=UTC)
        bars.append(Bar("X", session, opened, high, low, close, step.volume, moment))
        volumes.append((position, step.volume))
    sessions = [day(position) for position in range(len(steps))]
    market = SymbolMarket.build("X", sessions=sessions, bars=bars, actions=actions, close_before_usd=first_usd)
    return World(market, steps, volumes)


@dataclass(frozen=True)
class Decision:
    position: int
    account: Account
    watch: RiskWatch
    sized: Sizing


@dataclass
class Guarded:
    """Answers from the script, through the risk layer, in the desk's order of things."""

    world: World
    profile: RiskProfile
    commission: Commission
    is_inside_bar: bool
    exits: ExitRules | None = None
    decisions: list[Decision] = field(default_factory=list)

    def on_close(self, session: date, account: Account) -> OrderIntent | None:
        position = self.world.market.sessions.index(session)
        step, before = self.world.steps[position], self.decisions[-1] if self.decisions else None
        watch = watch_close(
            before.watch if before else None,
            account=account,
            style=step.style,
            sigma10_fraction=step.sigma10,
            profile=self.profile,
            split_ratio=self.world.ratio(before.position, position) if before else 1.0,
        )
        code = None if self.is_inside_bar else forced_exit(account, watch.exits)
        sized = size_exit(code, account=account, style=watch.exits.style, profile=self.profile)
        is_forced = sized is not None
        if sized is None:
            sized = size_action(
                step.action,
                account=account,
                style=step.style,
                profile=self.profile,
                commission=self.commission,
                gap_buffer_fraction=0.01,
                conditions=watch.conditions(mean_volume_shares=self.world.mean_volume(position)),
            )
        self.exits = exit_rules(watch.exits, self.profile)
        self.decisions.append(Decision(position, account, watch, sized))
        intent = OrderIntent(sized.shares, sized.action, step.style, sized.verdict.code, is_forced, sized.wanted_shares)
        return replace(intent, ends_purchase=sized.ends_purchase)


@dataclass
class Books:
    """An account kept from the fills and the actions alone."""

    cash: float
    shares: int = 0
    entered: int | None = None
    """Position of the first fill of what is held."""
    equity: list[float] = field(default_factory=list)
    entries: list[int | None] = field(default_factory=list)

    def start_session(self, world: World, position: int, mark: float) -> None:
        """Splits, then dividends; `mark` is the last close on the new scale."""
        step = world.steps[position]
        exact = self.shares * step.split_ratio
        whole = math.floor(exact + 1e-6)
        self.cash += max(0.0, exact - whole) * mark
        payments = [action.cash_usd or 0.0 for action in world.market.actions[position] if action.kind is ActionKind.DIVIDEND]
        self.cash += exact * sum(payments)
        self.shares = whole
        if not whole:
            self.entered = None

    def fill(self, row: Row, position: int) -> None:
        if not self.shares:
            self.entered = position
        self.cash -= row["shares"] * row["price_usd"] + row["commission_usd"]
        self.shares += row["shares"]
        if not self.shares:
            self.entered = None


def check_books(world: World, sink: MemorySink, limits: Limits, cash_usd: float) -> Books:
    """Every session adds up to the cent, nothing is negative, and no purchase passes weight or buffer at its fill."""
    books, mark = Books(cash_usd), world.market.close_before_usd or 0.0
    closes = dict(zip(world.market.bar_positions, world.market.close_usd.tolist(), strict=True))
    for position, row in enumerate(sink.rows[RowKind.EQUITY]):
        mark /= world.steps[position].split_ratio
        books.start_session(world, position, mark)
        for fill in (each for each in sink.rows[RowKind.FILL] if each["session"] == row["session"]):
            books.fill(fill, position)
            if fill["shares"] > 0:
                worth = books.shares * fill["price_usd"]
                assert worth <= limits.maximum_weight_fraction * (books.cash + worth) * (1 + 1e-9)
                assert books.cash >= limits.cash_buffer_fraction * (books.cash + worth) * (1 - 1e-9) - 1e-9
        mark = closes.get(position, mark)
        books.equity.append(books.cash + books.shares * mark)
        books.entries.append(books.entered)
        assert type(row["shares"]) is int
        assert row["shares"] == books.shares >= 0
        assert row["cash_usd"] >= 0
        assert abs(row["cash_usd"] - books.cash) < 0.005
        assert abs(row["equity_usd"] - books.equity[-1]) < 0.005
    return books


def check_purchases(
    world: World,
    sink: MemorySink,
    decisions: list[Decision],
    books: Books,
    limits: Limits,
    cash_usd: float,
    *,
    is_open_first: bool = True,
) -> None:
    """What was decided kept every limit, what a limit refused was beyond it, and no rest of a purchase filled after such a close."""
    codes = {order["order_id"]: order["reason_code"] for order in sink.rows[RowKind.ORDER]}
    fills = [(world.market.sessions.index(fill["session"]), fill["order_id"]) for fill in sink.rows[RowKind.FILL]]
    purchases = [
        (world.market.sessions.index(fill["decision_session"]), world.market.sessions.index(fill["session"]))
        for fill in sink.rows[RowKind.FILL]
        if fill["shares"] > 0
    ]
    exited = {world.market.sessions.index(row["session"]) for row in sink.rows[RowKind.ORDER] if row["order_id"].count("-") == 4}
    assert is_open_first or not any(bought < at and at in exited for bought, at in purchases)
    halts = halted_positions(decisions, books, limits, cash_usd)
    for decision in decisions:
        position, account, sized = decision.position, decision.account, decision.sized
        own = f"X-{world.market.sessions[position].isoformat()}"
        filled = sum(at == position and name != own for at, name in fills)
        stops = [at for at, name in fills if at <= position and name != own and codes[name] == ReasonCode.STOP_LOSS]
        volume = (limits.maximum_volume_fraction or 0.0) * world.mean_volume(position)
        lost = account.equity_usd / books.equity[position - 1] - 1 if position and books.equity[position - 1] > 0 else 0.0
        broken = {
            ReasonCode.MAX_DRAWDOWN_HALT: position in halts,
            ReasonCode.SESSION_LOSS_LIMIT: limits.session_loss_limit_fraction is not None and lost <= -limits.session_loss_limit_fraction,
            ReasonCode.COOL_DOWN: limits.cooldown_sessions is not None and bool(stops) and position - stops[-1] < limits.cooldown_sessions,
            ReasonCode.MAX_ORDERS_PER_SESSION: limits.maximum_orders_per_session is not None
            and filled >= limits.maximum_orders_per_session,
        }
        if any(broken.values()):
            assert not any(bought < position < at for bought, at in purchases), broken
        if sized.shares > 0:
            assert not any(broken.values()), broken
            assert limits.maximum_volume_fraction is None or sized.shares <= volume
            assert sized.shares * account.close_usd <= account.cash_usd
            worth = (account.shares + sized.shares) * account.close_usd
            assert worth <= limits.maximum_weight_fraction * account.equity_usd * (1 + 1e-9)
        elif sized.verdict.code in broken:
            assert sized.verdict.status is Status.DENIED
            assert broken[sized.verdict.code]


def halted_positions(decisions: list[Decision], books: Books, limits: Limits, cash_usd: float) -> set[int]:
    """The closes at which the drawdown halt holds, written down from its description."""
    halted: set[int] = set()
    if limits.maximum_drawdown_fraction is None:
        return halted
    peak, is_restarted, left = cash_usd, False, 0
    for decision in decisions:
        equity = decision.account.equity_usd
        if left > 0 or left < 0:
            halted.add(decision.position)
            left -= 1
            is_restarted = left == 0
            peak = -1.0 if is_restarted else peak
            continue
        if is_restarted and peak < 0:
            peak = equity
        seen = [equity] if is_restarted else [*books.equity[: decision.position], equity]
        peak = max(peak, *seen)
        if peak > 0 and equity / peak - 1 <= -limits.maximum_drawdown_fraction + 1e-12:
            halted.add(decision.position)
            left = -1 if limits.drawdown_halt_sessions is None else limits.drawdown_halt_sessions - 1
            is_restarted = is_restarted or left == 0
            peak = -1.0 if left == 0 else peak
    return halted


def check_stops(world: World, decisions: list[Decision], books: Books, profile: RiskProfile) -> None:
    """A close at or below the stop price of the anchor sells; under `tighten_only` that price never falls."""
    floor, price, seen, decided = profile.stops.sigma_floor_fraction, None, None, None
    entry_width = 0.0
    for before, now in zip([None, *decisions], decisions, strict=False):
        step, account = world.steps[now.position], now.account
        sigma = max(floor, step.sigma10) if math.isfinite(step.sigma10) else floor
        width = profile.rules(step.style).stop_loss_multiplier * sigma
        if account.shares:
            cost = account.average_cost_usd or 0.0
            if seen is None or account_entry(books, now) != seen:
                seen, entry_width = account_entry(books, now), width if decided is None else decided
                price = cost * (1 - entry_width)
            elif before is not None and price is not None:
                price /= world.ratio(before.position, now.position)
            today = {"daily": cost * (1 - width), "entry": cost * (1 - entry_width), "tighten_only": max(price or 0.0, cost * (1 - width))}
            price = max(price or 0.0, today["tighten_only"])
            level = today[profile.stops.stop_anchor]
            assert now.watch.exits.stop_loss_fraction == pytest.approx(level / cost - 1, abs=1e-9, rel=1e-9)
            if account.close_usd <= level * (1 - 1e-9) and account.waiting_exit is None:
                assert now.sized.verdict.code is ReasonCode.STOP_LOSS
                assert 1 <= -now.sized.shares <= account.shares
        else:
            seen = price = None
        decided = width


def check_exits_go_on(decisions: list[Decision]) -> None:
    """While the rest of an exit waits nothing is decided but a larger forced sale."""
    for each in (decision for decision in decisions if decision.account.waiting_exit is not None):
        assert each.sized.verdict.code in ("STOP_LOSS", "TAKE_PROFIT")
        assert each.sized.shares == 0 or each.sized.shares < each.account.waiting_shares < 0


def account_entry(books: Books, now: Decision) -> int | None:
    return books.entries[now.position]


@settings(deadline=None, derandomize=True, max_examples=120)
@given(
    steps=STEPS,
    profile=profiles(),
    commission=st.sampled_from([COMMISSION, FREE]),
    fill=st.sampled_from(["next_open", "next_open", "next_close"]),
    is_inside_bar=st.booleans(),
    cap=st.sampled_from([0.0, 0.02, 0.1]),
    cash_usd=st.floats(50, 1e6),
    first_usd=st.floats(0.5, 2_000),
)
def test_no_limit_is_passed_and_no_stop_skipped(
    steps: list[Step],
    profile: RiskProfile,
    commission: Commission,
    fill: str,
    is_inside_bar: bool,
    cap: float,
    cash_usd: float,
    first_usd: float,
) -> None:
    if not any(step.has_bar for step in steps):
        return
    world, sink = world_of(steps, first_usd), MemorySink()
    trader = Guarded(world, profile, commission, is_inside_bar)
    run_checked(
        world.market,
        trader,
        cash_usd=cash_usd,
        commission=commission,
        sink=sink,
        limits=profile.limits,
        execution=Execution(fill=fill, volume_cap_fraction=cap, delisting_sessions=99),
        guard=trader if is_inside_bar else None,
    )
    books = check_books(world, sink, profile.limits, cash_usd)
    check_purchases(world, sink, trader.decisions, books, profile.limits, cash_usd, is_open_first=fill == "next_open")
    check_exits_go_on(trader.decisions)
    if not is_inside_bar:
        check_stops(world, trader.decisions, books, profile)
        for order in sink.rows[RowKind.ORDER]:
            if order["reason_code"] in ("STOP_LOSS", "TAKE_PROFIT") and order["status"] == "denied":
                assert order["fill_reason_code"] in ("COMMISSION_UNAFFORDABLE", "POSITION_GONE", "ZERO_SHARES")


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        ({"maximum_drawdown_fraction": 0.05}, "MAX_DRAWDOWN_HALT"),
        ({"session_loss_limit_fraction": 0.02}, "SESSION_LOSS_LIMIT"),
        ({"maximum_orders_per_session": 1}, "MAX_ORDERS_PER_SESSION"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("action", ["hold", "buy", "nonsense"])
def test_the_rest_of_a_purchase_ends_at_the_close_that_refuses_purchases(limits: dict[str, object], code: str, action: str) -> None:
    wide = RULES.model_copy(update={"stop_loss_multiplier": 5.0})
    profile = RiskProfile(styles=Styles(aggressive=wide, balanced=wide, conservative=wide), limits=Limits.model_validate(limits))
    steps = [Step(0.93, 0.0, 0.0, 100.0, True, 1.0, 0.0, 0.02, "balanced", "buy" if place == 0 else action) for place in range(5)]
    world, sink = world_of(steps, 100.0), MemorySink()
    trader = Guarded(world, profile, FREE, is_inside_bar=False)
    run_checked(
        world.market,
        trader,
        cash_usd=10_000.0,
        commission=FREE,
        sink=sink,
        limits=profile.limits,
        execution=Execution(volume_cap_fraction=0.9),
    )
    first = sink.rows[RowKind.ORDER][0]
    assert (first["status"], first["shares_filled"], first["fill_reason_code"]) == ("partial", 90, code)
    assert str(trader.decisions[1].sized.ends_purchase) == code


RULES = StyleRules(stop_loss_multiplier=2.0, take_profit_multiplier=4.0, buy_cash_fraction=1.0, sell_position_fraction=1.0)


def falling(**limits: object) -> list[Decision]:
    """A market that falls by 6 % a session while somebody buys at every close, stops at 4 %."""
    profile = RiskProfile(
        styles=Styles(aggressive=RULES, balanced=RULES, conservative=RULES), limits=Limits.model_validate(limits), stops=Stops()
    )
    steps = [Step(0.94, 0.0, 0.0, 1e6, True, 1.0, 0.0, 0.02, "balanced", "buy") for _ in range(12)]
    world = world_of(steps, 100.0)
    trader = Guarded(world, profile, FREE, is_inside_bar=False)
    run_checked(world.market, trader, cash_usd=10_000.0, commission=FREE, sink=MemorySink(), limits=profile.limits)
    return trader.decisions


@pytest.mark.parametrize(
    ("limits", "codes"),
    [
        ({}, "ALLOWED STOP_LOSS ALLOWED STOP_LOSS ALLOWED STOP_LOSS"),
        ({"maximum_drawdown_fraction": 0.05}, "ALLOWED STOP_LOSS HALT HALT HALT HALT"),
        ({"maximum_drawdown_fraction": 0.05, "drawdown_halt_sessions": 2}, "ALLOWED STOP_LOSS HALT ALLOWED STOP_LOSS HALT"),
        ({"cooldown_sessions": 1}, "ALLOWED STOP_LOSS COOL_DOWN ALLOWED STOP_LOSS COOL_DOWN"),
        ({"cooldown_sessions": 3}, "ALLOWED STOP_LOSS COOL_DOWN COOL_DOWN COOL_DOWN ALLOWED"),
        ({"maximum_orders_per_session": 1}, "ALLOWED STOP_LOSS ORDERS ALLOWED STOP_LOSS ORDERS"),
        ({"session_loss_limit_fraction": 0.05}, "ALLOWED STOP_LOSS ALLOWED STOP_LOSS ALLOWED STOP_LOSS"),
        ({"maximum_volume_fraction": 0.00001}, "VOLUME_SHARE STOP_LOSS VOLUME_SHARE STOP_LOSS VOLUME_SHARE STOP_LOSS"),
    ],
    ids=str,
)
def test_what_each_limit_does_to_a_buyer_in_a_falling_market(limits: dict[str, object], codes: str) -> None:
    """The stop is found at the close of the bar that the purchase filled in, and sells at the next open, whatever is limited."""
    short = {"MAX_DRAWDOWN_HALT": "HALT", "MAX_ORDERS_PER_SESSION": "ORDERS"}
    found = [str(decision.sized.verdict.code) for decision in falling(**limits)[:6]]
    assert " ".join(short.get(code, code) for code in found) == codes
