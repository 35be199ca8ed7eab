"""On markets where nobody knows anything, no test may find something more often than it says: one market in twenty.

Every test of the project runs on 200 markets without an edge (`trial_markets.py`). A test passes that rejects on no more of them than
a fair one would with a probability of 99.9 %: the binomial tolerance. Exit 1 when one does not.

    python benchmarks/no_edge.py [--markets 200]
"""

from __future__ import annotations

import argparse
import math
import sys
import time

from trial_markets import LEVEL, TESTS, fractions

UNLIKELY = 0.001


def most_rejections(markets: int) -> int:
    """The smallest count that a test at the nominal level exceeds with a probability of at most 0.1 %."""
    left, count = 1.0, -1
    while left > UNLIKELY:
        count += 1
        left -= math.comb(markets, count) * LEVEL**count * (1 - LEVEL) ** (markets - count)
    return count


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--markets", type=int, default=200)
    markets = parser.parse_args().markets
    started, most = time.perf_counter(), most_rejections(markets)
    found = fractions(markets, 0.0, 0.0)
    print(f"{markets} markets without an edge, nominal level {LEVEL:.0%}; at most {most} rejections ({most / markets:.1%}) pass")
    failed = [name for name, fraction in found.items() if round(fraction * markets) > most]
    for name, fraction in found.items():
        print(f"  {name:<21} {round(fraction * markets):>4}  {fraction:6.1%}  {'FAILED' if name in failed else 'ok':<6}  {TESTS[name]}")
    print(f"took {time.perf_counter() - started:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
