"""Audits: checks that run the same desk again on altered data, or a run's own orders under other conditions.

Read `lookahead.py` first: it builds every prompt and decision of a run twice more, once from a bundle that ends at the clock and once
from one whose future is absurd.
"""
