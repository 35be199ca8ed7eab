"""Plain folders become bundles; whatever cannot be used is one clear error, and nothing is left behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from tradinggroup.data.bundle import Bundle
from tradinggroup.data.importing import import_folder
from tradinggroup.data.records import ActionKind, PriceBasis
from tradinggroup.errors import DataError, TradinggroupError, UsageError

HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"
PRICES = [
    "2024-11-26,10,11,9,10.5,10.25,1000",
    "2024-11-27,10.5,11,10,10.8,10.55,1100",
    "2024-11-29,10.8,12,10.5,11.9,11.63,900",
    "2024-12-02,12,12.5,11.5,12.2,12.2,1500",
]
NEWS = {"id": "a1", "ticker": "ACME", "published_at": "2024-11-27T15:00:00Z", "time_precision": "second", "title": "Acme grows"}
FILING = {
    "ticker": "ACME",
    "form": "10-K",
    "filed_at": "2024-11-27T21:05:00Z",
    "time_precision": "second",
    "period": "2024-09-30",
    "section": "MD&A",
    "text": "We grew.",
    "origin": "X",
}
STATEMENT = {
    "ticker": "ACME",
    "form": "10-K",
    "filed_at": "2024-11-27T21:05:00Z",
    "time_precision": "second",
    "period_start": "2023-10-01",
    "period": "2024-09-30",
    "fiscal": "2024FY",
    "figures": {"income_statement": {"revenues": 10, "net_income": None}, "balance_sheet": {"assets": 20.5}},
}


def _lines(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _objects(path: Path, items: list[dict[str, object]]) -> None:
    _lines(path, [json.dumps(item) for item in items])


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A plain folder with one symbol and each kind of text."""
    folder = tmp_path / "plain"
    _lines(folder / "prices" / "ACME.csv", [HEADER, *PRICES])
    _objects(folder / "news" / "ACME.jsonl", [NEWS])
    _objects(folder / "filings" / "ACME.jsonl", [FILING])
    _objects(folder / "fundamentals" / "ACME.jsonl", [STATEMENT])
    return folder


def _import(plain: Path, **options: object) -> Bundle:
    return import_folder(plain, name="made", bundles_folder=plain.parent / "data", **options)  # type: ignore[arg-type]


def test_a_plain_folder(plain: Path) -> None:
    _objects(plain / "news" / "_MARKET.jsonl", [{"published_at": "2024-11-26", "time_precision": "day", "title": "Shares rise"}])
    bundle = Bundle.open(_import(plain).folder)
    assert (bundle.name, bundle.symbols, bundle.basis) == ("made", ("ACME",), PriceBasis.AS_TRADED)
    view = bundle.view(bundle.calendar.close_at(date(2024, 11, 29)))
    bar = view.bar("ACME", date(2024, 11, 29))
    assert bar is not None
    assert (bar.open_usd, bar.high_usd, bar.low_usd, bar.close_usd, bar.volume_shares) == (10.8, 12, 10.5, 11.9, 900)
    assert bar.known_at == datetime(2024, 11, 29, 18, tzinfo=UTC)
    (item,) = view.news("ACME", datetime(2024, 1, 1, tzinfo=UTC))
    assert (item.id, item.title_kind, item.summary_kind, item.known_at.hour) == ("a1", "publisher", "none", 15)
    (market,) = view.news("_MARKET", datetime(2024, 1, 1, tzinfo=UTC))
    assert market.known_at == datetime(2024, 11, 27, 4, 59, 59, tzinfo=UTC)
    figures = view.latest_fundamentals("ACME", "10-K")
    assert figures is not None
    assert figures.figures == {"income_statement.revenues": 10.0, "balance_sheet.assets": 20.5}
    (filing,) = view.filings("ACME", "10-K")
    assert (filing.id, filing.sections, filing.text_kind) == ("ACME-10-K-20241127T210500Z", (("MD&A", "We grew."),), "filer")
    (source,) = bundle.manifest["sources"]
    assert source["folder"] == "plain"
    assert set(source["files"]) == {
        "prices/ACME.csv",
        "news/ACME.jsonl",
        "news/_MARKET.jsonl",
        "filings/ACME.jsonl",
        "fundamentals/ACME.jsonl",
    }
    assert str(plain) not in (bundle.folder / "bundle.json").read_text(encoding="utf-8")


def _price_lines(*rows: str, header: str = HEADER) -> Callable[[Path], None]:
    return lambda plain: _lines(plain / "prices" / "ACME.csv", [header, *rows])


def _text_lines(table: str, *lines: str) -> Callable[[Path], None]:
    return lambda plain: _lines(plain / table / "ACME.jsonl", list(lines))


def _folder(table: str, name: str) -> Callable[[Path], None]:
    def harm(plain: Path) -> None:
        (plain / table / name).unlink(missing_ok=True)
        (plain / table / name).mkdir(parents=True)

    return harm


def _item(base: dict[str, object], **changes: object) -> str:
    return json.dumps({**base, **changes})


BAD_INPUT: list[tuple[str, Callable[[Path], None], str]] = [
    ("missing column", _price_lines(header=HEADER.replace(",Volume", "")), "prices/ACME.csv line 1: no column 'Volume'"),
    ("NaN", _price_lines(PRICES[0], "2024-11-27,10,11,9,nan,10,5"), "prices/ACME.csv line 3: Close is nan, not a finite number"),
    ("infinite", _price_lines("2024-11-27,10,inf,9,10,10,5"), "line 2: High is inf"),
    ("empty field", _price_lines("2024-11-27,10,11,9,,10,5"), "line 2: Close is empty"),
    ("no number", _price_lines("2024-11-27,10,11,9,ten,10,5"), "line 2: Close 'ten' is not a number"),
    ("zero price", _price_lines("2024-11-27,0,11,9,10,10,5"), "line 2: Open is 0.0, must be above zero"),
    ("negative price", _price_lines("2024-11-27,10,11,9,10,-1,5"), "line 2: Adj Close is -1.0"),
    ("negative volume", _price_lines("2024-11-27,10,11,9,10,10,-5"), "line 2: Volume is -5.0"),
    ("duplicate date", _price_lines(PRICES[0], PRICES[0]), "line 3: a second row for 2024-11-26"),
    ("unsorted", _price_lines(PRICES[1], PRICES[0]), "line 3: 2024-11-26 comes after 2024-11-27"),
    ("a holiday", _price_lines(PRICES[1], "2024-11-28,10,11,9,10,10,5"), "line 3: 2024-11-28 is no session of XNYS"),
    ("high below low", _price_lines("2024-11-27,10,9,11,10,10,5"), "line 2: High 9.0 is below Low 11.0"),
    ("another date style", _price_lines("27/11/2024,10,11,9,10,10,5"), "line 2: Date '27/11/2024' is not a date"),
    ("a far date", _price_lines("0204-11-27,10,11,9,10,10,5"), "line 2: 0204-11-27 is outside 1970 to 2100"),
    ("a short line", _price_lines("2024-11-27,10,11"), "line 2: 3 fields under 7 columns"),
    ("no rows", _price_lines(), "prices/ACME.csv: no prices"),
    ("not text", lambda plain: (plain / "prices" / "ACME.csv").write_bytes(b"\xff\xfe\x00"), "prices/ACME.csv: not UTF-8 text"),
    ("not JSON", _text_lines("news", json.dumps(NEWS), "", "{oops"), "news/ACME.jsonl line 3: not JSON"),
    ("no object", _text_lines("news", "[1]"), "news/ACME.jsonl line 1: not a JSON object"),
    ("no time", _text_lines("news", _item(NEWS, published_at=None)), "news/ACME.jsonl line 1: no published_at"),
    ("empty time", _text_lines("news", _item(NEWS, published_at=" ")), "line 1: no published_at"),
    ("no time zone", _text_lines("news", _item(NEWS, published_at="2024-11-27T15:00:00")), "is not a time with a time zone"),
    ("no precision", _text_lines("news", _item(NEWS, time_precision="")), "line 1: no time_precision"),
    (
        "unknown precision",
        _text_lines("news", _item(NEWS, time_precision="minute")),
        "time_precision is 'minute', must be one of second, day",
    ),
    ("a time for a day", _text_lines("news", _item(NEWS, time_precision="day")), "is not a date written YYYY-MM-DD"),
    ("unknown kind", _text_lines("news", _item(NEWS, summary_kind="mine")), "summary_kind is 'mine', must be one of publisher, llm, none"),
    ("a number as title", _text_lines("news", _item(NEWS, title=5)), "line 1: title is not text"),
    ("another ticker", _text_lines("news", _item(NEWS, ticker="TSLA")), "line 1: ticker is TSLA, in a file of ACME"),
    ("an id twice", _text_lines("news", json.dumps(NEWS), json.dumps(NEWS)), "line 2: id a1 again, first in line 1"),
    ("filing without time", _text_lines("filings", _item(FILING, filed_at="")), "filings/ACME.jsonl line 1: no filed_at"),
    ("filing without text", _text_lines("filings", _item(FILING, text="")), "line 1: no text"),
    ("a time before year 1", _text_lines("news", _item(NEWS, published_at="0001-01-01T00:00:00+05:00")), "news/ACME.jsonl line 1: pub"),
    ("a time after year 9999", _text_lines("news", _item(NEWS, published_at="9999-12-31T23:00:00-05:00")), "news/ACME.jsonl line 1: pub"),
    ("a far time", _text_lines("filings", _item(FILING, filed_at="2204-11-27T21:05:00Z")), "line 1: 2204-11-27 is outside 1970 to 2100"),
    (
        "a far day",
        _text_lines("fundamentals", _item(STATEMENT, filed_at="9999-12-31", time_precision="day")),
        "fundamentals/ACME.jsonl line 1: 9999-12-31 is outside 1970 to 2100",
    ),
    (
        "a first day",
        _text_lines("news", _item(NEWS, published_at="0001-01-01", time_precision="day")),
        "news/ACME.jsonl line 1: 0001-01-01 is outside 1970 to 2100",
    ),
    ("no figures", _text_lines("fundamentals", _item(STATEMENT, figures=None)), "fundamentals/ACME.jsonl line 1: no figures"),
    ("a figure as text", _text_lines("fundamentals", _item(STATEMENT, figures={"a": {"b": "1"}})), "line 1: figure a.b is not a number"),
    ("a statement twice", _text_lines("fundamentals", *[json.dumps(STATEMENT)] * 2), "line 2: 10-K of 2024-09-30 again, first in line 1"),
    ("no price folder", lambda plain: shutil.rmtree(plain / "prices"), "no folder prices in"),
    ("a folder of prices", lambda plain: (plain / "prices" / "BBB.csv").mkdir(), "prices/BBB.csv: cannot be read (Is a directory)"),
    ("a folder of news", _folder("news", "ACME.jsonl"), "news/ACME.jsonl: cannot be read (Is a directory)"),
    ("a folder of actions", _folder("actions", "ACME.csv"), "actions/ACME.csv: cannot be read (Is a directory)"),
    ("no price files", lambda plain: (plain / "prices" / "ACME.csv").unlink(), "no price files in"),
    (
        "unknown action",
        lambda plain: _lines(plain / "actions" / "ACME.csv", ["ex_session,kind,ratio,cash_usd", "2024-11-27,merger,2,"]),
        "actions/ACME.csv line 2: kind is 'merger', must be split or dividend",
    ),
    (
        "a dividend with a ratio",
        lambda plain: _lines(plain / "actions" / "ACME.csv", ["ex_session,kind,ratio,cash_usd", "2024-11-27,dividend,2,1"]),
        "line 2: a dividend has no ratio",
    ),
]


@pytest.mark.parametrize(("harm", "message"), [row[1:] for row in BAD_INPUT], ids=[row[0] for row in BAD_INPUT])
def test_bad_input_is_one_clear_error_and_leaves_nothing(plain: Path, harm: Callable[[Path], None], message: str) -> None:
    harm(plain)
    with pytest.raises(DataError) as caught:
        _import(plain)
    assert (caught.value.code, caught.value.exit_code) == ("IMPORT_INVALID", 3)
    assert message in str(caught.value)
    assert caught.value.remedy
    assert not (plain.parent / "data").exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"symbols": ["ACNE"]}, DataError, "SYMBOL_UNKNOWN: no prices of ACNE in .*Did you mean ACME?"),
        ({"start": date(2024, 12, 1), "end": date(2024, 11, 1)}, UsageError, "DATES_OUTSIDE: dates are reversed"),
        ({"start": date(2025, 1, 1)}, DataError, "DATES_OUTSIDE: prices/ACME.csv has no prices .*has=2024-11-26..2024-12-02"),
        ({"prices": "elsewhere"}, DataError, "IMPORT_INVALID: no folder elsewhere in"),
    ],
)
def test_bad_options(plain: Path, options: dict[str, object], error: type[TradinggroupError], message: str) -> None:
    with pytest.raises(error, match=message):
        _import(plain, **options)


@pytest.mark.parametrize("name", ["", "../up", "a b", ".hidden"])
def test_names_that_no_folder_may_have(plain: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a bundle"):
        import_folder(plain, name=name, bundles_folder=plain.parent / "data")


def test_a_name_that_is_taken_is_refused_before_anything_is_read(plain: Path) -> None:
    _import(plain)
    shutil.rmtree(plain / "prices")
    with pytest.raises(DataError, match=r"^BUNDLE_EXISTS: made is already there"):
        _import(plain)


def test_rounding_may_put_a_high_a_hair_below_a_low(plain: Path) -> None:
    _price_lines("2024-11-27,10,9.9999999,10,10,10,5")(plain)
    assert _import(plain).symbols == ("ACME",)


@pytest.mark.parametrize(
    ("adjusted", "asked", "basis"),
    [
        ("10.8", None, "total_return"),
        ("10.7", None, "as_traded"),
        ("10.7", "split_adjusted", "split_adjusted"),
        ("10.8", "as_traded", "as_traded"),
    ],
)
def test_the_price_basis(plain: Path, adjusted: str, asked: str | None, basis: str) -> None:
    _price_lines("2024-11-26,10,11,9,10.5,10.5,1", f"2024-11-27,10.5,11,10,10.8,{adjusted},1")(plain)
    bundle = _import(plain, basis=PriceBasis(asked) if asked else None)
    assert bundle.basis == PriceBasis(basis)
    assert bundle.levels_unsafe is (basis != "as_traded")


def test_dates_cut_prices_and_late_texts_but_keep_old_ones(plain: Path) -> None:
    _objects(
        plain / "news" / "ACME.jsonl",
        [
            {**NEWS, "id": "old", "published_at": "2020-01-02T10:00:00Z"},
            {**NEWS, "id": "evening", "published_at": "2024-11-30T01:00:00Z"},
            {**NEWS, "id": "day", "published_at": "2024-11-29", "time_precision": "day"},
            {**NEWS, "id": "later", "published_at": "2024-11-30T15:00:00Z"},
        ],
    )
    bundle = _import(plain, start=date(2024, 11, 27), end=date(2024, 11, 29))
    assert (bundle.first_session, bundle.last_session) == (date(2024, 11, 27), date(2024, 11, 29))
    assert set(bundle.frames().news["id"]) == {"old", "evening", "day"}


def test_a_far_end_cuts_nothing(plain: Path) -> None:
    assert (
        _import(plain, end=date.max).manifest["rows"]
        == import_folder(plain, name="whole", bundles_folder=plain.parent / "data").manifest["rows"]
    )


def test_an_impossible_dividend_is_refused_by_the_import(plain: Path) -> None:
    _lines(plain / "actions" / "ACME.csv", ["ex_session,kind,ratio,cash_usd", "2024-11-27,split,10,", "2024-11-29,dividend,,11"])
    with pytest.raises(DataError, match=r"^BUNDLE_INVALID: a dividend of ACME .*ex_session=2024-11-29, cash_usd=11.0"):
        _import(plain)
    assert not (plain.parent / "data").exists()


def test_listed_actions_are_used_instead_of_derived_ones(plain: Path) -> None:
    rows = ["ex_session,kind,ratio,cash_usd", "2024-12-02,split,2,", "2024-11-27,dividend,,0.125", "2020-01-02,dividend,,9"]
    _lines(plain / "actions" / "ACME.csv", rows)
    bundle = _import(plain)
    actions = bundle.view(bundle.calendar.close_at(date(2024, 12, 2))).actions("ACME", date(2024, 1, 1), date(2024, 12, 2))
    assert [(action.kind, action.ex_session.isoformat(), action.ratio, action.cash_usd) for action in actions] == [
        (ActionKind.DIVIDEND, "2024-11-27", None, 0.125),
        (ActionKind.SPLIT, "2024-12-02", 2.0, None),
    ]


@pytest.mark.parametrize("basis", [PriceBasis.SPLIT_ADJUSTED, PriceBasis.TOTAL_RETURN])
def test_actions_that_the_prices_already_carry_are_refused(plain: Path, basis: PriceBasis) -> None:
    _lines(plain / "actions" / "ACME.csv", ["ex_session,kind,ratio,cash_usd", "2024-12-02,split,2,"])
    with pytest.raises(DataError, match=r"^IMPORT_INVALID: actions/ACME.csv: these actions are in the prices already"):
        _import(plain, basis=basis)


def test_one_filing_from_several_carriers(plain: Path) -> None:
    """The section in original case wins, others join, and what a model wrote is a filing of its own."""
    _objects(
        plain / "filings" / "ACME.jsonl",
        [
            {**FILING, "section": "MD&A (10-K Item 7)", "text": "item 7. th e company grew", "origin": "LOW"},
            {**FILING, "section": "MD&A, original case", "text": "Item 7. The Company grew", "origin": "HIGH"},
            {**FILING, "section": "Risk Factors", "text": "Risks", "origin": "HIGH"},
            {**FILING, "section": "summary (LLM-written)", "text": "It grew.", "origin": "LOW"},
        ],
    )
    bundle = _import(plain)
    end = bundle.calendar.close_at(bundle.last_session)
    (filing,) = bundle.view(end).filings("ACME", "10-K")
    assert filing.sections == (("MD&A, original case", "Item 7. The Company grew"), ("Risk Factors", "Risks"))
    assert filing.origin == "HIGH"
    written = bundle.view(end, derived_text="allow").filings("ACME", "10-K")
    assert [(item.id, item.text_kind) for item in written] == [
        ("ACME-10-K-20241127T210500Z", "filer"),
        ("ACME-10-K-20241127T210500Z-llm", "llm"),
    ]


def test_an_item_without_an_id_gets_one_of_its_content(plain: Path) -> None:
    item = {key: value for key, value in NEWS.items() if key != "id"}
    _objects(plain / "news" / "ACME.jsonl", [item, {**item, "title": "Acme shrinks"}])
    ids = _import(plain).frames().news["id"].tolist()
    assert len(set(ids)) == 2
    assert all(len(value) == 12 for value in ids)


def test_two_imports_give_one_hash(plain: Path) -> None:
    first = _import(plain)
    second = import_folder(plain, name="again", bundles_folder=plain.parent / "data")
    assert first.hash == second.hash


@pytest.fixture(scope="module")
def real(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The five symbols of the paper, 2024-06 to 2025-12."""
    return import_folder(
        shared_data,
        name="us2025",
        bundles_folder=tmp_path_factory.mktemp("bundles"),
        prices="prices_recent",
        symbols=["TSLA", "NFLX", "AMZN", "MSFT", "COIN"],
        start=date(2024, 6, 1),
    )


def test_real_data_of_five_symbols(real: Bundle) -> None:
    assert real.symbols == ("AMZN", "COIN", "MSFT", "NFLX", "TSLA")
    assert real.basis is PriceBasis.TOTAL_RETURN
    assert real.manifest["rows"]["prices"] == 5 * 397
    assert real.frames().actions.empty
    view = real.view(real.calendar.close_at(date(2025, 2, 7)))
    annual = view.latest_filing("AMZN", "10-K", not_before=datetime(2024, 6, 1, tzinfo=UTC))
    assert annual is not None
    assert annual.known_at == datetime(2025, 2, 6, 23, 40, 29, tzinfo=UTC)
    assert [name for name, _ in annual.sections] == ["MD&A, original case", "Risk Factors"]
    assert view.filings("MSFT", "10-Q")[0].text_kind == "filer", "summaries that a model wrote are left out"
    fundamentals = view.latest_fundamentals("MSFT", "10-Q")
    assert fundamentals is not None
    assert fundamentals.period == "2024-09-30"


def test_no_real_item_is_seen_before_it_was_known(real: Bundle) -> None:
    known = real.frames().news.set_index("id")["known_at"]
    sessions = real.calendar.sessions(date(2025, 3, 3), date(2025, 3, 31))
    seen: list[str] = []
    for before, session in pairwise(sessions):
        view = real.view(real.calendar.close_at(session))
        items = view.news("TSLA", real.calendar.close_at(before))
        assert all(known[item.id] <= pd.Timestamp(view.as_of) for item in items)
        assert all(item.summary == "" for item in items if item.summary_kind == "llm")
        seen.extend(item.id for item in items)
    assert len(seen) == len(set(seen)) > 100


def _members(*rows: str) -> Callable[[Path], None]:
    return lambda plain: _lines(plain / "membership.csv", ["symbol,from,to", *rows])


def test_membership_stands_in_the_bundle_and_its_hash(plain: Path) -> None:
    before = _import(plain)
    assert (before.membership, "membership" in before.manifest) == ({}, False)
    shutil.rmtree(before.folder)
    _members("ACME,2024-11-27,2024-11-29", "ACME,2024-12-02,", "GONE,2020-01-02,2021-01-04")(plain)
    bundle = Bundle.open(_import(plain).folder)
    assert bundle.membership == {"ACME": ((date(2024, 11, 27), date(2024, 11, 29)), (date(2024, 12, 2), None))}
    assert bundle.hash != before.hash
    assert "membership.csv" in bundle.manifest["sources"][0]["files"]
    text = (bundle.folder / "bundle.json").read_text(encoding="utf-8")
    (bundle.folder / "bundle.json").write_text(text.replace('"2024-11-29"', '"2024-11-28"'), encoding="utf-8")
    with pytest.raises(DataError, match=r"bundle\.json differs from the hash"):
        Bundle.open(bundle.folder)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["ACME,2024-11-27,2024-11-26"], "line 2: to 2024-11-26 is before from 2024-11-27"),
        (["ACME,2024-11-27,", "ACME,2024-12-02,"], "line 3: from 2024-12-02 lies inside the span before it"),
        (["ACME,yesterday,"], "line 2: from 'yesterday' is not a date"),
        (["ACME,2024-11-27"], "line 2: 2 fields under 3 columns"),
    ],
)
def test_a_membership_file_that_cannot_be_used(plain: Path, rows: list[str], message: str) -> None:
    _members(*rows)(plain)
    with pytest.raises(DataError, match=message):
        _import(plain)
    assert not (plain.parent / "data").exists()
