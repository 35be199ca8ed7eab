"""The gateway: what is asked, what is read, what is kept, and when a run ends."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.doubles import FunctionModel
from tests.models.support import request, settings
from tradinggroup.errors import DataError, ErrorCode, ProviderError, UsageError
from tradinggroup.models.answers import Answer, Decision, NewsScore
from tradinggroup.models.gateway import CallsMode, Gateway
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ChatModel, Failure, FailureKind, ModelReply, ModelRequest
from tradinggroup.models.recordings import RecordingStore

DOWN = Failure(FailureKind.HTTP_STATUS, "HTTP 503: down")
UNREADABLE = Failure(FailureKind.NOT_JSON, "not valid JSON")


def echo(wanted: ModelRequest) -> Answer:
    return Decision(action="hold", confidence=0.5, reasoning=wanted.messages[-1].content)


class Stores:
    """A run's store and the shared one, and gateways over them."""

    def __init__(self, folder: Path, loop: LoopThread) -> None:
        self.folder, self.loop = folder, loop
        self.run = RecordingStore.open(folder / "run.sqlite")
        self.shared = RecordingStore.open(folder / "shared.sqlite")

    def next_run(self) -> None:
        """A fresh run of the same project."""
        self.run.close()
        (self.folder / "run.sqlite").unlink()
        self.run = RecordingStore.open(self.folder / "run.sqlite")

    def gateway(self, model: ChatModel, mode: CallsMode = "record", **changes: Any) -> Gateway:
        return Gateway({"openai:m": model, "rules": model}, self.run, self.shared, mode=mode, settings=settings(**changes))

    def ask(self, gateway: Gateway, *wanted: ModelRequest) -> list[ModelReply]:
        async def all_at_once() -> list[ModelReply]:
            return await asyncio.gather(*(gateway.answer(item) for item in wanted))

        return self.loop.run(all_at_once())


@pytest.fixture
def stores(tmp_path: Path, loop: LoopThread) -> Iterator[Stores]:
    stores = Stores(tmp_path, loop)
    yield stores
    stores.run.close()
    stores.shared.close()


@pytest.mark.parametrize(
    ("mode", "where", "asked"),
    [
        ("record", "nowhere", True), ("record", "run", False), ("record", "shared", False),
        ("replay", "run", False), ("replay", "shared", False),
        ("refresh", "nowhere", True), ("refresh", "run", False), ("refresh", "shared", True),
    ],
)  # fmt: skip
def test_where_an_answer_comes_from(stores: Stores, mode: CallsMode, where: str, asked: bool) -> None:
    if where != "nowhere":
        stores.ask(stores.gateway(FunctionModel(echo)), request())
    if where == "shared":
        stores.next_run()
    model = FunctionModel(echo)
    gateway = stores.gateway(model, mode)
    (reply,) = stores.ask(gateway, request())
    assert reply.answer == echo(request())
    assert len(model.requests) == int(asked)
    assert reply.recorded is not asked
    assert (gateway.statistics.live, gateway.statistics.recorded) == ((1, 0) if asked else (0, 1))
    assert stores.run.get(request()) is not None
    assert stores.shared.get(request()) is not None
    assert len(stores.run.read_calls()) == 1


def test_the_run_store_holds_all_that_the_run_used(stores: Stores) -> None:
    stores.ask(stores.gateway(FunctionModel(echo)), request("old"))
    stores.next_run()
    stores.ask(stores.gateway(FunctionModel(echo)), request("old"), request("new", purpose="experience"))
    assert [(call.purpose, call.recorded) for call in stores.run.read_calls()] == [("decision", True), ("experience", False)]


def test_failures_stay_with_the_run(stores: Stores) -> None:
    model = FunctionModel(lambda wanted: UNREADABLE)
    first = stores.gateway(model)
    (reply,) = stores.ask(first, request())
    assert reply.failure == UNREADABLE
    assert stores.shared.get(request()) is None
    (again,) = stores.ask(stores.gateway(FunctionModel(echo), "replay"), request())
    assert again.failure == UNREADABLE
    stores.next_run()
    (fresh,) = stores.ask(stores.gateway(FunctionModel(echo)), request())
    assert fresh.failure is None
    assert (first.statistics.failed, first.statistics.by_agent["decision"].failed) == (1, 1)


@pytest.mark.parametrize("mode", ["record", "replay", "refresh"])
def test_rules_are_recorded_in_the_run_and_never_shared(stores: Stores, mode: CallsMode) -> None:
    wanted = request(model="rules")
    stores.ask(stores.gateway(FunctionModel(echo), mode), wanted)
    assert stores.run.get(wanted) is not None
    assert stores.shared.get(wanted) is None
    assert stores.shared.read_calls() == []


def test_a_verification_needs_every_recording_even_of_rules(stores: Stores) -> None:
    stores.ask(stores.gateway(FunctionModel(echo)), request("1", model="rules"))
    stores.run.close()
    with RecordingStore.open(stores.folder / "run.sqlite", readonly=True) as readonly:
        gateway = Gateway({"rules": FunctionModel(echo)}, readonly, None, mode="replay", settings=settings())
        assert stores.ask(gateway, request("1", model="rules"))[0].answer == echo(request("1"))
        with pytest.raises(DataError, match="RECORDING_MISSING"):
            stores.ask(gateway, request("2", model="rules"))


def test_identical_requests_in_flight_are_asked_once(stores: Stores) -> None:
    model = FunctionModel(echo, delay_seconds=lambda wanted: 0.05)
    gateway = stores.gateway(model)
    replies = stores.ask(gateway, request(), request(position=1), request("other"), request(session="2024-03-04"))
    assert len(model.requests) == 2
    assert [reply.answer for reply in replies] == [echo(request()), echo(request()), echo(request("other")), echo(request())]
    assert (gateway.statistics.total, gateway.statistics.live, gateway.statistics.recorded) == (4, 2, 2)
    assert len(stores.run.read_calls()) == 4


def test_a_waiter_that_gives_up_takes_nobody_with_it(stores: Stores) -> None:
    gateway = stores.gateway(FunctionModel(echo, delay_seconds=lambda wanted: 0.1))

    async def one_gives_up() -> ModelReply:
        first, second = (asyncio.create_task(gateway.answer(request())) for _ in range(2))
        await asyncio.sleep(0.02)
        first.cancel()
        return await second

    assert stores.loop.run(one_gives_up()).answer == echo(request())


def test_no_more_than_the_allowed_calls_at_once(stores: Stores) -> None:
    now, most = [0], [0]

    class Counting:
        async def answer(self, wanted: ModelRequest) -> ModelReply:
            now[0] += 1
            most[0] = max(most[0], now[0])
            await asyncio.sleep(0.01)
            now[0] -= 1
            return ModelReply(key=wanted.key, answer=echo(wanted), failure=None, text="")

    stores.ask(stores.gateway(Counting(), maximum_concurrent=3), *(request(str(number)) for number in range(12)))
    assert most == [3]


@pytest.mark.parametrize("reverse", [False, True])
def test_rows_and_statistics_do_not_depend_on_the_order_of_answers(stores: Stores, reverse: bool) -> None:
    wanted = [request(str(number % 4), position=number, agent=f"agent{number % 3}") for number in range(8)]
    model = FunctionModel(
        lambda item: UNREADABLE if item.messages[-1].content == "2" else echo(item),
        delay_seconds=lambda item: 0.01 * (4 - int(item.messages[-1].content) if reverse else int(item.messages[-1].content)),
    )
    gateway = stores.gateway(model)
    stores.ask(gateway, *(reversed(wanted) if reverse else wanted))
    assert [(call.agent, call.position, call.text, call.recorded) for call in stores.run.read_calls()] == [
        (item.agent, item.position, UNREADABLE.detail if "2" in item.messages[-1].content else echo(item).model_dump_json(), False)
        for item in sorted(wanted, key=lambda item: (item.agent, item.position))
    ]
    statistics = gateway.statistics
    assert (statistics.total, statistics.live, statistics.recorded, statistics.failed) == (8, 4, 4, 2)
    assert {name: agent.calls for name, agent in statistics.by_agent.items()} == {"agent0": 3, "agent1": 3, "agent2": 2}


def test_too_many_provider_failures_in_a_row_end_the_run_and_are_asked_again_on_resume(stores: Stores) -> None:
    model = FunctionModel(lambda wanted: DOWN)
    gateway = stores.gateway(model, provider_failures_in_a_row=3)
    for number in range(2):
        assert stores.ask(gateway, request(str(number)))[0].failure == DOWN
    with pytest.raises(ProviderError, match="failed 3 calls in a row, the last with http_status") as caught:
        stores.ask(gateway, request("2"))
    assert (caught.value.code, caught.value.exit_code) == (ErrorCode.PROVIDER_FAILED, 5)
    with pytest.raises(ProviderError):
        stores.ask(gateway, request("3"))
    assert len(model.requests) == 3
    resumed = stores.gateway(FunctionModel(echo))
    assert [reply.failure for reply in stores.ask(resumed, request("0"), request("1"), request("2"))] == [None, None, None]


@pytest.mark.parametrize("between", [echo, lambda wanted: UNREADABLE])
def test_any_answer_of_the_server_breaks_the_row(stores: Stores, between: Any) -> None:
    model = FunctionModel(lambda wanted: between(wanted) if wanted.messages[-1].content in "258" else DOWN)
    gateway = stores.gateway(model, provider_failures_in_a_row=3)
    for number in range(9):
        stores.ask(gateway, request(str(number)))
    resumed = stores.gateway(FunctionModel(echo))
    assert stores.ask(resumed, request("0"))[0].failure == DOWN


def test_calls_in_flight_when_the_run_ends_are_marked_too(stores: Stores) -> None:
    model = FunctionModel(lambda wanted: DOWN, delay_seconds=lambda wanted: 0.01)
    gateway = stores.gateway(model, provider_failures_in_a_row=3)
    with pytest.raises(ProviderError):
        stores.ask(gateway, *(request(str(number)) for number in range(6)))

    async def settle() -> None:
        await asyncio.sleep(0.1)

    stores.loop.run(settle())
    resumed = stores.gateway(FunctionModel(echo))
    assert all(reply.failure is None for reply in stores.ask(resumed, *(request(str(number)) for number in range(6))))


def test_what_a_model_raises_ends_the_run(stores: Stores) -> None:
    class Refused:
        asked = 0

        async def answer(self, wanted: ModelRequest) -> ModelReply:
            self.asked += 1
            raise ProviderError(ErrorCode.PROVIDER_FAILED, "refused the key")

    model = Refused()
    gateway = stores.gateway(model)
    for number in range(3):
        with pytest.raises(ProviderError, match="refused the key"):
            stores.ask(gateway, request(str(number)))
    assert model.asked == 1
    assert stores.run.read_calls() == []


def test_a_model_that_the_run_does_not_have(stores: Stores) -> None:
    with pytest.raises(UsageError, match="no model 'openai:n'") as caught:
        stores.ask(stores.gateway(FunctionModel(echo)), request(model="openai:n"))
    assert "Did you mean openai:m?" in str(caught.value)


PROMPT = "\n".join(f"line {number}" for number in range(20))
MISSES = {
    "card": ({"text": PROMPT.replace("line 13", "line thirteen")}, 'user message line 14 ("line thirteen" instead of "line 13")'),
    "text added at the end": ({"text": PROMPT + "\nmore"}, 'user message line 21 ("more" instead of "")'),
    "model": ({"model": "openai:n"}, "model (openai:n instead of openai:m)"),
    "parameters": (
        {"parameters": {"temperature": 0.7}},
        "parameter max_tokens (none instead of 100), parameter temperature (0.7 instead of 0.0). ",
    ),
    "seed": ({"seed_index": 2}, "seed_index (2 instead of 0). "),
    "schema": ({"schema": NewsScore}, "schema (NewsScore instead of Decision). "),
}


@pytest.mark.parametrize(("change", "difference"), MISSES.values(), ids=MISSES)
def test_a_miss_names_the_nearest_recording_and_the_difference(stores: Stores, change: dict[str, Any], difference: str) -> None:
    wanted = request(**{"text": PROMPT, **change})
    recorded = [
        request(PROMPT),
        request("something else", purpose="experience"),
        request(PROMPT + "\nbut of another company", symbol="OTHER"),
        *(request(f"other session {day}\n" + PROMPT[20:], session=f"2024-03-{day:02}") for day in range(2, 20)),
    ]
    stores.ask(stores.gateway(FunctionModel(echo)), *recorded)
    stores.next_run()
    with pytest.raises(DataError) as caught:
        stores.ask(stores.gateway(FunctionModel(echo), "replay"), wanted)
    text = str(caught.value)
    assert (caught.value.code, caught.value.exit_code) == (ErrorCode.RECORDING_MISSING, 3)
    assert text.startswith("RECORDING_MISSING: agent=decision, purpose=decision, session=2024-03-01, symbol=ACME. Nearest recording ")
    assert f"{recorded[0].key[7:19]} differs in: {difference}" in text


@pytest.mark.parametrize("mode", ["record", "refresh"])
def test_no_server_is_asked_for_the_past_of_a_fork(stores: Stores, mode: CallsMode) -> None:
    double = FunctionModel(echo)
    gateway = Gateway(
        {"openai:m": double, "rules": double}, stores.run, stores.shared, mode=mode, settings=settings(), recorded_before="2024-03-05"
    )
    with pytest.raises(DataError, match="RECORDING_MISSING"):
        stores.ask(gateway, request("past", session="2024-03-04"))
    assert double.requests == []
    stores.ask(gateway, request("now", session="2024-03-05"), request("past", session="2024-03-04", model="rules"))
    assert sorted(asked.model for asked in double.requests) == ["openai:m", "rules"]


def test_a_miss_without_anything_near(stores: Stores) -> None:
    with pytest.raises(DataError, match="No recording of this agent and symbol is there"):
        stores.ask(stores.gateway(FunctionModel(echo), "replay"), request())
