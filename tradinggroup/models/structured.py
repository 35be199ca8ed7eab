"""From the raw text of an answer to a validated answer or a typed failure. Nothing is guessed, and nothing is left out in silence.

Taken off on every rung: a byte order mark, a thinking block, one fence around the whole. Only the rung `text` looks for an
object inside other words, and only `tool_call` reads arguments that were written as JSON twice.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

import orjson
from pydantic import ValidationError

from tradinggroup.models.answers import Answer
from tradinggroup.models.port import Failure, FailureKind
from tradinggroup.models.rungs import Rung
from tradinggroup.models.schema_errors import one_line, schema_failure

LONGEST_CHARACTERS = 100_000
"""Of an answer: some twenty times what a card's `max_tokens` gives (ours)."""
_MOST_STARTS = 1000
"""Objects in a text that are tried (ours): a text full of them must not take long."""
_START = re.compile(r"\[\s*\{|[{}]")
_PROSE = re.compile(r"\{[^{}\"':]+\}")
_FENCE = re.compile(r"```[A-Za-z]*[ \t]*\r?\n(.*?)\r?\n?```", re.DOTALL)
_NON_FINITE = {"NaN": FailureKind.NOT_A_NUMBER, "Infinity": FailureKind.INFINITE, "-Infinity": FailureKind.INFINITE}


def parse_answer(text: str, schema: type[Answer], rung: Rung = Rung.JSON_SCHEMA) -> Answer | Failure:
    """The answer in `text` (on `tool_call`: in the tool's arguments), or why there is none.

    Types are strict: the text "0.5" is no number. Fields that the schema does not know are ignored.
    """
    if len(text) > LONGEST_CHARACTERS:
        return Failure(FailureKind.TOO_LONG, f"the answer has {len(text):,} characters, more than {LONGEST_CHARACTERS:,}")
    value = _json_value(text, rung)
    if isinstance(value, Failure):
        return value
    try:
        return schema.model_validate(value, strict=True)
    except ValidationError as error:
        return schema_failure(error, value, schema)


def without_wrapping(text: str) -> str:
    """`text` without a byte order mark, a leading thinking block (its opening tag may be missing) and a fence around the rest."""
    bare, _ = split_thinking(text)
    fenced = _FENCE.fullmatch(bare)
    return fenced[1].strip() if fenced else bare


def split_thinking(text: str) -> tuple[str, str]:
    """`text` after its leading thinking block, and what was thought; thinking without an end is all there is."""
    bare = text.removeprefix("\ufeff").strip()
    head, closing, rest = bare.rpartition("</think>")
    if closing and (head.startswith("<think>") or "<think>" not in head):
        return rest.strip(), head.removeprefix("<think>").strip()
    return ("", bare.removeprefix("<think>").strip()) if bare.startswith("<think>") else (bare, "")


def last_object(text: str) -> str | None:
    """The last JSON object (or list of them) that stands in `text` on its own, not inside another one; None where there is none.

    None, too, where a brace opens what is no whole object, or closes nothing: such a text may hold an answer that was cut off or
    written wrongly, and a draft or an example beside it must not pass for it. Braces around words (`{name}`) before the object are prose.
    """
    decoder, found, end = json.JSONDecoder(), None, 0
    for _ in range(_MOST_STARTS):
        start = _START.search(text, end)
        if start is None:
            return found
        prose = _PROSE.match(text, start.start())
        if prose:
            found, end = None, prose.end()
            continue
        try:
            _, end = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            return None
        found = text[start.start() : end]
    return None


def _json_value(text: str, rung: Rung) -> Any | Failure:
    bare = without_wrapping(text)
    if not bare:
        return Failure(FailureKind.EMPTY, "nothing follows the thinking" if text.strip("\ufeff \t\r\n") else "the answer is empty")
    try:
        value = orjson.loads(bare)
    except orjson.JSONDecodeError as error:
        inner = last_object(bare) if rung is Rung.TEXT else None
        return _not_json(bare, error) if inner is None or inner == bare else _json_value(inner, rung)
    if rung is Rung.TOOL_CALL and isinstance(value, str):
        return _json_value(value, Rung.JSON_OBJECT)
    return _odd_content(bare) or value


def _not_json(text: str, error: orjson.JSONDecodeError) -> Failure:
    """Why it is no JSON. Python's own reader tells numbers that are none from everything else."""
    odd: list[str] = []

    def check(number: str) -> None:
        if math.isinf(float(number)):
            odd.append(number)

    try:
        json.loads(text, parse_constant=odd.append, parse_float=check, parse_int=check)
    except (ValueError, RecursionError):
        odd.clear()
    if not odd:
        return Failure(FailureKind.NOT_JSON, one_line(f"not valid JSON: {error}"))
    kind = _NON_FINITE.get(odd[0], FailureKind.INFINITE)
    return Failure(kind, one_line(f"not valid JSON: {odd[0][:20]} is no finite number"))


def _odd_content(text: str) -> Failure | None:
    """What JSON allows and no reader should settle by itself: a key that stands twice, a null character."""
    twice: list[str] = []

    def check(pairs: Iterable[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                twice.append(key)
            seen.add(key)

    try:
        json.loads(text, object_pairs_hook=check)
    except (ValueError, RecursionError):
        return Failure(FailureKind.NOT_JSON, "not valid JSON: it is nested too deeply")
    if twice:
        return Failure(FailureKind.SCHEMA, one_line(f"the key {twice[0]!r} stands twice"))
    return Failure(FailureKind.SCHEMA, "a text holds a null character") if "\\u0000" in text else None
