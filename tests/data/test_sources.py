"""Prices from a source: answers come from doubles, never from the network."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from tradinggroup.data.plain_prices import ActionRow, PriceRow
from tradinggroup.data.records import ActionKind, PriceBasis
from tradinggroup.data.sources import yfinance_prices
from tradinggroup.data.sources.ingest import ingest, make_price_source
from tradinggroup.data.sources.port import SourcePrices
from tradinggroup.data.sources.yfinance_prices import YfinancePrices
from tradinggroup.errors import DataError, UsageError

START, END = date(2024, 6, 3), date(2024, 6, 14)
RETRIEVED = datetime(2024, 9, 1, 12, tzinfo=UTC)
SESSIONS = [date(2024, 6, day) for day in (3, 4, 5, 6, 7, 10, 11, 12, 13, 14)]


@dataclass
class Double:
    """A source that answers what a test gives it."""

    retrieved_at: datetime = RETRIEVED
    sessions: Sequence[date] = tuple(SESSIONS)
    actions: tuple[ActionRow, ...] = ()
    asked: list[str] = field(default_factory=list)
    name: str = "double"
    licence: str = "none needed"

    def fetch(self, symbol: str, start: date, end: date) -> SourcePrices:
        self.asked.append(symbol)
        rows = tuple(PriceRow(day, 10, 11, 9, 10 + number / 10, 10, 100) for number, day in enumerate(self.sessions) if start <= day <= end)
        return SourcePrices(symbol, rows, self.actions, self.retrieved_at)


def test_a_bundle_of_what_a_source_answers(tmp_path: Path) -> None:
    split = ActionRow(date(2024, 6, 10), ActionKind.SPLIT, 10.0, None)
    source = Double(actions=(split,))
    bundle = ingest(source, ["BBB", "AAA", "BBB"], START, END, "fetched", tmp_path)
    assert source.asked == ["AAA", "BBB"]
    assert (bundle.basis, bundle.symbols) == (PriceBasis.AS_TRADED, ("AAA", "BBB"))
    view = bundle.view(bundle.calendar.close_at(END))
    assert [bar.close_usd for bar in view.bars("AAA", START, END)] == [10 + number / 10 for number in range(10)]
    assert view.actions("AAA", START, END)[0].ratio == 10.0
    assert bundle.manifest["sources"] == [
        {"kind": "double", "symbol": symbol, "licence": "none needed", "retrieved_at": "2024-09-01T12:00:00Z"} for symbol in ("AAA", "BBB")
    ]


def test_a_bar_that_is_still_forming_is_left_out(tmp_path: Path) -> None:
    source = Double(retrieved_at=datetime(2024, 6, 12, 19, 59, tzinfo=UTC), sessions=SESSIONS[:8])
    assert ingest(source, ["AAA"], START, END, "fetched", tmp_path).last_session == date(2024, 6, 11)


@pytest.mark.parametrize(
    ("source", "symbols", "dates", "error", "message"),
    [
        (Double(sessions=()), ["AAA"], (START, END), DataError, "SOURCE_FAILED: the source gave no usable prices of AAA"),
        (Double(sessions=[date(2024, 6, 8)]), ["AAA"], (START, END), DataError, "2024-06-08 is no session of XNYS"),
        (Double(), ["AAA"], (END, START), UsageError, "dates are reversed"),
        (Double(), [], (START, END), UsageError, "no symbols to fetch"),
    ],
)
def test_what_cannot_be_used_leaves_nothing(
    tmp_path: Path, source: Double, symbols: list[str], dates: tuple[date, date], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ingest(source, symbols, *dates, "fetched", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_sources_by_name() -> None:
    assert isinstance(make_price_source("yfinance"), YfinancePrices)
    with pytest.raises(UsageError, match=r"no source yahoo\. .*Known: yfinance"):
        make_price_source("yahoo")


def _yahoo_frame(splits: dict[date, float] | None = None, dividends: dict[date, float] | None = None) -> pd.DataFrame:
    """What `Ticker.history(auto_adjust=False, actions=True)` gives: prices, volumes and dividends adjusted for all splits listed."""
    days = [*SESSIONS, date(2024, 6, 17), date(2024, 6, 18)]
    splits, dividends = splits or {}, dividends or {}
    later = np.array([np.prod([ratio for day, ratio in splits.items() if day > session] or [1.0]) for session in days])
    traded = np.array([1000.0 + number for number in range(len(days))]) * np.where(later == later[0], 1.0, later / later[0])
    index = pd.DatetimeIndex([pd.Timestamp(day, tz="America/New_York") for day in days], name="Date")
    close = np.float32(traded / later).astype(float)
    return pd.DataFrame(
        {
            "Open": close,
            "High": close * 1.01,
            "Low": close * 0.99,
            "Close": close,
            "Adj Close": close * 0.9,
            "Volume": (np.full(len(days), 600.0) * later).astype("int64"),
            "Dividends": [dividends.get(day, 0.0) for day in days],
            "Stock Splits": [splits.get(day, 0.0) for day in days],
        },
        index=index,
    )


@pytest.fixture
def yahoo(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A yfinance module of our own: `answer` is what history gives, or raises; `asked` what it was asked."""
    state = SimpleNamespace(answer=_yahoo_frame(), asked={}, cache="")

    class Ticker:
        def __init__(self, symbol: str) -> None:
            state.asked["symbol"] = symbol

        def history(self, **options: object) -> object:
            state.asked.update(options)
            if isinstance(state.answer, Exception):
                raise state.answer
            return state.answer

    module = ModuleType("yfinance")
    module.Ticker = Ticker  # type: ignore[attr-defined]
    module.config = SimpleNamespace(debug=SimpleNamespace(hide_exceptions=True))  # type: ignore[attr-defined]
    module.set_tz_cache_location = lambda folder: setattr(state, "cache", folder)  # type: ignore[attr-defined]
    state.module = module
    monkeypatch.setitem(sys.modules, "yfinance", module)
    monkeypatch.setattr(yfinance_prices, "utc_now", lambda: RETRIEVED)
    return state


def test_yahoo_is_asked_for_raw_prices_up_to_now(yahoo: SimpleNamespace) -> None:
    prices = YfinancePrices().fetch("ACME", START, END)
    assert yahoo.asked == {
        "symbol": "ACME",
        "start": "2024-06-03",
        "interval": "1d",
        "auto_adjust": False,
        "back_adjust": False,
        "actions": True,
    }
    assert yahoo.module.config.debug.hide_exceptions is False
    assert "tradinggroup-yfinance-" in yahoo.cache
    assert (prices.rows[0].session, prices.rows[-1].session, prices.retrieved_at) == (START, END, RETRIEVED)
    assert [row.close_usd for row in prices.rows] == [1000.0 + number for number in range(10)]
    assert prices.actions == ()


def test_splits_are_taken_out_of_yahoos_prices(yahoo: SimpleNamespace) -> None:
    """One split inside the span, one after its end: as-traded prices know neither; the later one is no action of the bundle."""
    yahoo.answer = _yahoo_frame({date(2024, 6, 10): 10.0, date(2024, 6, 17): 3.0}, {date(2024, 6, 5): 0.05, date(2024, 6, 12): 0.1})
    prices = YfinancePrices().fetch("ACME", START, END)
    closes = {row.session: row.close_usd for row in prices.rows}
    assert closes[date(2024, 6, 7)] == 1004.0
    assert closes[date(2024, 6, 10)] == pytest.approx(100.5, abs=1e-4)
    assert [row.volume_shares for row in prices.rows] == [600.0] * 10
    assert prices.actions == (
        ActionRow(date(2024, 6, 5), ActionKind.DIVIDEND, None, pytest.approx(0.05 * 30)),
        ActionRow(date(2024, 6, 10), ActionKind.SPLIT, 10.0, None),
        ActionRow(date(2024, 6, 12), ActionKind.DIVIDEND, None, pytest.approx(0.1 * 3)),
    )


def test_a_yahoo_bundle(yahoo: SimpleNamespace, tmp_path: Path) -> None:
    yahoo.answer = _yahoo_frame({date(2024, 6, 10): 10.0})
    bundle = ingest(make_price_source("yfinance"), ["ACME"], START, END, "yahoo", tmp_path)
    history = bundle.view(bundle.calendar.close_at(END)).closes("ACME", 10)
    assert history.closes_usd == pytest.approx([100.0 + number / 10 for number in range(10)], abs=1e-4)
    assert bundle.manifest["sources"][0]["retrieved_at"] == "2024-09-01T12:00:00Z"


def _with_nan(column: str) -> pd.DataFrame:
    frame = _yahoo_frame()
    frame.loc[frame.index[2], column] = np.nan
    return frame


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (pd.DataFrame(), "an empty answer"),
        (_yahoo_frame().iloc[:0], "an empty answer"),
        (None, "no answer"),
        (_yahoo_frame().drop(columns="Stock Splits"), "the answer has no column Stock Splits"),
        (_with_nan("Close"), "a price of 2024-06-05 is missing"),
        (_yahoo_frame().iloc[10:], "no prices from 2024-06-03 to 2024-06-14"),
        (ConnectionError("could not resolve host.\nmore"), r"\(ConnectionError: could not resolve host\)"),
        (KeyError(), "KeyError: no reason given"),
    ],
)
def test_an_unusable_answer_is_an_error_and_no_bundle(yahoo: SimpleNamespace, tmp_path: Path, answer: object, message: str) -> None:
    yahoo.answer = answer
    with pytest.raises(DataError, match=rf"^SOURCE_FAILED: yfinance gave no usable prices of ACME .*{message}") as caught:
        ingest(YfinancePrices(), ["ACME"], START, END, "yahoo", tmp_path)
    assert caught.value.exit_code == 3
    assert list(tmp_path.iterdir()) == []


def test_a_session_without_any_price_is_a_gap(yahoo: SimpleNamespace) -> None:
    frame = _yahoo_frame()
    frame.loc[frame.index[2], ["Open", "High", "Low", "Close", "Adj Close"]] = np.nan
    yahoo.answer = frame
    assert date(2024, 6, 5) not in {row.session for row in YfinancePrices().fetch("ACME", START, END).rows}
