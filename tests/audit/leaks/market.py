"""The small market that leaks are planted in, and the audit of a desk on it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from tests.factories import make_frames
from tests.support.desk_runs import inputs_for
from tradinggroup.audit.answers import AnswersWithoutModel
from tradinggroup.audit.lookahead import LookaheadAudit, audit_inputs
from tradinggroup.clock import NEW_YORK
from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.records import PriceBasis
from tradinggroup.retrieval.kept_embedder import VectorSources
from tradinggroup.runs.window import markets_of

SESSIONS = 40
FIRST, LAST = date(2024, 2, 14), date(2024, 2, 21)
"""Five decisions, with a filing before them and news on each."""
Change = Callable[[BundleFrames], None]


def audited(change: Change | None = None, settings: Mapping[str, Any] | None = None) -> LookaheadAudit:
    """The audit of the default desk, under rules, over the small market with its tables changed."""
    inputs = inputs_for(market(change), start=FIRST, end=LAST, **(settings or {}))
    return audit_inputs(inputs, markets_of(inputs), AnswersWithoutModel([], needs_recordings=False), VectorSources())


@cache
def market(change: Change | None = None) -> Bundle:
    """One symbol, as traded, with an adjusted close beside each close."""
    frames = make_frames(sessions=SESSIONS)
    frames.prices["adjusted_close_usd"] = frames.prices["close_usd"]
    if change is not None:
        change(frames)
    folder = tempfile.mkdtemp(prefix="leaks-")
    return write_bundle(Path(folder) / "market", frames, name="market", basis=PriceBasis.AS_TRADED, sources=[])


@cache
def dated_without_time(hour: int, minute: int, second: int) -> Change:
    """Every fifth news item has a date only, and is said to be known at that time of its day in New York."""

    def change(frames: BundleFrames) -> None:
        news = frames.news
        rows = news.index[news["id"].str[-1].isin(["0", "5"])]
        days = pd.to_datetime(news.loc[rows, "event_at"], utc=True).dt.tz_convert(NEW_YORK).dt.normalize()
        news.loc[rows, "time_precision"] = "day"
        news.loc[rows, "event_at"] = days.dt.tz_convert("UTC")
        offset = pd.Timedelta(hours=hour, minutes=minute, seconds=second)
        news.loc[rows, "known_at"] = (days + offset).dt.tz_convert("UTC")

    return change
