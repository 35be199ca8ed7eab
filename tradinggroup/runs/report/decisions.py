"""Every decision with what it rested on: evidence, five answers, verdict, order, outcome. One line each, to be unfolded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tradinggroup.runs.case import SWITCHES
from tradinggroup.runs.figures import NONE, counted, number, percent, usd
from tradinggroup.runs.folder import Line
from tradinggroup.runs.report.html import Child, Html, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import anchor_of, clipped, nothing, remark, section, table
from tradinggroup.runs.text.explain import forecast_label, moment, outcome_text

NEWS_SHOWN = 2
"""Items, the most influential first, of a decision with an order; one of any other."""
TITLE_CHARACTERS = 80
REASON_CHARACTERS = 130


def decisions(material: Material) -> Html:
    """The list, with a filter by words, symbol and action."""
    if not material.decisions:
        what = (
            "This run had no agents, so nothing was decided."
            if not material.run.settings.get("agents_enabled", True)
            else "No decision was made."
        )
        return section("decisions", "Decisions", nothing(what))
    left_out = sum(not material.has_evidence(line) for line in material.decisions)
    note = f" {counted(left_out, 'plain hold')} of this large run show no evidence here." if left_out else ""
    return section(
        "decisions",
        "Decisions",
        _filter(material),
        tag("div", (_decision(material, line) for line in material.decisions), class_="decisions", id="decision-list", tabindex="0"),
        remark(
            f"{counted(len(material.decisions), 'decision')}; each unfolds. Long texts are cut; ",
            tag("code", f"tradinggroup explain {material.run.run_id} SESSION SYMBOL"),
            f" shows all of one.{note}",
        ),
    )


def filings(material: Material) -> Html | None:
    """Each filing once, as it was read; decisions refer to it by its period."""
    read: dict[str, tuple[str, str, Line]] = {}
    for line in material.decisions:
        for form, filing in line["report_retrieval"]["forms"].items():
            read.setdefault(filing["filing_id"], (line["symbol"], form, filing))
    if not read:
        return None
    rows = [
        [symbol, form, filing["period"], moment(filing["known_at"]), clipped(filing.get("summary") or NONE, 400)]
        for symbol, form, filing in read.values()
    ]
    made = table(["symbol", "form", "period", "known since, New York", "what the agent read in it"], rows, left=5)
    return tag("details", tag("summary", f"{counted(len(rows), 'filing')} read"), made, id="filings")


def action_of(line: Line) -> str:
    """`buy`, `hold` or `sell` as asked, `forced` for an exit by the risk layer, `none` without a usable answer."""
    return "forced" if line["decision"] is None else line["decision"]["action"] or "none"


def _filter(material: Material) -> Html:
    """Shown by the script, which alone can use it."""
    options = [tag("option", "all symbols", value=""), *(tag("option", symbol, value=symbol) for symbol in sorted(material.run.symbols))]
    kinds = [("", "all actions"), ("order", "with an order"), *((kind, kind) for kind in ("buy", "sell", "hold", "forced", "none"))]
    return tag(
        "form",
        tag(
            "input",
            type="search",
            placeholder="find in decisions, such as STOP_LOSS or 2025-04",
            aria_label="find in decisions",
            data_find="",
        ),
        tag("select", options, aria_label="symbol", data_symbol=""),
        tag("select", (tag("option", text, value=value) for value, text in kinds), aria_label="action", data_kind=""),
        tag("output", ""),
        class_="filter",
        data_filter="decision-list",
        hidden="",
    )


def _decision(material: Material, line: Line) -> Html:
    symbol, action = line["symbol"], action_of(line)
    summary = tag(
        "summary",
        tag("b", line["session"]),
        tag("b", symbol),
        tag("i", {"none": "no answer", "forced": "forced sell"}.get(action, action), class_=action),
        tag("span", _said_of_order(line)),
        tag("span", _came_of_it(material, line), class_="muted"),
    )
    kinds = f"{action} order" if line["sizing"]["order_id"] else action
    body = _evidence(material, line) if material.has_evidence(line) else None
    return tag("details", summary, body, id=anchor_of(symbol, line["session"]), data_s=symbol, data_k=kinds)


def _said_of_order(line: Line) -> str:
    sizing = line["sizing"]
    if sizing["order_id"]:
        return f"{'buy' if sizing['shares'] > 0 else 'sell'} {counted(abs(sizing['shares']), 'share')}"
    code = line["risk"]["reason_code"]
    return "" if code == "HOLD" else f"no order: {code}"


def _came_of_it(material: Material, line: Line) -> str:
    """The next session's price, and what the action brought."""
    by_kind = {row["kind"]: row for row in _outcomes(material, line) if row["reason"] is None}
    parts = []
    if "forecast" in by_kind:
        parts.append(f"price {percent(by_kind['forecast']['return_fraction'])}")
    if "decision" in by_kind:
        parts.append(f"equity {percent(by_kind['decision']['equity_return_fraction'])}")
    return ", ".join(parts)


def _outcomes(material: Material, line: Line) -> Any:
    return material.outcomes_of.get((line["symbol"], line["session"]), ())


def _evidence(material: Material, line: Line) -> Iterator[Html]:
    without = material.run.settings.get("without") or ()
    for agent, made in (
        ("news_sentiment", _news),
        ("report_retrieval", _report),
        ("forecasting", _forecast),
        ("style_selection", _style),
        ("decision", _answer),
    ):
        if SWITCHES.get(agent, agent) in without:
            yield _row(agent.replace("_", " "), "switched off")
        else:
            yield from made(line)
    yield _row("verdict", _verdict(line))
    yield from _order(material, line)
    for outcome in _outcomes(material, line):
        yield _row("outcome", f"{outcome['session']}: {outcome_text(outcome, line)}")


def _row(name: str, *children: Child) -> Html:
    return tag("p", tag("b", name), " ", children)


def _news(line: Line) -> Iterator[Html]:
    news = line["news_sentiment"]
    if news["no_news"]:
        yield _row("news", f"none ({counted(news['items_seen'], 'item')} seen)")
        return
    yield _row(
        "news", f"{news['score']:+.2f} {news['label']}, {len(news['items'])} of {counted(news['items_seen'], 'item')} kept", _failure(news)
    )
    for item in news["items"][: NEWS_SHOWN if line["sizing"]["order_id"] else 1]:
        score = NONE if item["score"] is None else f"{item['score']:+.2f}"
        yield _row("", f"{score} {clipped(item['title'], TITLE_CHARACTERS)}")


def _report(line: Line) -> Iterator[Html]:
    report = line["report_retrieval"]
    known = [f"{form} of {filing['period']}" for form, filing in report["forms"].items()]
    failures = [made for filing in report["forms"].values() if (made := _failure(filing)) is not None]
    yield _row("filings", ", ".join(known) or "none known", failures)


def _forecast(line: Line) -> Iterator[Html]:
    forecast = line["forecasting"]
    if forecast["failure"] is not None:
        yield _row("forecast", "none, so one third each", _failure(forecast))
        return
    chances = f"up {forecast['p_up']:.2f}, sideways {forecast['p_sideways']:.2f}, down {forecast['p_down']:.2f}: {forecast_label(forecast)}"
    yield _row("forecast", chances, _reasons(forecast))


def _style(line: Line) -> Iterator[Html]:
    style = line["style_selection"]
    yield _row("style", f"{style['style']} {number(style['confidence'])}", _reasons(style), _failure(style))


def _answer(line: Line) -> Iterator[Html]:
    answer = line["decision"]
    if answer is None:
        yield _row("decision", "not asked: the risk layer sold")
        return
    yield _row("decision", f"{answer['action'] or 'no usable answer'} {number(answer['confidence'])}", _reasons(answer), _failure(answer))


def _verdict(line: Line) -> str:
    risk, account = line["risk"], line["sizing"]["account"]
    held = "flat" if not account["shares"] else f"{counted(account['shares'], 'share')} held at {percent(account['unrealised_fraction'])}"
    limits = risk["thresholds"]
    stops = f", stop {percent(limits['stop_loss_fraction'])}, target {percent(limits['take_profit_fraction'])}" if limits else ", no stops"
    numbers = ", ".join(
        f"{key}={value:.4f}" if isinstance(value, float) else f"{key}={value}" for key, value in (risk["numbers"] or {}).items()
    )
    return f"{risk['status']}, {risk['reason_code']}{f' ({numbers})' if numbers else ''}; {held}{stops}"


def _order(material: Material, line: Line) -> Iterator[Html]:
    order_id = line["sizing"]["order_id"]
    if not order_id:
        yield _row("order", f"none, hold by {line['hold_kind']}")
        return
    order, fills = material.order_of.get(order_id), material.fills_of.get(order_id, ())
    texts = [
        f"{counted(abs(fill['shares']), 'share')} on {fill['session']} at {usd(fill['price_usd'])}, "
        f"commission {usd(fill['commission_usd'])} USD"
        for fill in fills
    ]
    status = f"{order['status']}{', ' + order['fill_reason_code'] if order['fill_reason_code'] else ''}: " if order else ""
    yield _row("order", f"{status}{'; '.join(texts) or 'no fill'}")


def _reasons(answer: Line) -> Html | None:
    text = clipped(answer.get("reasoning") or "", REASON_CHARACTERS)
    return tag("q", text) if text else None


def _failure(answer: Line) -> Html | None:
    failure = answer.get("failure")
    return tag("em", f" failed ({failure['kind']}): {clipped(failure['detail'], 120)}", class_="fault") if failure is not None else None
