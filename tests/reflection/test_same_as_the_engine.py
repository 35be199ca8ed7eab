"""The label of the executed action is what the backtest's account really did, under every fill, stop, cost and cap."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reflection.builders import COMMISSION, PROFILE, SETTINGS, close_at, decision_case
from tests.support.books import run_checked
from tradinggroup.backtest.execution import Execution
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import Row, RowKind
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.data.records import ActionKind, Bar, CorporateAction
from tradinggroup.reflection.outcomes import benchmark_return, label_decision
from tradinggroup.reflection.records import DecisionCase
from tradinggroup.reflection.trade_terms import SessionAfter, TradeTerms
from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission, Slippage
from tradinggroup.risk.exits import ExitRules
from tradinggroup.risk.profile import Limits
from tradinggroup.risk.sizing import size_action, size_exit
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.settings import FillMode

STYLES = ("aggressive", "balanced", "conservative")
SESSIONS = [day for day in (date(2024, 1, 1) + timedelta(days=n) for n in range(100)) if day.weekday() < 5][:60]
SPLITS = {SESSIONS[20]: 7.0, SESSIONS[40]: 0.1}
DIVIDENDS = {SESSIONS[10]: 1.5, SESSIONS[30]: 0.2}
LIMITED = PROFILE.model_copy(update={"limits": Limits(maximum_weight_fraction=0.6, cash_buffer_fraction=0.2)})
STRICT = PROFILE.model_copy(
    update={
        "limits": Limits(cooldown_sessions=3, maximum_orders_per_session=1, session_loss_limit_fraction=0.01, maximum_weight_fraction=0.9)
    }
)
COMMISSIONS = (
    COMMISSION,
    replace(COMMISSION, order="minimum_then_cap"),
    Commission(0.0, 0.0, 0.0, kind="basis_points", basis_points=12.0),
    Commission(0.0, 0.0, 0.0, kind="none"),
)


def _bars(seed: int) -> list[Bar]:
    """A wild walk with gaps and thin volumes; prices as traded, so that they jump on a split."""
    random = np.random.default_rng(seed)
    close_usd, bars = 100.0, []
    for session in SESSIONS:
        close_usd /= SPLITS.get(session, 1.0)
        open_usd = close_usd * float(np.exp(random.normal(0, 0.05)))
        close_usd = open_usd * float(np.exp(random.normal(0, 0.03)))
        above, below = (float(np.exp(abs(random.normal(0, 0.02)))) for _ in range(2))
        high, low = max(open_usd, close_usd) * above, min(open_usd, close_usd) / below
        bars.append(Bar("ACME", session, open_usd, high, low, close_usd, float(random.integers(20, 4000)), close_at(session)))
    return bars


def _market(bars: list[Bar]) -> SymbolMarket:
    actions = [CorporateAction("ACME", ActionKind.SPLIT, day, ratio, None, close_at(day)) for day, ratio in SPLITS.items()]
    actions += [CorporateAction("ACME", ActionKind.DIVIDEND, day, None, usd, close_at(day)) for day, usd in DIVIDENDS.items()]
    return SymbolMarket.build("ACME", sessions=SESSIONS, bars=bars, actions=actions)


@dataclass
class _Trader:
    """Random styles, actions and exits, and now and then a forced sale; keeps each decision as a case."""

    seed: int
    terms: TradeTerms
    has_exits: bool
    cases: list[DecisionCase] = field(default_factory=list)
    exits: ExitRules | None = None

    def on_close(self, session: date, account: Account) -> OrderIntent:
        random = np.random.default_rng((self.seed, len(self.cases)))
        style, action = STYLES[random.integers(3)], ("buy", "sell", "hold")[random.integers(3)]
        is_stopped = not self.has_exits and account.shares > 0 and random.random() < 0.2
        terms, code = self.terms, ReasonCode.STOP_LOSS if is_stopped else None
        sized = size_exit(code, account=account, style=style, profile=terms.profile)
        forced = sized is not None
        if sized is None:
            sized = size_action(
                action,
                account=account,
                style=style,
                profile=terms.profile,
                commission=terms.commission,
                gap_buffer_fraction=terms.gap_buffer_fraction,
                slippage=terms.slippage,
            )
        if self.has_exits:
            stop, target, size = random.uniform(-0.08, -0.005), random.uniform(0.005, 0.12), random.uniform(0.2, 1.0)
            self.exits = ExitRules(float(stop), float(target), float(size), style)
        case = decision_case(before=account, style=style, action=None if forced else action, shares=sized.shares, forced=forced)
        self.cases.append(replace(case, session=session, exits=self.exits))
        intent = OrderIntent(sized.shares, sized.action, style, sized.verdict.code, forced=forced, wanted_shares=sized.wanted_shares)
        return replace(intent, ends_purchase=sized.ends_purchase)


@dataclass
class _Played:
    """A run of the engine, and what its account did by its own rows."""

    bars: list[Bar]
    cases: list[DecisionCase]
    fills: list[Row]

    @classmethod
    def of(cls, terms: TradeTerms, *, seed: int, has_exits: bool) -> _Played:
        bars, sink, trader = _bars(seed), MemorySink(), _Trader(seed, terms, has_exits)
        run_checked(
            _market(bars),
            trader,
            cash_usd=10_000.0,
            commission=terms.commission,
            sink=sink,
            cash_rate_per_year=terms.cash_rate_per_year,
            limits=terms.profile.limits,
            slippage=terms.slippage,
            execution=Execution(fill=terms.fill, volume_cap_fraction=terms.volume_cap_fraction),
            guard=trader if has_exits else None,
        )
        return cls(bars, trader.cases, sink.rows[RowKind.FILL])

    def orders_filled_at(self, place: int) -> list[Row]:
        """Fills of a session at the run's own price; the exits inside its bar are left out, but for rests of earlier ones."""
        session = SESSIONS[place]
        return [
            fill
            for fill in self.fills
            if fill["session"] == session and (fill["order_id"].count("-") == 3 or fill["decision_session"] < session)
        ]

    def equity_at_close_usd(self, place: int, fill: FillMode) -> float:
        """Equity at the close of a session before anything that fills at that close, from what the trader was shown there.

        What filled at the close before the trader was asked has only cost its costs by then: every order under `next_close`, the
        rest of an earlier one under `same_close`.
        """
        earlier = [] if fill == "next_open" else [row for row in self.orders_filled_at(place) if row["decision_session"] < SESSIONS[place]]
        return self.cases[place].account.equity_usd + sum(row["commission_usd"] + row["slippage_usd"] for row in earlier)

    def returned(self, place: int, terms: TradeTerms) -> tuple[float, float]:
        """(equity that the return of a decision counts from, the return of the account over the session after that close)."""
        start = place + (terms.fill == "next_close")
        before_usd = self.equity_at_close_usd(start, terms.fill) if terms.fill == "next_close" else self.cases[start].account.equity_usd
        return before_usd, self.equity_at_close_usd(start + 1, terms.fill) / before_usd - 1

    def after(self, place: int, terms: TradeTerms) -> list[SessionAfter]:
        places = range(place + 1, place + 1 + terms.sessions_to_label)
        return [
            SessionAfter(
                self.bars[each],
                SPLITS.get(SESSIONS[each], 1.0),
                DIVIDENDS.get(SESSIONS[each], 0.0),
                self.cases[each - 1].exits,
                has_new_order=each > place + 1 and self.cases[each - 1].executed_shares != 0,
            )
            for each in places
        ]

    def shares_filled(self, place: int, terms: TradeTerms) -> int:
        """What the order of a decision filled at first, or the rest of an earlier one that went on in its place."""
        filled = self.orders_filled_at(place + (terms.fill != "same_close"))
        if terms.fill == "same_close":
            filled = [row for row in filled if row["decision_session"] == SESSIONS[place]]
        return sum(row["shares"] for row in filled)


def check_labels(played: _Played, terms: TradeTerms) -> None:
    """Every label of a run against the rows of the engine."""
    for place in range(len(SESSIONS) - terms.sessions_to_label):
        case, after = played.cases[place], played.after(place, terms)
        label = label_decision(
            case, after, outcome_session=case.session, known_at=after[-1].bar.known_at, terms=terms, settings=SETTINGS
        ).label
        assert label is not None
        before_usd, real = played.returned(place, terms)
        assert label.equity_before_usd == pytest.approx(before_usd, rel=1e-12)
        assert label.taken.equity_return_fraction == pytest.approx(real, abs=1e-11)
        assert label.taken.shares == played.shares_filled(place, terms)
        if not case.forced:
            assert case.action is not None
            assert label.taken == label.actions[case.action]  # type: ignore[index]


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    fill=st.sampled_from(["next_open", "next_close", "same_close"]),
    has_exits=st.booleans(),
    commission=st.sampled_from(COMMISSIONS),
    slippage=st.sampled_from([Slippage(), Slippage(5.0, 2.0), Slippage(150.0, 50.0)]),
    cap=st.sampled_from([0.0, 0.01, 0.02, 0.2]),
    rate=st.sampled_from([0.0, 0.5]),
    profile=st.sampled_from([PROFILE, LIMITED, STRICT]),
)
def test_the_taken_actions_return_is_the_accounts_own(seed, fill, has_exits, commission, slippage, cap, rate, profile) -> None:  # type: ignore[no-untyped-def]
    terms = TradeTerms(profile, commission, slippage, fill, gap_buffer_fraction=0.01, cash_rate_per_year=rate, volume_cap_fraction=cap)
    check_labels(_Played.of(terms, seed=seed, has_exits=has_exits), terms)


@pytest.mark.parametrize("fill", ["next_open", "next_close", "same_close"])
@pytest.mark.parametrize("has_exits", [False, True])
def test_the_runs_compared_do_trade_and_do_stop(fill: FillMode, has_exits: bool) -> None:
    """Else there would be nothing to compare."""
    terms = TradeTerms(PROFILE, COMMISSION, Slippage(10.0), fill, gap_buffer_fraction=0.01)
    played = _Played.of(terms, seed=3, has_exits=has_exits)
    exits = [fill for fill in played.fills if fill["order_id"].count("-") == 4]
    assert len(played.fills) - len(exits) > 15
    assert (len(exits) > 3) == has_exits
    check_labels(played, terms)


@pytest.mark.parametrize(
    "wrong",
    [{"fill": "next_open"}, {"slippage": Slippage()}, {"volume_cap_fraction": 0.0}, {"cash_rate_per_year": 0.0}, {"profile": PROFILE}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_labels_under_other_terms_are_found(wrong: dict[str, object]) -> None:
    """The comparison can fail."""
    terms = TradeTerms(LIMITED, COMMISSION, Slippage(20.0), "next_close", cash_rate_per_year=0.5, volume_cap_fraction=0.02)
    played = _Played.of(terms, seed=5, has_exits=True)
    check_labels(played, terms)
    with pytest.raises((AssertionError, IndexError)):
        check_labels(played, replace(terms, **wrong))  # type: ignore[arg-type]


def test_labels_without_the_exits_are_found() -> None:
    terms = TradeTerms(PROFILE, COMMISSION)
    played = _Played.of(terms, seed=5, has_exits=True)
    check_labels(played, terms)
    played.cases = [replace(case, exits=None) for case in played.cases]
    with pytest.raises(AssertionError):
        check_labels(played, terms)


def test_the_market_return_spans_the_session_of_the_label() -> None:
    """A 2:1 split and a dividend inside; under next_close the first session is not part of it."""
    bars = [Bar("ACME", SESSIONS[n], usd, usd, usd, usd, 1.0, close_at(SESSIONS[n])) for n, usd in enumerate((110.0, 50.0))]
    split = SessionAfter(bars[1], split_ratio=2.0, dividend_per_share_usd=1.0)
    assert benchmark_return(100.0, [SessionAfter(bars[0])]) == pytest.approx(0.10)
    assert benchmark_return(100.0, [SessionAfter(bars[0]), split]) == pytest.approx(51 * 2 / 110 - 1)
