"""As-filed figures out of EDGAR's company facts: what each filing itself said of its own period."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

FIGURES = {
    "income_statement.revenues": ("RevenueFromContractWithCustomerExcludingAssessedTax", "Revenues", "SalesRevenueNet"),
    "income_statement.cost_of_revenue": ("CostOfRevenue", "CostOfGoodsAndServicesSold"),
    "income_statement.gross_profit": ("GrossProfit",),
    "income_statement.research_and_development": ("ResearchAndDevelopmentExpense",),
    "income_statement.operating_income_loss": ("OperatingIncomeLoss",),
    "income_statement.income_tax_expense_benefit": ("IncomeTaxExpenseBenefit",),
    "income_statement.net_income_loss": ("NetIncomeLoss",),
    "income_statement.diluted_earnings_per_share": ("EarningsPerShareDiluted",),
    "balance_sheet.assets": ("Assets",),
    "balance_sheet.current_assets": ("AssetsCurrent",),
    "balance_sheet.liabilities": ("Liabilities",),
    "balance_sheet.current_liabilities": ("LiabilitiesCurrent",),
    "balance_sheet.equity": ("StockholdersEquity",),
    "balance_sheet.cash": ("CashAndCashEquivalentsAtCarryingValue",),
    "cash_flow_statement.net_cash_flow_from_operating_activities": ("NetCashProvidedByUsedInOperatingActivities",),
}
"""Name here -> US-GAAP tags; the first that a filing used for its period counts."""
DAYS_OF_FORM = {"10-K": (350, 380), "10-Q": (80, 100)}
"""Days that a flow of the form's own period takes: a year, or a quarter and not the year so far."""


def figures_of(facts: Mapping[str, Any], *, accession: str, form: str, period: str) -> tuple[dict[str, dict[str, float]], str]:
    """Statement -> item -> value that filing `accession` reported for `period`, and the first day of its flows ('' where none)."""
    table: dict[str, dict[str, float]] = {}
    starts: list[str] = []
    for name, tags in FIGURES.items():
        entry = next((entry for tag in tags for entry in _entries(facts, tag) if _is_own(entry, accession, form, period)), None)
        if entry is not None:
            statement, item = name.split(".")
            table.setdefault(statement, {})[item] = float(entry["val"])
            starts += [entry["start"]] if entry.get("start") else []
    return table, min(starts, default="")


def _entries(facts: Mapping[str, Any], tag: str) -> Iterator[Mapping[str, Any]]:
    units = ((facts.get("us-gaap") or {}).get(tag) or {}).get("units") or {}
    for unit in ("USD", "USD/shares"):
        yield from units.get(unit, ())


def _is_own(entry: Mapping[str, Any], accession: str, form: str, period: str) -> bool:
    if entry.get("accn") != accession or entry.get("end") != period:
        return False
    if not entry.get("start"):
        return True
    shortest, longest = DAYS_OF_FORM[form]
    return shortest <= (date.fromisoformat(period) - date.fromisoformat(entry["start"])).days <= longest
