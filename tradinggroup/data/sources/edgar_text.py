"""From EDGAR's documents to plain text: markup taken off, annual and quarterly reports cut at their items."""

from __future__ import annotations

import re
from html.parser import HTMLParser

BLOCKS = frozenset({"p", "div", "tr", "li", "br", "table", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "title"})
HIDDEN = frozenset({"script", "style", "ix:header"})
ITEM = re.compile(r"^\s*item\s+(\d{1,2}[a-c]?)\s*[.:\u2014\u2013-]\s*(.*)$", re.IGNORECASE)
DOCUMENT = re.compile(r"<DOCUMENT>\s*<TYPE>([^\s<]+)(.*?)</DOCUMENT>", re.DOTALL | re.IGNORECASE)
TEXT = re.compile(r"<TEXT>(.*?)(?:</TEXT>|$)", re.DOTALL | re.IGNORECASE)
LEAST_SECTION_CHARACTERS = 200
"""Shorter pieces between two headings of items are lines of a table of contents."""


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 (HTMLParser's signature)
        self._hidden += tag in HIDDEN
        self.parts.append("\n" if tag in BLOCKS else " " if tag == "td" else "")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in HIDDEN and self._hidden > 0
        self.parts.append("\n" if tag in BLOCKS else "")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def plain_text(markup: str) -> str:
    """The words of a document, a line for each block."""
    words = _Words()
    words.feed(markup)
    words.close()
    lines = [" ".join(line.split()) for line in "".join(words.parts).splitlines()]
    return "\n".join(line for line in lines if line)


def sections(text: str, form: str) -> list[tuple[str, str]]:
    """(name, text) of a report's items in their order; the whole under the form's name where no item is found.

    Where an item's heading comes more than once, as in a table of contents, the longest piece after one of them is it.
    """
    pieces: dict[str, tuple[str, list[str]]] = {}
    best: dict[str, tuple[str, str]] = {}
    key = ""
    for line in text.splitlines():
        match = ITEM.match(line)
        if match:
            _settle(best, pieces.pop(key, None), key)
            key = match[1].upper()
            pieces[key] = (f"Item {key} {match[2].strip()}".strip(), [])
        elif key:
            pieces[key][1].append(line)
    _settle(best, pieces.pop(key, None), key)
    found = [(name, body) for name, body in best.values() if len(body) >= LEAST_SECTION_CHARACTERS]
    return found or [(form, text)]


def _settle(best: dict[str, tuple[str, str]], piece: tuple[str, list[str]] | None, key: str) -> None:
    if piece is not None:
        body = "\n".join(piece[1])
        if len(body) > len(best.get(key, ("", ""))[1]):
            best[key] = (piece[0], body)


def documents(submission: str) -> list[tuple[str, str]]:
    """(type, plain text) of the documents in a complete submission file."""
    found = []
    for kind, body in DOCUMENT.findall(submission):
        text = TEXT.search(body)
        found.append((kind.upper(), plain_text(text[1] if text else body)))
    return found
