"""Which reports a company files, when the exchange's public comes to know them, and their figures as filed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from tradinggroup.data.demo_market.companies import Company
from tradinggroup.data.demo_market.figures import Quarter, Statement, annual, make_quarters
from tradinggroup.data.demo_market.schedule import Schedule
from tradinggroup.data.demo_market.streams import stream

_ORDINALS = ("first", "second", "third", "fourth")


@dataclass(frozen=True, slots=True)
class Report:
    """One filing: a 10-Q about a quarter or a 10-K about a year."""

    company: Company
    form: str
    start: date
    end: date
    fiscal_year: int
    fiscal_quarter: int
    """1 to 4; 4 in a 10-K, which is about the whole year."""
    tone: int
    statement: Statement
    prior: Statement
    """The same period a year before, on the share count of this report."""
    accepted_at: datetime

    @property
    def id(self) -> str:
        """Name of the filing, unique in the market."""
        return f"{self.company.symbol}-{self.form}-{self.end.isoformat()}"

    @property
    def fiscal(self) -> str:
        """`2023Q2` or `2022FY`."""
        return f"{self.fiscal_year}FY" if self.form == "10-K" else f"{self.fiscal_year}Q{self.fiscal_quarter}"

    @property
    def period_name(self) -> str:
        """As a sentence names the period."""
        return self._period_name(self.fiscal_year)

    @property
    def prior_name(self) -> str:
        """As a sentence names the same period a year before."""
        return self._period_name(self.fiscal_year - 1)

    @property
    def headline_name(self) -> str:
        """As a headline names the period."""
        return "full-year" if self.form == "10-K" else f"{_ORDINALS[self.fiscal_quarter - 1]}-quarter"

    def _period_name(self, year: int) -> str:
        return f"fiscal {year}" if self.form == "10-K" else f"the {_ORDINALS[self.fiscal_quarter - 1]} quarter of fiscal {year}"


def make_reports(company: Company, schedule: Schedule, seed: int) -> list[Report]:
    """The reports known inside the window, and the newest of each form from before it; oldest first."""
    quarters = make_quarters(company, seed)
    # A year and the year before it are the least that a 10-K compares.
    made = [_report(company, schedule, quarters[: place + 1], seed) for place in range(7, len(quarters))]
    start = schedule.window(0)[0]
    before = {report.form: report for report in made if report.accepted_at <= start}
    return [report for report in made if schedule.holds(report.accepted_at) or report is before.get(report.form)]


def _report(company: Company, schedule: Schedule, quarters: list[Quarter], seed: int) -> Report:
    """The report about the last of `quarters`."""
    last = quarters[-1]
    number = (last.end.month - company.fiscal_year_end_month) % 12 // 3 or 4
    year = last.end.year + (1 if last.end.month > company.fiscal_year_end_month else 0)
    is_annual = number == 4
    accepted_at = _accepted_at(company, schedule, last.end, seed, is_annual=is_annual)
    statement, prior = (annual(quarters[-4:]), annual(quarters[-8:-4])) if is_annual else (last.statement, quarters[-5].statement)
    return Report(
        company=company,
        form="10-K" if is_annual else "10-Q",
        start=quarters[-4].start if is_annual else last.start,
        end=last.end,
        fiscal_year=year,
        fiscal_quarter=number,
        tone=last.tone,
        statement=_on_share_count(company, statement, accepted_at),
        prior=_on_share_count(company, prior, accepted_at),
        accepted_at=accepted_at,
    )


def _accepted_at(company: Company, schedule: Schedule, end: date, seed: int, *, is_annual: bool) -> datetime:
    """Some weeks after the period's end, within an hour and a half after the close of a session, to the second."""
    rng = stream(seed, company.symbol, end, "acceptance")
    lag_days = (46 if is_annual else 31) + int(rng.random() * 9)
    session = schedule.session_from(end + timedelta(days=lag_days))
    return schedule.calendar.close_at(session) + timedelta(seconds=240 + int(rng.random() * 5000))


def _on_share_count(company: Company, statement: Statement, accepted_at: datetime) -> Statement:
    """After a split a company states its share count, also that of earlier periods, on the new scale."""
    if company.split is None or accepted_at.date() < company.split.ex_session:
        return statement
    return replace(statement, shares_million=statement.shares_million * company.split.ratio)
