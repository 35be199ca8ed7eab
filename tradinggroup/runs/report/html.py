"""Markup that cannot forget to escape: every text is escaped on its way in, and only `tag` makes what is not."""

from __future__ import annotations

import html
from collections.abc import Iterable

from tradinggroup.runs.figures import printable

VOID = frozenset({"meta", "input", "br", "link", "line", "rect", "circle", "path", "polyline", "polygon"})
"""Elements that are written without children and without an end."""


class Html(str):
    """Finished markup. Nothing but `tag`, `joined` and `raw` makes one."""

    __slots__ = ()


Child = Html | str | int | None | Iterable["Child"]
"""What may stand inside an element: markup as it is, any other text escaped, None nothing, and any of them in a row."""


def tag(name: str, /, *children: Child, **attributes: str | float | None) -> Html:
    """`<name …>children</name>`; an attribute's underscores become hyphens, a last one is dropped (`class_`), None leaves it out."""
    written = "".join(f' {_attribute(key)}="{escaped(str(value))}"' for key, value in attributes.items() if value is not None)
    if name in VOID and not children:
        return Html(f"<{name}{written}>" if name in {"meta", "input", "br", "link"} else f"<{name}{written}/>")
    return Html(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable[Child]) -> Html:
    """The children one after another, texts escaped."""
    return Html("".join(_shown(child) for child in children))


def raw(text: str) -> Html:
    """Text that belongs to this package (its style and script), as it is. Never for anything that was read."""
    return Html(text)


def escaped(text: str) -> str:
    """`text` for markup or an attribute. Control characters and marks that turn the direction of writing become blanks."""
    return html.escape(_clean(text))


def _clean(text: str) -> str:
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def _shown(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child
    if isinstance(child, str):
        return html.escape(_clean(child), quote=False)
    return str(child) if isinstance(child, int) else joined(child)


def _attribute(key: str) -> str:
    return key.removesuffix("_").replace("_", "-")
