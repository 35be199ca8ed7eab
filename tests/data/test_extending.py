"""Bundles that grow: only after their end, and never over a past that has changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.factories import make_frames
from tests.support.plain_folder import write_plain_folder
from tradinggroup.data import extending
from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import BundleFrames
from tradinggroup.data.extending import extend_bundle, restore
from tradinggroup.data.importing import import_folder, read_folder
from tradinggroup.data.records import PriceBasis
from tradinggroup.errors import DataError, ErrorCode, UsageError

SPLIT = [("AAA", "split", date(2024, 4, 1), 2.0), ("AAA", "dividend", date(2024, 2, 15), 1.0)]


def _bundle(folder: Path, frames: BundleFrames, **options: object) -> Bundle:
    return write_bundle(folder / "data" / "b", frames, name="b", basis=PriceBasis.AS_TRADED, sources=[{"kind": "test"}], **options)  # type: ignore[arg-type]


def _cut(frames: BundleFrames, sessions: int) -> BundleFrames:
    last = sorted(set(frames.prices["session"]))[sessions - 1]
    end = frames.prices.loc[frames.prices["session"] == last, "known_at"].iloc[0]
    return BundleFrames(**{name: rows[rows["known_at"] <= end] for name, rows in vars(frames).items()})


def _extended(bundle: Bundle, frames: BundleFrames, **options: object) -> Bundle:
    return extend_bundle(bundle, frames, sources=[{"kind": "again"}], membership={}, **options)  # type: ignore[arg-type]


def test_a_bundle_grows_to_what_it_would_have_been(tmp_path: Path) -> None:
    frames = make_frames(symbols=("AAA", "BBB"), actions=SPLIT)
    whole = write_bundle(tmp_path / "whole", frames, name="whole", basis=PriceBasis.AS_TRADED, sources=[])
    small = _bundle(tmp_path, _cut(frames, 50))
    grown = _extended(small, frames)
    assert (grown.hash, grown.name, grown.folder) == (whole.hash, "b", small.folder)
    assert [month for month in small.manifest["months"] if grown.manifest["months"][month] != small.manifest["months"][month]] == [
        "2024-03"
    ]
    assert grown.manifest["sources"] == [{"kind": "test"}, {"kind": "again", "extends": small.hash}]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["b"]


def test_under_another_name_the_old_bundle_stays(tmp_path: Path) -> None:
    frames = make_frames()
    small = _bundle(tmp_path, _cut(frames, 50))
    grown = _extended(small, frames, target=tmp_path / "data" / "c")
    assert (grown.name, len(grown.frames().prices)) == ("c", 80)
    assert Bundle.open(small.folder).hash == small.hash


def _price(frames: BundleFrames) -> BundleFrames:
    prices = frames.prices.copy()
    prices.loc[10, "close_usd"] = 99.5
    return replace(frames, prices=prices)


def _late_news(frames: BundleFrames) -> BundleFrames:
    return replace(frames, news=pd.concat([frames.news, frames.news.iloc[[4]].assign(id="late")], ignore_index=True))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_price, r"prices\.parquet 2024-01, row AAA 2024-01-17: close_usd was [\d.]+, is 99\.5\."),
        (
            lambda frames: replace(frames, prices=frames.prices.drop(index=3)),
            r"prices\.parquet 2024-01, row AAA 2024-01-05: the row is gone",
        ),
        (_late_news, r"news\.parquet 2024-01, row AAA late: the row was not there"),
        (lambda frames: replace(frames, news=frames.news.assign(title="Other")), r"news\.parquet 2024-01, row AAA AAA-0000: title was AAA"),
        (lambda frames: replace(frames, filings=frames.filings.iloc[1:]), r"filings\.parquet 2024-01, row AAA AAA-10-K 0: the row is gone"),
        (
            lambda frames: replace(frames, actions=frames.actions.assign(cash_usd=[None, 2.0])),
            r"actions\.parquet 2024-02, row AAA 2024-02-15 dividend: cash_usd was 1, is 2",
        ),
    ],
)
def test_a_changed_past_is_refused_by_file_month_and_row(
    tmp_path: Path, change: Callable[[BundleFrames], BundleFrames], message: str
) -> None:
    frames = make_frames(actions=SPLIT)
    small = _bundle(tmp_path, _cut(frames, 50))
    with pytest.raises(DataError, match=message) as caught:
        _extended(small, change(frames))
    assert caught.value.code is ErrorCode.PAST_CHANGED
    assert Bundle.open(small.folder).hash == small.hash
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["b"]


def test_nothing_new_changes_nothing(tmp_path: Path) -> None:
    frames = make_frames()
    with pytest.raises(UsageError, match="nothing after the end of b"):
        _extended(_bundle(tmp_path, frames), frames)


def test_a_vendor_that_rewrites_its_adjusted_closes_is_no_changed_past(tmp_path: Path) -> None:
    """A folder as fetched before and after a dividend: the old column stays, the new rows have none."""
    frames = make_frames(actions=SPLIT)
    now = write_plain_folder(frames, tmp_path / "now")
    then = write_plain_folder(_cut(frames, 50), tmp_path / "then")
    old = import_folder(then, name="b", bundles_folder=tmp_path / "data")
    read = read_folder(now, symbols=old.symbols, start=old.first_session, basis=old.basis)
    grown = extend_bundle(old, read.frames, sources=[read.source], membership=read.membership)
    vendor = grown.frames().prices["adjusted_close_usd"]
    assert vendor[:50].tolist() == old.frames().prices["adjusted_close_usd"].tolist()
    assert vendor[50:].isna().all()
    assert len(grown.frames().actions) == 2


def test_membership_may_end_later_but_not_change(tmp_path: Path) -> None:
    frames = make_frames(symbols=("AAA", "BBB"))
    days = sorted(set(frames.prices["session"]))
    small = _bundle(tmp_path, _cut(frames, 50), membership={"AAA": ((days[0], None),)})
    with pytest.raises(DataError, match=rf"membership\.csv 2024-01, row AAA: whether it belonged on {days[5]} has changed"):
        extend_bundle(small, frames, sources=[], membership={"AAA": ((days[0], days[5]),)})
    grown = extend_bundle(small, frames, sources=[], membership={"AAA": ((days[0], days[60]),)})
    assert grown.membership["AAA"][0][1] == days[60]


def test_killed_between_the_two_renames_it_is_brought_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = make_frames()
    small = _bundle(tmp_path, _cut(frames, 50))
    shutil.move(small.folder, tmp_path / "data" / ".b.old")
    restore(small.folder)
    assert Bundle.open(small.folder).hash == small.hash
    (tmp_path / "data" / ".b.grown-1").mkdir()
    assert _extended(small, _cut(frames, 60)).hash != small.hash
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["b"]
    monkeypatch.setattr(extending, "_old", lambda folder: folder / "inside" / "itself")
    with pytest.raises(DataError, match="BUNDLE_UNWRITABLE"):
        _extended(Bundle.open(small.folder), frames)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["b"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    frames = make_frames()
    small = _bundle(tmp_path, _cut(frames, 50))
    (tmp_path / "data" / ".b.lock").mkdir()
    with pytest.raises(DataError, match="BUNDLE_UNWRITABLE: bundle b: unable to open"):
        _extended(small, frames)
    assert Bundle.open(small.folder).hash == small.hash


def test_two_at_once(tmp_path: Path) -> None:
    frames = make_frames()
    small = _bundle(tmp_path, _cut(frames, 50))
    with extending._only_one(small.folder), pytest.raises(UsageError, match="another process is extending b"):
        _extended(small, frames)
    assert Bundle.open(small.folder).hash == small.hash
