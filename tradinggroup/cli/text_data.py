"""Bundles in plain text: one line in a list, or what a check found."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import starmap
from typing import TYPE_CHECKING, Any

from tradinggroup.cli.output import table

if TYPE_CHECKING:
    from tradinggroup.data.check import Finding

WIDTH = 80
_INDENT = " " * 9


def bundle_facts(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a list shows of a bundle, from its manifest."""
    spans = manifest["spans"].values()
    return {
        "name": manifest["name"],
        "id": manifest["id"],
        "hash": manifest["hash"],
        "symbols": list(manifest["symbols"]),
        "first_session": min(span["first"] for span in spans),
        "last_session": max(span["last"] for span in spans),
        "basis": manifest["basis"],
        "levels_unsafe": manifest["levels_unsafe"],
        "universe_note": manifest["universe_note"],
        "rows": {"filing_sections" if kind == "filings" else kind: count for kind, count in manifest["rows"].items()},
    }


def text_bundles(facts: Iterable[Mapping[str, Any]]) -> str:
    """A few lines for each bundle; a bundle that cannot be read says so."""
    return "\n".join(_bundle_text(bundle) for bundle in facts)


def text_summary(summary: Mapping[str, Any]) -> str:
    """Identity and counts of a bundle, and what agents are not shown and why."""
    rows = [
        ("bundle", f"{summary['name']}  {summary['hash'][:19]}"),
        ("span", f"{summary['first_session']}..{summary['last_session']}, {summary['sessions']:,} sessions of {summary['exchange']}"),
        ("prices", f"{summary['basis']}{_levels(summary)}"),
        ("universe", str(summary["universe_note"])),
    ]
    rows += [("rows" if not place else "", line) for place, line in enumerate(_rows(summary["rows"], WIDTH - 10))]
    lines = [table(rows), "", table([_SYMBOL_HEADS, *(_symbol_row(symbol, summary) for symbol in summary["symbols"])]), ""]
    left_out = [line for line in summary["left_out"] if line["count"]]
    lines += [f"left out  {line['count']:,} {line['what']}: {line['reason']}" for line in left_out] or ["left out  nothing"]
    return "\n".join(lines)


def text_months(summary: Mapping[str, Any]) -> str:
    """News a month, a line for each symbol and year; a break in the coverage is marked with `!`, a month without news is a dot.

    Where there are more lines than a person reads, those without a break are left out.
    """
    months, breaks = summary["news_per_month"], summary["coverage_breaks"]
    lines = [
        (symbol, year, counts, set(breaks.get(symbol, ())))
        for symbol, counts in months.items()
        for year in sorted({month[:4] for month in (*counts, *breaks.get(symbol, ()))})
    ]
    shown = lines if len(lines) <= _MOST_MONTH_LINES else [line for line in lines if any(month.startswith(line[1]) for month in line[3])]
    if not shown:
        return ""
    head = f"{'news a month':<14}" + "".join(f"{month:>5}" for month in range(1, 13))
    rows = [f"{symbol[:8]:<8} {year} " + "".join(_month_cell(f"{year}-{month:02d}", counts, thin) for month in range(1, 13))
            for symbol, year, counts, thin in shown]  # fmt: skip
    left_out = len(lines) - len(shown)
    return "\n".join([head, *rows, *([f"{left_out} lines without a break left out; --json has all"] if left_out else [])])


def _month_cell(month: str, counts: Mapping[str, int], thin: set[str]) -> str:
    mark = "!" if month in thin else ""
    return f"{mark + (str(counts[month]) if month in counts else '.'):>5}"


def text_findings(findings: Iterable[Finding]) -> str:
    """One paragraph for each kind of finding, with the symbols that have it; errors first."""
    groups: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.code, _without_count(finding)), []).append(finding)
    return "\n".join(starmap(_group_text, groups.items())) or "ok       nothing was found"


def text_unread(files: Sequence[str]) -> str:
    """Which files an import left out, a few by name, and why."""
    named = ", ".join(files[:_UNREAD_SHOWN]) + (f" and {len(files) - _UNREAD_SHOWN:,} more" if len(files) > _UNREAD_SHOWN else "")
    text = f"left out  {named}: no price file has that name, letter for letter"
    return textwrap.fill(text, WIDTH, subsequent_indent=" " * 10, break_on_hyphens=False)


_UNREAD_SHOWN = 5
_MOST_MONTH_LINES = 24
_SYMBOL_HEADS = ("symbol", "sessions", "first", "last", "news", "news a month")


def _symbol_row(symbol: str, summary: Mapping[str, Any]) -> tuple[str, ...]:
    span = summary["spans"][symbol]
    months = summary["news_per_month"].get(symbol, {}).values()
    spread = f"{min(months):,} to {max(months):,} in {len(months)} months" if months else "none"
    return (symbol, f"{span['sessions']:,}", span["first"], span["last"], f"{sum(months):,}", spread)


def _bundle_text(facts: Mapping[str, Any]) -> str:
    if "problem" in facts:
        return f"{facts['name']}\n  unusable: {facts['problem']}"
    symbols = ",".join(facts["symbols"]) if len(facts["symbols"]) <= 8 else f"{len(facts['symbols'])} symbols"
    head = f"{facts['name']}  {facts['id']}  {symbols}  {facts['first_session']}..{facts['last_session']}"
    return "\n".join([head, f"  {facts['basis']}{_levels(facts)}", *(f"  {line}" for line in _rows(facts["rows"], WIDTH - 2))])


def _levels(facts: Mapping[str, Any]) -> str:
    return " (levels know later splits or dividends)" if facts["levels_unsafe"] else ""


def _rows(rows: Mapping[str, int], width: int) -> list[str]:
    """How many rows of each kind, in lines that keep each number with its kind."""
    counts = [f"{count:,} {kind.replace('_', ' ')}".replace(" ", "\xa0") for kind, count in rows.items() if count]
    return [line.replace("\xa0", " ") for line in textwrap.wrap(", ".join(counts), width)]


def _without_count(finding: Finding) -> str:
    """The sentence without the number it begins with, so that one sentence does for all symbols."""
    rest = finding.text.removeprefix(f"{finding.count} ")
    return rest[:1].upper() + rest[1:]


def _group_text(kind: tuple[str, str, str], group: list[Finding]) -> str:
    severity, code, sentence = kind
    counts = [_count_text(finding) for finding in group if finding.symbol]
    lines = textwrap.wrap(f"{severity:<8} {code}: {sentence}", WIDTH, subsequent_indent=_INDENT)
    lines += textwrap.wrap(", ".join(counts), WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT)
    for head, text in (("why ", group[0].why), ("tool", group[0].handling)):
        lines += textwrap.wrap(f"{head}  {text}", WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT + " " * 6)
    return "\n".join(lines).replace("\xa0", " ")


def _count_text(finding: Finding) -> str:
    """`TSLA 12 from 2025-01-03`; the sentence names the day where it is about one row."""
    count = f"\xa0{finding.count:,}" if finding.count else ""
    day = f"\xa0from\xa0{finding.session}" if finding.session and finding.count else ""
    return f"{finding.symbol}{count}{day}"
