"""A filing as sentences and overlapping chunks (spec 3).

Filings come as they are: lower-cased, with stray spaces inside words ("th e following"), with bullets instead of full
stops, with a table that became one sentence of a thousand words. Nothing is repaired and no word is lost; every chunk has
at most `max_words` words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tradinggroup.settings import ReportSettings

_MARKUP = re.compile(r"##table_\w+", re.IGNORECASE)
_LINE_BREAK = re.compile(r"\n\s*\n|\n(?=\s*[•▪●*\-–(\dA-Z])")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:inc|corp|co|ltd|llc|no|vs|mr|ms|mrs|dr|jr|approx|st|e\.g|i\.e|u\.s|u\.k)|(?:^|\s)[a-z])\.$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of sentences of one section. `id` orders the chunks as the filing does: `s01c0007`."""

    id: str
    section: str
    text: str


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, white space collapsed. Every word of the text is in exactly one of them."""
    found: list[str] = []
    for paragraph in _LINE_BREAK.split(_MARKUP.sub(" ", text)):
        pending = ""
        for part in _parts(paragraph):
            pending = f"{pending} {part}" if pending else part
            if not _ABBREVIATION.search(pending[-8:]):
                found.append(pending)
                pending = ""
        if pending:
            found.append(pending)
    return found


def chunk_sections(sections: Sequence[tuple[str, str]], settings: ReportSettings) -> list[Chunk]:
    """Chunks of all sections, in the filing's order; none crosses a section."""
    return [
        Chunk(f"s{number:02d}c{position:04d}", name, text)
        for number, (name, body) in enumerate(sections, start=1)
        for position, text in enumerate(windows(sentences(body), settings), start=1)
    ]


def windows(found: Sequence[str], settings: ReportSettings) -> list[str]:
    """Sliding windows of `window_sentences` sentences every `stride_sentences`, each cut off before it passes `max_words`.

    A window that the limit cut short moves on by no more than it holds, so that every sentence is in some window.
    """
    pieces = [piece for sentence in found for piece in _at_most(sentence, settings.max_words)]
    lengths = [len(piece.split()) for piece in pieces]
    chunks: list[str] = []
    start = 0
    while start < len(pieces):
        end, total = start + 1, lengths[start]
        while end < len(pieces) and end - start < settings.window_sentences and total + lengths[end] <= settings.max_words:
            total += lengths[end]
            end += 1
        chunks.append(" ".join(pieces[start:end]))
        if end == len(pieces):
            break
        start += min(settings.stride_sentences, end - start)
    return chunks


def _parts(paragraph: str) -> list[str]:
    """The paragraph cut after full stops, closing quotes kept, white space collapsed, empty parts left out."""
    cuts = [0, *(match.end() for match in _SENTENCE_END.finditer(paragraph)), len(paragraph)]
    parts = (" ".join(paragraph[start:end].split()) for start, end in pairwise(cuts))
    return [part for part in parts if part]


def _at_most(sentence: str, max_words: int) -> list[str]:
    found = sentence.split()
    if len(found) <= max_words:
        return [sentence]
    return [" ".join(found[start : start + max_words]) for start in range(0, len(found), max_words)]
