"""Reading the body of a chat completion, and what else a server may send in its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tradinggroup.models.content_parts import with_plain_content
from tradinggroup.models.lookahead import cited_pages
from tradinggroup.models.port import THEN, Failure, FailureKind, Usage
from tradinggroup.models.structured import split_thinking
from tradinggroup.models.tool_calls import read_tool_call
from tradinggroup.models.unmetered import NOT_BILLED

_DETAIL_CHARACTERS = 200
_KEPT_CHARACTERS = 100_000
"""Longest part that is kept of a body that is no completion."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer of a server. `failure` is what can be told before its text is parsed."""

    text: str
    failure: Failure | None
    usage: Usage = field(default_factory=Usage)
    model_returned: str = ""
    reasoning: str = ""
    first_tokens: tuple[tuple[str, float], ...] = ()
    """Alternatives of the answer's first token with their log-probabilities, where they were asked for and given."""
    status: int | None = None
    """The HTTP status, where there is no completion because of it."""

    @property
    def is_unmetered(self) -> bool:
        """Whether it was paid for by tokens that the server did not count."""
        is_answer = self.failure is None or self.failure.kind not in NOT_BILLED
        return is_answer and self.usage == Usage()

    def cleaned(self, clean: Callable[[str], str]) -> Completion:
        """The same with `clean` applied to every text in it."""
        failure = None if self.failure is None else Failure(self.failure.kind, clean(self.failure.detail))
        return replace(
            self, text=clean(self.text), failure=failure, model_returned=clean(self.model_returned), reasoning=clean(self.reasoning)
        )


def read_completion(raw: str, *, tool: str | None = None) -> Completion:
    """The completion in the body of a reply with status 200; never raises.

    Its text is the message's content or, where the call of a `tool` was asked for, the arguments of that call.
    `HTML` or `BAD_RESPONSE` (cut-off JSON, an error object) where it is no completion, else `REFUSAL`, `CONTENT_FILTER`,
    `CUT_OFF`, `NO_CONTENT`, `EMPTY` and `TOOL_CALL` by what the server says about it.
    """
    try:
        body = json.loads(raw)
        choice = body["choices"][0]
        given = choice["message"]
        message = with_plain_content(given)
    except (ValueError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
        return _no_completion(raw, f"no chat completion: {error_message(raw)}")
    if choice.get("error"):
        return _no_completion(raw, f"no chat completion: {error_message(json.dumps(choice))}")
    if message is None:
        return _no_completion(raw, "the content of the message is not text")
    text, unusable = _content(message) if tool is None else read_tool_call(message, tool)
    return Completion(
        text=text,
        failure=_web_search(body, given) or _told_failure(choice, message) or unusable,
        usage=_usage(body.get("usage")),
        model_returned=_model_returned(body),
        reasoning=_text(message.get("reasoning_content")) or _text(message.get("reasoning")) or split_thinking(text)[1],
        first_tokens=_first_tokens(choice.get("logprobs")),
    )


MOST_TOKENS = 2**53
"""Beyond it a count is nonsense, and too large for some of the places that keep it."""


def error_message(raw: str) -> str:
    """One short line of what a server said went wrong: the message of its error object, else the start of the body."""
    try:
        error = json.loads(raw)["error"]
        said = error["message"] if isinstance(error, dict) else error
    except (ValueError, RecursionError, KeyError, TypeError):
        said = raw
    return " ".join(str(said).split())[:_DETAIL_CHARACTERS]


def _no_completion(raw: str, detail: str) -> Completion:
    is_page = raw.lstrip("\ufeff \t\r\n")[:15].lower().startswith(("<!doctype", "<html"))
    return Completion(raw[:_KEPT_CHARACTERS], Failure(FailureKind.HTML if is_page else FailureKind.BAD_RESPONSE, detail))


def _told_failure(choice: dict[str, Any], message: dict[str, Any]) -> Failure | None:
    finish = choice.get("finish_reason")
    if message.get("refusal"):
        return Failure(FailureKind.REFUSAL, " ".join(_text(message["refusal"]).split())[:_DETAIL_CHARACTERS] or "the model refused")
    if finish == "content_filter":
        return Failure(FailureKind.CONTENT_FILTER, "the server's content filter stopped the answer")
    if finish == "length":
        return Failure(FailureKind.CUT_OFF, "the answer reached max_tokens before its end")
    return None


def _content(message: dict[str, Any]) -> tuple[str, Failure | None]:
    """The text of the message, and what is wrong where there is none."""
    content = message.get("content")
    if isinstance(content, str) and content.strip():
        return content, None
    if message.get("tool_calls"):
        return _text(content), Failure(FailureKind.TOOL_CALL, "the answer is a tool call without text")
    if content is None:
        return "", Failure(FailureKind.NO_CONTENT, "the answer is null")
    return content, Failure(FailureKind.EMPTY, "the answer is empty")


def _web_search(body: dict[str, Any], message: dict[str, Any]) -> Failure | None:
    pages = cited_pages(body, message)
    return Failure(FailureKind.WEB_SEARCH, f"the answer cites {pages} web page{'s' if pages > 1 else ''}") if pages else None


def _first_tokens(body: Any) -> tuple[tuple[str, float], ...]:
    """The first token's alternatives; empty where the server gives none, or something else under that name."""
    try:
        alternatives = body["content"][0]["top_logprobs"]
        found = [(entry["token"], float(entry["logprob"])) for entry in alternatives]
    except (KeyError, IndexError, TypeError, ValueError):
        return ()
    return tuple((token, logprob) for token, logprob in found if isinstance(token, str) and logprob == logprob)


def usage_of_call(completions: Sequence[Completion]) -> Usage:
    """Tokens of a call that took several turns; none at all where one of its answers was not counted, so that it is known as such."""
    if any(each.is_unmetered for each in completions):
        return Usage()
    return sum((each.usage for each in completions), Usage())


def names_of_call(completions: Sequence[Completion]) -> str:
    """What the server called itself in a call that took several turns: every name once, with `THEN` between."""
    return THEN.join(dict.fromkeys(each.model_returned for each in completions if each.model_returned))


def _usage(body: Any) -> Usage:
    """Tokens as the server counted them. Nothing where one of the two is no count that a file can hold, or the prompt took none."""
    counts = [_count(body.get(name)) if isinstance(body, dict) else None for name in ("prompt_tokens", "completion_tokens")]
    prompt, answer = counts
    return Usage(prompt, answer) if prompt and answer is not None else Usage()


def _count(value: Any) -> int | None:
    """A count, also where it was written as 2000.0."""
    if type(value) is float and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value <= MOST_TOKENS else None


def _model_returned(body: dict[str, Any]) -> str:
    name, fingerprint = _text(body.get("model")), _text(body.get("system_fingerprint"))
    return f"{name} ({fingerprint})" if fingerprint else name


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
