"""One decision taken apart: what was known, what each agent said, what the risk layer did, and what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date
from typing import Any

from tradinggroup.clock import NEW_YORK, parse_utc
from tradinggroup.runs.case import AGENTS, SWITCHES, Case, call_counts, cases_of
from tradinggroup.runs.figures import NONE, counted, number, percent, usd, wrapped
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.text.warnings import with_warnings

LABEL_WIDTH = 20
ITEMS_SHOWN = 10


def text_explain(run: RunFolder, session: date | str, symbol: str | None = None) -> str:
    """The decisions of a session, of one symbol or all, as a tree of at most 80 columns. Raises DataError DECISION_NOT_FOUND."""
    return with_warnings(run, "\n\n".join(text_case(run, case) for case in cases_of(run, session, symbol)))


def explain_rows(run: RunFolder, session: date | str, symbol: str | None = None) -> list[dict[str, Any]]:
    """The same as plain values, for JSON. Raises DataError DECISION_NOT_FOUND."""
    return [case.to_plain() | {"calls": call_counts(run, case)} for case in cases_of(run, session, symbol)]


def text_case(run: RunFolder, case: Case) -> str:
    """One decision, from its inputs to its outcome."""
    line = case.decision
    lessons = {lesson["agent"]: lesson for lesson in case.lessons_shown}
    without = run.settings.get("without") or ()
    parts = [
        _heading(case),
        *_features(line["features"]),
        *(row for agent in AGENTS[:-1] for row in agent_lines(line, agent, lessons.get(agent), without=without)),
        *_risk(line),
        *agent_lines(line, "decision", lessons.get("decision")),
        *_order(case),
        *_outcomes(case),
        *_lessons_born(case),
        *_calls(run, case),
    ]
    return "\n".join(parts)


def agent_lines(line: Line, agent: str, lesson: Line | None = None, *, without: Collection[str] = ()) -> Iterator[str]:
    """What one agent of a decision line saw and said; `lesson` is the experience that stood in its prompt.

    `without` names the parts that the run was made without.
    """
    if SWITCHES.get(agent, agent) in without:
        yield from _switched_off(line, agent)
    elif agent == "news_sentiment":
        yield from _news(line[agent])
    elif agent == "report_retrieval":
        yield from _report(line[agent])
    elif agent == "forecasting":
        yield from _forecast(line[agent], lesson)
    elif agent == "style_selection":
        yield from _style(line[agent], lesson)
    else:
        yield from _decision(line[agent], lesson)


def _switched_off(line: Line, agent: str) -> Iterator[str]:
    style = f"{line[agent]['style']}, always; " if agent == "style_selection" else ""
    yield from _part(f"{AGENTS.index(agent) + 1} {agent}", f"{style}switched off (--without {SWITCHES.get(agent, agent)})")


def _part(label: str, text: str) -> list[str]:
    """A line of the tree: its label in a column of its own, the text wrapped beside it."""
    return wrapped(text, first=f"  {label:<{LABEL_WIDTH}}")


def _more(text: str) -> list[str]:
    """A line below a part."""
    return wrapped(text, first=" " * 6)


def _heading(case: Case) -> str:
    as_of = parse_utc(case.decision["as_of"]).astimezone(NEW_YORK)
    day = "" if as_of.date().isoformat() == case.session else f"{as_of:%Y-%m-%d} "
    newest = moment(case.decision["newest_known_at"])
    text = f"decision {case.session} {case.symbol}   as of {day}{as_of:%H:%M} New York, newest input {newest}"
    return "\n".join(wrapped(text, then=" " * 6))


def moment(text: str) -> str:
    """`2023-09-19 13:05` in New York."""
    return f"{parse_utc(text).astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


def _features(features: Line) -> Iterator[str]:
    yield from _part(
        "features",
        f"return 1 session {percent(features['return_1_fraction'])}, 5 {percent(features['return_5_fraction'])}, "
        f"20 {percent(features['return_20_fraction'])}; RSI {number(features['rsi14'], decimals=0)}; "
        f"{percent(features['distance_to_high_fraction'])} from the 20-session high; "
        f"volatility {percent(features['volatility_per_year_fraction'], signed=False)} a year",
    )


def _news(news: Line) -> Iterator[str]:
    if news["no_news"]:
        yield from _part("1 news_sentiment", f"no news ({counted(news['items_seen'], 'item')} seen)")
        return
    kept = f"{len(news['items'])} kept of {counted(news['items_seen'], 'item')}"
    yield from _part("1 news_sentiment", f"{news['score']:+.2f} {news['label']}   {kept}")
    yield from _failure(news)
    for item in news["items"][:ITEMS_SHOWN]:
        score = NONE if item["score"] is None else f"{item['score']:+.2f}"
        yield from _more(f"{score}  {moment(item['known_at'])}  {item['id']}: {item['title']}")
        yield from _failure(item)
    if len(news["items"]) > ITEMS_SHOWN:
        yield from _more(f"... and {len(news['items']) - ITEMS_SHOWN} more in decisions.jsonl")
    yield from _said(news.get("analysis"))


def _report(report: Line) -> Iterator[str]:
    if report["no_filing"]:
        yield from _part("2 report_retrieval", "no filing known")
    for place, (form, filing) in enumerate(report["forms"].items()):
        passages = counted(len(filing.get("passages") or ()), "passage")
        text = f"{form} of {filing['period']}, known since {moment(filing['known_at'])}, {passages} ({filing['filing_id']})"
        yield from _part("" if place else "2 report_retrieval", text)
        yield from _failure(filing)
        yield from _said(filing.get("summary"))


def _forecast(forecast: Line, lesson: Line | None) -> Iterator[str]:
    if forecast["failure"] is not None:
        yield from _part("3 forecasting", f"no forecast was made: one third for each, so {forecast['gated_label']}")
        yield from _reasons(forecast, lesson)
        return
    probabilities = f"up {forecast['p_up']:.2f}  sideways {forecast['p_sideways']:.2f}  down {forecast['p_down']:.2f}"
    kept = forecast["argmax_label"] == forecast["gated_label"]
    gate = f"kept {forecast['gated_label']}" if kept else f"{forecast['argmax_label']} became {forecast['gated_label']}"
    yield from _part("3 forecasting", f"{probabilities}   gate ({forecast['gate']}): {gate}")
    yield from _reasons(forecast, lesson)


def _style(style: Line, lesson: Line | None) -> Iterator[str]:
    yield from _part("4 style_selection", f"{style['style']} {number(style['confidence'])}")
    yield from _reasons(style, lesson)


def _risk(line: Line) -> Iterator[str]:
    limits, account = line["risk"]["thresholds"], line["sizing"]["account"]
    held = "flat" if not account["shares"] else f"open position {percent(account['unrealised_fraction'])}"
    if limits is None:
        yield from _part("  risk", f"{held}; stops are switched off")
        return
    yield from _part(
        "  risk",
        f"{held}; stop {percent(limits['stop_loss_fraction'])}, take {percent(limits['take_profit_fraction'])} "
        f"(sigma10 {percent(limits['sigma10_fraction'], signed=False)}): " + _forced(line),
    )


def _forced(line: Line) -> str:
    if line["decision"] is not None:
        return "no forced sell"
    code = line["risk"]["reason_code"]
    return f"forced sell, {code}" if line["sizing"]["order_id"] else f"an earlier forced sell goes on, {code}"


def _decision(decision: Line | None, lesson: Line | None) -> Iterator[str]:
    if decision is None:
        yield from _part("5 decision", "not asked: the risk layer decided")
        return
    yield from _part("5 decision", f"{decision['action'] or 'no usable answer'} {number(decision['confidence'])}")
    yield from _reasons(decision, lesson)


def _order(case: Case) -> Iterator[str]:
    risk, sizing = case.decision["risk"], case.decision["sizing"]
    numbers = ", ".join(f"{key}={_plain(value)}" for key, value in (risk["numbers"] or {}).items())
    verdict = f"{risk['status']}, {risk['reason_code']}" + (f": {numbers}" if numbers else "")
    if not sizing["order_id"]:
        kind = case.decision["hold_kind"]
        yield from _part("  order", f"none ({'' if kind is None else f'hold by {kind}; '}{verdict})")
        return
    style = case.decision["style_selection"]["style"]
    yield from _part(
        "  order", f"{'buy' if sizing['shares'] > 0 else 'sell'} {counted(abs(sizing['shares']), 'share')} ({style}; {verdict})"
    )
    for fill in case.fills:
        yield from _part("  fill", f"{fill['session']} at {usd(fill['price_usd'])}, commission {usd(fill['commission_usd'])} USD")
    if case.order is not None and case.order["status"] != "filled":
        code = case.order["fill_reason_code"]
        yield from _part("", f"{case.order['status']}{f': {code}' if code else ''}, {abs(case.order['shares_filled'] or 0)} filled")
    if case.order is None:
        yield from _part("  fill", "none yet")


def _outcomes(case: Case) -> Iterator[str]:
    if not case.outcomes:
        yield from _part("  outcome", "not known yet when the run ended")
    for place, outcome in enumerate(case.outcomes):
        yield from _part("" if place else "  outcome", f"known {outcome['session']}: {outcome_text(outcome, case.decision)}")


def forecast_label(forecast: Line) -> str:
    """The most probable class, and what the gate made of it where that differs: `down, gated to sideways`."""
    label, gated = forecast["argmax_label"], forecast["gated_label"]
    return str(label) if label == gated else f"{label}, gated to {gated}"


def outcome_text(outcome: Line, decision: Line | None = None) -> str:
    """What a line of `outcomes.jsonl` says, in words; with its `decision` also what the gate made of the forecast."""
    if outcome["reason"] is not None:
        return f"{outcome['kind']} has no label ({outcome['reason']})"
    if outcome["kind"] == "forecast":
        price = f"price {percent(outcome['return_fraction'])}, so {outcome['true_label']}"
        if outcome.get("is_fallback"):
            return f"{price}; no forecast was made"
        label = outcome["argmax_label"] if decision is None else forecast_label(decision["forecasting"])
        comma = "," if label != outcome["argmax_label"] else ""
        hit = "right" if outcome["correct"] else "wrong"
        return f"{price}; forecast {label}{comma} was {hit}, it had given {outcome['p_true']:.2f} to that"
    return (
        f"equity {percent(outcome['equity_return_fraction'])} by {outcome['executed_action']}, reward {outcome['reward_taken']:+.4f}; "
        f"best was {outcome['best_action']}, regret {outcome['regret']:.4f}"
    )


def _lessons_born(case: Case) -> Iterator[str]:
    for place, lesson in enumerate(case.lessons_born):
        yield from _part("" if place else "  taught", f"{lesson['agent']} from {lesson['session']} on ({lesson['lesson_id']})")


def _calls(run: RunFolder, case: Case) -> Iterator[str]:
    counts = call_counts(run, case)
    if counts:
        by_agent = ", ".join(f"{agent} {count}" for agent, count in counts.items())
        yield from _part("  calls", f"{sum(counts.values())} ({by_agent}):")
        yield f"    tradinggroup logs {run.run_id} --session {case.session} --symbol {case.symbol}"  # in one piece, to be pasted


def _reasons(answer: Line, lesson: Line | None) -> Iterator[str]:
    yield from _failure(answer)
    if lesson is not None:
        source = f"{counted(len(lesson['outcome_ids']), 'outcome')} known by {moment(lesson['known_at'])}"
        yield from _more(f"experience {lesson['lesson_id']}, from {source}:")
        yield from wrapped(lesson["text"], first=" " * 8 + "| ", then=" " * 8 + "| ")
    yield from _said(answer.get("reasoning"))


def _said(text: str | None) -> Iterator[str]:
    if text:
        yield from _more(f'"{text}"')


def _failure(answer: Line) -> Iterator[str]:
    failure = answer.get("failure")
    if failure is not None:
        yield from _more(f"FAILED ({failure['kind']}): {failure['detail']}")


def _plain(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
