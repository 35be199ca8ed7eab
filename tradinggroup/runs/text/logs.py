"""Model calls in words, at 80 columns: one line each, or one in full with its prompt, every attempt and the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tradinggroup.models.registry import is_local
from tradinggroup.runs.call_log import LoggedCall
from tradinggroup.runs.figures import WIDTH, columns, counted, number, printable, usd, wrapped
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.text.warnings import with_warnings

CALLS_LISTED = 20
"""The last so many calls are listed where nothing else is asked for."""
CALLS_IN_FULL = 3
LABEL = 10
_LEAST_ANSWER = 12
"""Characters that an answer has in the list, however wide the other columns are."""

_SHORT_NAMES = {"p_up": "up", "p_down": "down", "p_sideways": "sideways", "confidence": "", "score": ""}


def text_logs(run: RunFolder, calls: Sequence[LoggedCall], *, full: bool = False, limit: int | None = None) -> str:
    """The page of `logs`: the last `limit` calls (all with 0), as a list or in `full`, and how to see one whole."""
    most = (CALLS_IN_FULL if full else CALLS_LISTED) if limit is None else limit
    shown = calls[-most:] if most else calls
    parts = ["\n".join(wrapped(_count_text(calls, len(shown))))]
    if full:
        parts += [call_text(call) for call in shown]
    elif shown:
        parts += [call_table(shown), f"one in full: tradinggroup logs {run.run_id} --call {shown[-1].short_key}"]
    return with_warnings(run, "\n\n".join(parts))


def _count_text(calls: Sequence[LoggedCall], shown: int) -> str:
    failed = sum(call.call.failure is not None for call in calls)
    retried = sum(len(call.tries) > 1 for call in calls)
    text = f"{counted(len(calls), 'model call')}, {failed:,d} failed, {retried:,d} asked more than once"
    return text + (f"; the last {shown:,d} (--limit 0: all)" if shown < len(calls) else "")


def call_table(calls: Sequence[LoggedCall]) -> str:
    """One line a call; tokens, USD and attempts only where a call has some."""
    head, rows = ["session", "symbol", "agent", "key"], [_place(call) for call in calls]
    extras = {
        "tries": [number(len(call.tries)) for call in calls],
        "tokens": [number(call.call.usage.prompt_tokens + call.call.usage.completion_tokens) for call in calls],
        "USD": [usd(call.cost_usd, decimals=4) for call in calls],
    }
    quiet = {"tries": {"1"}, "tokens": {"0"}, "USD": {"0.0000", "-"}}
    for name, cells in extras.items():
        if set(cells) - quiet[name]:
            head, rows = [*head, name], [[*row, cell] for row, cell in zip(rows, cells, strict=True)]
    lines = columns([head, *rows], left=4).splitlines()
    room = max(_LEAST_ANSWER, WIDTH - max(map(len, lines)) - 2)
    texts = ["answer", *(_cut(said(call), room) for call in calls)]
    wide = max(map(len, lines))
    return "\n".join(f"{line.ljust(wide)}  {text}".rstrip()[:WIDTH] for line, text in zip(lines, texts, strict=True))


def _place(call: LoggedCall) -> list[str]:
    record = call.call
    purpose = "" if record.purpose in {record.agent, "forecast", "style"} else f" {record.purpose}"
    where = f"{record.agent}{purpose}" + (f" {record.position}" if record.position else "")
    return [record.session, record.symbol, where, call.short_key]


def said(call: LoggedCall) -> str:
    """The answer in a few words: its figures and words, then its texts; or what went wrong."""
    record = call.call
    if record.failure is not None:
        return f"FAILED {record.failure.kind}"
    return " ".join(part for part in _answer_parts(record.answer or {}) if part)


def _answer_parts(answer: dict[str, Any]) -> Iterator[str]:
    words = [value for value in answer.values() if isinstance(value, str)]
    yield from (word for word in words if " " not in word)
    for name, value in answer.items():
        if isinstance(value, (int, float)):
            yield f"{_SHORT_NAMES.get(name, name)} {value:.2f}".strip()
    yield from (" ".join(word.split()) for word in words if " " in word)
    yield from ("; ".join(map(str, value)) for value in answer.values() if isinstance(value, list))


def _cut(text: str, room: int) -> str:
    plain = printable(text)
    return plain if len(plain) <= room else f"{plain[: room - 3].rstrip()}..."


def call_text(call: LoggedCall) -> str:
    """One call whole."""
    return "\n".join(_call_lines(call))


def _call_lines(call: LoggedCall) -> Iterator[str]:
    record = call.call
    place = f" {record.position}" if record.position else ""
    yield f"== {record.session} {record.symbol} {record.agent} {record.purpose}{place}"
    yield from _labelled("key", f"{call.short_key}   whence: tradinggroup recordings why RUN {call.short_key}")
    yield from _labelled("model", _model_text(call))
    if record.usage.prompt_tokens or record.usage.completion_tokens:
        yield from _labelled("tokens", _tokens_text(call))
    yield from _attempt_lines(call)
    for message in record.messages:
        yield from _quoted(message.role, message.content)
    if record.reasoning:
        yield from _quoted("reasoning", record.reasoning)
    if record.failure is not None:
        yield from _labelled("FAILED", f"{record.failure.kind}: {record.failure.detail}")
    yield from _quoted("answer", record.text)


def _model_text(call: LoggedCall) -> str:
    record, request = call.call, call.call.request
    returned = f", returned {record.model_returned}" if record.model_returned not in {"", request["model"]} else ""
    source = "computed here" if is_local(str(request["model"])) else "from recordings" if record.recorded else "asked live"
    sample = f"; sample {request['seed_index']}" if request["seed_index"] else ""
    parameters = ", ".join(f"{name}={value}" for name, value in request["parameters"].items())
    return f"{request['model']}{returned}; {source}{sample}; {parameters or 'no parameters'}; schema {request['schema']}"


def _tokens_text(call: LoggedCall) -> str:
    usage = call.call.usage
    cost = "price not known" if call.cost_usd is None else f"{usd(call.cost_usd, decimals=6)} USD"
    return f"{number(usage.prompt_tokens)} in, {number(usage.completion_tokens)} out; {cost}"


def _attempt_lines(call: LoggedCall) -> Iterator[str]:
    """Nothing of a call that was answered at once; else each attempt with what it said and why that was no answer."""
    if len(call.tries) == 1 and call.call.failure is None:
        return
    repairs = f", {counted(call.repairs, 'repair turn')}" if call.repairs else ""
    yield from _labelled("attempts", f"{len(call.tries)}{repairs}")
    for place, attempt in enumerate(call.tries, 1):
        rung = f" by {attempt.rung}" if attempt.rung else ""
        outcome = "answered" if attempt.failure is None else f"{attempt.failure.kind}: {attempt.failure.detail}"
        yield from wrapped(f"{place}{rung}  {outcome}", first=" " * LABEL, then=" " * (LABEL + 3))
        if attempt.failure is not None and place < len(call.tries):
            yield from wrapped(printable(attempt.text), first=" " * (LABEL + 3) + "| ", then=" " * (LABEL + 3) + "| ")


def _labelled(label: str, text: str) -> list[str]:
    return wrapped(text, first=f"{label:<{LABEL}}")


def _quoted(label: str, text: str) -> list[str]:
    return wrapped(text or "(nothing)", first=f"{label:<{LABEL - 1}} | ", then=" " * LABEL + "| ")
