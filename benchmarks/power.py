"""On markets with a planted edge, every test must find it: in at least 80 of 100 markets at the edge that is stated for it.

Each test runs on 200 markets (`trial_markets.py`) at its own edge; one that never rejects fails here. The Sharpe difference must
also be found where the formula of `check` says so: its edge is at most 1.15 times the smallest difference by that formula.
Exit 1 when a test falls short.

    python benchmarks/power.py [--markets 200]
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
from trial_markets import ALL, SESSIONS, TESTS, equity, fractions, make_trial

from tradinggroup.backtest.metrics.returns import sharpe_ratio
from tradinggroup.backtest.metrics.series import session_returns
from tradinggroup.backtest.statistics.power import smallest_sharpe_difference

POWER = 0.80
SKILL = 0.03
EDGES = {
    0.095: ("sharpe", "random runs", "skill"),
    0.20: ("return", "return, blocks of 5", "return, blocks of 10", "return, blocks of 20", "own sharpe", "any symbol", "probabilistic"),
    0.32: ("deflated",),
}
"""Edge in standard deviations a session -> tests that must find it. The skill is planted apart from it."""
FIRST_MARKET = 10_000
MOST_OVER_FORMULA = 1.15


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=200)
    markets = parser.parse_args().markets
    started, failed = time.perf_counter(), False
    for edge, names in EDGES.items():
        found = fractions(markets, edge, SKILL, names=names, first=FIRST_MARKET)
        difference, correlation = planted_difference(markets, edge)
        smallest = smallest_sharpe_difference(SESSIONS - 1, correlation=correlation)
        print(f"{markets} markets, edge {edge:.3f} deviations a session: Sharpe ratio of ALL {difference:.2f} a year above buy and hold,")
        print(f"  correlated with it by {correlation:.2f}; by the formula {smallest:.2f} is found in 80 of 100")
        for name in names:
            is_found = found[name] >= POWER
            failed |= not is_found
            at = f"skill {SKILL:.0%}" if name == "skill" else f"edge {edge:.3f}"
            print(f"  {name:<21} {found[name]:6.1%} at {at:<10} {'ok' if is_found else 'FAILED':<6}  {TESTS[name]}")
        if "sharpe" in names and difference > MOST_OVER_FORMULA * smallest:
            failed = True
            print(f"  FAILED: the planted difference is more than {MOST_OVER_FORMULA} times that of the formula")
    print(f"took {time.perf_counter() - started:.0f} s")
    return 1 if failed else 0


def planted_difference(markets: int, edge: float) -> tuple[float, float]:
    """Mean lead in annual Sharpe ratio of ALL over buy and hold, and mean correlation of the two."""
    leads, correlations = [], []
    for number in range(markets):
        trial = make_trial(FIRST_MARKET + number, edge)
        own, market = equity(trial.positions[0] * trial.returns)[ALL], equity(trial.returns)[ALL]
        leads.append(sharpe_ratio(own, cash_rate_per_year=0.0) - sharpe_ratio(market, cash_rate_per_year=0.0))
        correlations.append(np.corrcoef(session_returns(own), session_returns(market))[0, 1])
    return float(np.mean(leads)), float(np.mean(correlations))


if __name__ == "__main__":
    sys.exit(main())
