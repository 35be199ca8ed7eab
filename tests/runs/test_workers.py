"""How many processes, and what travels between them."""

from __future__ import annotations

import sys
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import pytest

from tests.factories import make_bundle
from tests.models.support import request
from tests.support.desk_runs import inputs_for
from tradinggroup import settings as settings_module
from tradinggroup.errors import DataError, ErrorCode, LookaheadError, ProviderError, TradinggroupError
from tradinggroup.runs.workers.messages import portable
from tradinggroup.runs.workers.worker import _without_evidence


@pytest.mark.skipif(sys.platform == "win32", reason="there is one process there")
@pytest.mark.parametrize(
    ("symbols", "given", "expected"),
    [(1, {}, 1), (37, {}, 1), (38, {}, 2), (50, {}, 2), (63, {}, 3), (500, {}, 4), (5, {"workers": 3}, 3), (2, {"workers": 3}, 2),
     (50, {"schedule": "serial"}, 1), (50, {"schedule": "serial", "workers": 2}, 1), (50, {"agents_enabled": False}, 1)],
)  # fmt: skip
def test_how_many_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, symbols: int, given: dict[str, object], expected: int) -> None:
    monkeypatch.setattr(settings_module.os, "cpu_count", lambda: 4)
    bundle = make_bundle(tmp_path)
    names = tuple(f"S{number}" for number in range(symbols))
    inputs = inputs_for(bundle, start=bundle.first_session, end=bundle.last_session, symbols=names, **given)
    assert inputs.experiment.worker_processes == expected


def travelled(value: Any) -> Any:
    return ForkingPickler.loads(ForkingPickler.dumps(value))


@pytest.mark.parametrize(
    "error",
    [
        ProviderError(ErrorCode.PROVIDER_FAILED, "no answer", remedy="Start it.", server="http://x", status=401),
        DataError(ErrorCode.RECORDING_MISSING, agent="decision", folder=Path("x")),
        LookaheadError("too early", session="2024-01-02"),
        TradinggroupError(ErrorCode.INTERNAL),
        ValueError("a mistake of ours"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_travel_unchanged(error: Exception) -> None:
    error.add_note("a note")
    again = portable(error)
    assert again is error
    again = travelled(error)
    assert (type(again), str(again), again.__notes__) == (type(error), str(error), ["a note"])
    assert {name: getattr(again, name, None) for name in ("code", "text", "facts", "remedy")} == {
        name: getattr(error, name, None) for name in ("code", "text", "facts", "remedy")
    }


class Awkward(Exception):
    """Made from two values, and told as one: it can't be made again."""

    def __init__(self, first: int, second: int) -> None:
        super().__init__(f"{first} and {second}")


def test_an_error_that_cannot_travel_is_told() -> None:
    told = portable(Awkward(1, 2))
    assert str(told).startswith("INTERNAL: Awkward: 1 and 2.")


def test_the_inputs_of_a_run_travel_with_one_bundle(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    inputs = inputs_for(bundle, start=bundle.first_session, end=bundle.last_session)
    again = travelled(inputs)
    assert again.bundle.hash == bundle.hash
    assert again.experiment == inputs.experiment
    assert again.profile == inputs.profile
    assert {agent: card.hash for agent, card in again.cards.items()} == {agent: card.hash for agent, card in inputs.cards.items()}


def test_a_request_leaves_its_evidence_behind_and_keeps_its_key() -> None:
    wanted = request("What now?", evidence={"large": [1.0] * 1000})
    light = travelled(_without_evidence(wanted))
    assert (light.key, light.content, light.evidence) == (wanted.key, wanted.content, {})
    assert wanted.evidence
