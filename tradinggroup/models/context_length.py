"""Whether a prompt fits into its model's context: counted before the call, and understood where the server says so.

No tokenizer is at hand for every model, so the count errs on the high side.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.models.port import FailureKind, Message, ModelReply, ModelRequest
from tradinggroup.models.registry_entries import ModelEntry
from tradinggroup.models.text_length import TOKENS_PER_MESSAGE, estimated_tokens
from tradinggroup.models.turn import DEFAULT_MAX_TOKENS, plain_body

BOUNDS = ("max_tokens", "max_completion_tokens")
"""Parameters that bound the answer, as they are called here; a model's entry may send them under another name."""
_TOO_LONG = re.compile(
    r"exceed_context_size|context_length_exceeded|(context|prompt|input)\W+(length|size|window)\W.{0,80}?(exceed|long|large|maximum)"
    r"|(exceed|longer|larger|maximum).{0,80}?context\W+(length|size|window)|too many (input |prompt )?tokens"
    r"|(prompt|input|messages?)( text| tokens?)? (is|are|was|were) (too (long|large)|longer than)|request too large|\d tokens? > \d"
    r"|(input|prompt)\W+tokens?\b.{0,80}?\b(exceed|limit|maximum)|(maximum|longest) (input|prompt)\b|reduce the length of",
    re.IGNORECASE | re.DOTALL,
)


_TOO_LARGE = re.compile(r"HTTP 413\b")
"""A status that says it without words."""
OWN_TEXT = "the card's own text"
"""What of a prompt stands in the card itself, named like the texts that it is filled with."""


def prompt_tokens(messages: tuple[Message, ...]) -> int:
    """Tokens of a prompt, estimated likewise."""
    return sum(estimated_tokens(message.content) + TOKENS_PER_MESSAGE for message in messages)


def answer_bound(request: ModelRequest, entry: ModelEntry | None) -> int | None:
    """Most tokens that the server may answer with to the request as its model is sent it, all choices (`n`) together.

    None where nothing that is sent bounds them: the parameter is left out, or is no count. Of two bounds the larger holds.
    """
    body: Mapping[str, object] = plain_body("", request, request.messages)
    renamed: Mapping[str, str] = {}
    if entry is not None:
        body, renamed = entry.fitted(body), entry.rename_parameters
    names = {*BOUNDS, *(renamed[name] for name in BOUNDS if name in renamed)}
    bounds, choices = [body[name] for name in names if name in body], body.get("n", 1)
    counts = [value for value in (*bounds, choices) if type(value) is int and value >= 1]
    if not bounds or len(counts) <= len(bounds):
        return None
    return max(counts[:-1]) * counts[-1]


def answer_tokens(request: ModelRequest, entry: ModelEntry | None = None) -> int:
    """The longest answer that the request allows; where nothing bounds it, the bound that is sent where a card names none."""
    return answer_bound(request, entry) or DEFAULT_MAX_TOKENS


def check_fits(request: ModelRequest, entry: ModelEntry) -> None:
    """Raise UsageError PROMPT_TOO_LONG where prompt and longest answer are more than the context; nothing for an unknown context."""
    if entry.context_tokens is None:
        return
    needed = prompt_tokens(request.messages) + answer_tokens(request, entry)
    if needed > entry.context_tokens:
        raise too_long(
            request, f"about {needed:,} tokens with its answer, and the context of {request.model} holds {entry.context_tokens:,}"
        )


def end_if_too_long(request: ModelRequest, reply: ModelReply) -> None:
    """Raise the same where the server itself says so of the prompt. A repair turn that grew too long is a failure of its call only."""
    failure = reply.failure
    if failure is None or any(each.failure is None or each.failure.kind is not FailureKind.HTTP_STATUS for each in reply.tries):
        return
    if failure.kind is FailureKind.HTTP_STATUS and (_TOO_LONG.search(reply.text) or _TOO_LARGE.match(failure.detail)):
        raise too_long(request, f"the server of {request.model} says: {failure.detail}")


def too_long(request: ModelRequest, why: str) -> UsageError:
    """The error of a prompt that does not fit: which call, its longest part, and how that gets shorter."""
    tokens, part = max((tokens, part) for part, tokens in _tokens_by_part(request).items())
    longest = f"; its longest part is {part if part == OWN_TEXT else f'{{{part}}}'}, about {tokens:,} tokens"
    how = request.shorter.get(part, "shorten the card" if part == OWN_TEXT else "give the model a longer context")
    return UsageError(
        ErrorCode.PROMPT_TOO_LONG,
        f"the prompt of {request.agent} ({request.purpose}) for {request.symbol} on {request.session} does not fit: {why}{longest}",
        remedy=f"{how[:1].upper()}{how[1:]}, or raise context_tokens in models.toml where the server has more room, and start a new run: "
        "what was answered is not asked again.",
    )


def _tokens_by_part(request: ModelRequest) -> dict[str, int]:
    """Tokens of each text that the prompt was filled with, and of what is left of it."""
    left = "".join(message.content for message in request.messages)
    for text in sorted(filter(None, request.parts.values()), key=len, reverse=True):
        left = left.replace(text, "", 1)
    return {**{part: estimated_tokens(text) for part, text in request.parts.items()}, OWN_TEXT: estimated_tokens(left)}
