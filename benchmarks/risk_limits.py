"""100,000 random answers through the risk layer: how many limits are broken. There must be none.

Accounts on random markets are traded session by session: a random style, a random deviation and a random answer (a fifth of them
nonsense) go through exits, limits, sizing and the fit at the next open, under the two profiles that are shipped and under random
ones. Each decision and each fill is judged by books of this file, which use none of the layer's own functions.

    python benchmarks/risk_limits.py [--answers 100000] [--seed 7]
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from tradinggroup.risk.account import Account
from tradinggroup.risk.costs import Commission
from tradinggroup.risk.profile import Limits, RiskProfile, Stops, StyleRules, Styles, load_profile
from tradinggroup.risk.rebasing import rebase_shares
from tradinggroup.risk.sizing import Sizing, fit_at_open, size_action, size_forced_exit
from tradinggroup.risk.thresholds import forced_exit
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.risk.watch import RiskWatch, watch_close

ROOT = Path(__file__).resolve().parent.parent
COMMISSION = Commission(per_share_usd=0.0049, minimum_usd=0.99, maximum_fraction=0.01)
STYLES = ("aggressive", "balanced", "conservative", "reckless")
ANSWERS = ("buy", "buy", "sell", "hold")
NONSENSE: tuple[Any, ...] = (None, math.nan, math.inf, -1, 10**30, "", "BUY", "sell everything", ["buy"], {"action": "buy"})
DEVIATIONS = (math.nan, math.inf, -1.0, 0.0)
SESSIONS = 250
NEAR = 1e-9


def random_profile(stream: np.random.Generator) -> RiskProfile:
    """Styles and limits drawn at random, each limit off half of the time."""

    def one_of(*values: Any) -> Any:
        return values[int(stream.integers(len(values)))]

    def rules() -> StyleRules:
        return StyleRules(
            stop_loss_multiplier=float(stream.uniform(0.2, 5)),
            take_profit_multiplier=float(stream.uniform(0.2, 8)),
            buy_cash_fraction=one_of(0.1, 0.5, 1.0),
            sell_position_fraction=one_of(0.25, 0.5, 1.0),
        )

    limits = Limits(
        maximum_weight_fraction=one_of(1.0, 1.0, 0.9, 0.1),
        cash_buffer_fraction=one_of(0.0, 0.0, 0.05, 0.3),
        maximum_drawdown_fraction=one_of(None, None, 0.05, 0.2),
        drawdown_halt_sessions=one_of(None, 1, 5, 20),
        session_loss_limit_fraction=one_of(None, None, 0.01, 0.03),
        maximum_orders_per_session=one_of(None, 1),
        maximum_volume_fraction=one_of(None, None, 0.0001, 0.01),
        cooldown_sessions=one_of(None, None, 1, 5),
    )
    stops = Stops(forced_exit_full=one_of(True, False), stop_anchor=one_of("daily", "entry", "tighten_only"))
    return RiskProfile(styles=Styles(aggressive=rules(), balanced=rules(), conservative=rules()), limits=limits, stops=stops)


class Books:
    """One account as an accountant keeps it, and what an auditor remembers beside it."""

    def __init__(self, cash_usd: float) -> None:
        self.cash_usd = self.peak_usd = self.halt_peak_usd = cash_usd
        self.shares, self.cost_usd = 0, 0.0
        self.before_usd: float | None = None
        self.stopped_ago: int | None = None
        self.orders = 0
        self.halt_left, self.starts_anew = 0, False
        self.stop_usd = self.entry_width = self.decided_width = 0.0
        self.volumes: list[float] = []

    def equity(self, price_usd: float) -> float:
        """Cash and shares."""
        return self.cash_usd + self.shares * price_usd

    def split(self, ratio: float, close_usd: float) -> None:
        """A rest of a share is paid at the last close, which is on the new scale already."""
        exact = self.shares * ratio
        self.shares = math.floor(exact + 1e-6)
        self.cash_usd += max(0.0, exact - self.shares) * close_usd
        self.cost_usd, self.stop_usd = self.cost_usd / ratio, self.stop_usd / ratio
        self.volumes = [volume * ratio for volume in self.volumes]

    def fill(self, shares: int, price_usd: float) -> None:
        """Signed shares at a price, with the commission of spec 6.3."""
        if shares > 0:
            self.cost_usd = (self.cost_usd * self.shares + price_usd * shares) / (self.shares + shares)
            if self.shares == 0:
                self.entry_width, self.stop_usd = self.decided_width, self.cost_usd * (1 - self.decided_width)
        fee_usd = max(0.99, min(0.0049 * abs(shares), 0.01 * abs(shares) * price_usd)) if shares else 0.0
        self.cash_usd = self.cash_usd - shares * price_usd - fee_usd
        self.shares += shares

    def is_halted(self, equity_usd: float, limits: Limits) -> bool:
        """Whether the drawdown halt holds at this close. Asked once a close."""
        if limits.maximum_drawdown_fraction is None:
            return False
        if self.halt_left:
            self.halt_left -= 1
            self.starts_anew = self.halt_left == 0
            return True
        self.halt_peak_usd = equity_usd if self.starts_anew else max(self.halt_peak_usd, equity_usd)
        self.starts_anew = False
        if equity_usd > self.halt_peak_usd * (1 - limits.maximum_drawdown_fraction) + NEAR:
            return False
        self.halt_left = -1 if limits.drawdown_halt_sessions is None else limits.drawdown_halt_sessions - 1
        self.starts_anew = self.halt_left == 0
        return True

    def account(self, close_usd: float) -> Account:
        """What the layer is shown."""
        return Account(
            cash_usd=self.cash_usd,
            shares=self.shares,
            average_cost_usd=self.cost_usd if self.shares else None,
            close_usd=close_usd,
            peak_equity_usd=self.peak_usd,
            previous_equity_usd=self.before_usd,
            sessions_since_stop=self.stopped_ago,
            orders_filled=self.orders,
        )


class Auditor:
    """Counts what was decided, by code, and what was broken, by name."""

    def __init__(self) -> None:
        self.codes: Counter[str] = Counter()
        self.at_the_open: Counter[str] = Counter()
        self.broken: Counter[str] = Counter()

    def expect(self, name: str, is_kept: bool) -> None:  # noqa: FBT001
        """Count a broken promise."""
        if not is_kept:
            self.broken[name] += 1

    def judge(self, books: Books, sized: Sizing, close_usd: float, *, profile: RiskProfile, width: float, volume: float) -> None:
        """A decision at a close: its stop, its shares, and every limit that a purchase has to keep."""
        self.codes[str(sized.verdict.code)] += 1
        limits, equity = profile.limits, books.equity(close_usd)
        is_halted = books.is_halted(equity, limits)
        self.expect("whole shares", type(sized.shares) is int)
        self.expect("nothing sold short", -sized.shares <= books.shares)
        if books.shares:
            today = books.cost_usd * (1 - width)
            books.stop_usd = max(books.stop_usd, today)
            levels = {"daily": today, "entry": books.cost_usd * (1 - books.entry_width), "tighten_only": books.stop_usd}
            if close_usd < levels[profile.stops.stop_anchor] * (1 - NEAR):
                self.expect("no stop skipped", sized.verdict.code is ReasonCode.STOP_LOSS and sized.shares < 0)
        if sized.shares <= 0:
            return
        worth = (books.shares + sized.shares) * close_usd
        lost = 0.0 if books.before_usd is None else equity / books.before_usd - 1
        self.expect("maximum drawdown", not is_halted)
        self.expect("session loss", limits.session_loss_limit_fraction is None or lost > -limits.session_loss_limit_fraction - NEAR)
        self.expect("orders a session", books.orders < (limits.maximum_orders_per_session or math.inf))
        self.expect("cool-down", books.stopped_ago is None or books.stopped_ago >= (limits.cooldown_sessions or 0))
        self.expect("share of volume", limits.maximum_volume_fraction is None or sized.shares <= limits.maximum_volume_fraction * volume)
        self.expect("cash at the decision", sized.shares * close_usd <= books.cash_usd)
        self.expect("weight at the decision", worth <= limits.maximum_weight_fraction * equity + NEAR)
        self.expect("buffer at the decision", equity - worth >= limits.cash_buffer_fraction * equity - NEAR)

    def judge_fill(self, books: Books, filled: int, ordered: int, price_usd: float, limits: Limits) -> None:
        """The account after a fill."""
        worth = books.shares * price_usd
        self.expect("cash never negative", books.cash_usd >= 0)
        self.expect("shares never negative", books.shares >= 0)
        self.expect("no more than ordered", abs(filled) <= abs(ordered) and filled * ordered >= 0)
        if filled > 0:
            self.expect("weight at the fill", worth <= limits.maximum_weight_fraction * (books.cash_usd + worth) * (1 + NEAR))
            self.expect("buffer at the fill", books.cash_usd >= limits.cash_buffer_fraction * (books.cash_usd + worth) * (1 - NEAR))


def trade(profile: RiskProfile, stream: np.random.Generator, auditor: Auditor, sessions: int) -> None:
    """One account through one random market."""
    books, watch, close = Books(float(stream.uniform(100, 1e6))), None, float(stream.uniform(1, 1_000))
    limits, ordered, code = profile.limits, 0, ReasonCode.HOLD
    for _ in range(sessions):
        ratio = float(stream.choice([1.0, 5.0, 0.1], p=[0.98, 0.01, 0.01]))
        close /= ratio
        books.split(ratio, close)
        opened = close * math.exp(stream.normal(0, 0.03))
        books.orders = 0
        books.stopped_ago = None if books.stopped_ago is None else books.stopped_ago + 1
        fill_at_open(books, rebase_shares(ordered, ratio), opened, code=code, limits=limits, auditor=auditor)
        close = opened * math.exp(stream.normal(0, 0.04))
        books.volumes = [*books.volumes[-19:], float(stream.choice([0.0, 1e3, 1e5, 1e7]))]
        books.peak_usd = max(books.peak_usd, books.equity(close))
        sized, watch = decide(books, watch, profile, stream, auditor, close=close, ratio=ratio)
        ordered, code = sized.shares, sized.verdict.code
        books.before_usd = books.equity(close)


def fill_at_open(books: Books, ordered: int, opened: float, *, code: ReasonCode, limits: Limits, auditor: Auditor) -> None:
    """The order of the session before, at this open."""
    filled, verdict = fit_at_open(
        ordered, cash_usd=books.cash_usd, held_shares=books.shares, open_usd=opened, commission=COMMISSION, limits=limits
    )
    books.fill(filled, opened)
    auditor.judge_fill(books, filled, ordered, opened, limits)
    if ordered:
        auditor.at_the_open[str(verdict.code)] += 1
    if filled:
        books.orders += 1
        books.stopped_ago = 0 if code is ReasonCode.STOP_LOSS else books.stopped_ago


def decide(
    books: Books,
    watch: RiskWatch | None,
    profile: RiskProfile,
    stream: np.random.Generator,
    auditor: Auditor,
    *,
    close: float,
    ratio: float,
) -> tuple[Sizing, RiskWatch]:
    """A random answer, through the layer in the desk's order of things."""
    style = STYLES[int(stream.integers(len(STYLES)))]
    is_odd = stream.random() < 0.05
    sigma10 = DEVIATIONS[int(stream.integers(len(DEVIATIONS)))] if is_odd else float(stream.uniform(0.005, 0.06))
    is_nonsense = stream.random() < 0.2
    action = NONSENSE[int(stream.integers(len(NONSENSE)))] if is_nonsense else ANSWERS[int(stream.integers(len(ANSWERS)))]
    account, volume = books.account(close), math.fsum(books.volumes) / len(books.volumes)
    watch = watch_close(watch, account=account, style=style, sigma10_fraction=sigma10, profile=profile, split_ratio=ratio)
    code = forced_exit(account, watch.exits)
    if code is not None:
        sized = size_forced_exit(code, account=account, style=watch.exits.style, profile=profile)
    else:
        sized = size_action(
            action,
            account=account,
            style=style,
            profile=profile,
            commission=COMMISSION,
            gap_buffer_fraction=0.01,
            conditions=watch.conditions(mean_volume_shares=volume),
        )
    floor = profile.stops.sigma_floor_fraction
    multiplier = getattr(profile.styles, style if style in STYLES[:3] else "balanced").stop_loss_multiplier
    width = multiplier * (max(floor, sigma10) if math.isfinite(sigma10) else floor)
    auditor.judge(books, sized, close, profile=profile, width=width, volume=volume)
    books.decided_width = width
    return sized, watch


def main() -> int:
    """Run it, print what was decided and what was broken; 1 where anything was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    stream, auditor, start = np.random.default_rng(options.seed), Auditor(), time.perf_counter()
    shipped = [load_profile(ROOT / "risk" / f"{name}.toml") for name in ("default", "strict")]
    accounts = 0
    while (left := options.answers - auditor.codes.total()) > 0:
        profile = shipped[accounts % 2] if accounts % 4 < 2 else random_profile(stream)
        trade(profile, stream, auditor, min(left, SESSIONS))
        accounts += 1
    report(auditor, accounts, time.perf_counter() - start)
    return 1 if auditor.broken else 0


def report(auditor: Auditor, accounts: int, seconds: float) -> None:
    """Tables of codes, and the broken limits."""
    print(f"{auditor.codes.total():,d} answers in {accounts:,d} accounts, {seconds:.1f} s")
    print("\nverdicts at the close")
    for code, count in auditor.codes.most_common():
        print(f"  {code:<28}{count:>8,d}")
    print("\nverdicts at the open, of orders")
    for code, count in auditor.at_the_open.most_common():
        print(f"  {code:<28}{count:>8,d}")
    print(f"\nbroken limits: {auditor.broken.total():,d}")
    for name, count in auditor.broken.most_common():
        print(f"  {name:<28}{count:>8,d}")


if __name__ == "__main__":
    sys.exit(main())
