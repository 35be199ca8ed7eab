"""The report: whole, self-contained, escaped, with links that lead somewhere; and every bad run still has a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.runs.factory import HOSTILE, make_project, make_run
from tradinggroup.backtest.statistics.enough import is_enough
from tradinggroup.project import Project
from tradinggroup.runs.comparison import compare_results
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.report.charts_price import split_factors
from tradinggroup.runs.report.comparison_page import comparison_page
from tradinggroup.runs.report.html import Html, joined, tag
from tradinggroup.runs.report.overview import overview
from tradinggroup.runs.report.page import PLACES, report
from tradinggroup.runs.text.show import headline

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "javascript:alert(1)",
    "\u202eevil\u2066\u0000\u001b[31m\u007f",
    "&lt;b&gt;",
)
ALLOWED = """
a b body circle code dd desc details div dl dt em figcaption figure form g h1 h2 h3 head header html i input li line main meta nav ol option
output p path pre q rect script section select small span style summary svg table tbody td text th thead title tr tspan ul
"""


class Page(HTMLParser):
    """What a browser would make of it: elements, ids, links, attributes."""

    VOID = ("meta", "input", "br", "link")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(name)
        self.attributes += [(key, value or "") for key, value in attributes]
        self.ids += [value for key, value in attributes if key == "id" and value]
        self.links += [value for key, value in attributes if key == "href" and value]
        if name not in self.VOID:
            self.open.append(name)

    def handle_startendtag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(name, attributes)
        if name not in self.VOID:
            self.open.pop()

    def handle_endtag(self, name: str) -> None:
        assert self.open.pop() == name


def sound(text: str) -> Page:
    """The page parsed, after the checks that every page must pass."""
    page = Page(text)
    assert page.open == []
    assert set(page.tags) <= set(ALLOWED.split())
    assert page.tags.count("script") == page.tags.count("style") == 1
    assert len(page.ids) == len(set(page.ids))
    assert not [link for link in page.links if link.startswith("#") and link[1:] not in page.ids]
    assert not [key for key, _ in page.attributes if key.startswith("on") or key in {"src", "srcset", "style", "action"}]
    assert not re.search(r"url\(|@import|https?://", text.replace("http-equiv", ""))
    assert "default-src 'none'" in text.replace("&#x27;", "'")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", text)
    assert "NaN" not in text
    assert ">None<" not in text
    return page


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path / "project")


def rewrite(run: RunFolder, file: str, change: Any) -> RunFolder:
    path = run.path / file
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    path.write_bytes(b"".join(orjson.dumps(change(line)) + b"\n" for line in lines))
    return RunFolder.open(run.path)


def header_with(run: RunFolder, **changes: Any) -> RunFolder:
    header = {key: value for key, value in {**run.header, **changes}.items() if value is not ...}
    (run.path / "run.json").write_bytes(orjson.dumps(header))
    return RunFolder.open(run.path)


def test_the_page_of_a_run(project: Project) -> None:
    run = make_run(project)
    text = report(run)
    page = sound(text)
    order = [text.index(f'<section id="{name}"') for name, _ in PLACES]
    assert order == sorted(order)
    assert headline(run).removeprefix("demo: ").replace("&", "&amp;") in text
    assert "d-ACME-2023-09-11" in page.ids
    assert "#d-ACME-2023-09-11" in page.links  # from a trade and a mark on the price chart
    assert text.count("<svg") >= 4
    assert text.count("<desc>") >= 3
    assert text == report(RunFolder.open(run.path))


def test_what_a_model_says_stays_text(project: Project) -> None:
    """Every text of a decision, its items, lessons, failures and the header's note, in every attack."""
    run = make_run(project, note="".join(ATTACKS))
    attack = iter(ATTACKS * 1000)

    def hostile(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: hostile(part, name) for name, part in value.items()}
        if isinstance(value, list):
            return [hostile(part, key) for part in value]
        return next(attack) if key in {"title", "analysis", "reasoning", "summary", "detail", "text", "indicators", "period"} else value

    for file in ("decisions.jsonl", "reflections.jsonl"):
        run = rewrite(run, file, hostile)
    text = report(run)
    sound(text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "&amp;lt;b&amp;gt;" in text


def test_hostile_names_of_symbols_and_experiments(project: Project) -> None:
    run = header_with(make_run(project), experiment=HOSTILE, title=ATTACKS[1], warnings=[*ATTACKS], variant=ATTACKS[3])
    sound(report(run))
    sound(overview(project, beside=project.runs_folder))


@pytest.mark.parametrize("status", ["running", "interrupted", "budget", "provider", "error", "invalid"])
def test_a_run_that_did_not_end_well_says_so_first(project: Project, status: str) -> None:
    text = report(make_run(project, status=status))
    sound(text)
    assert text.index('class="warnings"') < text.index('id="claims"')
    assert "Nothing may be claimed from this run" in text


def test_runs_that_lack_a_part(project: Project) -> None:
    run = make_run(project)
    for file in ("decisions.jsonl", "outcomes.jsonl", "reflections.jsonl"):
        (run.path / file).write_bytes(b"")
    for file in ("orders.csv", "fills.csv", "trades.csv"):
        (run.path / file).write_bytes((run.path / file).read_bytes().splitlines(keepends=True)[0])
    run = header_with(
        RunFolder.open(run.path), metrics={}, forecasts={}, costs={}, calls={}, settings={**run.settings, "agents_enabled": False}
    )
    text = report(run)
    sound(text)
    for said in (
        "no agents, so nothing was decided",
        "No order was filled",
        "No forecast was scored",
        "No lesson was drawn",
        "No model was asked",
    ):
        assert said in text


def test_a_header_of_an_older_version(project: Project) -> None:
    """Only what has been there from the first format on."""
    run = make_run(project)
    run = header_with(
        run, **dict.fromkeys(("cutoffs", "stops", "orders", "costs", "statistics", "ledger", "holdout", "random", "calls", "bundle"), ...)
    )
    text = report(run)
    sound(text)
    assert "the run is in no ledger" in text


@pytest.mark.parametrize(
    "file", ["decisions.jsonl", "outcomes.jsonl", "reflections.jsonl", "equity.csv", "fills.csv", "orders.csv", "trades.csv"]
)
@pytest.mark.parametrize("damage", ["missing", "cut", "garbage"])
def test_damaged_rows_are_named_and_left_out(project: Project, file: str, damage: str) -> None:
    run = make_run(project)
    path = run.path / file
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-7] if damage == "cut" else b"\xff\n{]\n")
    text = report(RunFolder.open(run.path))
    sound(text)
    assert file in text[: text.index('id="claims"')]


def test_intervals_stand_where_there_is_enough(project: Project) -> None:
    interval = {
        "value": 0.05,
        "low": -0.011,
        "high": 0.123,
        "p_value": 0.04,
        "p_value_holm": 0.08,
        "by_block_length": {"5": {"low": -0.02, "high": 0.13}},
    }
    ratio = interval | {"low": -0.4, "high": 1.9, "by_block_length": {"5": {"low": 0.1, "high": 1.8}, "10": {"low": -0.1, "high": 2.0}}}
    found = {"total_return_fraction": interval, "sharpe_ratio": ratio, "max_drawdown_fraction": {"quantiles": {"q05": -0.2, "q95": -0.03}}}
    leads = {"buy_and_hold": {"ALL": found, "ACME": found}}
    statistics = {"enough": True, "draws": 999, "block_length": 5.0, "metrics": {"ALL": found}, "differences": leads}
    run = make_run(project)
    metrics = {name: {**values, "trades": 40} for name, values in run.header["metrics"].items()}
    text = report(header_with(run, statistics=statistics, sessions=300, metrics=metrics))
    sound(text)
    assert "95 %: -1.10 to +12.30" in text
    assert "-20.00 % to -3.00 %" not in text, "a drawdown has no interval"
    assert "Of the resampled windows 5 % fell by -20.00 % or deeper, and 5 % by -3.00 % or less" in text
    assert "But the interval of the Sharpe ratio less buy and hold is above zero in blocks of 5 sessions." in text
    assert "5 sessions -2.00 to +13.00 points" in text
    few = report(header_with(run, statistics=statistics))
    assert "-1.10 to +12.30" not in few[few.index('<section id="metrics"') :]
    assert is_enough(8, 2).reason in few


def test_a_large_run_keeps_evidence_of_what_was_done(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tradinggroup.runs.report.material.MOST_EVIDENCE", 3)
    run = make_run(project)
    whole = report(run)
    page = sound(whole)
    assert {f"d-{line['symbol']}-{line['session']}" for line in run.decisions()} <= set(page.ids)
    assert "plain holds of this large run show no evidence" in whole
    bought = whole[whole.index('id="d-ACME-2023-09-11"') :]
    assert "<b>forecast</b>" in bought[: bought.index("</details>")]


def test_markup_escapes_what_is_no_markup() -> None:
    assert tag("p", "<b>", title='"&') == '<p title="&quot;&amp;">&lt;b&gt;</p>'
    assert joined(["a\u202eb", Html("<i>"), None, 3, ["<"]]) == "a b<i>3&lt;"
    assert tag("rect", x=1.5, class_="a", data_s="b", y=None) == '<rect x="1.5" class="a" data-s="b"/>'
    assert tag("b", "line\nline\x07") == "<b>line\nline </b>"


def test_baselines_without_a_sum_over_the_symbols(project: Project) -> None:
    """As those of the convention finsaber."""
    figures = {"total_return_fraction": -0.1234, "sharpe_ratio": 0.5, "trades": 3}
    run = header_with(make_run(project), metrics={}, baselines={"sma_cross": {"ACME": figures, "BOLT": figures}})
    text = report(run)
    sound(text)
    assert text.count("-12.34 %") == 2


def test_prices_before_a_split_are_drawn_on_the_scale_after_it() -> None:
    closes = [("d1", 300.0), ("d2", 303.0), ("d3", 101.0), ("d4", 99.0)]
    rows = [{"symbol": "AAA", "session": session, "close_usd": close} for session, close in closes]
    changes = {"d1": 0.01, "d2": 0.0, "d3": -0.01}  # d3 pays a dividend, which is no split
    outcomes = [{"symbol": "AAA", "kind": "forecast", "decision_session": day, "return_fraction": value} for day, value in changes.items()]
    assert split_factors(rows, outcomes) == {"d4": 1.0, "d3": 1.0, "d2": pytest.approx(1 / 3), "d1": pytest.approx(1 / 3)}
    assert set(split_factors(rows, []).values()) == {1.0}


def test_the_page_of_a_comparison(project: Project) -> None:
    first = make_run(project)
    second = header_with(make_run(project, note=HOSTILE), experiment=HOSTILE)
    second = rewrite(second, "decisions.jsonl", lambda line: line | {"decision": {**(line["decision"] or {}), "action": ATTACKS[0]}})
    page = sound(comparison_page(compare_results([first, second])))
    assert page.tags.count("svg") == 1
    assert {"runs", "pair-1"} <= set(page.ids)


def test_the_page_over_all_runs(project: Project) -> None:
    first, second = make_run(project), make_run(project, status="interrupted", note="a & b")
    (first.path / "report.html").write_text("x", encoding="utf-8")
    damaged = make_run(project)
    (damaged.path / "run.json").write_bytes(b"{")
    text = overview(project, beside=project.runs_folder)
    page = sound(text)
    assert page.links.count(f"{first.name}/report.html") == 1
    assert f"{second.name}/report.html" not in page.links
    assert "There is no ledger" in text
    assert "3 runs, 1 ended well" in text
    elsewhere = sound(overview(project, beside=project.root / "public"))
    assert f"../backtests/runs/{first.name}/report.html" in elsewhere.links
    assert "There is no run yet" in overview(Project(project.root / "empty"), beside=project.root)
