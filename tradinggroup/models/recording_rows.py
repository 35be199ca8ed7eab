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

COLUMNS = (
    "key", "request", "reply", "answer", "failure_kind", "failure_detail", "prompt_tokens", "completion_tokens", "attempts",
    "model_returned", "reasoning", "live", "rung", "reply_hash",
)  # fmt: skip
"""Columns of a recording, in the order of a row."""
ATTEMPT_COLUMNS = ("key", "number", "reply", "failure_kind", "failure_detail", "rung")

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
    return (*row, _reply_hash(row, attempt_rows(request.key, reply)))


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


def check_row(row: Row, attempts: Sequence[Row]) -> None:
    """Raise ChangedError where the request is not the one of its key, or the reply not the one of its hash.

    Rows of the first format have no hash of the reply; of them only the request can be checked.
    """
    if row[0] != "sha256:" + hashlib.sha256(row[1].encode()).hexdigest():
        raise ChangedError("its request is not the one that its key was made of")
    if row[13] is not None and row[13] != _reply_hash(row[:13], attempts):
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


def call_of(row: Row) -> CallRecord:
    """A call of its row: the columns of the recording, then session, symbol, agent, purpose and position."""
    session, symbol, agent, purpose, position = row[len(COLUMNS) :]
    return CallRecord(
        session=session, symbol=symbol, agent=agent, purpose=purpose, position=position, key=row[0], recorded=not row[11],
        request=orjson.loads(row[1]), text=row[2], answer=None if row[3] is None else orjson.loads(row[3]),
        failure=_failure(row[4], row[5]), usage=Usage(row[6], row[7]), attempts=row[8], model_returned=row[9], reasoning=row[10],
        rung=row[12],
    )  # fmt: skip


def _reply_hash(row: Row, attempts: Sequence[Row]) -> str:
    """Over everything that was answered; `live` is not part of it, since a copy in another store is the same recording."""
    said = [row[0], *row[2:11], row[12], [list(attempt[1:]) for attempt in attempts]]
    return "sha256:" + hashlib.sha256(orjson.dumps(said)).hexdigest()


def _failure(kind: str | None, detail: str | None) -> Failure | None:
    return None if kind is None else Failure(FailureKind(kind), detail or "")


def _failure_columns(failure: Failure | None) -> tuple[str | None, str | None]:
    return (None, None) if failure is None else (str(failure.kind), failure.detail)
