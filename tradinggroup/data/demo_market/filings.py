"""The texts and figures of the invented filings.

A filing's tone decides what it says about demand, margins, guidance, cash and risks. These passages stand among
sentences that every filing has, whatever its tone.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from tradinggroup.data.demo_market.reports import Report
from tradinggroup.data.demo_market.sentences import Slots, draw_lines, sentence, topics
from tradinggroup.data.demo_market.streams import pick, shuffled, stream

ORIGIN = "demo"
_TONE_NAMES = {-1: "bad", 0: "flat", 1: "good"}
_STATED = (
    "revenue",
    "gross_profit",
    "research",
    "selling",
    "operating_income",
    "net_income",
    "interest",
    "tax",
    "operating_cash",
    "capex",
    "cash",
    "debt",
    "receivables",
    "inventory",
    "repayment",
)
"""Amounts of a statement that a filing's text states."""
_RISKS = (
    ("Demand", "demand"),
    ("Competition", "competition"),
    ("Supply and production", "supply"),
    ("Employees", "people"),
    ("Information systems", "information"),
    ("Products and quality", "quality"),
    ("Distribution", "distribution"),
    ("Regulation", "regulation"),
    ("Legal matters", "legal"),
    ("Debt and liquidity", "debt"),
    ("Acquisitions", "acquisitions"),
    ("International operations", "international"),
    ("Our common stock", "stock"),
    ("Climate", "climate"),
    ("Forward-looking statements", "forecast"),
)


def filing_rows(report: Report, seed: int) -> list[dict[str, Any]]:
    """The sections of a filing as rows of the filings table, in the order of the document."""
    writer = _Writer(report, stream(seed, report.id, "text"))
    names = (
        ("Business (10-K Item 1)", "Risk Factors (10-K Item 1A)", "MD&A (10-K Item 7)")
        if report.form == "10-K"
        else ("MD&A (10-Q Part I Item 2)", "Risk Factors (10-Q Part II Item 1A)")
    )
    texts = {"B": writer.business, "R": writer.risk_factors, "M": writer.discussion}
    return [
        {
            "id": report.id,
            "symbol": report.company.symbol,
            "form": report.form,
            "period": report.end.isoformat(),
            "event_at": report.accepted_at,
            "known_at": report.accepted_at,
            "time_precision": "second",
            "section": name,
            "position": position,
            "text": texts[name[0]](),
            "text_kind": "filer",
            "url": f"https://filings.example/{report.company.symbol.lower()}/{report.form.lower()}-{report.end.isoformat()}",
            "origin": ORIGIN,
        }
        for position, name in enumerate(names)
    ]


def fundamentals_row(report: Report) -> dict[str, Any]:
    """The figures of a filing as a row of the fundamentals table: the numbers that its text states, in USD."""
    return {
        "symbol": report.company.symbol,
        "form": report.form,
        "period_start": report.start.isoformat(),
        "period": report.end.isoformat(),
        "fiscal": report.fiscal,
        "event_at": report.accepted_at,
        "known_at": report.accepted_at,
        "time_precision": "second",
        "figures": json.dumps(_figures(report), sort_keys=True),
        "origin": ORIGIN,
    }


def _figures(report: Report) -> dict[str, float]:
    statement = report.statement
    goodwill_musd = 1.4 * report.company.quarter_revenue_musd
    assets_musd = statement.cash + statement.receivables + statement.inventory + statement.fixed_assets + goodwill_musd
    liabilities_musd = statement.debt + statement.payables
    amounts_musd = {
        "income_statement.revenues": statement.revenue,
        "income_statement.gross_profit": statement.gross_profit,
        "income_statement.cost_of_revenue": statement.revenue - statement.gross_profit,
        "income_statement.research_and_development": statement.research,
        "income_statement.operating_income_loss": statement.operating_income,
        "income_statement.income_tax_expense_benefit": statement.tax,
        "income_statement.net_income_loss": statement.net_income,
        "balance_sheet.cash": statement.cash,
        "balance_sheet.inventory": statement.inventory,
        "balance_sheet.long_term_debt": statement.debt,
        "balance_sheet.assets": assets_musd,
        "balance_sheet.liabilities": liabilities_musd,
        "balance_sheet.equity": assets_musd - liabilities_musd,
        "cash_flow_statement.net_cash_flow_from_operating_activities": statement.operating_cash,
    }
    figures = {name: float(round(amount * 1e6)) for name, amount in amounts_musd.items()}
    figures["income_statement.diluted_earnings_per_share"] = round(statement.eps_usd, 2)
    figures["income_statement.diluted_average_shares"] = float(round(statement.shares_million * 1e6))
    return figures


def report_slots(report: Report) -> dict[str, str]:
    """The figures of a report as its sentences and the news about it state them, amounts in million dollars."""
    statement, prior = report.statement, report.prior
    slots = {name: _amount(getattr(statement, name)) for name in _STATED}
    base_percent = round(100 * report.company.base_growth_fraction)
    return slots | {
        "revenue_prior": _amount(prior.revenue),
        "revenue_change": _change(statement.revenue / prior.revenue - 1),
        "gross_margin": _percent(statement.gross_profit / statement.revenue),
        "gross_margin_prior": _percent(prior.gross_profit / prior.revenue),
        "operating_margin": _percent(statement.operating_income / statement.revenue),
        "operating_margin_prior": _percent(prior.operating_income / prior.revenue),
        "eps": f"{statement.eps_usd:.2f}",
        "eps_prior": f"{prior.eps_usd:.2f}",
        "dividends_text": f"Dividends paid to stockholders in the period were {_amount(statement.dividends)} million dollars"
        if statement.dividends
        else "We paid no dividends in the period",
        "period_name": report.period_name,
        "prior_name": report.prior_name,
        "segments_list": "{}, {} and {}".format(*report.company.segments),
        "guidance_old": _growth_range(base_percent),
        "guidance_new": _growth_range(base_percent + (4 if base_percent < 10 else 6) * report.tone - (2 if report.tone < 0 else 0)),
    }


class _Writer:
    """Writes the sections of one filing."""

    def __init__(self, report: Report, rng: np.random.Generator) -> None:
        self._report = report
        self._rng = rng
        self._slots = report_slots(report)

    def business(self) -> str:
        """Item 1 of a 10-K."""
        return self._paragraphs([("Business", list(topics("mdna")["annual"]))])

    def risk_factors(self) -> str:
        """General risks, and the few passages that differ from filing to filing."""
        parts = [(title, self._usual("risk_factors", topic)) for title, topic in _RISKS]
        parts.insert(8, ("Changes in risks", self._toned("risk_factors", "specific", 3)))
        return self._paragraphs(parts)

    def discussion(self) -> str:
        """Management's discussion and analysis."""
        head = topics("mdna")
        return self._paragraphs(
            [("Overview", self._usual("mdna", "overview")), ("Results of operations", list(head["results.head"]))]
        ) + "\n\n".join(
            [
                "",
                self._segments(),
                self._paragraphs(
                    [
                        ("Orders and markets", self._toned("mdna", "demand", 4)),
                        ("Margins and expenses", self._mixed("margin", 2, "expenses")),
                        ("Liquidity and capital resources", [*head["cash.head"], *self._mixed("cash", 2, "liquidity")]),
                        ("Outlook", self._mixed("guidance", 3, "outlook")),
                        ("Critical accounting estimates", self._usual("mdna", "accounting")),
                        ("Market risk", self._usual("mdna", "market")),
                        ("Controls and procedures", list(head["controls"])),
                    ]
                ),
            ]
        )

    def _segments(self) -> str:
        """Two or three sentences about each segment."""
        paragraphs = []
        for name, revenue in zip(self._report.company.segments, self._report.statement.segments, strict=True):
            given = {**self._slots, "segment": name, "segment_revenue": _amount(revenue)}
            lines = [*self._toned("mdna", "segment", 1), *draw_lines(self._rng, topics("mdna")["segment.more"], 3)]
            paragraphs.append(f"{name}. " + " ".join(self._sentence(line, given) for line in lines))
        return "\n\n".join(paragraphs)

    def _usual(self, text: str, topic: str) -> list[str]:
        """Lines that have no tone, in the order of the file: all of them in a 10-K, most of them in a 10-Q."""
        lines = topics(text)[topic]
        keep = len(lines) if self._report.form == "10-K" else max(len(lines) - 1, 3)
        kept = set(draw_lines(self._rng, lines, keep))
        return [line for line in lines if line in kept]

    def _toned(self, text: str, topic: str, count: int) -> list[str]:
        """`count` lines of the filing's tone; one in five sounds neutral instead, but never the first."""
        own = draw_lines(self._rng, topics(text)[f"{topic}.{_TONE_NAMES[self._report.tone]}"], count)
        neutral = shuffled(self._rng, topics(text)[f"{topic}.flat"])
        return [
            neutral.pop() if place and neutral and neutral[-1] not in own and self._rng.random() < 0.2 else line
            for place, line in enumerate(own)
        ]

    def _mixed(self, topic: str, count: int, usual: str) -> list[str]:
        """Lines with the filing's tone at random places among lines without one."""
        lines = self._usual("mdna", usual)
        for line in self._toned("mdna", topic, count):
            lines.insert(1 + int(self._rng.random() * len(lines)), line)
        return lines

    def _paragraphs(self, parts: list[tuple[str, list[str]]]) -> str:
        """Each part as one or two paragraphs that begin with its title."""
        paragraphs = []
        for title, lines in parts:
            sentences = [self._sentence(line, self._slots) for line in lines]
            middle = len(sentences) if len(sentences) < 6 else pick(self._rng, (4, 5))
            paragraphs += [f"{title}. " + " ".join(sentences[:middle]), " ".join(sentences[middle:])]
        return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)

    def _sentence(self, line: str, given: dict[str, str]) -> str:
        return sentence(line, self._rng, Slots(self._report.company, self._rng, given))


def _amount(musd: float) -> str:
    return f"{musd:,.1f}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f}"


def _change(fraction: float) -> str:
    """`increased 4.1%`, in words that fit a headline, too."""
    percent = round(100 * fraction, 1)
    return "was unchanged" if percent == 0 else f"{'rose' if percent > 0 else 'fell'} {abs(percent):.1f}%"


def _growth_range(percent: int) -> str:
    """A guidance of `percent` growth, as a range; the numbers of a company never make a range around zero."""
    kind = "revenue growth of" if percent > 0 else "a revenue decline of"
    low = abs(percent) - 1
    return f"{kind} {low}% to {low + 2}%"
