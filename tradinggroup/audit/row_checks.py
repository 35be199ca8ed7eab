"""What needs no second run: the clock on every line, the times of the records that were read, and when orders were filled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from tradinggroup.audit.finding import Finding
from tradinggroup.audit.passes import Reference, Workshop
from tradinggroup.backtest.sink import RowKind
from tradinggroup.clock import NEW_YORK, iso_utc, parse_utc
from tradinggroup.data.bundle import MARKET_SYMBOL
from tradinggroup.data.symbol_data import DERIVED

CLOCK, FILLS, RECORDS = "clock of each line", "fills and accounts", "times of the records"


def clock_findings(shop: Workshop, reference: Reference) -> Iterator[Finding]:
    """Lines whose clock is not the decision's, or that hold anything newer; lessons that are newer than theirs."""
    for session, seen in reference.observed.items():
        honest, line = shop.clock(session), seen.line
        if parse_utc(line["as_of"]) != honest:
            yield _finding(CLOCK, reference, session, "desk", "as_of", line["as_of"], iso_utc(honest))
        newest = [("desk", "newest_known_at", line["newest_known_at"])]
        newest += [("news_sentiment", "known_at", item["known_at"]) for item in line["news_sentiment"].get("items", ())]
        newest += [("reflection", "known_at", lesson["known_at"]) for lesson in seen.lessons]
        for agent, field, known_at in newest:
            if parse_utc(known_at) > honest:
                yield _finding(CLOCK, reference, session, agent, field, known_at, iso_utc(honest))


def fill_findings(shop: Workshop, reference: Reference) -> Iterator[Finding]:
    """Orders that filled in the bar that they were decided on, and accounts that are not valued at the session's close."""
    for row in reference.rows.rows[RowKind.FILL]:
        filled, decided = str(row["session"]), str(row["decision_session"])
        if filled <= decided and _is_decided_at(row):
            session = date.fromisoformat(decided)
            yield _finding(FILLS, reference, session, "broker", "fill", f"filled on {filled}", "the next session at the earliest")
    for session, account in reference.accounts.items():
        bar = shop.inputs.bundle.view(shop.inputs.bundle.calendar.close_at(session)).bar(reference.symbol, session)
        if bar is not None and account.close_usd != bar.close_usd:
            yield _finding(FILLS, reference, session, "broker", "close_usd", account.close_usd, bar.close_usd)


def _is_decided_at(row: Mapping[str, Any]) -> bool:
    """Whether a fill carries out a decision; a stop inside the bar was decided the session before."""
    return str(row["order_id"]) == f"{row['symbol']}-{row['decision_session']}"


Rule = Callable[[Mapping[str, Any]], str | None]


def record_findings(shop: Workshop, reference: Reference) -> Iterator[Finding]:
    """Records of the symbol that say they were known when they cannot have been; each kind once, with the first."""
    last, frames = shop.clock(reference.sessions[-1]), shop.inputs.bundle.frames()
    rules: list[Rule] = [_before_it_happened, _day_before_its_end]
    if shop.inputs.experiment.derived_text == "allow":
        rules.append(_written_later)
    rows = {name: _rows_of(getattr(frames, name), reference.symbol, last) for name in ("news", "filings", "fundamentals")}
    own: dict[str, list[Rule]] = {"fundamentals": [_before_its_period_ended, _before_its_filing(rows["filings"])]}
    for name, known in rows.items():
        for rule in (*rules, *own.get(name, ())):
            yield from _first_of(rule, name, known, reference)


def _rows_of(frame: Any, symbol: str, last: datetime) -> list[dict[str, Any]]:
    chosen = frame[frame["symbol"].isin([symbol, MARKET_SYMBOL]) & (frame["known_at"] <= last)]
    return [dict(row) for row in chosen.to_dict("records")]


def _first_of(rule: Rule, table: str, rows: Iterable[Mapping[str, Any]], reference: Reference) -> Iterator[Finding]:
    wrong = [(row, text) for row in rows if (text := rule(row)) is not None]
    if wrong:
        row, text = min(wrong, key=lambda pair: pair[0]["known_at"])
        known = row["known_at"].to_pydatetime()
        name = row.get("id") or f"{row['form']} {row['period']}"
        session = known.astimezone(NEW_YORK).date().isoformat()
        yield Finding(
            check=RECORDS,
            symbol=reference.symbol,
            agent="bundle",
            field=f"{table}.known_at",
            session=session,
            sessions=len({each["known_at"] for each, _ in wrong}),
            record=f"{table} {name}, known at {iso_utc(known)}: {text}",
            was=iso_utc(known),
            became=text,
        )


def _before_it_happened(row: Mapping[str, Any]) -> str | None:
    return "known before it happened" if row["known_at"] < row["event_at"] else None


def _day_before_its_end(row: Mapping[str, Any]) -> str | None:
    """A date without a time is known at the end of that day in New York."""
    if row["time_precision"] != "day":
        return None
    local = row["known_at"].to_pydatetime().astimezone(NEW_YORK)
    day = row["event_at"].to_pydatetime().astimezone(NEW_YORK).date()
    end = datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=NEW_YORK)
    return "a date without a time, used before that day was over" if local < end - timedelta(seconds=1) else None


def _written_later(row: Mapping[str, Any]) -> str | None:
    kind = row.get("summary_kind", row.get("text_kind"))
    return "a text that was written later (derived_text = allow)" if kind == DERIVED else None


def _before_its_period_ended(row: Mapping[str, Any]) -> str | None:
    period = str(row["period"] or "")
    known = row["known_at"].to_pydatetime().astimezone(NEW_YORK).date().isoformat()
    return "figures of a period that had not ended" if len(period) == len(known) and known <= period else None


def _before_its_filing(filings: list[dict[str, Any]]) -> Rule:
    first: dict[tuple[str, str], Any] = {}
    for filing in filings:
        key = (filing["form"], filing["period"])
        first[key] = min(first.get(key, filing["known_at"]), filing["known_at"])

    def rule(row: Mapping[str, Any]) -> str | None:
        filed = first.get((row["form"], row["period"])) if row["period"] else None
        return "figures known before they were filed" if filed is not None and row["known_at"] < filed else None

    return rule


def _finding(check: str, reference: Reference, session: date, agent: str, field: str, was: object, honest: object) -> Finding:
    return Finding(check, reference.symbol, agent, field, session.isoformat(), 1, f"{was}, where {honest} is honest", str(was), str(honest))


def grouped(findings: Iterable[Finding]) -> list[Finding]:
    """One for each symbol, agent and field: the first, with the number of sessions."""
    by_place: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        rule = finding.became if finding.check == RECORDS else ""
        by_place.setdefault((finding.check, finding.symbol, finding.agent, finding.field, rule), []).append(finding)
    return [
        group[0] if len(group) == 1 else replace(group[0], sessions=len({each.session for each in group})) for group in by_place.values()
    ]
