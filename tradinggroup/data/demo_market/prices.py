"""The price process of the demo market, as traded, and what moves it.

The expected return of a session depends only on what was known at the close before it: the tone of that session's news,
the tone of the newest filing, and momentum. The rest is noise: volatility that wanders, a factor common to the three
companies, fat tails, and wider moves after results. Without an edge the expected return is zero at every moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from tradinggroup.data.demo_market.companies import Company
from tradinggroup.data.demo_market.parameters import MOMENTUM_SESSIONS, SignalStrength
from tradinggroup.data.demo_market.schedule import Schedule
from tradinggroup.data.demo_market.streams import stream

COMMON_SHARE = 0.3
"""Share of the noise variance that all companies have in common."""
OVERNIGHT_VARIANCE_SHARE = 0.2
FAT_TAIL_CHANCE, FAT_TAIL_SCALE = 0.05, 2.2
RESULTS_SCALE = 2.0
"""How much wider the first session after a filing moves."""


@dataclass(frozen=True, slots=True)
class SymbolTruth:
    """What the generator knows about one symbol. All arrays have one value a session, shape (n_sessions,).

    Tones and momentum of a session are known at its close; `expected_return_fraction` is what they imply for the next one.
    `return_fraction` is the return of the session itself, close to close, dividends included and splits removed.
    """

    symbol: str
    sessions: tuple[date, ...]
    news_tone: np.ndarray
    filing_tone: np.ndarray
    momentum: np.ndarray
    expected_return_fraction: np.ndarray
    return_fraction: np.ndarray


@dataclass(frozen=True, slots=True)
class _Bar:
    open_usd: float
    high_usd: float
    low_usd: float
    close_usd: float
    volume_shares: float


def make_prices(
    company: Company,
    schedule: Schedule,
    news_tone: np.ndarray,
    filing_tone: np.ndarray,
    results_places: set[int],
    *,
    strength: SignalStrength,
    seed: int,
) -> tuple[pd.DataFrame, SymbolTruth]:
    """Bars of one symbol and the truth behind them. `results_places` are the sessions that trade right after a filing."""
    count = len(schedule.sessions)
    noise = _Noise(company, count, results_places, seed)
    momentum, expected, returns = np.zeros(count), np.zeros(count), np.zeros(count)
    wealth = np.ones(count + 1)
    close_usd = company.first_price_usd
    bars: list[_Bar] = []
    for place, session in enumerate(schedule.sessions):
        drift = float(expected[place - 1]) if place else 0.0
        reference_usd = _reference(company, session, close_usd)
        bar = _bar(company, noise, place, reference_usd, drift, strength.overnight_share, session)
        bars.append(bar)
        close_usd = bar.close_usd
        returns[place] = close_usd / reference_usd - 1
        wealth[place + 1] = wealth[place] * (1 + returns[place])
        momentum[place] = _momentum(company, wealth[: place + 2])
        expected[place] = (
            strength.news_fraction * news_tone[place]
            + strength.filing_fraction * filing_tone[place]
            + strength.momentum_fraction * momentum[place]
        )
    truth = SymbolTruth(company.symbol, schedule.sessions, news_tone, filing_tone, momentum, expected, returns)
    return _frame(company, schedule, bars), truth


def make_actions(companies: tuple[Company, ...]) -> pd.DataFrame:
    """The splits and dividends, as rows of the actions table (times follow from the calendar)."""
    rows: list[tuple[str, str, date, float | None, float | None]] = []
    for company in companies:
        if company.split is not None:
            rows.append((company.symbol, "split", company.split.ex_session, float(company.split.ratio), None))
        rows += [(company.symbol, "dividend", session, None, company.dividend_usd) for session in company.dividend_ex_sessions]
    return pd.DataFrame(rows, columns=["symbol", "kind", "ex_session", "ratio", "cash_usd"])


class _Noise:
    """The noise of one symbol: overnight and intraday returns without drift, ranges and volumes."""

    def __init__(self, company: Company, count: int, results_places: set[int], seed: int) -> None:
        purposes = ("overnight", "intraday")
        own = {purpose: _fat_tailed(stream(seed, company.symbol, purpose), count) for purpose in purposes}
        common = {purpose: _fat_tailed(stream(seed, "market", purpose), count) for purpose in purposes}
        mixed = {name: math.sqrt(COMMON_SHARE) * common[name] + math.sqrt(1 - COMMON_SHARE) * own[name] for name in purposes}
        volatility = company.volatility_fraction * _wandering(stream(seed, company.symbol, "volatility"), count)
        for place in results_places:
            volatility[place] *= RESULTS_SCALE
        self.volatility_fraction = volatility
        self.overnight_fraction = math.sqrt(OVERNIGHT_VARIANCE_SHARE) * volatility * mixed["overnight"]
        self.intraday_fraction = math.sqrt(1 - OVERNIGHT_VARIANCE_SHARE) * volatility * mixed["intraday"]
        self.wicks = np.abs(stream(seed, company.symbol, "wicks").standard_normal((count, 2)))
        self.volume = stream(seed, company.symbol, "volume").standard_normal(count)


def _fat_tailed(rng: np.random.Generator, count: int) -> np.ndarray:
    """Noise of unit variance whose draws are sometimes wider."""
    scale = np.where(rng.random(count) < FAT_TAIL_CHANCE, FAT_TAIL_SCALE, 1.0)
    variance = 1 - FAT_TAIL_CHANCE + FAT_TAIL_CHANCE * FAT_TAIL_SCALE**2
    noise: np.ndarray = np.clip(rng.standard_normal(count), -4, 4) * scale / math.sqrt(variance)
    return noise


def _wandering(rng: np.random.Generator, count: int) -> np.ndarray:
    """A slow factor around 1, mostly between 0.75 and 1.35."""
    noise = rng.standard_normal(count)
    logs = np.empty(count)
    logs[0] = 0.18 * noise[0]
    for place in range(1, count):
        logs[place] = 0.96 * logs[place - 1] + 0.05 * noise[place]
    factor: np.ndarray = np.exp(np.clip(logs, -0.6, 0.6))
    return factor


def _reference(company: Company, session: date, close_usd: float) -> float:
    """The last close on the scale of this session: divided by a split's ratio, less a dividend."""
    if company.split is not None and session == company.split.ex_session:
        return close_usd / company.split.ratio
    return close_usd - company.dividend_usd if session in company.dividend_ex_sessions else close_usd


def _bar(company: Company, noise: _Noise, place: int, reference_usd: float, drift: float, overnight_share: float, session: date) -> _Bar:
    overnight = float(noise.overnight_fraction[place]) + overnight_share * drift
    intraday = float(noise.intraday_fraction[place]) + (1 - overnight_share) * drift
    open_usd = round(reference_usd * (1 + overnight), 2)
    close_usd = round(open_usd * (1 + intraday), 2)
    volatility = float(noise.volatility_fraction[place])
    up, down = (0.35 * volatility * float(wick) for wick in noise.wicks[place])
    relative = abs(overnight) + abs(intraday)
    volume = company.volume_shares * math.exp(0.3 * float(noise.volume[place])) * (0.7 + 0.4 * relative / company.volatility_fraction)
    if company.split is not None and session >= company.split.ex_session:
        volume *= company.split.ratio
    return _Bar(
        open_usd=open_usd,
        high_usd=round(max(open_usd, close_usd) * (1 + up), 2),
        low_usd=round(min(open_usd, close_usd) * (1 - down), 2),
        close_usd=close_usd,
        volume_shares=float(round(volume / 100) * 100),
    )


def _momentum(company: Company, wealth: np.ndarray) -> float:
    """Return of the last 20 sessions in units of its usual deviation, cut to -1 … 1; 0 while there are fewer."""
    if len(wealth) <= MOMENTUM_SESSIONS:
        return 0.0
    change = float(wealth[-1] / wealth[-1 - MOMENTUM_SESSIONS]) - 1
    return max(-1.0, min(1.0, change / (company.volatility_fraction * math.sqrt(MOMENTUM_SESSIONS))))


def _frame(company: Company, schedule: Schedule, bars: list[_Bar]) -> pd.DataFrame:
    """The bars as rows of the prices table; the halted session has none."""
    adjusted = _adjusted_closes(company, schedule.sessions, [bar.close_usd for bar in bars])
    rows = [
        (company.symbol, session, bar.open_usd, bar.high_usd, bar.low_usd, bar.close_usd, close_usd, bar.volume_shares)
        for session, bar, close_usd in zip(schedule.sessions, bars, adjusted, strict=True)
        if session != company.halt_session
    ]
    names = ["symbol", "session", "open_usd", "high_usd", "low_usd", "close_usd", "adjusted_close_usd", "volume_shares"]
    return pd.DataFrame(rows, columns=names)


def _adjusted_closes(company: Company, sessions: tuple[date, ...], closes_usd: list[float]) -> list[float]:
    """Closes as a vendor would show them at the end of the window: lowered for all later splits and dividends."""
    factor, adjusted = 1.0, [0.0] * len(closes_usd)
    for place in range(len(closes_usd) - 1, -1, -1):
        adjusted[place] = round(closes_usd[place] * factor, 6)
        if place:
            factor *= _reference(company, sessions[place], closes_usd[place - 1]) / closes_usd[place - 1]
    return adjusted
