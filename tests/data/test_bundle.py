"""Writing and opening bundles; what was changed is found."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.factories import make_bundle, make_frames
from tradinggroup.data.bundle import Bundle, read_manifest, write_bundle
from tradinggroup.data.bundle_format import TABLES, BundleFrames
from tradinggroup.data.records import PriceBasis
from tradinggroup.errors import DataError, ErrorCode

ACTIONS = [("AAA", "split", date(2024, 3, 1), 2.0), ("BBB", "dividend", date(2024, 2, 8), 0.5)]


def _write(folder: Path, frames: BundleFrames, *, name: str = "again", basis: PriceBasis = PriceBasis.AS_TRADED) -> Bundle:
    return write_bundle(folder, frames, name=name, basis=basis, sources=[])


def test_round_trip(tmp_path: Path) -> None:
    written = make_bundle(tmp_path, ("AAA", "BBB"), actions=ACTIONS)
    opened = Bundle.open(written.folder)
    assert (opened.name, opened.hash, opened.id, opened.symbols) == (written.name, written.hash, written.id, ("AAA", "BBB"))
    assert opened.id == opened.hash.removeprefix("sha256:")[:12]
    assert (opened.first_session, opened.last_session) == (date(2024, 1, 2), date(2024, 4, 25))
    assert not opened.levels_unsafe
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(opened.frames(), name), getattr(written.frames(), name))
    assert set(opened.manifest["months"]) == {"2024-01", "2024-02", "2024-03", "2024-04"}
    assert sorted(path.name for path in written.folder.parent.iterdir()) == ["tiny"]


def test_the_hash_is_of_the_contents(tmp_path: Path) -> None:
    """Not of the row order given, the name, the sources, or the way parquet was written; but of every value and the basis."""
    frames = make_frames(symbols=("AAA", "BBB"), actions=ACTIONS)
    first = _write(tmp_path / "a", frames)
    shuffled = replace(frames, prices=frames.prices.iloc[::-1], news=frames.news.sample(frac=1, random_state=1))
    assert _write(tmp_path / "b", shuffled, name="other").hash == first.hash
    table = pq.read_table(first.folder / "news.parquet")
    pq.write_table(table, first.folder / "news.parquet", compression="none", row_group_size=7, use_dictionary=False)
    assert Bundle.open(first.folder).hash == first.hash
    plain = replace(frames, actions=frames.actions.iloc[:0])
    assert _write(tmp_path / "c", plain, basis=PriceBasis.TOTAL_RETURN).hash != _write(tmp_path / "e", plain).hash
    assert _write(tmp_path / "d", make_frames(symbols=("AAA", "BBB"), actions=ACTIONS, seed=1)).hash != first.hash


@pytest.mark.parametrize(
    ("basis", "kind", "refused"),
    [
        (PriceBasis.AS_TRADED, "split", False),
        (PriceBasis.SPLIT_ADJUSTED, "split", True),
        (PriceBasis.SPLIT_ADJUSTED, "dividend", False),
        (PriceBasis.TOTAL_RETURN, "split", True),
        (PriceBasis.TOTAL_RETURN, "dividend", True),
    ],
)
def test_an_action_that_the_prices_carry_already_is_refused(tmp_path: Path, basis: PriceBasis, kind: str, *, refused: bool) -> None:
    """Applied to such prices it would count twice: in features, in labels and in the account."""
    frames = make_frames(actions=[("AAA", kind, date(2024, 2, 6), 2.0)])
    if refused:
        with pytest.raises(DataError, match=r"BUNDLE_INVALID.*inside already"):
            _write(tmp_path / "x", frames, basis=basis)
    else:
        _write(tmp_path / "x", frames, basis=basis)


def test_a_longer_bundle_keeps_the_hashes_of_past_months(tmp_path: Path) -> None:
    short, long = make_bundle(tmp_path, sessions=60, name="short"), make_frames(sessions=80)
    kept = replace(long, prices=long.prices.copy())
    kept.prices.loc[:59, ["open_usd", "high_usd", "low_usd", "close_usd", "volume_shares"]] = (
        short.frames().prices[["open_usd", "high_usd", "low_usd", "close_usd", "volume_shares"]].to_numpy()
    )
    grown = _write(tmp_path / "grown", kept)
    months = short.manifest["months"]
    assert {month: grown.manifest["months"][month] for month in ("2024-01", "2024-02")} == {
        month: months[month] for month in ("2024-01", "2024-02")
    }
    assert grown.manifest["months"]["2024-03"] != months["2024-03"]


def test_times_of_prices_and_actions_follow_from_the_calendar(tmp_path: Path) -> None:
    frames = make_frames(actions=ACTIONS[:1], sessions=250)
    bare = replace(
        frames,
        prices=frames.prices.drop(columns=["event_at", "known_at"]),
        actions=frames.actions.drop(columns=["event_at", "known_at"]),
    )
    bundle = _write(tmp_path / "bare", bare)
    assert bundle.hash == _write(tmp_path / "full", frames).hash
    prices = bundle.frames().prices.set_index("session")
    assert prices.loc[date(2024, 11, 29), "known_at"] == pd.Timestamp("2024-11-29 18:00", tz="UTC")
    assert bundle.frames().actions["known_at"].tolist() == [pd.Timestamp("2024-03-01 14:30", tz="UTC")]


def _tamper_value(folder: Path) -> None:
    table = pq.read_table(folder / "prices.parquet")
    closes = table.column("close_usd").to_numpy().copy()
    closes[30] += 0.0001
    pq.write_table(table.set_column(table.schema.get_field_index("close_usd"), "close_usd", pa.array(closes)), folder / "prices.parquet")


def _drop_row(folder: Path) -> None:
    table = pq.read_table(folder / "news.parquet")
    pq.write_table(table.slice(0, table.num_rows - 1), folder / "news.parquet")


def _edit_manifest(folder: Path, **changes: object) -> None:
    path = folder / "bundle.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_tamper_value, "contents of 2024-02 differ from the hash"),
        (_drop_row, "contents of 2024-04 differ from the hash"),
        (lambda folder: (folder / "actions.parquet").unlink(), "no actions.parquet"),
        (lambda folder: (folder / "filings.parquet").write_bytes(b"PAR1 no"), "filings.parquet cannot be read"),
        (lambda folder: pq.write_table(pa.table({"a": [1]}), folder / "news.parquet"), "news.parquet has other columns"),
        (lambda folder: (folder / "bundle.json").write_text("{", encoding="utf-8"), "bundle.json cannot be read"),
        (lambda folder: _edit_manifest(folder, basis="total_return"), "bundle.json differs from the hash"),
        (lambda folder: _edit_manifest(folder, symbols=["ZZZ"]), "the symbols of bundle.json"),
        (lambda folder: _edit_manifest(folder, format_version=99), "format 99, this version reads 1"),
    ],
)
def test_what_was_changed_is_found(tmp_path: Path, harm: object, message: str) -> None:
    folder = make_bundle(tmp_path).folder
    harm(folder)  # type: ignore[operator]
    with pytest.raises(DataError) as caught:
        Bundle.open(folder)
    assert message in str(caught.value)
    assert (caught.value.code, caught.value.exit_code) == ("BUNDLE_INVALID", 3)


def test_a_folder_without_a_bundle(tmp_path: Path) -> None:
    for call in (Bundle.open, read_manifest):
        with pytest.raises(DataError, match=r"^BUNDLE_NOT_FOUND: no bundle nothing") as caught:
            call(tmp_path / "nothing")
        assert caught.value.exit_code == 3


def test_an_existing_bundle_is_not_touched(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    before = {path.name: path.read_bytes() for path in bundle.folder.iterdir()}
    with pytest.raises(DataError, match=r"^BUNDLE_EXISTS: tiny is already there"):
        _write(bundle.folder, make_frames(seed=5))
    assert {path.name: path.read_bytes() for path in bundle.folder.iterdir()} == before


def _with(frames: BundleFrames, table: str, column: str, value: object) -> BundleFrames:
    frame = getattr(frames, table).copy()
    frame[column] = frame[column].astype(object)
    frame.loc[frame.index[3], column] = value
    return replace(frames, **{table: frame})


@pytest.mark.parametrize(
    ("table", "column", "value", "message"),
    [
        ("prices", "close_usd", np.nan, "a price that is not a positive number"),
        ("prices", "open_usd", 0.0, "a price that is not a positive number"),
        ("prices", "low_usd", np.inf, "a price that is not a positive number"),
        ("prices", "volume_shares", -1.0, "a volume that is not"),
        ("prices", "session", date(2024, 1, 6), "2024-01-06 is no session of XNYS"),
        ("prices", "session", date(2024, 1, 2), "a time in event_at that is not the calendar's"),
        ("prices", "known_at", pd.Timestamp("2024-01-05 20:00", tz="UTC"), "a time in known_at that is not the calendar's"),
        ("news", "known_at", None, "a row without a key or a time"),
        ("news", "id", "AAA-0000", "rows with the same symbol, id"),
        ("news", "title", 7, "news:"),
    ],
)
def test_what_no_bundle_may_hold(tmp_path: Path, table: str, column: str, value: object, message: str) -> None:
    with pytest.raises(DataError) as caught:
        _write(tmp_path / "bad", _with(make_frames(), table, column, value))
    assert caught.value.code == "BUNDLE_INVALID"
    assert message in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("actions", "refused"),
    [
        ([("dividend", 900.0)], True),
        ([("split", 10.0), ("dividend", 15.0)], True),
        ([("split", 10.0), ("dividend", 5.0)], False),
        ([("split", 0.1), ("dividend", 900.0)], False),
    ],
)
def test_a_dividend_that_is_not_below_the_close_before_is_refused(
    tmp_path: Path, actions: list[tuple[str, float]], *, refused: bool
) -> None:
    """Closes are near 100. No history could be adjusted for it, so a run would end in the middle."""
    day = date(2024, 2, 15)
    frames = replace(make_frames(), actions=make_frames(actions=[("AAA", kind, day, value) for kind, value in actions]).actions)
    if not refused:
        assert _write(tmp_path / "x", frames).symbols == ("AAA",)
        return
    with pytest.raises(DataError, match="a dividend of AAA that is not below the close before it, ex_session=2024-02-15") as caught:
        _write(tmp_path / "x", frames)
    assert caught.value.code is ErrorCode.BUNDLE_INVALID
    assert list(tmp_path.iterdir()) == []


def test_a_failure_while_writing_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object, **__: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(pq, "write_table", full_disk)
    with pytest.raises(DataError, match="No space") as caught:
        _write(tmp_path / "bad", make_frames())
    assert caught.value.code is ErrorCode.BUNDLE_UNWRITABLE
    assert list(tmp_path.iterdir()) == []


def test_levels_unsafe_follows_the_basis(tmp_path: Path) -> None:
    frames = make_frames(sessions=5)
    for basis, unsafe in ((PriceBasis.AS_TRADED, False), (PriceBasis.SPLIT_ADJUSTED, True), (PriceBasis.TOTAL_RETURN, True)):
        bundle = _write(tmp_path / basis.value, frames, basis=basis)
        assert bundle.levels_unsafe is unsafe
        assert bundle.view(bundle.calendar.close_at(bundle.last_session)).levels_unsafe is unsafe
