"""What a person should know about a bundle before trusting a result on it (`data check`)."""

from __future__ import annotations

from typing import Any

from tradinggroup.data.bundle import DEFAULT_UNIVERSE_NOTE, Bundle
from tradinggroup.data.check_prices import price_findings
from tradinggroup.data.check_texts import left_out_items, left_out_summaries, news_per_month, text_findings, thin_months
from tradinggroup.data.check_times import time_findings
from tradinggroup.data.findings import SEVERITIES, Finding
from tradinggroup.data.membership import plain_membership
from tradinggroup.data.symbol_data import DERIVED

__all__ = ["Finding", "check_bundle", "summary"]


def check_bundle(bundle: Bundle) -> list[Finding]:
    """All findings, errors first, then by code and symbol. No finding alters the bundle."""
    frames = bundle.frames()
    found = [*universe_findings(bundle), *price_findings(bundle, frames), *text_findings(bundle, frames), *time_findings(bundle, frames)]
    return sorted(found, key=lambda finding: (SEVERITIES.index(finding.severity), finding.code, finding.symbol, str(finding.session)))


def universe_findings(bundle: Bundle) -> list[Finding]:
    """Whether the symbols may have been picked by what became of them: the note of their choice is the default, and not all are dated."""
    count = len(set(bundle.symbols) - set(bundle.membership))
    if bundle.universe_note != DEFAULT_UNIVERSE_NOTE or not count:
        return []
    return [Finding("note", "survivorship", "", None, "The symbols were chosen by hand, and when each belonged is not dated.", count)]


def summary(bundle: Bundle) -> dict[str, Any]:
    """The bundle in plain values: identity, spans, counts by table, and what is left out with the reason."""
    frames = bundle.frames()
    filings = frames.filings.drop_duplicates("id")
    months = news_per_month(frames.news)
    return {
        "name": bundle.name,
        "id": bundle.id,
        "hash": bundle.hash,
        "basis": bundle.basis.value,
        "levels_unsafe": bundle.levels_unsafe,
        "exchange": bundle.calendar.name,
        "universe_note": bundle.universe_note,
        "membership": plain_membership(bundle.membership),
        "symbols": list(bundle.symbols),
        "first_session": bundle.first_session.isoformat(),
        "last_session": bundle.last_session.isoformat(),
        "sessions": len(bundle.calendar.sessions(bundle.first_session, bundle.last_session)),
        "spans": bundle.manifest.get("spans", {}),
        "rows": {
            "prices": len(frames.prices),
            "actions": len(frames.actions),
            "news": len(frames.news),
            "filings": len(filings),
            "filing_sections": len(frames.filings),
            "fundamentals": len(frames.fundamentals),
        },
        "news_per_month": months,
        "coverage_breaks": {symbol: thin for symbol, counts in months.items() if (thin := _thin(bundle, counts))},
        "left_out": [
            {"what": "news items", "count": int(left_out_items(frames.news).sum()), "reason": "text written later, and no title"},
            {
                "what": "news summaries",
                "count": int(left_out_summaries(frames.news).sum()),
                "reason": "summary written later; the title is read",
            },
            {"what": "filings", "count": int((filings["text_kind"] == DERIVED).sum()), "reason": "summary that a model wrote later"},
        ],
    }


def _thin(bundle: Bundle, counts: dict[str, int]) -> list[str]:
    return thin_months(counts, bundle.first_session, bundle.last_session)[0]
