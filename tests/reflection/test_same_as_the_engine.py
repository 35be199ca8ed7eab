"""The label of the executed action is what the backtest's account really did, splits, dividends, gaps and costs included."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import pytest

from tests.reflection.builders import COMMISSION, PROFILE, SETTINGS, close_at, decision_case
from tradinggroup.backtest.engine import run_account
from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import RowKind
from tradinggroup.backtest.trader import OrderIntent
from tradinggroup.data.records import ActionKind, Bar, CorporateAction
from tradinggroup.reflection.outcomes import label_decision
from tradinggroup.reflection.records import DecisionCase
from tradinggroup.risk.account import Account
from tradinggroup.risk.profile import Limits, RiskProfile
from tradinggroup.risk.sizing import size_action, size_forced_exit
from tradinggroup.risk.verdicts import ReasonCode

STYLES = ("aggressive", "balanced", "conservative")
SESSIONS = [day for day in (date(2024, 1, 1) + timedelta(days=n) for n in range(100)) if day.weekday() < 5][:60]
SPLITS = {SESSIONS[20]: 7.0, SESSIONS[40]: 0.1}
DIVIDENDS = {SESSIONS[10]: 1.5, SESSIONS[30]: 0.2}


def _bars(seed: int) -> list[Bar]:
    """A wild walk with gaps; prices as traded, so that they jump on a split."""
    random = np.random.default_rng(seed)
    close_usd, bars = 100.0, []
    for session in SESSIONS:
        close_usd /= SPLITS.get(session, 1.0)
        open_usd = close_usd * float(np.exp(random.normal(0, 0.05)))
        close_usd = open_usd * float(np.exp(random.normal(0, 0.03)))
        high, low = max(open_usd, close_usd), min(open_usd, close_usd)
        bars.append(Bar("ACME", session, open_usd, high, low, close_usd, 1e6, close_at(session)))
    return bars


def _market(bars: list[Bar]) -> SymbolMarket:
    actions = [CorporateAction("ACME", ActionKind.SPLIT, day, ratio, None, close_at(day)) for day, ratio in SPLITS.items()]
    actions += [CorporateAction("ACME", ActionKind.DIVIDEND, day, None, usd, close_at(day)) for day, usd in DIVIDENDS.items()]
    return SymbolMarket.build("ACME", sessions=SESSIONS, bars=bars, actions=actions)


@dataclass
class _Trader:
    """Random styles and actions, and now and then a forced exit; keeps each as a case."""

    seed: int
    profile: RiskProfile
    cases: list[DecisionCase] = field(default_factory=list)

    def on_close(self, session: date, account: Account) -> OrderIntent:
        random = np.random.default_rng((self.seed, len(self.cases)))
        style, action = STYLES[random.integers(3)], ("buy", "sell", "hold")[random.integers(3)]
        forced = account.shares > 0 and random.random() < 0.2
        if forced:
            sized = size_forced_exit(ReasonCode.STOP_LOSS, account=account, style=style, profile=self.profile)
        else:
            sized = size_action(action, account=account, style=style, profile=self.profile, commission=COMMISSION, gap_buffer_fraction=0.01)
        case = decision_case(before=account, style=style, action=None if forced else action, shares=sized.shares, forced=forced)
        self.cases.append(replace(case, session=session))
        return OrderIntent(sized.shares, sized.action, style, sized.verdict.code, forced=forced, wanted_shares=sized.wanted_shares)


LIMITED = PROFILE.model_copy(update={"limits": Limits(maximum_weight_fraction=0.6, cash_buffer_fraction=0.2)})


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("profile", "rate"), [(PROFILE, 0.0), (PROFILE, 0.5), (LIMITED, 0.5)], ids=["plain", "interest", "limits"])
def test_reward_taken_is_the_accounts_own_return(seed: int, profile: RiskProfile, rate: float) -> None:
    bars, trader, sink = _bars(seed), _Trader(seed, profile), MemorySink()
    run_account(_market(bars), trader, cash_usd=10_000.0, commission=COMMISSION, sink=sink, cash_rate_per_year=rate, limits=profile.limits)
    equity_usd = {row["session"]: row["equity_usd"] for row in sink.rows[RowKind.EQUITY]}
    filled = {row["decision_session"]: row["shares"] for row in sink.rows[RowKind.FILL]}
    assert len(filled) > 15
    for case, bar in zip(trader.cases[:-1], bars[1:], strict=True):
        label = label_decision(
            case,
            outcome_session=bar.session,
            known_at=bar.known_at,
            open_usd=bar.open_usd,
            close_usd=bar.close_usd,
            split_ratio=SPLITS.get(bar.session, 1.0),
            dividend_per_share_usd=DIVIDENDS.get(bar.session, 0.0),
            profile=profile,
            commission=COMMISSION,
            gap_buffer_fraction=0.01,
            settings=SETTINGS,
            cash_rate_per_year=rate,
        ).label
        assert label is not None
        real = equity_usd[bar.session] / equity_usd[case.session] - 1
        assert label.taken.equity_return_fraction == pytest.approx(real, abs=1e-12)
        assert label.taken.shares == filled.get(case.session, 0)
        if not case.forced:
            assert case.action is not None
            assert label.taken == label.actions[case.action]  # type: ignore[index]
