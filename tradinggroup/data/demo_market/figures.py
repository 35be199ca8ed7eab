"""Quarterly and annual figures of an invented company, in million USD with one decimal, as it files them."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from datetime import date, timedelta

import numpy as np

from tradinggroup.data.demo_market.companies import Company
from tradinggroup.data.demo_market.streams import stream

FIRST_QUARTER_END = date(2019, 9, 30)
QUARTERS = 17
GROWTH_PER_TONE_FRACTION = 0.07
"""How far the tone of a quarter moves its revenue growth over the year before."""
MARGIN_PER_TONE_FRACTION = 0.008
TAX_FRACTION = 0.21
INTEREST_PER_QUARTER_FRACTION = 0.0115

_POINT_FIELDS = frozenset({"cash", "debt", "receivables", "inventory", "fixed_assets", "payables", "shares_million"})


@dataclass(frozen=True, slots=True)
class Statement:
    """Figures of a period: flows over it, and balances at its end. Million USD; all losses negative, all costs positive."""

    revenue: float
    gross_profit: float
    research: float
    selling: float
    interest: float
    tax: float
    operating_cash: float
    capex: float
    dividends: float
    repayment: float
    segment_1: float
    segment_2: float
    segment_3: float
    cash: float
    debt: float
    receivables: float
    inventory: float
    fixed_assets: float
    payables: float
    shares_million: float

    @property
    def operating_income(self) -> float:
        """Gross profit less research and selling expense."""
        return self.gross_profit - self.research - self.selling

    @property
    def net_income(self) -> float:
        """Operating income less interest and tax."""
        return self.operating_income - self.interest - self.tax

    @property
    def eps_usd(self) -> float:
        """Net income a diluted share."""
        return self.net_income / self.shares_million

    @property
    def segments(self) -> tuple[float, float, float]:
        """Revenue by segment; adds up to revenue."""
        return self.segment_1, self.segment_2, self.segment_3


@dataclass(frozen=True, slots=True)
class Quarter:
    """One fiscal quarter: when it ended, what the filing about it sounds like, and its figures."""

    end: date
    tone: int
    """-1, 0 or 1: decides growth, margin and the words of the filing."""
    statement: Statement

    @property
    def start(self) -> date:
        """The first day of the quarter."""
        month = self.end.month - 2
        return date(self.end.year, month, 1)


def make_quarters(company: Company, seed: int) -> list[Quarter]:
    """The company's quarters, oldest first; each depends on its own tone, on noise, and on earlier quarters only."""
    quarters: list[Quarter] = []
    margin = company.gross_margin_fraction
    for end in _quarter_ends():
        rng = stream(seed, company.symbol, end, "figures")
        tone = _tone(company, end, seed)
        margin = margin + 0.3 * (company.gross_margin_fraction - margin) + MARGIN_PER_TONE_FRACTION * tone
        quarters.append(Quarter(end, tone, _statement(company, rng, _revenue(company, rng, quarters, tone), margin, quarters)))
    return quarters


def annual(quarters: list[Quarter]) -> Statement:
    """The year that four quarters make: flows added up, balances of the last."""
    last = quarters[-1].statement
    flows = [field.name for field in fields(Statement) if field.name not in _POINT_FIELDS]
    return replace(last, **{name: round(math.fsum(getattr(quarter.statement, name) for quarter in quarters), 1) for name in flows})


def _quarter_ends() -> list[date]:
    ends = [FIRST_QUARTER_END]
    while len(ends) < QUARTERS:
        after = ends[-1] + timedelta(days=100)
        ends.append(after.replace(day=1) - timedelta(days=1))
    return ends


def _tone(company: Company, end: date, seed: int) -> int:
    draw = stream(seed, company.symbol, end, "filing tone").random()
    return -1 if draw < 0.36 else 0 if draw < 0.64 else 1


def _revenue(company: Company, rng: np.random.Generator, before: list[Quarter], tone: int) -> float:
    if len(before) < 4:
        return company.quarter_revenue_musd * (1 + company.base_growth_fraction / 4 * len(before)) * (0.95 + 0.1 * rng.random())
    growth = company.base_growth_fraction + GROWTH_PER_TONE_FRACTION * tone + 0.015 * (2 * rng.random() - 1)
    return before[-4].statement.revenue * (1 + growth)


def _statement(company: Company, rng: np.random.Generator, revenue: float, margin: float, before: list[Quarter]) -> Statement:
    revenue = round(revenue, 1)
    gross_profit = round(revenue * (margin + 0.006 * (2 * rng.random() - 1)), 1)
    research = round(revenue * company.research_fraction * (0.96 + 0.08 * rng.random()), 1)
    selling = round(revenue * company.selling_fraction * (0.96 + 0.08 * rng.random()), 1)
    cash, debt = (before[-1].statement.cash, before[-1].statement.debt) if before else (company.cash_musd, company.debt_musd)
    interest = round(debt * INTEREST_PER_QUARTER_FRACTION, 1)
    pretax = gross_profit - research - selling - interest
    tax = round(max(pretax, 0.0) * TAX_FRACTION, 1)
    operating_cash = round(pretax - tax + 0.045 * revenue + 0.02 * revenue * (2 * rng.random() - 1), 1)
    capex = round(0.04 * revenue * (0.8 + 0.4 * rng.random()), 1)
    dividends = round(company.dividend_usd * company.shares_million, 1)
    repayment = round(min(max(0.3 * (operating_cash - capex - dividends), 0.0), 0.1 * debt), 1)
    first, second = (round(share * revenue * (0.98 + 0.04 * rng.random()), 1) for share in company.segment_shares[:2])
    return Statement(
        revenue=revenue,
        gross_profit=gross_profit,
        research=research,
        selling=selling,
        interest=interest,
        tax=tax,
        operating_cash=operating_cash,
        capex=capex,
        dividends=dividends,
        repayment=repayment,
        segment_1=first,
        segment_2=second,
        segment_3=round(revenue - first - second, 1),
        cash=round(cash + operating_cash - capex - dividends - repayment, 1),
        debt=round(debt - repayment, 1),
        receivables=round(0.58 * revenue * (0.95 + 0.1 * rng.random()), 1),
        inventory=round(0.5 * (revenue - gross_profit) * (0.95 + 0.1 * rng.random()), 1),
        fixed_assets=round(1.9 * revenue * (0.98 + 0.04 * rng.random()), 1),
        payables=round(0.36 * (revenue - gross_profit) * (0.95 + 0.1 * rng.random()), 1),
        shares_million=company.shares_million,
    )
