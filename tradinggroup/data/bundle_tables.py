"""From frames to the checked, sorted tables that a bundle holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from tradinggroup.data.adjust import close_before, dividend_factor
from tradinggroup.data.bundle_format import TABLES, BundleFrames
from tradinggroup.data.calendar import ExchangeCalendar
from tradinggroup.data.records import ActionKind
from tradinggroup.data.symbol_data import action_records
from tradinggroup.errors import DataError, ErrorCode

DATE_COLUMNS = ("session", "ex_session")
UNIQUE_KEYS = {
    "prices": ["symbol", "session"],
    "actions": ["symbol", "ex_session", "kind"],
    "news": ["symbol", "id"],
    "filings": ["symbol", "id", "position"],
    "fundamentals": ["symbol", "known_at", "form", "period"],
}


def tables_of(frames: BundleFrames, exchange: str) -> dict[str, pa.Table]:
    """The five tables of `frames`, checked and sorted. Raises DataError (BUNDLE_INVALID) for what no bundle may hold.

    `prices` and `actions` may leave out `event_at` and `known_at`: a bar is known at its session's close, an action at the
    open of its ex-session. Where they are given they must say just that.
    """
    if frames.prices.empty:
        _refuse("prices", "no rows")
    prices = _with_dates(frames.prices)
    calendar = ExchangeCalendar(exchange, first=prices["session"].min(), last=prices["session"].max())
    prices = _with_times(prices, "prices", "session", calendar.close_at, calendar)
    actions = _with_times(_with_dates(frames.actions), "actions", "ex_session", calendar.open_at, calendar)
    _check_prices(prices)
    _check_actions(actions)
    ready = {"prices": prices, "actions": actions, "news": frames.news, "filings": frames.filings, "fundamentals": frames.fundamentals}
    tables = {name: _table(name, ready[name]) for name in TABLES}
    _check_dividends(tables["prices"], tables["actions"])
    return tables


def _with_dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Sessions as dates, whatever kind of date the caller had."""
    changed = {
        name: frame[name].dt.date for name in DATE_COLUMNS if name in frame.columns and pd.api.types.is_datetime64_any_dtype(frame[name])
    }
    return frame.assign(**changed)


def _with_times(frame: pd.DataFrame, table: str, column: str, moment_of: Callable[[Any], Any], calendar: ExchangeCalendar) -> pd.DataFrame:
    """`event_at` and `known_at` from the calendar; refuses other times, and days that are no sessions."""
    days = sorted(set(frame[column]))
    strange = [day for day in days if not calendar.is_session(day)]
    if strange:
        _refuse(table, f"{strange[0]} is no session of {calendar.name}")
    moments = {day: pd.Timestamp(moment_of(day)) for day in days}
    known = pd.Series([moments[day] for day in frame[column]], index=frame.index, dtype="datetime64[us, UTC]")
    for name in ("event_at", "known_at"):
        if name in frame.columns and not (pd.to_datetime(frame[name], utc=True) == known).all():
            _refuse(table, f"a time in {name} that is not the calendar's")
    return frame.assign(event_at=known, known_at=known)


def _check_prices(prices: pd.DataFrame) -> None:
    levels = prices[["open_usd", "high_usd", "low_usd", "close_usd"]].to_numpy(dtype=np.float64)
    volumes = prices["volume_shares"].to_numpy(dtype=np.float64)
    if not (np.isfinite(levels).all() and (levels > 0).all()):
        _refuse("prices", "a price that is not a positive number")
    if not (np.isfinite(volumes).all() and (volumes >= 0).all()):
        _refuse("prices", "a volume that is not a number of shares")


def _check_actions(actions: pd.DataFrame) -> None:
    splits = actions["kind"] == ActionKind.SPLIT.value
    dividends = actions["kind"] == ActionKind.DIVIDEND.value
    values = np.where(splits, actions["ratio"].to_numpy(dtype=np.float64), actions["cash_usd"].to_numpy(dtype=np.float64))
    if not (splits | dividends).all():
        _refuse("actions", "a kind that is neither split nor dividend")
    if not (np.isfinite(values).all() and (values > 0).all()):
        _refuse("actions", "a split without a ratio or a dividend without cash")


def _check_dividends(prices: pa.Table, actions: pa.Table) -> None:
    """Refuses a dividend that is not below the close before it: no history can be adjusted for it."""
    for symbol in sorted(pc.unique(actions.column("symbol")).to_pylist()):
        bars = prices.filter(pc.equal(prices.column("symbol"), symbol))
        sessions, closes_usd = bars.column("session").to_pylist(), bars.column("close_usd").to_numpy()
        records = action_records(actions.filter(pc.equal(actions.column("symbol"), symbol)))
        for action in records:
            previous_usd = close_before(action.ex_session, sessions, closes_usd, records)
            if action.kind is ActionKind.DIVIDEND and previous_usd is not None:
                dividend_factor(action, previous_usd)


def _table(name: str, frame: pd.DataFrame) -> pa.Table:
    schema, keys = TABLES[name]
    missing = [column for column in schema.names if column not in frame.columns]
    if missing:
        _refuse(name, f"no column {missing[0]}")
    if frame.empty:
        return schema.empty_table()
    if frame.duplicated(UNIQUE_KEYS[name]).any():
        _refuse(name, f"rows with the same {', '.join(UNIQUE_KEYS[name])}")
    try:
        table = pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False).replace_schema_metadata(None)
    except pa.ArrowException as error:
        _refuse(name, str(error).splitlines()[0])
    if any(table.column(column).null_count for column in {*keys, "known_at", "event_at"}):
        _refuse(name, "a row without a key or a time")
    return table.sort_by([(key, "ascending") for key in keys]).combine_chunks()


def _refuse(table: str, text: str) -> NoReturn:
    raise DataError(ErrorCode.BUNDLE_INVALID, f"{table}: {text}", remedy="Correct the source and write the bundle again.")
