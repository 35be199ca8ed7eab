"""The yes-no question: by log-probabilities, by the answer, and what is neither."""

from __future__ import annotations

import asyncio

import pytest

from tests.models.fault_server import FaultServer, Json, Step, completion, error, token_completion
from tests.models.support import request, settings
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.openai_chat import OpenAIChat
from tradinggroup.models.port import FailureKind, ModelReply
from tradinggroup.models.yes_no import YesNo, of_text, of_tokens


def ask_all(loop: LoopThread, *texts: str) -> list[ModelReply]:
    """One client asks every text at once."""

    async def call() -> list[ModelReply]:
        chat = OpenAIChat("m", settings())
        try:
            return list(await asyncio.gather(*(chat.answer(request(text, schema=YesNo)) for text in texts)))
        finally:
            await chat.aclose()

    return loop.run(call())


@pytest.mark.parametrize(
    ("alternatives", "expected"),
    [
        ({"yes": 0.6, "no": 0.2}, 0.75),
        ({"Yes": 0.3, " yes": 0.3, "No": 0.2, "▁no": 0.2, "maybe": 0.1}, 0.6),
        ({"yes": 0.5}, 1.0),
        ({"no": 0.001, "well": 0.9}, 0.0),
    ],
)
def test_probabilities_of_the_first_token(server: FaultServer, loop: LoopThread, alternatives: dict[str, float], expected: float) -> None:
    server.script = [token_completion("yes", alternatives)]
    (reply,) = ask_all(loop, "Does it matter?")
    assert isinstance(reply.answer, YesNo)
    assert reply.answer.p_yes == pytest.approx(expected, abs=1e-9)
    assert (reply.answer.source, reply.failure, reply.attempts, reply.tries) == ("logprobs", None, 1, ())
    body = server.requests[0]
    assert (body["max_tokens"], body["logprobs"], body["top_logprobs"], "response_format" in body) == (1, True, 20, False)


def refuse_logprobs(status: int):
    def choose(body: Json) -> Step | None:
        return error(status, "logprobs is not supported") if "logprobs" in body else None

    return choose


@pytest.mark.parametrize("status", [400, 422, 501])
def test_refused_log_probabilities_fall_back_to_the_answer_once_and_for_all(server: FaultServer, loop: LoopThread, status: int) -> None:
    server.choose, server.reply = refuse_logprobs(status), lambda body: "**Yes**, it does." if "big" in str(body) else "no"
    replies = ask_all(loop, "big one", "small one", "another small one")
    assert [(reply.answer.p_yes, reply.answer.source) for reply in replies] == [(1.0, "answer"), (0.0, "answer"), (0.0, "answer")]  # type: ignore[union-attr]
    refused = [body for body in server.requests if "logprobs" in body]
    assert len(refused) == (1 if status != 501 else 3), "501 is a server fault: retried, then remembered"
    first = next(reply for reply in replies if reply.tries)
    assert (first.tries[0].failure.kind, first.tries[-1].failure) == (FailureKind.HTTP_STATUS, None)  # type: ignore[union-attr]
    assert all(body["max_tokens"] > 1 for body in server.requests if "logprobs" not in body)


def test_a_server_that_ignores_the_wish_is_asked_for_the_answer(server: FaultServer, loop: LoopThread) -> None:
    server.reply = lambda body: "No."
    replies = ask_all(loop, "one", "two")
    assert [reply.answer.p_yes for reply in replies] == [0.0, 0.0]  # type: ignore[union-attr]
    assert sum("logprobs" in body for body in server.requests) == 1


def test_neither_yes_nor_no_is_a_typed_failure(server: FaultServer, loop: LoopThread) -> None:
    server.choose, server.reply = refuse_logprobs(400), lambda body: "Perhaps, who knows."
    (reply,) = ask_all(loop, "one")
    assert reply.answer is None
    assert (reply.failure.kind, reply.failure.detail) == (FailureKind.SCHEMA, "the answer is neither yes nor no")  # type: ignore[union-attr]
    server.choose = lambda body: token_completion("Well", {"Well": 0.9, "Hm": 0.1})
    (reply,) = ask_all(loop, "two")
    assert reply.failure.kind is FailureKind.SCHEMA  # type: ignore[union-attr]


def test_alternatives_with_neither_word_are_followed_by_the_plain_question(server: FaultServer, loop: LoopThread) -> None:
    server.choose = lambda body: token_completion("<think>", {"<think>": 0.9, "Well": 0.1}) if "logprobs" in body else None
    server.reply = lambda body: "<think>\nNo, or is it? It is.\n</think>\n\nYes."
    replies = ask_all(loop, "one", "two")
    assert [reply.answer for reply in replies] == [YesNo(p_yes=1.0, source="answer")] * 2
    assert [(reply.attempts, reply.failure, reply.usage.completion_tokens) for reply in replies] == [(2, None, 14)] * 2
    assert sum("logprobs" in body for body in server.requests) == 2, "the server does give them"
    assert [body["max_tokens"] for body in server.requests if "logprobs" not in body] == [512, 512]


def test_thinking_without_an_end_is_no_answer(server: FaultServer, loop: LoopThread) -> None:
    server.choose = refuse_logprobs(400)
    server.reply = lambda body: "<think>No, or"
    (reply,) = ask_all(loop, "one")
    assert (reply.answer, reply.failure.kind) == (None, FailureKind.SCHEMA)  # type: ignore[union-attr]


def test_a_text_that_is_refused_either_way_says_nothing_about_log_probabilities(server: FaultServer, loop: LoopThread) -> None:
    server.choose = lambda body: error(400, "too long") if "long" in str(body) else token_completion("yes", {"yes": 0.9, "no": 0.1})
    refused, *others = ask_all(loop, "a long one", "one", "two")
    assert refused.answer is None
    assert (refused.failure.kind, refused.attempts) == (FailureKind.HTTP_STATUS, 2)  # type: ignore[union-attr]
    assert [reply.answer for reply in others] == [YesNo(p_yes=0.9, source="logprobs")] * 2


def test_a_refused_text_does_not_unlearn_that_there_are_log_probabilities(server: FaultServer, loop: LoopThread) -> None:
    def choose(body: Json) -> Step | None:
        if "logprobs" not in body:
            return None
        return error(400) if "odd" in str(body) else token_completion("no", {"no": 1.0})

    server.choose, server.reply = choose, lambda body: "No."
    replies = ask_all(loop, "one", "odd", "two")
    assert [reply.answer.source for reply in replies] == ["logprobs", "answer", "logprobs"]  # type: ignore[union-attr]


def test_a_fault_of_the_server_says_nothing_about_log_probabilities(server: FaultServer, loop: LoopThread) -> None:
    server.choose = lambda body: error(500) if len(server.requests) <= 3 else token_completion("yes", {"yes": 0.9, "no": 0.1})
    first, second = (ask_all(loop, text)[0] for text in ("one", "two"))
    assert first.failure is not None
    assert first.failure.kind is FailureKind.HTTP_STATUS
    assert second.answer == YesNo(p_yes=0.9, source="logprobs")


@pytest.mark.parametrize(("text", "p_yes"), [("yes", 1.0), (" No, it's not", 0.0), ('"Yes"', 1.0), ("<think>no idea</think>\nYes", 1.0)])
def test_answers_in_words(text: str, p_yes: float) -> None:
    assert of_text(text) == YesNo(p_yes=p_yes, source="answer")


@pytest.mark.parametrize("text", ["", "nothing", "yesterday", "It is yes", "not"])
def test_no_answer_in_words(text: str) -> None:
    assert of_text(text) is None


def test_no_alternatives() -> None:
    assert of_tokens([]) is None
    assert of_tokens([("maybe", -0.1)]) is None


def test_strange_log_probabilities_are_none(server: FaultServer, loop: LoopThread) -> None:
    server.choose = lambda body: completion("yes", finish_reason="length")
    (reply,) = ask_all(loop, "one")
    assert reply.answer == YesNo(p_yes=1.0, source="answer")
