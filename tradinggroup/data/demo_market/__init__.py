"""The synthetic demo market: three invented companies whose news, filings and prices hold signals of known strength.

`make_demo` writes a whole bundle from a seed. Everything in it is made up by this package, so it carries no licence, no
language model has read it, and its truth is known. `docs/demo-market.md` describes it.
"""

from tradinggroup.data.demo_market.make import DemoMarket, build_market, make_demo
from tradinggroup.data.demo_market.parameters import DEFAULT_SEED

__all__ = ["DEFAULT_SEED", "DemoMarket", "build_market", "make_demo"]
