"""The convention `finsaber`: the engine behind the baselines of the paper's Table 1, repeated with its mistakes.

Bars of calendar days (weekends repeat the session before), indicators that warm up inside the window, fills at opens that are
past on closed days, prices on a scale that knows later splits. Good for agreeing with published numbers; for everything else
there is the convention `default`. `docs/table1.md` shows how far apart they are.
"""
