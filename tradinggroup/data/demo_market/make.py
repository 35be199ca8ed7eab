"""Puts the demo market together: texts first, then prices that follow them, then the bundle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import FILINGS, FUNDAMENTALS, NEWS, BundleFrames
from tradinggroup.data.demo_market.companies import COMPANIES, Company
from tradinggroup.data.demo_market.filings import filing_rows, fundamentals_row
from tradinggroup.data.demo_market.news import DemoItem, make_news, news_tone
from tradinggroup.data.demo_market.parameters import DEFAULT_SEED, EDGE, NO_EDGE
from tradinggroup.data.demo_market.prices import SymbolTruth, make_actions, make_prices
from tradinggroup.data.demo_market.reports import Report, make_reports
from tradinggroup.data.demo_market.schedule import Schedule, make_schedule
from tradinggroup.data.records import PriceBasis

UNIVERSE_NOTE = "three invented companies; nothing was selected"


@dataclass(frozen=True)
class DemoMarket:
    """A demo market in memory: the tables of its bundle, and the truth behind them by symbol."""

    frames: BundleFrames
    truth: dict[str, SymbolTruth]
    news: dict[str, list[list[DemoItem]]]
    """By symbol, the items of each session's news window, with their tones."""
    reports: dict[str, list[Report]]


def make_demo(folder: Path, *, name: str = "demo", seed: int = DEFAULT_SEED, edge: bool = True) -> Bundle:
    """Writes the demo market of `seed` as a bundle into `folder`, and opens it.

    Symbols and sessions are the same for every seed. With `edge=False` the texts are the same, but returns do not depend
    on anything that was known before: nothing may win there. Raises DataError (BUNDLE_EXISTS) where `folder` holds anything.
    """
    sources = [
        {
            "name": "synthetic demo market",
            "licence": "none needed: all companies, texts and prices are invented",
            "retrieved_at": None,
            "seed": seed,
            "edge": edge,
        }
    ]
    frames = build_market(seed=seed, edge=edge).frames
    return write_bundle(folder, frames, name=name, basis=PriceBasis.AS_TRADED, sources=sources, universe_note=UNIVERSE_NOTE)


def build_market(*, seed: int = DEFAULT_SEED, edge: bool = True) -> DemoMarket:
    """The demo market of `seed` with the truth behind it, in memory only."""
    schedule = make_schedule()
    reports = {company.symbol: make_reports(company, schedule, seed) for company in COMPANIES}
    news = {company.symbol: make_news(company, schedule, reports[company.symbol], seed) for company in COMPANIES}
    prices, truth = [], {}
    for company in COMPANIES:
        frame, symbol_truth = _prices(company, schedule, news[company.symbol], reports[company.symbol], seed=seed, edge=edge)
        prices.append(frame)
        truth[company.symbol] = symbol_truth
    all_reports = [report for company in COMPANIES for report in reports[company.symbol]]
    all_items = [item for company in COMPANIES for items in news[company.symbol] for item in items]
    frames = BundleFrames(
        prices=pd.concat(prices, ignore_index=True),
        actions=make_actions(COMPANIES),
        news=pd.DataFrame([item.to_row() for item in all_items], columns=NEWS.names),
        filings=pd.DataFrame([row for report in all_reports for row in filing_rows(report, seed)], columns=FILINGS.names),
        fundamentals=pd.DataFrame([fundamentals_row(report) for report in all_reports], columns=FUNDAMENTALS.names),
    )
    return DemoMarket(frames, truth, news, reports)


def _prices(
    company: Company, schedule: Schedule, news: list[list[DemoItem]], reports: list[Report], *, seed: int, edge: bool
) -> tuple[pd.DataFrame, SymbolTruth]:
    filing_tone = np.zeros(len(schedule.sessions))
    results_places = set()
    for report in reports:
        place = schedule.first_place_knowing(report.accepted_at)
        filing_tone[place:] = report.tone
        if schedule.holds(report.accepted_at):
            results_places.add(place)
    return make_prices(
        company,
        schedule,
        np.array([news_tone(items) for items in news]),
        filing_tone,
        results_places,
        strength=EDGE if edge else NO_EDGE,
        seed=seed,
    )
