"""Building blocks of a page: sections, tables, links to decisions, small remarks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tradinggroup.runs.report.html import Child, Html, joined, tag
from tradinggroup.runs.report.material import Material

LONG_TABLE_ROWS = 30
"""Rows above which a table scrolls by itself."""
LONGEST_TEXT = 260
"""Characters of a text that a model wrote; `explain` shows all of it."""


def section(name: str, title: str, *children: Child, intro: Child = None) -> Html:
    """One part of the page, with an anchor."""
    return tag(
        "section", tag("h2", tag("a", title, href=f"#{name}")), tag("p", intro, class_="intro") if intro else None, children, id=name
    )


def table(head: Sequence[Child], rows: Iterable[Sequence[Child]], *, left: int = 1, class_: str = "") -> Html:
    """A sortable table that scrolls by itself where it is too wide: the first `left` columns flush left, the others are figures."""
    cells = [tag("tr", (tag("td", cell, class_=None if place < left else "n") for place, cell in enumerate(row))) for row in rows]
    heads = tag("tr", (tag("th", cell, scope="col", class_=None if place < left else "n") for place, cell in enumerate(head)))
    made = tag("table", tag("thead", heads), tag("tbody", cells), class_=f"sort {class_}".strip())
    return tag("div", made, class_="wide tall" if len(cells) > LONG_TABLE_ROWS else "wide")


def remark(*children: Child) -> Html:
    """A small grey sentence."""
    return tag("p", children, class_="remark")


def nothing(text: str) -> Html:
    """What stands in place of a part that this run has not got."""
    return tag("p", text, class_="nothing")


def anchor_of(symbol: str, session: str) -> str:
    """The id of a decision on the page."""
    return f"d-{symbol}-{session}"


def decision_link(material: Material, symbol: str, session: str, text: Child = None) -> Html:
    """A link to a decision, the session unless another text is given; the text alone where the run has no line of it."""
    shown = session if text is None else text
    return tag("a", shown, href=f"#{anchor_of(symbol, session)}") if (symbol, session) in material.places else joined([shown])


def clipped(text: str, longest: int = LONGEST_TEXT) -> str:
    """`text` on one line, cut at a word with an ellipsis where it is longer."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[:longest].rsplit(' ', 1)[0]} …"


def prose(lines: Iterable[str]) -> str:
    """Lines of a terminal page as one text."""
    return " ".join(" ".join(lines).split())


def badge(state: str, text: str | None = None) -> Html:
    """A state with its sign, so that colour alone never tells it."""
    signs = {"ok": "✓", "weak": "~", "missing": "○", "failed": "✕"}
    return tag("span", f"{signs[state]} " if state in signs else None, text or state, class_=f"badge {state}")


def definitions(pairs: Iterable[tuple[str, Child]], *, class_: str = "") -> Html:
    """Names with their values, as a grid."""
    return tag("dl", (joined((tag("div", tag("dt", name), tag("dd", value)),)) for name, value in pairs), class_=f"facts {class_}".strip())
