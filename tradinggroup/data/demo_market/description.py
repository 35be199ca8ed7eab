"""The numbers of the demo market as the tables of `docs/demo-market.md`, so that the page cannot drift from the code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

from tradinggroup.data.demo_market.companies import COMPANIES
from tradinggroup.data.demo_market.make import build_market
from tradinggroup.data.demo_market.parameters import DEFAULT_SEED, EDGE, MOMENTUM_SESSIONS, NEWS_TONE_PERSISTENCE
from tradinggroup.data.demo_market.prices import SymbolTruth

BACKTEST_FIRST = date(2023, 1, 3)
"""Where the backtest of `backtests/demo.toml` begins."""


@dataclass(frozen=True, slots=True)
class SignalMeasure:
    """How well one kind of evidence at a close explains the return of the next session, over all symbols together."""

    evidence: str
    slope_fraction: float
    """Return per unit of evidence, from a least-squares fit of all three kinds at once."""
    t_value: float
    deviation: float
    """Standard deviation of the evidence."""


def measure_signals(truth: Mapping[str, SymbolTruth]) -> tuple[SignalMeasure, ...]:
    """Least squares of the next session's return (close to close) on the three kinds of evidence and a constant."""
    evidence = np.concatenate([np.column_stack([part.news_tone, part.filing_tone, part.momentum])[:-1] for part in truth.values()])
    returns = np.concatenate([part.return_fraction[1:] for part in truth.values()])
    design = np.column_stack([evidence, np.ones(len(returns))])
    slopes = np.linalg.solve(design.T @ design, design.T @ returns)
    residuals = returns - design @ slopes
    variance = float(residuals @ residuals) / (len(returns) - design.shape[1])
    errors = np.sqrt(variance * np.diag(np.linalg.inv(design.T @ design)))
    names = ("news", "filings", "prices")
    return tuple(
        SignalMeasure(name, float(slopes[place]), float(slopes[place] / errors[place]), float(evidence[:, place].std()))
        for place, name in enumerate(names)
    )


def demo_market_tables() -> str:
    """The generated part of the page, in Markdown: parameters, measured signals, and how the shares did."""
    with_edge, without_edge = build_market(edge=True), build_market(edge=False)
    parts = [_parameter_lines(), _signal_lines(with_edge.truth, without_edge.truth), _share_lines(with_edge.truth, without_edge.truth)]
    return "\n\n".join("\n".join(part) for part in parts)


def _parameter_lines() -> list[str]:
    return [
        "| evidence at the close of a session | between | shift of the next session's expected return per unit |",
        "| --- | --- | ---: |",
        f"| news tone: mean tone of the session's items | -1 and 1 | {_percent(EDGE.news_fraction)} |",
        f"| filing tone: tone of the newest filing, until the next one | -1 and 1 | {_percent(EDGE.filing_fraction)} |",
        f"| momentum: return of the last {MOMENTUM_SESSIONS} sessions in units of its deviation | -1 and 1 "
        f"| {_percent(EDGE.momentum_fraction)} |",
        "",
        f"{EDGE.overnight_share:.0%} of a shift comes in the gap to the open, the rest between open and close. The mood behind a company's",
        f"news keeps {NEWS_TONE_PERSISTENCE:.0%} of its value from one session to the next.",
    ]


def _signal_lines(with_edge: Mapping[str, SymbolTruth], without_edge: Mapping[str, SymbolTruth]) -> list[str]:
    lines = [
        f"| seed {DEFAULT_SEED}, all sessions | deviation of the evidence | slope found | t | t without edge |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for found, absent in zip(measure_signals(with_edge), measure_signals(without_edge), strict=True):
        lines.append(
            f"| {found.evidence} | {found.deviation:.2f} | {_percent(found.slope_fraction)} | {found.t_value:.1f} | {absent.t_value:.1f} |"
        )
    shares = [float(part.expected_return_fraction[:-1].var() / part.return_fraction[1:].var()) for part in with_edge.values()]
    return [*lines, "", f"All three together make {min(shares):.1%} to {max(shares):.1%} of the variance of a share's daily return."]


def _share_lines(with_edge: Mapping[str, SymbolTruth], without_edge: Mapping[str, SymbolTruth]) -> list[str]:
    lines = [
        f"| seed {DEFAULT_SEED} | deviation of a session's return | buy and hold from {BACKTEST_FIRST}, with dividends | without edge |",
        "| --- | ---: | ---: | ---: |",
    ]
    for company in COMPANIES:
        found, absent = with_edge[company.symbol], without_edge[company.symbol]
        lines.append(f"| {company.symbol} | {found.return_fraction.std():.1%} | {_held(found):+.0%} | {_held(absent):+.0%} |")
    return lines


def _held(truth: SymbolTruth) -> float:
    """Return from the first backtest session's close to the last one."""
    first = truth.sessions.index(BACKTEST_FIRST) + 1
    return float(np.prod(1 + truth.return_fraction[first:])) - 1


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.2f} %"
