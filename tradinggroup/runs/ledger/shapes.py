"""The shape of the ledger's lines: what of each kind must be there, and what must be a number where it is there.

A line of another shape counts as damage. So nothing that reads the ledger meets a key that is missing.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from tradinggroup.runs.returns import unpacked


class _Line(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    line: int
    previous: str
    at: str


class _Bundle(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: str | None = None


class _Start(_Line):
    run_id: str
    trial: str
    configuration: str | None = None
    experiment: str | None = None
    variant: str | None = None
    model: str | None = None
    symbols: list[str] | None = None
    start: str | None = None
    end: str | None = None
    sessions: int | None = None
    bundle: _Bundle | None = None
    holdout_start: str | None = None


class _End(_Line):
    run_id: str
    status: str
    total_return_fraction: float | None = None
    sharpe_ratio: float | None = None
    max_drawdown_fraction: float | None = None
    trades: int | None = None
    returns: dict[str, Any] | None = None

    @field_validator("returns")
    @classmethod
    def _can_be_unpacked(cls, kept: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            whole = all(isinstance(value, float | int) for value in unpacked(kept).values())
        except (KeyError, TypeError, OverflowError) as problem:
            raise ValueError("no session returns") from problem
        if not whole:
            raise ValueError("no session returns")
        return kept


class _Unseal(_Line):
    run_id: str
    reason: str
    holdout_start: str
    through: str
    configuration: str


class _Damage(_Line):
    problem: str
    at_line: int


_SHAPES: dict[str, type[_Line]] = {"start": _Start, "end": _End, "unseal": _Unseal, "damage": _Damage}


def fault_of_shape(entry: dict[str, Any]) -> str | None:
    """What keeps a line from being one of the ledger's; None where it is one."""
    kind = entry.get("kind")
    if not isinstance(kind, str) or kind not in _SHAPES:
        return "is of no kind that a ledger has"
    try:
        _SHAPES[kind].model_validate(entry)
    except ValidationError as problem:
        place = problem.errors(include_url=False)[0]["loc"]
        return f"is no {kind} line: {'.'.join(map(str, place))} is missing or no such value"
    return None
