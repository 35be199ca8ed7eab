"""A recording as a row of SQLite and back, and the hash by which a row that was changed is found.

A request is guarded by its key, which is the hash of its content. What was answered is guarded by `reply_hash`, over every
column that says what came back and over the attempts. Both find damage and edits by hand; neither is a signature, since who
changes a row can compute its hash anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import ValidationError

from tradinggroup.models.port import Attempt, Failure, FailureKind, Message, ModelReply, ModelRequest, Usage
from tradinggroup.models.unmetered import billed_texts, estimated_usage, is_unmetered

COLUMNS = (
    "key", "request", "reply", "answer", "failure_kind", "failure_detail", "prompt_tokens", "completion_tokens", "attempts",
    "model_returned", "reasoning", "live", "rung", "reply_hash",
)  # fmt: skip
"""Columns of a recording, in the order of a row."""
ATTEMPT_COLUMNS = ("key", "number", "reply", "failure_kind", "failure_detail", "rung")

HASHES_SINCE_VERSION = 3
"""From this format of a store on every recording has a hash, which covers `live` too."""

Row = tuple[Any, ...]


class ChangedError(Exception):
    """A row is not what was recorded; its text says which part."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of a run, as it was asked and answered."""

    session: str
    symbol: str
    agent: str
    purpose: str
    position: int
    key: str
    recorded: bool
    """Whether the run took the answer from another store; else it asked the model itself."""
    request: dict[str, Any]
    """The content of the request: `model`, `messages`, `schema`, `schema_hash`, `parameters`, `seed_index`."""
    text: str
    answer: dict[str, Any] | None
    failure: Failure | None
    usage: Usage
    attempts: int
    model_returned: str
    reasoning: str
    rung: str = ""

    @property
    def messages(self) -> tuple[Message, ...]:
        """The prompt."""
        return tuple(Message(role, content) for role, content in self.request["messages"])


def row_of(request: ModelRequest, reply: ModelReply, *, live: bool) -> Row:
    """The row of a reply, in the order of `COLUMNS`."""
    row = (
        request.key, request.content.decode(), reply.text, None if reply.answer is None else reply.answer.model_dump_json(),
        *_failure_columns(reply.failure), reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.attempts,
        reply.model_returned, reply.reasoning, int(live), reply.rung,
    )  # fmt: skip
    return (*row, reply_hash(row, attempt_rows(request.key, reply)))


def copied_row(row: Row, attempts: Sequence[Row]) -> Row:
    """The same recording in another store, which did not ask for it."""
    copy = (*row[:11], 0, row[12])
    return (*copy, reply_hash(copy, attempts))


def attempt_rows(key: str, reply: ModelReply) -> list[Row]:
    """The rows of a reply's attempts, in the order of `ATTEMPT_COLUMNS`; none where its only attempt succeeded."""
    if not has_attempts(reply.failure is not None, reply.attempts):
        return []
    return [(key, number, attempt.text, *_failure_columns(attempt.failure), attempt.rung) for number, attempt in enumerate(reply.tries, 1)]


def has_attempts(is_failed: bool, attempts: int) -> bool:  # noqa: FBT001
    """Whether the attempts of a recording are kept one by one."""
    return is_failed or attempts > 1


def row_has_attempts(row: Row) -> bool:
    """The same, of a row."""
    return has_attempts(row[4] is not None, row[8])


def attempt_of(row: Row) -> Attempt:
    """An attempt of its row."""
    return Attempt(row[2], _failure(row[3], row[4]), row[5])


def check_row(row: Row, attempts: Sequence[Row], *, version: int) -> None:
    """Raise ChangedError where the request is not the one of its key, or the reply not the one of its hash.

    Rows of the first format have no hash of the reply; of them only the request can be checked. The second took them over as they were,
    and its hash left `live` out.
    """
    if row[0] != "sha256:" + hashlib.sha256(row[1].encode()).hexdigest():
        raise ChangedError("its request is not the one that its key was made of")
    known = {reply_hash(row, attempts)} | ({None, _reply_hash_2(row, attempts)} if version < HASHES_SINCE_VERSION else set())
    if row[13] not in known:
        raise ChangedError("its answer is not the one that was recorded")


def reply_of(request: ModelRequest, row: Row, attempts: Sequence[Row]) -> ModelReply:
    """The recorded reply to `request`. Raises ChangedError for an answer that does not fit its schema."""
    try:
        answer = None if row[3] is None else request.schema.model_validate_json(row[3])
    except ValidationError as error:
        raise ChangedError("its answer does not fit its schema") from error
    return ModelReply(
        key=row[0], answer=answer, failure=_failure(row[4], row[5]), text=row[2], usage=Usage(row[6], row[7]), attempts=row[8],
        recorded=True, model_returned=row[9], reasoning=row[10], rung=row[12], tries=tuple(attempt_of(each) for each in attempts),
    )  # fmt: skip


def paid_for(row: Row, attempts: Sequence[Row]) -> tuple[str, Usage, bool]:
    """Its model, the tokens that it was paid for by, and whether they are an estimate since the server counted none."""
    request, tries = orjson.loads(row[1]), tuple(map(attempt_of, attempts))
    usage, texts = Usage(row[6], row[7]), billed_texts(row[2], _failure(row[4], row[5]), tries)
    if not is_unmetered(usage, texts):
        return request["model"], usage, False
    messages = [Message(role, content) for role, content in request["messages"]]
    return request["model"], estimated_usage(messages, texts, reasoning=row[10]), True


def call_of(row: Row) -> CallRecord:
    """A call of its row: the columns of the recording, then session, symbol, agent, purpose and position."""
    session, symbol, agent, purpose, position = row[len(COLUMNS) :]
    return CallRecord(
        session=session, symbol=symbol, agent=agent, purpose=purpose, position=position, key=row[0], recorded=not row[11],
        request=orjson.loads(row[1]), text=row[2], answer=None if row[3] is None else orjson.loads(row[3]),
        failure=_failure(row[4], row[5]), usage=Usage(row[6], row[7]), attempts=row[8], model_returned=row[9], reasoning=row[10],
        rung=row[12],
    )  # fmt: skip


def reply_hash(row: Row, attempts: Sequence[Row]) -> str:
    """Over everything that was answered, and whether this store asked for it."""
    return _hash([row[0], *row[2:13], [list(attempt[1:]) for attempt in attempts]])


def _reply_hash_2(row: Row, attempts: Sequence[Row]) -> str:
    return _hash([row[0], *row[2:11], row[12], [list(attempt[1:]) for attempt in attempts]])


def _hash(said: list[Any]) -> str:
    return "sha256:" + hashlib.sha256(orjson.dumps(said)).hexdigest()


def _failure(kind: str | None, detail: str | None) -> Failure | None:
    return None if kind is None else Failure(FailureKind(kind), detail or "")


def _failure_columns(failure: Failure | None) -> tuple[str | None, str | None]:
    return (None, None) if failure is None else (str(failure.kind), failure.detail)
