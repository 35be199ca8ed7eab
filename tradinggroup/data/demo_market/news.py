"""The invented news: company items with a tone, results, corporate events, wire copies, and texts written later.

The mood behind a company's news wanders on its own; it knows nothing of prices. What was published by the close of a
session then moves the returns of the next one (`prices.py`), so no text can hold anything from its future.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from tradinggroup.clock import NEW_YORK, end_of_day_new_york
from tradinggroup.data.demo_market.companies import SOURCES, Company
from tradinggroup.data.demo_market.filings import ORIGIN, report_slots
from tradinggroup.data.demo_market.parameters import NEWS_TONE_PERSISTENCE
from tradinggroup.data.demo_market.reports import Report
from tradinggroup.data.demo_market.schedule import Schedule
from tradinggroup.data.demo_market.sentences import Slots, draw_lines, sentence, topics
from tradinggroup.data.demo_market.streams import pick, stream

_TONES = {"good2": 1.0, "good1": 0.5, "flat": 0.0, "bad1": -0.5, "bad2": -1.0}
_CUTS = ((-1.05, "bad2"), (-0.35, "bad1"), (0.35, "flat"), (1.05, "good1"))
_COUNT_CHANCES = (0.20, 0.24, 0.22, 0.16, 0.11, 0.07)
"""Chance of 0, 1, 2 … own items in a session."""
_MOST_ITEMS = 6
_COPY_CHANCE = 0.16
_DERIVED_CHANCE = 0.035
_DAY_CHANCE = 0.06
_RESULTS_TONES = {-1: "bad2", 0: "flat", 1: "good2"}
_MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December")
_EVENT_TOPICS = ("results", "split", "dividend", "halt", "closing")


@dataclass(frozen=True, slots=True)
class DemoItem:
    """One news item and the truth behind it. `known_at` is the moment of publication, or the end of its day."""

    symbol: str
    known_at: datetime
    time_precision: str
    title: str
    title_kind: str
    summary: str
    summary_kind: str
    source: str
    tone: float
    is_copy: bool

    @property
    def counts(self) -> bool:
        """Whether the item is part of the session's tone: it is no copy and has a headline that was there at the time."""
        return not self.is_copy and self.title_kind == "publisher"

    def to_row(self) -> dict[str, object]:
        """A row of the news table, without the tone."""
        name = "|".join((self.symbol, self.known_at.isoformat(), self.source, self.title, self.summary))
        identifier = hashlib.blake2b(name.encode("utf-8"), digest_size=6).hexdigest()
        return {
            "id": identifier,
            "symbol": self.symbol,
            "event_at": self.known_at,
            "known_at": self.known_at,
            "time_precision": self.time_precision,
            "title": self.title,
            "title_kind": self.title_kind,
            "summary": self.summary,
            "summary_kind": self.summary_kind,
            "source": self.source,
            "url": "" if self.title_kind == "none" else f"https://news.example/{identifier}",
            "origin": ORIGIN,
        }


def make_news(company: Company, schedule: Schedule, reports: list[Report], seed: int) -> list[list[DemoItem]]:
    """The items of each session's news window, oldest first."""
    moods = _moods(company, len(schedule.sessions), seed)
    planned = _planned(company, schedule, reports, seed)
    return [
        _session_items(company, schedule, place, float(moods[place]), planned.get(place, []), seed)
        for place in range(len(schedule.sessions))
    ]


def news_tone(items: list[DemoItem]) -> float:
    """Tone of a session's news: the mean tone of its items, -1 to 1; 0 without news."""
    tones = [item.tone for item in items if item.counts]
    return math.fsum(tones) / len(tones) if tones else 0.0


def _moods(company: Company, count: int, seed: int) -> np.ndarray:
    """An autoregression with unit variance."""
    noise = stream(seed, company.symbol, "news mood").standard_normal(count)
    moods = np.empty(count)
    moods[0] = noise[0]
    for place in range(1, count):
        moods[place] = NEWS_TONE_PERSISTENCE * moods[place - 1] + (1 - NEWS_TONE_PERSISTENCE**2) ** 0.5 * noise[place]
    return moods


def _session_items(company: Company, schedule: Schedule, place: int, mood: float, planned: list[DemoItem], seed: int) -> list[DemoItem]:
    rng = stream(seed, company.symbol, schedule.sessions[place], "news")
    count = int(np.searchsorted(np.cumsum(_COUNT_CHANCES), rng.random(), side="right"))
    items = list(planned)
    told: set[str] = set()
    items += [_item(company, rng, mood, told, *_moment(rng, schedule, place)) for _ in range(min(count, _MOST_ITEMS - len(planned)))]
    end = schedule.closes[place]
    for item in list(items):
        copy = _copy(rng, item)
        if copy is not None and copy.known_at <= end and len(items) < _MOST_ITEMS:
            items.append(copy)
    return sorted(items, key=lambda item: (item.known_at, item.title, item.source))


def _item(company: Company, rng: np.random.Generator, mood: float, told: set[str], known_at: datetime, precision: str) -> DemoItem:
    """An item on a topic that the session has not `told` yet."""
    score = 0.8 * mood + 0.75 * rng.standard_normal()
    tone = next((name for cut, name in _CUTS if score < cut), "good2")
    heading = pick(rng, [heading for heading in _topics_of(company.symbol, tone) if heading not in told])
    told.add(heading)
    item = _written(company, rng, heading, known_at, {}, precision=precision)
    if rng.random() < _DERIVED_CHANCE:
        item = replace(item, summary=f"Key points: {item.summary}", summary_kind="llm")
        if rng.random() < 0.4:
            item = replace(item, title="", title_kind="none")
    return item


def _topics_of(symbol: str, tone: str) -> list[str]:
    """Topics of a tone that fit the company; events come on their own occasion."""
    fitting = []
    for heading in topics("news"):
        heading_tone, topic, *symbols = heading.split()
        if heading_tone == tone and topic not in _EVENT_TOPICS and (not symbols or symbol in symbols):
            fitting.append(heading)
    return fitting


def _written(
    company: Company, rng: np.random.Generator, heading: str, known_at: datetime, given: dict[str, str], *, precision: str = "second"
) -> DemoItem:
    """An item on a topic: one of its headlines, one or two of its sentences, sometimes a closing one."""
    slots = Slots(company, rng, {**_numbers(rng), **given})
    lines = topics("news")[heading]
    titles = tuple(line.removeprefix("H ") for line in lines if line.startswith("H "))
    details = draw_lines(rng, tuple(line.removeprefix("S ") for line in lines if line.startswith("S ")), pick(rng, (1, 2, 2)))
    if rng.random() < 0.3:
        details += [line.removeprefix("S ") for line in draw_lines(rng, topics("news")["flat closing"], 1)]
    return DemoItem(
        symbol=company.symbol,
        known_at=known_at,
        time_precision=precision,
        title=sentence(pick(rng, titles), rng, slots),
        title_kind="publisher",
        summary=" ".join(sentence(line, rng, slots) for line in details),
        summary_kind="publisher",
        source=pick(rng, SOURCES),
        tone=_TONES[heading.split()[0]],
        is_copy=False,
    )


def _numbers(rng: np.random.Generator) -> dict[str, str]:
    low = 2 + int(rng.random() * 4)
    return {
        "pct_low": str(low),
        "pct_high": str(low + 3 + int(rng.random() * 6)),
        "points": str(20 * (2 + int(rng.random() * 8))),
        "amount": str(5 * (3 + int(rng.random() * 30))),
    }


def _copy(rng: np.random.Generator, item: DemoItem) -> DemoItem | None:
    """The item again from another wire, minutes later, with the headline as it is or slightly changed."""
    if rng.random() >= _COPY_CHANCE or item.time_precision == "day" or item.summary_kind == "llm":
        return None
    changes = ("{}", "{}", "{} - report", "Update: {}")
    first_sentence = item.summary.split(". ")[0].removesuffix(".") + "."
    return replace(
        item,
        known_at=item.known_at + timedelta(seconds=120 + int(rng.random() * 1500)),
        title=pick(rng, changes).format(item.title),
        summary=pick(rng, (item.summary, first_sentence)),
        source=pick(rng, [source for source in SOURCES if source != item.source]),
        is_copy=True,
    )


def _moment(rng: np.random.Generator, schedule: Schedule, place: int) -> tuple[datetime, str]:
    """A moment inside the session's news window, and its precision. Somewhat more than half fall outside trading hours."""
    start, end = schedule.window(place)
    opened = schedule.calendar.open_at(schedule.sessions[place])
    draw, share = rng.random(), rng.random()
    free_days = _days_between(start, opened)
    if draw < _DAY_CHANCE:
        return end_of_day_new_york(pick(rng, [start.astimezone(NEW_YORK).date(), *free_days])), "day"
    if draw < 0.12 and free_days:
        day = pick(rng, free_days)
        moment = datetime(day.year, day.month, day.day, 9, tzinfo=NEW_YORK) + share * timedelta(hours=10)
    elif draw < 0.32:
        moment = start + timedelta(minutes=1) + share * timedelta(hours=4)
    elif draw < 0.57:
        moment = opened - timedelta(minutes=4) - share * timedelta(hours=3)
    else:
        moment = opened + timedelta(minutes=1) + share * (end - opened - timedelta(minutes=2))
    return moment.replace(microsecond=0).astimezone(start.tzinfo), "second"


def _days_between(start: datetime, end: datetime) -> list[date]:
    """Calendar days in New York strictly between two moments' days: weekends and holidays."""
    first, last = start.astimezone(NEW_YORK).date(), end.astimezone(NEW_YORK).date()
    return [first + timedelta(days=days) for days in range(1, (last - first).days)]


def _planned(company: Company, schedule: Schedule, reports: list[Report], seed: int) -> dict[int, list[DemoItem]]:
    """Items that have an occasion, by the session whose window they fall into."""
    items = [_results_item(report, seed) for report in reports if schedule.holds(report.accepted_at)]
    items += _split_items(company, schedule, seed) + _dividend_items(company, schedule, seed) + _halt_items(company, schedule, seed)
    planned: dict[int, list[DemoItem]] = {}
    for item in items:
        planned.setdefault(schedule.first_place_knowing(item.known_at), []).append(item)
    return planned


def _results_item(report: Report, seed: int) -> DemoItem:
    """The news about a filing, minutes after its acceptance."""
    rng = stream(seed, report.id, "results news")
    known_at = report.accepted_at + timedelta(seconds=90 + int(rng.random() * 1200))
    given = {**report_slots(report), "quarter_name": report.headline_name}
    return _written(report.company, rng, f"{_RESULTS_TONES[report.tone]} results", known_at, given)


def _split_items(company: Company, schedule: Schedule, seed: int) -> list[DemoItem]:
    split = company.split
    if split is None:
        return []
    rng = stream(seed, company.symbol, "split news")
    given = {"ratio": str(split.ratio), "ratio_less_one": str(split.ratio - 1), "day": _day_name(split.ex_session)}
    known_at = schedule.calendar.close_at(split.announced_session) + timedelta(minutes=22, seconds=9)
    return [_written(company, rng, "flat split", known_at, given)]


def _dividend_items(company: Company, schedule: Schedule, seed: int) -> list[DemoItem]:
    """Each dividend is declared some three weeks before its ex-session."""
    items = []
    for ex_session in company.dividend_ex_sessions:
        rng = stream(seed, company.symbol, ex_session, "dividend news")
        session = schedule.session_from(ex_session - timedelta(days=22))
        known_at = schedule.calendar.open_at(session) - timedelta(minutes=75, seconds=30)
        given = {"cash": f"{company.dividend_usd:.2f}", "day": _day_name(ex_session)}
        items.append(_written(company, rng, "flat dividend", known_at, given))
    return items


def _halt_items(company: Company, schedule: Schedule, seed: int) -> list[DemoItem]:
    if company.halt_session is None:
        return []
    known_at = schedule.calendar.open_at(company.halt_session) - timedelta(minutes=31, seconds=12)
    return [_written(company, stream(seed, company.symbol, "halt news"), "flat halt", known_at, {})]


def _day_name(day: date) -> str:
    """`June 13`, whatever the machine's language."""
    return f"{_MONTHS[day.month - 1]} {day.day}"
