"""Verdicts of the risk layer by code, how stops ended, and why there was no order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tradinggroup.backtest.orders import ORDER_STATUSES, order_id
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.runs.figures import NONE, counted, number, percent
from tradinggroup.runs.report.html import Html, joined, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import nothing, remark, section, table
from tradinggroup.runs.summary import ALL, HOLD_KINDS
from tradinggroup.runs.text.show import HOLD_MEANINGS


def risk(material: Material) -> Html:
    """Codes, stops, holds and the ends of orders."""
    if not material.decisions:
        return section("risk", "Risk verdicts, stops and holds", nothing("Nothing was decided, so the risk layer had nothing to say."))
    return section(
        "risk",
        "Risk verdicts, stops and holds",
        tag(
            "div",
            [
                tag("div", tag("h3", "Verdicts by code"), _codes(material)),
                tag("div", tag("h3", "Decisions without an order"), _holds(material), *_orders(material)),
            ],
            class_="two",
        ),
        tag("h3", "Stops and targets"),
        _stops(material),
    )


def _codes(material: Material) -> Html:
    counts = Counter(line["risk"]["reason_code"] for line in material.decisions)
    counts.update(row["fill_reason_code"] for row in material.orders if row["fill_reason_code"] is not None)
    counts.update(
        row["reason_code"] for row in material.orders if row["order_id"] != order_id(row["symbol"], row["session"])
    )  # inside a bar
    rows = [
        [code, ReasonCode[code].meaning if code in ReasonCode.__members__ else "", number(count)] for code, count in counts.most_common()
    ]
    return table(["code", "meaning", "times"], rows, left=2)


def _holds(material: Material) -> Html:
    holds = material.run.summary()["holds"]
    total = sum(holds.values())
    rows = [
        [kind, HOLD_MEANINGS[kind], number(holds[kind]), percent(holds[kind] / total, decimals=0, signed=False) if total else NONE]
        for kind in HOLD_KINDS
    ]
    return table(["hold by", "meaning", "decisions", "share"], rows, left=2)


def _orders(material: Material) -> Iterator[Html]:
    orders = material.header.get("orders") or {}
    if orders.get("sent"):
        ends = ", ".join(f"{orders[status]:,d} {status}" for status in ORDER_STATUSES if orders.get(status))
        yield remark(f"{counted(orders['sent'], 'order')} sent: {ends}.")


def _stops(material: Material) -> Html:
    stops = material.header.get("stops") or {}
    shown = {ALL: stops[ALL], **{name: each for name, each in stops.items() if name != ALL}} if ALL in stops else {}
    rows = [
        [
            name,
            number(each["stop_exits"]),
            number(each["target_exits"]),
            *(number(each[f"loss_over_threshold_{part}"]) for part in ("median", "p95", "worst")),
            f"{each['widened_sessions']:,d} of {each['losing_sessions']:,d}",
        ]
        for name, each in (shown.items() if len(shown) > 2 else list(shown.items())[:1])
    ]
    if not rows:
        return nothing("No stops were counted.")
    heads = ["", "stop exits", "target exits", "loss over threshold, median", "95 %", "worst", "stop moved down while losing"]
    said = "A loss over its threshold of 1 is what the stop promised; 2 is a loss twice as deep. The last column counts losing sessions."
    return joined([table(heads, rows), remark(said)])
