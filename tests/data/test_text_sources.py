"""EDGAR and Alpaca against a loopback server of their shape, faults included; nothing here was asked of the real ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.data.source_server import Fault, SourceServer, source_server
from tests.data.test_sources import Double
from tradinggroup.data.bundle import Bundle
from tradinggroup.data.sources.alpaca_news import AlpacaNews
from tradinggroup.data.sources.edgar import EdgarFilings
from tradinggroup.data.sources.fetching import Fetcher
from tradinggroup.data.sources.ingest import ingest, make_text_source
from tradinggroup.data.sources.kept_prices import KeptPrices
from tradinggroup.data.sources.port import SourceTexts, TextSource
from tradinggroup.errors import DataError, ErrorCode, UsageError

START, END = date(2024, 6, 3), date(2024, 6, 14)
WORDS = "Revenue grew in the period because demand was strong. " * 5
REPORT = f"""<html><head><style>p {{color: red}}</style></head><body><ix:header><p>hidden facts</p></ix:header>
<p>Item 1A. Risk Factors</p><p>Item 2. Management's Discussion</p>
<p>Item 1A. Risk Factors</p><p>{WORDS}</p><p>We may lose &amp; fail.</p><table><tr><td>Cash</td><td>12</td></tr></table>
<p>Item 2. Management&#8217;s Discussion</p><p>{WORDS}</p></body></html>"""
RELEASE = f"""<SEC-DOCUMENT>x
<DOCUMENT>
<TYPE>8-K
<TEXT><p>Item 2.02. Results</p></TEXT>
</DOCUMENT>
<DOCUMENT>
<TYPE>EX-99.1
<SEQUENCE>2
<TEXT><html><p>Acme reports a record quarter.</p><p>{WORDS}</p></html></TEXT>
</DOCUMENT>"""


def _columns(*rows: tuple[str, str, str, str, str]) -> dict[str, list[str]]:
    names = ("accessionNumber", "form", "acceptanceDateTime", "reportDate", "primaryDocument")
    return {name: [row[place] for row in rows] for place, name in enumerate(names)}


def _fact(value: float, start: str | None = None, *, accession: str = "0000000007-24-000001") -> dict[str, object]:
    entry = {"end": "2024-03-31", "val": value, "accn": accession, "form": "10-Q", "filed": "2024-06-05"}
    return {**entry, "start": start} if start else entry


@pytest.fixture
def server() -> Iterator[SourceServer]:
    with source_server() as found:
        found.page("/files/company_tickers.json", {"0": {"cik_str": 7, "ticker": "ACME", "title": "Acme"}})
        recent = _columns(
            ("0000000007-24-000003", "8-K", "2024-06-12T20:05:10.000Z", "2024-06-12", "k.htm"),
            ("0000000007-24-000002", "4", "2024-06-07T20:05:10.000Z", "", "four.xml"),
            ("0000000007-24-000001", "10-Q", "2024-06-05T20:31:02.000Z", "2024-03-31", "q.htm"),
        )
        older = [{"name": "CIK0000000007-submissions-001.json", "filingTo": "2023-12-31"}]
        found.page("/submissions/CIK0000000007.json", {"cik": "7", "filings": {"recent": recent, "files": older}, "a_new_field": [1]})
        found.page("/submissions/CIK0000000007-submissions-001.json", _columns(
            ("0000000007-23-000009", "10-K", "2023-02-01T21:00:03.000Z", "2022-12-31", "k.htm")
        ))  # fmt: skip
        found.page("/Archives/edgar/data/7/000000000724000001/q.htm", REPORT.encode())
        found.page("/Archives/edgar/data/7/000000000723000009/k.htm", REPORT.encode())
        found.page("/Archives/edgar/data/7/000000000724000003/0000000007-24-000003.txt", RELEASE.encode())
        gaap = {
            "NetIncomeLoss": {"units": {"USD": [
                _fact(9.0, "2023-10-01"), _fact(5.0, "2024-01-01"), _fact(6.0, "2024-01-01", accession="0000000007-25-000001"),
            ]}},
            "Assets": {"units": {"USD": [_fact(100.0)]}},
            "EarningsPerShareDiluted": {"units": {"USD/shares": [_fact(0.5, "2024-01-01")]}},
        }  # fmt: skip
        found.page("/api/xbrl/companyfacts/CIK0000000007.json", {"cik": 7, "facts": {"dei": {}, "us-gaap": gaap}})
        yield found


def _fetch(source: TextSource, symbol: str, start: date, end: date) -> SourceTexts:
    try:
        return source.fetch(symbol, start, end)
    finally:
        source.fetcher.close()


def _fetcher(server: SourceServer, folder: Path, waits: list[float] | None = None) -> Fetcher:
    sleep = (lambda seconds: None) if waits is None else waits.append
    return Fetcher("edgar", folder / "cache" / "edgar", headers={"User-Agent": "Jane jane@example.org"}, most_per_second=1e6, sleep=sleep)


def _edgar(server: SourceServer, folder: Path, waits: list[float] | None = None) -> EdgarFilings:
    return EdgarFilings(folder, files_url=server.url, data_url=server.url, fetcher=_fetcher(server, folder, waits))


def test_filings_and_figures_as_filed(server: SourceServer, tmp_path: Path) -> None:
    bundle = ingest(Double(), ["ACME"], START, END, "made", tmp_path / "data", texts=[_edgar(server, tmp_path)])
    view = Bundle.open(bundle.folder).view(datetime(2024, 6, 15, tzinfo=UTC))
    (report,) = view.filings("ACME", "10-Q")
    assert [name for name, _ in report.sections] == ["Item 1A Risk Factors", "Item 2 Management\u2019s Discussion"]
    assert report.known_at == datetime(2024, 6, 5, 20, 31, 2, tzinfo=UTC)
    assert "We may lose & fail.\nCash 12" in report.sections[0][1]
    assert "hidden" not in report.sections[0][1]
    (release,) = view.filings("ACME", "8-K")
    assert release.sections[0][0] == "Press release"
    assert release.sections[0][1].startswith("Acme reports a record quarter.\nRevenue grew")
    figures = view.latest_fundamentals("ACME", "10-Q")
    assert figures is not None
    assert figures.figures == {
        "income_statement.net_income_loss": 5.0,
        "income_statement.diluted_earnings_per_share": 0.5,
        "balance_sheet.assets": 100.0,
    }
    source = bundle.manifest["sources"][1]
    assert (source["kind"], source["licence"]) == ("edgar", "public domain (SEC EDGAR)")
    assert all(digest.startswith("sha256:") for digest in source["files"].values())
    assert len(source["files"]) == len(server.requests) == 5
    assert all(headers["user-agent"] == "Jane jane@example.org" for _, headers in server.requests)


def test_older_pages_are_read_where_the_span_reaches_them(server: SourceServer, tmp_path: Path) -> None:
    told = _fetch(_edgar(server, tmp_path), "ACME", date(2023, 1, 1), END)
    assert [line["form"] for line in told.filings] == ["10-K", "10-K", "10-Q", "10-Q", "8-K"]


def test_a_second_run_asks_for_nothing(server: SourceServer, tmp_path: Path) -> None:
    first = ingest(Double(), ["ACME"], START, END, "one", tmp_path / "data", texts=[_edgar(server, tmp_path)])
    asked = len(server.requests)
    prices = Double()
    for name in ("two", "three"):
        again = ingest(
            KeptPrices(prices, tmp_path / "cache"), ["ACME"], START, END, name, tmp_path / "data", texts=[_edgar(server, tmp_path)]
        )
        assert again.hash == first.hash
    assert len(server.requests) == asked
    assert prices.asked == ["ACME"]


def test_an_index_that_may_have_grown_is_asked_with_conditions(server: SourceServer, tmp_path: Path) -> None:
    """The span ends after the documents were fetched: the index is asked again, and its 304 is enough."""
    end = date(2099, 12, 31)
    for _ in range(2):
        told = _fetch(_edgar(server, tmp_path), "ACME", START, end)
        assert len(told.filings) == 3
    again = server.requests[5:]
    assert [path for path, _ in again] == ["/submissions/CIK0000000007.json", "/api/xbrl/companyfacts/CIK0000000007.json"]
    assert all("if-none-match" in headers for _, headers in again)


def test_a_run_that_was_cut_short_goes_on(server: SourceServer, tmp_path: Path) -> None:
    server.fail_on = "000003.txt"
    with pytest.raises(DataError, match=r"SOURCE_FAILED: edgar gave no usable answer \(RemoteProtocolError: .*, 5 times\)"):
        ingest(Double(), ["ACME"], START, END, "made", tmp_path / "data", texts=[_edgar(server, tmp_path)])
    assert not (tmp_path / "data").exists()
    server.fail_on, done = "", len(server.requests)
    ingest(Double(), ["ACME"], START, END, "made", tmp_path / "data", texts=[_edgar(server, tmp_path)])
    assert server.paths[done:] == [
        "/Archives/edgar/data/7/000000000724000003/0000000007-24-000003.txt", "/api/xbrl/companyfacts/CIK0000000007.json",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("faults", "waited"),
    [
        ([Fault(429, headers={"retry-after": "7"})], [7.0]),
        ([Fault(429, headers={"retry-after": "9999"})], [60.0]),
        ([Fault(500), Fault(503)], [1.0, 2.0]),
        ([Fault(drop=True)], [1.0]),
        ([Fault(cut_gzip=True)], [1.0]),
        ([Fault(429, headers={"retry-after": "soon"})], [1.0]),
    ],
)
def test_a_fault_that_passes_is_waited_for(server: SourceServer, tmp_path: Path, faults: list[Fault], waited: list[float]) -> None:
    server.faults, waits = faults, []
    assert len(_fetch(_edgar(server, tmp_path, waits), "ACME", START, END).filings) == 3
    assert waits == waited


@pytest.mark.parametrize(
    ("fault", "times", "reason"),
    [
        (Fault(429), 5, "status 429, 5 times"),
        (Fault(500), 5, "status 500, 5 times"),
        (Fault(cut_gzip=True), 5, "a gzip body that was cut short, 5 times"),
        (Fault(403, b"who are you"), 1, "status 403"),
        (Fault(body=b"<html>busy</html>"), 1, "HTML in place of JSON"),
        (Fault(body=b'{"0": '), 1, "not JSON"),
        (Fault(body=b"[]"), 1, "no 0 in the answer"),
        (Fault(body=b""), 1, "an empty answer"),
    ],
)
def test_a_fault_that_stays_is_one_line_and_no_bundle(server: SourceServer, tmp_path: Path, fault: Fault, times: int, reason: str) -> None:
    server.faults = [fault] * times
    with pytest.raises(DataError) as caught:
        ingest(Double(), ["ACME"], START, END, "made", tmp_path / "data", texts=[_edgar(server, tmp_path)])
    assert caught.value.code is ErrorCode.SOURCE_FAILED
    assert f"({reason})" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.requests) == times
    assert not (tmp_path / "data").exists()
    ingest(Double(), ["ACME"], START, END, "made", tmp_path / "data", texts=[_edgar(server, tmp_path)])


@pytest.mark.parametrize("column", ["acceptanceDateTime", "primaryDocument"])
def test_an_index_without_a_column_is_refused(server: SourceServer, tmp_path: Path, column: str) -> None:
    path = "/submissions/CIK0000000007.json"
    index = json.loads(server.pages[path])
    del index["filings"]["recent"][column]
    server.page(path, index)
    with pytest.raises(DataError, match=f"no {column} in the answer"):
        _fetch(_edgar(server, tmp_path), "ACME", START, END)


def test_a_symbol_that_edgar_does_not_list(server: SourceServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="SYMBOL_UNKNOWN: EDGAR lists no NONE"):
        _fetch(_edgar(server, tmp_path), "NONE", START, END)


def test_a_kept_document_that_was_harmed_is_fetched_again(server: SourceServer, tmp_path: Path) -> None:
    _fetch(_edgar(server, tmp_path), "ACME", START, END)
    for file in (tmp_path / "cache" / "edgar").glob("*.body"):
        file.write_bytes(file.read_bytes()[:-1])
    assert len(_fetch(_edgar(server, tmp_path), "ACME", START, END).filings) == 3
    assert len(server.requests) == 10


def test_no_more_than_so_many_requests_a_second(server: SourceServer, tmp_path: Path) -> None:
    source = Fetcher("edgar", tmp_path, headers={}, most_per_second=50.0)
    begun = source._next_at
    for number in range(4):
        server.page(f"/{number}", b"x")
        source.document(f"{server.url}/{number}")
    source.close()
    assert begun == 0.0
    assert source._next_at > 0.06


def test_two_at_once_make_one_whole_bundle(server: SourceServer, tmp_path: Path) -> None:
    def one() -> object:
        try:
            return ingest(Double(), ["ACME"], START, END, "made", tmp_path / "data", texts=[_edgar(server, tmp_path)])
        except DataError as problem:
            return problem.code

    with ThreadPoolExecutor(2) as pool:
        results = [future.result() for future in [pool.submit(one) for _ in range(2)]]
    assert sum(isinstance(result, Bundle) for result in results) >= 1
    assert Bundle.open(tmp_path / "data" / "made").symbols == ("ACME",)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["made"]


def test_keys_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EDGAR_IDENTITY", "ALPACA_API_KEY_ID", "ALPACA_API_SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match="KEY_MISSING: EDGAR wants to know who asks"):
        make_text_source("edgar", tmp_path)
    with pytest.raises(UsageError, match="KEY_MISSING: Alpaca's news need ALPACA_API_KEY_ID"):
        make_text_source("alpaca", tmp_path)
    with pytest.raises(UsageError, match=r"no source of texts edgr\. Did you mean edgar\?"):
        make_text_source("edgr", tmp_path)


# -- Alpaca ------------------------------------------------------------------------------------------------------------

QUERY = "/v1beta1/news?symbols=ACME&start=2024-06-03&end=2024-06-14&limit=50&sort=asc"


def _item(number: int, **changes: object) -> dict[str, object]:
    day = f"2024-06-0{number}"
    item = {
        "id": number, "headline": f"Acme item {number}", "created_at": f"{day}T14:00:07Z", "updated_at": f"{day}T14:00:08Z",
        "summary": "Short.", "source": "benzinga", "symbols": ["ACME"], "url": "https://example.org", "content": "", "images": [],
    }  # fmt: skip
    return {**item, **changes}


@pytest.fixture
def news_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[SourceServer]:
    monkeypatch.setenv("ALPACA_API_KEY_ID", "id-of-a-key")
    monkeypatch.setenv("ALPACA_API_SECRET_KEY", "a-secret-key")
    with source_server() as found:
        found.page(QUERY, {"news": [_item(3), _item(4, updated_at="2024-06-06T09:00:00Z", a_new_field=1)], "next_page_token": "p2"})
        found.page(f"{QUERY}&page_token=p2", {"news": [_item(4), _item(5), _item(6, symbols=["OTHER"])], "next_page_token": None})
        yield found


def test_news_page_by_page(news_server: SourceServer, tmp_path: Path) -> None:
    for name in ("one", "two"):
        source = AlpacaNews(tmp_path / "cache", base_url=news_server.url)
        bundle = ingest(Double(), ["ACME"], START, END, name, tmp_path / "data", texts=[source])
    items = bundle.view(datetime(2024, 6, 15, tzinfo=UTC)).news("ACME", datetime(2024, 1, 1, tzinfo=UTC))
    assert [(item.id, item.known_at.day) for item in items] == [("alpaca-3", 3), ("alpaca-4", 4), ("alpaca-5", 5)]
    assert news_server.paths == [QUERY, f"{QUERY}&page_token=p2"]
    assert news_server.requests[0][1]["apca-api-secret-key"] == "a-secret-key"
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"a-secret-key" not in kept
    assert b"id-of-a-key" not in kept


def test_an_item_is_known_from_its_last_update_on(news_server: SourceServer, tmp_path: Path) -> None:
    news_server.page(f"{QUERY}&page_token=p2", {"news": [], "next_page_token": None})
    told = _fetch(AlpacaNews(tmp_path, base_url=news_server.url), "ACME", START, END)
    assert [line["published_at"] for line in told.news] == ["2024-06-03T14:00:08Z", "2024-06-06T09:00:00Z"]


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ({"news": [], "next_page_token": "p2"}, "its pages go round in a circle"),
        ({"message": "forbidden."}, "no news in the answer"),
    ],
)
def test_news_that_cannot_be_used(news_server: SourceServer, tmp_path: Path, page: object, message: str) -> None:
    news_server.page(f"{QUERY}&page_token=p2", page)
    with pytest.raises(DataError, match=message):
        _fetch(AlpacaNews(tmp_path, base_url=news_server.url), "ACME", START, END)


def test_an_item_without_time_is_refused(news_server: SourceServer, tmp_path: Path) -> None:
    news_server.page(f"{QUERY}&page_token=p2", {"news": [_item(5, created_at=None, updated_at=None)]})
    with pytest.raises(DataError, match=r"IMPORT_INVALID: .*ACME\.jsonl line 3: no published_at"):
        ingest(Double(), ["ACME"], START, END, "made", tmp_path / "data", texts=[AlpacaNews(tmp_path, base_url=news_server.url)])
    assert not (tmp_path / "data").exists()
