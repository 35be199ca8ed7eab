"""The model port: what an agent asks, what it gets back, and the protocol every model implements.

A request is identified by its content alone (model, parameters, schema, messages, seed index), never by when or by whom
it was asked; that is what makes recordings independent of order and concurrency (design 5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal, Protocol

import orjson

from tradinggroup.models.answers import Answer

THEN = " then "
"""Between the names that a server gave itself in the turns of one call, where they differ."""
AHEAD = 1
"""Priority of a call that runs ahead of the account."""


class FailureKind(StrEnum):
    """Why a call gave no usable answer. The first group is the model's fault, the second the server's.

    The page of models takes its table from here.
    """

    EMPTY = "empty", "no text at all, or only thoughts"
    NO_CONTENT = "no_content", "`null` in place of the answer"
    NOT_JSON = "not_json", "text that is no JSON, or JSON that stops in the middle or is nested too deeply"
    NOT_A_NUMBER = "not_a_number", "`NaN` where a number belongs"
    INFINITE = "infinite", "an infinite number: `Infinity`, or one too large such as `1e999`"
    SCHEMA = "schema", "JSON with a wrong or missing field, a value out of range, a key twice, or probabilities that don't sum to one"
    WRONG_ENUM = "wrong_enum", "a word that is none of those that were offered"
    WRONG_LANGUAGE = "wrong_language", "keys or offered words in another script"
    SCHEMA_ECHO = "schema_echo", "the schema in place of an answer to it"
    TOOL_CALL = "tool_call", "no call of the tool that was asked for, several, or a call where none was asked for"
    TOO_LONG = "too_long", "an answer of more than 100,000 characters"
    CUT_OFF = "cut_off", "`max_tokens` was reached before the end; raise it in the card"
    REFUSAL = "refusal", "the model refused to answer"
    CONTENT_FILTER = "content_filter", "the server's filter stopped the answer"
    WEB_SEARCH = "web_search", "an answer that cites web pages; it ends the run with `LOOKAHEAD_MODEL`"

    HTTP_STATUS = "http_status", "an error status, after retries where they make sense"
    BAD_RESPONSE = "bad_response", "status 200 with something that is no chat completion"
    HTML = "html", "status 200 with a web page: mostly a wrong address, or a gateway in between"
    TIMEOUT = "timeout", "no answer within `models.timeout_seconds`, after retries"
    CONNECTION = "connection", "the connection broke or was refused, after retries"

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> FailureKind:
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    @property
    def is_provider(self) -> bool:
        """Whether the server failed (hold kind `provider`) rather than the answer being unreadable."""
        return self in _PROVIDER_KINDS

    @property
    def is_repairable(self) -> bool:
        """Whether one more turn, which shows the model the error, may mend it."""
        return self not in _PROVIDER_KINDS | _FINAL_KINDS


_PROVIDER_KINDS = {FailureKind.HTTP_STATUS, FailureKind.BAD_RESPONSE, FailureKind.HTML, FailureKind.TIMEOUT, FailureKind.CONNECTION}
_FINAL_KINDS = {FailureKind.TOO_LONG, FailureKind.CUT_OFF, FailureKind.REFUSAL, FailureKind.CONTENT_FILTER, FailureKind.WEB_SEARCH}


@dataclass(frozen=True, slots=True)
class Failure:
    """A typed failure: its kind and one line of detail without secrets."""

    kind: FailureKind
    detail: str


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class ModelRequest:
    """One question to a model. Everything above `evidence` is content and makes up the key; the rest is only context."""

    model: str
    """`rules`, or `SERVER:NAME`."""
    messages: tuple[Message, ...]
    schema: type[Answer]
    parameters: Mapping[str, Any]
    """Decoding parameters as sent: `temperature`, `max_tokens`, …"""
    seed_index: int = 0
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """What the prompt was made from, for the rule-based analyst; a model behind a server never sees it."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """The texts that the prompt was filled with, by placeholder: what could be shorter."""
    shorter: Mapping[str, str] = field(default_factory=dict)
    """By placeholder, what to do to make its text shorter."""
    agent: str = ""
    purpose: str = ""
    """Which of an agent's calls this is: `item`, `overall`, `10-K`, `forecast`, `experience`, …"""
    symbol: str = ""
    session: str = ""
    position: int = 0
    """Index of the call among those of the same session, symbol, agent and purpose (two news items: 0 and 1)."""
    priority: int = 0
    """Of calls that wait for their turn the lower goes first, then the earlier session: 0 for what the account waits for."""

    @cached_property
    def content(self) -> bytes:
        """The canonical bytes that identify the request (sorted keys, no white space)."""
        return orjson.dumps(
            {
                "model": self.model,
                "messages": [[message.role, message.content] for message in self.messages],
                "schema": self.schema.__name__,
                "schema_hash": schema_hash(self.schema),
                "parameters": dict(self.parameters),
                "seed_index": self.seed_index,
            },
            option=orjson.OPT_SORT_KEYS,
        )

    @cached_property
    def key(self) -> str:
        """`sha256:` and the hash of `content`."""
        return "sha256:" + hashlib.sha256(self.content).hexdigest()


_SCHEMA_HASHES: dict[type[Answer], str] = {}


def schema_hash(schema: type[Answer]) -> str:
    """A short hash of the JSON schema, so that a changed description or range changes the key."""
    if schema not in _SCHEMA_HASHES:
        body = orjson.dumps(schema.model_json_schema(), option=orjson.OPT_SORT_KEYS)
        _SCHEMA_HASHES[schema] = hashlib.sha256(body).hexdigest()[:16]
    return _SCHEMA_HASHES[schema]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls; zero for the rule-based analyst."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens)


@dataclass(frozen=True, slots=True)
class Attempt:
    """One time that a server was asked for a call: what it said, and why that was no answer (None where it was one)."""

    text: str
    failure: Failure | None
    rung: str = ""
    """The rung of the structured-output ladder that it was asked on; empty where there is none."""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """What came back: a validated answer or a typed failure, never neither, never a silent default."""

    key: str
    answer: Answer | None
    failure: Failure | None
    text: str
    """The raw text of the last attempt."""
    usage: Usage = Usage()
    attempts: int = 1
    recorded: bool = False
    """Whether it was read from a recording rather than asked."""
    model_returned: str = ""
    """The model name that the server gave back, with its fingerprint where there is one; every one of its turns, with `THEN` between."""
    reasoning: str = ""
    """What the model thought before it answered, where the server gives that apart from the answer."""
    tries: tuple[Attempt, ...] = ()
    """Every attempt in order, where there was more than one or the only one failed; the last is `text` and `failure`."""
    rung: str = ""
    """The rung of the structured-output ladder that the answer came by; empty where there is none (`rules`)."""


class ChatModel(Protocol):
    """Anything that can answer a request."""

    async def answer(self, request: ModelRequest) -> ModelReply:
        """Answer, or fail typed. Raises only `TradinggroupError`s that must end the run (no recording, no budget, dead provider)."""
        ...
