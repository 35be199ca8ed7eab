"""The claim card as a table."""

from __future__ import annotations

from tradinggroup.runs.report.html import Html, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import badge, remark, section

HEAD = ("question", "state", "this run has", "so it may be said", "and it may not be said")


def claims(material: Material) -> Html:
    """One row a question, the verdict above."""
    rows = [
        tag(
            "tr",
            tag("th", claim.topic, scope="row"),
            tag("td", badge(claim.state)),
            tag("td", claim.found),
            tag("td", claim.may),
            tag("td", claim.may_not),
            class_=claim.state,
        )
        for claim in material.card.claims
    ]
    heads = tag("tr", (tag("th", text, scope="col") for text in HEAD))
    made = tag("table", tag("thead", heads), tag("tbody", rows), class_="card")
    return section(
        "claims",
        "What may be claimed",
        tag("p", material.card.verdict, class_="verdict"),
        tag("div", made, class_="wide"),
        remark("Made by rules from run.json, checks.jsonl and the ledger. What was not done is missing, however good the result looks."),
    )
