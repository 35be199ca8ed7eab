"""What is sent on each rung, and how the last object is found in a text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.conftest import GOOD
from tests.models.fault_server import FaultServer, completion, tool_call
from tests.models.limited_server import WISH, rung_of, schema_name
from tests.models.support import ask, request
from tradinggroup.models.answers import Answer, Decision, Schemas
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.rungs import Rung, decoding
from tradinggroup.models.schemas import schema_text, strict_schema
from tradinggroup.models.structured import last_object

ANSWERS = {
    Rung.JSON_SCHEMA: completion(GOOD), Rung.TOOL_CALL: tool_call("Decision", GOOD),
    Rung.JSON_OBJECT: completion(GOOD), Rung.TEXT: completion(f"I say {GOOD}"),
}  # fmt: skip


@pytest.mark.parametrize("rung", Rung)
def test_what_is_sent_and_read_on_each_rung(server: FaultServer, loop: LoopThread, rung: Rung) -> None:
    server.script = [ANSWERS[rung]]
    reply = ask(loop, structured_output=str(rung))
    assert (type(reply.answer), reply.rung, reply.attempts) == (Decision, rung, 1)
    (body,) = server.requests
    assert (rung_of(body), schema_name(body)) == (rung, "Decision")
    assert {name: body.get(name) for name in ("response_format", "tools", "tool_choice") if name in body} == decoding(Decision, rung)
    prompt = body["messages"][-1]["content"]
    assert prompt.startswith("What now?")
    assert (WISH in prompt) is (rung in {Rung.JSON_OBJECT, Rung.TEXT})
    assert WISH not in prompt or prompt.endswith(schema_text(Decision))


@pytest.mark.parametrize("rung", Rung)
def test_the_repair_turn_stays_on_the_rung(server: FaultServer, loop: LoopThread, rung: Rung) -> None:
    server.script = [completion("no"), ANSWERS[rung]]
    reply = ask(loop, structured_output=str(rung))
    assert (reply.failure, reply.attempts, [attempt.rung for attempt in reply.tries]) == (None, 2, [rung] * 2)
    first, second = server.requests
    assert [rung_of(body) for body in server.requests] == [rung] * 2
    assert second["messages"][:2] == first["messages"]
    assert [message["role"] for message in second["messages"][2:]] == ["assistant", "user"]
    assert second["messages"][2]["content"] == "no"


def test_the_rung_is_no_part_of_the_key(server: FaultServer, loop: LoopThread) -> None:
    keys = set()
    for rung in Rung:
        server.script = [ANSWERS[rung]]
        keys.add(ask(loop, structured_output=str(rung)).key)
    assert keys == {request().key}


@pytest.mark.parametrize("schema", Schemas.BY_NAME.values(), ids=Schemas.BY_NAME)
def test_tools_and_prompts_show_the_strict_schema(schema: type[Answer]) -> None:
    (tool,) = decoding(schema, Rung.TOOL_CALL)["tools"]
    assert tool["function"]["parameters"] == strict_schema(schema) == json.loads(schema_text(schema))
    assert strict_schema(schema)["additionalProperties"] is False
    assert strict_schema(schema)["required"] == list(schema.model_fields)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)
PROSE = st.text().filter(lambda text: not {"{", "}", "["} & set(text))  # a bracket before a brace may open a list


@given(before=PROSE, objects=st.lists(OBJECTS, min_size=1, max_size=3), after=PROSE)
def test_the_last_object_of_a_text_is_found_whole(before: str, objects: list[dict[str, object]], after: str) -> None:
    texts = [json.dumps(value, ensure_ascii=False) for value in objects]
    assert last_object(before + " and ".join(texts) + after) == texts[-1]


@given(PROSE)
def test_a_text_without_an_object_has_none(text: str) -> None:
    assert last_object(text) is None
