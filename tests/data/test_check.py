"""What a check finds: every kind of finding is planted once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.factories import Action, make_bundle, make_frames
from tradinggroup.cli.text_data import text_months
from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import TABLES, BundleFrames
from tradinggroup.data.check import Finding, check_bundle, summary
from tradinggroup.data.finding_meanings import FINDING_MEANINGS
from tradinggroup.data.importing import import_folder
from tradinggroup.data.records import PriceBasis

QUIET = {
    "news_copies": ("note", 16),
    "derived_summaries": ("note", 16),
    "news_after_hours": ("note", 16),
    "filings_after_hours": ("note", 2),
    "survivorship": ("note", 1),
    "news_round_times": ("warning", 96),
    "not_as_traded": ("warning", 80),
}
"""What the factory's bundles have: all news on the hour, and closes of four digits."""


def _check(tmp_path: Path, frames: BundleFrames, basis: PriceBasis = PriceBasis.AS_TRADED) -> dict[str, Finding]:
    bundle = write_bundle(tmp_path / "checked", frames, name="checked", basis=basis, sources=[])
    return {finding.code: finding for finding in check_bundle(bundle)}


def test_a_clean_bundle(tmp_path: Path) -> None:
    found = check_bundle(
        make_bundle(tmp_path, actions=[("AAA", "split", date(2024, 2, 15), 2.0), ("AAA", "dividend", date(2024, 3, 4), 1.0)])
    )
    told = {finding.code: (finding.severity, finding.count) for finding in found}
    assert told.pop("not_as_traded")[0] == "warning"
    assert told == {code: facts for code, facts in QUIET.items() if code != "not_as_traded"}


def _price(frames: BundleFrames, row: int, **values: float) -> BundleFrames:
    prices = frames.prices.copy()
    for column, value in values.items():
        prices.loc[row, column] = value
    return replace(frames, prices=prices)


def _drop_sessions(frames: BundleFrames) -> BundleFrames:
    return replace(frames, prices=frames.prices.drop(index=[10, 11, 40]))


def _forget_split(frames: BundleFrames) -> BundleFrames:
    split = make_frames(actions=[("AAA", "split", date(2024, 2, 15), 3.0)])
    return replace(split, actions=frames.actions)


def _adjusted_step(frames: BundleFrames) -> BundleFrames:
    adjusted = frames.prices["close_usd"].copy()
    adjusted.iloc[:30] *= 0.98
    return replace(frames, prices=frames.prices.assign(adjusted_close_usd=adjusted))


def _no_titles(frames: BundleFrames) -> BundleFrames:
    late = frames.news["summary_kind"] == "llm"
    news = frames.news.copy()
    news.loc[late, ["title", "title_kind"]] = ["", "none"]
    return replace(frames, news=news)


def _day_items(frames: BundleFrames) -> BundleFrames:
    news = frames.news.copy()
    news.loc[:4, "time_precision"] = "day"
    return replace(frames, news=news)


def _quiet_month(frames: BundleFrames) -> BundleFrames:
    return replace(frames, news=frames.news[frames.news["known_at"].dt.month != 2])


def _late_news(frames: BundleFrames) -> BundleFrames:
    news = frames.news.copy()
    moment = pd.Timestamp(datetime(2025, 1, 2, 15, tzinfo=UTC))
    news.loc[news.index[:3], ["event_at", "known_at"]] = moment
    return replace(frames, news=news)


def _stale(frames: BundleFrames) -> BundleFrames:
    prices = frames.prices.copy()
    prices.loc[11:13, ["open_usd", "high_usd", "low_usd", "close_usd"]] = prices.loc[
        10, ["open_usd", "high_usd", "low_usd", "close_usd"]
    ].to_numpy()
    return replace(frames, prices=prices)


def _second_copy(frames: BundleFrames) -> BundleFrames:
    return replace(frames, news=pd.concat([frames.news, frames.news.iloc[:1].assign(id="again")], ignore_index=True))


def _lower_case(frames: BundleFrames) -> BundleFrames:
    return replace(frames, filings=frames.filings.assign(text=frames.filings["text"].str.lower()))


def _shift(frames: BundleFrames, table: str, *, hours: int) -> BundleFrames:
    rows: pd.DataFrame = getattr(frames, table)
    moved = {name: rows[name] + pd.Timedelta(hours=hours) for name in ("event_at", "known_at")}
    return replace(frames, **{table: rows.assign(**moved)})


def _night_news(frames: BundleFrames) -> BundleFrames:
    """A hundred items between 20:07 and 5:07 in New York."""
    starts = pd.Series([pd.Timestamp("2024-01-02T01:07Z") + pd.Timedelta(hours=number % 10, days=number // 2) for number in range(100)])
    news = pd.concat([frames.news, frames.news], ignore_index=True).iloc[:100]
    return replace(frames, news=news.assign(id=[f"n{number}" for number in range(100)], event_at=starts, known_at=starts))


def _twins(frames: BundleFrames) -> BundleFrames:
    """Four items that another carrier has eight hours later, and none of the factory's own copies."""
    news = frames.news[frames.news["source"] == "wire one"].assign(title=lambda rows: rows["id"]).reset_index(drop=True)
    late = _shift(replace(frames, news=news.iloc[[0, 3, 7, 11]]), "news", hours=-8).news
    return replace(frames, news=pd.concat([news, late.assign(id=lambda rows: rows["id"] + "x", origin="other")], ignore_index=True))


@pytest.mark.parametrize(
    ("plant", "severity", "code", "session", "count"),
    [
        (_drop_sessions, "warning", "price_gap", date(2024, 1, 17), 3),
        (lambda frames: _price(frames, 5, volume_shares=0), "warning", "zero_volume", date(2024, 1, 9), 1),
        (lambda frames: _price(frames, 5, close_usd=1e4), "warning", "bar_inconsistent", date(2024, 1, 9), 1),
        (_forget_split, "warning", "unadjusted_split", date(2024, 2, 15), 1),
        (_adjusted_step, "warning", "adjustment_unexplained", date(2024, 2, 14), 1),
        (_no_titles, "warning", "derived_items", date(2024, 1, 2), 16),
        (_day_items, "note", "news_day_precision", date(2024, 1, 2), 5),
        (_quiet_month, "warning", "coverage_break", date(2024, 2, 1), 1),
        (_late_news, "note", "news_after_prices", date(2025, 1, 2), 3),
        (lambda frames: replace(frames, filings=frames.filings.assign(text_kind="llm")), "warning", "derived_filings", date(2024, 1, 4), 2),
        (_stale, "warning", "stale_prices", date(2024, 1, 18), 3),
        (lambda frames: _price(frames, 5, high_usd=90.0, low_usd=120.0), "error", "high_below_low", date(2024, 1, 9), 1),
        (_second_copy, "warning", "news_duplicates", date(2024, 1, 2), 1),
        (lambda frames: replace(frames, news=frames.news.assign(title_kind="url-slug")), "note", "rebuilt_titles", date(2024, 1, 2), 96),
        (_lower_case, "note", "filings_lower_case", date(2024, 1, 4), 2),
        (lambda frames: _shift(frames, "news", hours=9), "warning", "news_midnight", date(2024, 1, 3), 80),
        (lambda frames: _shift(frames, "filings", hours=16), "warning", "filings_hours_off", date(2024, 1, 5), 2),
        (lambda frames: _shift(frames, "fundamentals", hours=-24), "error", "fundamentals_early", date(2024, 1, 3), 1),
        (
            lambda frames: replace(frames, fundamentals=frames.fundamentals.assign(period="2024-03-31")),
            "error",
            "fundamentals_early",
            date(2024, 1, 4),
            1,
        ),
        (_night_news, "warning", "news_hours_off", date(2024, 1, 2), 100),
        (_twins, "warning", "news_hours_off", date(2024, 1, 2), 4),
        (lambda frames: replace(frames, filings=frames.filings.iloc[:0]), "note", "no_filings", None, 0),
        (lambda frames: replace(frames, news=frames.news.iloc[:0]), "note", "no_news", None, 0),
    ],
)
def test_a_planted_fault_is_found(
    tmp_path: Path, plant: Callable[[BundleFrames], BundleFrames], severity: str, code: str, session: date | None, count: int
) -> None:
    found = _check(tmp_path, plant(make_frames()))
    assert code in found, sorted(found)
    finding = found[code]
    assert (finding.severity, finding.symbol, finding.session, finding.count) == (severity, "AAA", session, count)
    assert finding.text.endswith(".")
    assert finding.to_plain()["why"].endswith(".")
    assert finding.to_plain()["handling"].endswith(".")
    assert code not in _check(tmp_path / "clean", make_frames())


def test_market_news_is_said_to_be_read_by_no_agent(tmp_path: Path) -> None:
    frames = make_frames()
    market = frames.news.iloc[:2].assign(symbol="_MARKET", id=["m1", "m2"])
    found = _check(tmp_path, replace(frames, news=pd.concat([frames.news, market], ignore_index=True)))
    assert (found["market_news"].severity, found["market_news"].symbol, found["market_news"].count) == ("note", "_MARKET", 2)
    assert "no agent reads them" in found["market_news"].text


def test_unsafe_levels_are_said_once(tmp_path: Path) -> None:
    found = _check(tmp_path, make_frames(), PriceBasis.TOTAL_RETURN)
    assert (found["levels_unsafe"].severity, found["levels_unsafe"].symbol) == ("warning", "")


def _of_an_earlier_version(tmp_path: Path, actions: list[Action], cash_usd: float) -> Bundle:
    """A bundle whose dividends are `cash_usd`, whatever `write_bundle` would say of them."""
    bundle = make_bundle(tmp_path, actions=actions)
    tables = {name: pq.read_table(bundle.folder / f"{name}.parquet") for name in TABLES}
    cash = pa.array([None if ratio else cash_usd for ratio in tables["actions"].column("ratio").to_pylist()], pa.float64())
    place = tables["actions"].schema.get_field_index("cash_usd")
    return Bundle(bundle.folder, bundle.manifest, {**tables, "actions": tables["actions"].set_column(place, "cash_usd", cash)})


def test_errors_come_first(tmp_path: Path) -> None:
    found = check_bundle(_of_an_earlier_version(tmp_path, [("AAA", "dividend", date(2024, 2, 15), 1.0)], 900.0))
    severities = [finding.severity for finding in found]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    assert (found[0].severity, found[0].code, found[0].symbol) == ("error", "dividend_too_large", "AAA")
    assert (found[0].session, found[0].count) == (date(2024, 2, 15), 1)


@pytest.mark.parametrize(("ratio", "cash_usd", "too_large"), [(10.0, 15.0, True), (10.0, 5.0, False), (0.1, 900.0, False)])
def test_a_dividend_is_judged_on_the_scale_after_the_split(tmp_path: Path, ratio: float, cash_usd: float, *, too_large: bool) -> None:
    """A split and a dividend on one session, closes near 100 before it."""
    day = date(2024, 2, 15)
    bundle = _of_an_earlier_version(tmp_path, [("AAA", "split", day, ratio), ("AAA", "dividend", day, 1.0)], cash_usd)
    assert ("dividend_too_large" in {finding.code for finding in check_bundle(bundle)}) is too_large


def test_a_split_and_a_dividend_in_one_halt_explain_the_adjusted_closes(tmp_path: Path) -> None:
    """No bar on the two ex-sessions; the source's adjusted closes step by 4 / (1 - 5 / 25) at the first bar after them."""
    frames = make_frames(actions=[("AAA", "split", date(2024, 2, 15), 4.0), ("AAA", "dividend", date(2024, 2, 16), 5.0)])
    later = pd.Series([day > date(2024, 2, 16) for day in frames.prices["session"]])
    halted = frames.prices["session"].isin([date(2024, 2, 15), date(2024, 2, 16)])
    before_usd = frames.prices[~later & ~halted]["close_usd"].iloc[-1]
    adjusted = frames.prices["close_usd"].where(later, frames.prices["close_usd"] / 4 * (1 - 5 / (before_usd / 4)))
    found = _check(tmp_path, replace(frames, prices=frames.prices.assign(adjusted_close_usd=adjusted)[~halted].reset_index(drop=True)))
    assert "adjustment_unexplained" not in found


def test_the_summary_counts_what_is_left_out(tmp_path: Path) -> None:
    frames = _no_titles(make_frames(symbols=("AAA", "BBB")))
    frames.news.loc[frames.news.index[5], ["summary_kind"]] = "llm"
    bundle = write_bundle(tmp_path / "b", frames, name="b", basis=PriceBasis.AS_TRADED, sources=[])
    told = summary(bundle)
    assert [entry["count"] for entry in told["left_out"]] == [32, 1, 0]
    assert told["rows"] == {"prices": 160, "actions": 0, "news": 192, "filings": 4, "filing_sections": 6, "fundamentals": 2}
    assert told["symbols"] == ["AAA", "BBB"]
    assert told["sessions"] == 80
    assert told["spans"]["AAA"] == {"first": "2024-01-02", "last": "2024-04-25", "sessions": 80}
    assert sum(told["news_per_month"]["AAA"].values()) == 96
    assert told["coverage_breaks"] == {}
    thin = write_bundle(tmp_path / "c", _quiet_month(make_frames()), name="c", basis=PriceBasis.AS_TRADED, sources=[])
    assert summary(thin)["coverage_breaks"] == {"AAA": ["2024-02"]}
    assert [line.split() for line in text_months(summary(thin)).splitlines()] == [
        ["news", "a", "month", *(str(month) for month in range(1, 13))],
        ["AAA", "2024", "26", "!.", "24", "22", *["."] * 8],
    ]


def test_real_data(shared_data: Path, tmp_path: Path) -> None:
    bundle: Bundle = import_folder(
        shared_data, name="real", bundles_folder=tmp_path, prices="prices_recent", symbols=["TSLA", "MSFT"], start=date(2024, 6, 1)
    )
    found = {(finding.code, finding.symbol): finding.count for finding in check_bundle(bundle)}
    assert found["derived_items", "TSLA"] == 1559
    assert found["derived_items", "MSFT"] == 3634
    assert found["derived_summaries", "TSLA"] == 2260
    assert found["derived_filings", "MSFT"] == 5
    assert found["news_day_precision", "_MARKET"] == 8196
    assert found["levels_unsafe", ""] > 0


def test_the_traps_of_the_real_data(shared_data: Path, tmp_path: Path) -> None:
    """What the data's own page warns of, under the default settings of an import."""
    symbols = ["TSLA", "MSFT", "AMZN", "NFLX", "AMD"]
    bundle = import_folder(shared_data, name="real", bundles_folder=tmp_path, prices="prices", symbols=symbols)
    found = {(finding.code, finding.symbol): finding for finding in check_bundle(bundle)}
    assert {symbol for code, symbol in found if code == "not_as_traded"} == {"TSLA", "AMZN", "NFLX"}
    assert found["not_as_traded", "AMZN"].session == date(2010, 1, 4)
    assert (found["zero_volume", "AMD"].session, found["zero_volume", "AMD"].count) == (date(2015, 1, 2), 1)
    assert found["large_move", "AMD"].session == date(2016, 4, 22)
    assert found["large_move", "NFLX"].count == 3
    assert found["rebuilt_titles", "MSFT"].count == 2432
    assert found["filings_lower_case", "MSFT"].count == 5
    assert ("survivorship", "") in found
    assert not [code for code, _ in found if code.endswith(("_hours_off", "_midnight", "_early", "_round_times"))]


def test_real_news_eight_hours_ahead_is_found(shared_data: Path, tmp_path: Path) -> None:
    """The fault that one origin's own time field has; its right times are in the data."""
    bundle = import_folder(shared_data, name="real", bundles_folder=tmp_path, prices="prices_recent", symbols=["AAPL"])
    frames = bundle.frames()
    shifted = write_bundle(tmp_path / "off", _shift(frames, "news", hours=8), name="off", basis=bundle.basis, sources=[])
    codes = {finding.code for finding in check_bundle(bundle)}, {finding.code for finding in check_bundle(shifted)}
    assert codes[1] - codes[0] == {"news_hours_off"}


def test_the_demo_has_only_what_was_planted(repository: Path) -> None:
    found = {finding.code for finding in check_bundle(Bundle.open(repository / "data" / "demo"))}
    assert found == {
        "derived_items", "derived_summaries", "price_gap", "filings_after_hours", "news_after_hours", "news_copies", "news_day_precision",
    }  # fmt: skip


def test_real_splits_without_a_list_look_like_splits(shared_data: Path, tmp_path: Path) -> None:
    """As-traded prices under a basis that derives nothing: the jumps of TSLA show."""
    bundle = import_folder(
        shared_data, name="t", bundles_folder=tmp_path, prices="table1/prices", symbols=["TSLA"], basis=PriceBasis.TOTAL_RETURN
    )
    sessions = [finding.session for finding in check_bundle(bundle) if finding.code == "unadjusted_split"]
    assert sessions == [date(2020, 8, 31), date(2022, 8, 25)]


def test_every_finding_is_on_the_page(repository: Path) -> None:
    page = (repository / "docs" / "data-formats.md").read_text(encoding="utf-8")
    assert [code for code in FINDING_MEANINGS if f"`{code}`" not in page] == []
