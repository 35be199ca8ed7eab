"""The report of a run: one HTML file that needs nothing else, no server, no network, no script to be complete."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.report.claims import claims
from tradinggroup.runs.report.decisions import decisions, filings
from tradinggroup.runs.report.forecasts import forecasts
from tradinggroup.runs.report.head import head
from tradinggroup.runs.report.html import Child, Html, raw, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.metrics import equity, metrics
from tradinggroup.runs.report.money import money
from tradinggroup.runs.report.reflections import reflections
from tradinggroup.runs.report.risk import risk
from tradinggroup.runs.report.trades import trades
from tradinggroup.runs.report.trust import assumptions, verification
from tradinggroup.runs.report.worked import worked

POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
"""Content-Security-Policy: the page asks nobody for anything, whatever a text in it says."""
PLACES = (
    ("claims", "claims"), ("equity", "equity"), ("metrics", "metrics"), ("trades", "trades"), ("decisions", "decisions"),
    ("worked", "what worked"), ("forecasts", "forecasts"), ("reflections", "reflections"), ("risk", "risk"), ("costs", "costs"),
    ("assumptions", "assumptions"), ("verify", "verify"),
)  # fmt: skip


def report(run: RunFolder) -> str:
    """The page of one run. Rows that are missing or damaged are left out and named at the top; nothing is raised for them."""
    material = Material.of(run)
    body = [
        head(material),
        tag("nav", (tag("a", text, href=f"#{name}") for name, text in PLACES), aria_label="parts of this page"),
        claims(material),
        equity(material),
        metrics(material),
        trades(material),
        decisions(material),
        filings(material),
        worked(material),
        forecasts(material),
        reflections(material),
        risk(material),
        money(material),
        assumptions(material),
        verification(material),
    ]
    return document(f"{run.header['experiment']} {run.run_id}", body)


def document(title: str, body: Child, *, class_: str | None = None) -> str:
    """A whole HTML document with the style and the script of this package."""
    made = tag(
        "html",
        tag(
            "head",
            tag("meta", charset="utf-8"),
            tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            tag("meta", name="color-scheme", content="light dark"),
            tag("meta", name="referrer", content="no-referrer"),
            tag("title", title),
            tag("style", asset("style.css")),
        ),
        tag("body", tag("main", body, class_=class_), tag("script", asset("table.js"))),
        lang="en",
    )
    return f"<!doctype html>\n{made}\n"


@cache
def asset(name: str) -> Html:
    """A file of this package, as it is."""
    return raw(files("tradinggroup.runs.report").joinpath(name).read_text(encoding="utf-8"))
