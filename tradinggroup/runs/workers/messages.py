"""What a run and its worker processes say to each other. The run owns models, stores and files; a worker only asks and reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from multiprocessing.reduction import ForkingPickler
from typing import Any

from tradinggroup.backtest.market import SymbolMarket
from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import ErrorCode, TradinggroupError
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.retrieval.ports import Vectors
from tradinggroup.runs.inputs import RunInputs


@dataclass(frozen=True, slots=True)
class Job:
    """To a worker, first: the symbols that it runs."""

    inputs: RunInputs
    markets: Mapping[str, SymbolMarket]
    keeps_chunks: bool
    """Whether chunks and their vectors are kept across runs."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question under a number of the worker's own: a request to a model, or texts to be turned into vectors."""

    number: int
    asked: ModelRequest | Sequence[str]


@dataclass(frozen=True, slots=True)
class Answered:
    """To a worker: what its question came to, or the error that it ended in."""

    number: int
    value: ModelReply | Vectors | None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows of one symbol as they stand in their files, in the order in which they were sent; then perhaps the end of a session."""

    symbol: str
    lines: Sequence[tuple[RowKind, date, bytes]]
    done: date | None = None
    is_last: bool = False
    """Whether the symbol sends no more rows at all."""


@dataclass(frozen=True, slots=True)
class Noted:
    """Chunks and their vectors, to be kept across runs."""

    texts: Sequence[str]
    vectors: Any


@dataclass(frozen=True, slots=True)
class Ended:
    """The worker's last word: its symbols are finished, or the error that ended them."""

    error: BaseException | None = None


def portable(error: BaseException) -> BaseException:
    """The error where it can travel between processes, else what it says."""
    try:
        ForkingPickler.loads(ForkingPickler.dumps(error))
    except Exception:  # of the class of the error, which may do anything
        return TradinggroupError(ErrorCode.INTERNAL, f"{type(error).__name__}: {error}", remedy="Please report it.")
    return error
