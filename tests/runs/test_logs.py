from __future__ import annotations

from pathlib import Path

import pytest

from tests.runs.factory import make_project, make_run
from tradinggroup.errors import DataError, UsageError
from tradinggroup.models.answers import Decision
from tradinggroup.models.port import Attempt, Failure, FailureKind, Message, ModelReply, ModelRequest, Usage
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.runs.call_log import LoggedCall, logged_calls
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.text.logs import said, text_logs

PRICED = """[servers.shop]
base_url = "http://127.0.0.1:1/v1"

[models."shop:tiny"]
price = { prompt_usd_per_million = 1.0, completion_usd_per_million = 2.0, as_of = 2026-01-01, source = "a test" }
"""
NOT_JSON = Failure(FailureKind.NOT_JSON, "no object")


def asked(text: str, position: int) -> ModelRequest:
    return ModelRequest(
        model="shop:tiny", messages=(Message("system", "Judge."), Message("user", text)), schema=Decision, parameters={"temperature": 0.5},
        agent="decision", purpose="decision", symbol="ACME", session="2023-09-12", position=position, seed_index=1,
    )  # fmt: skip


@pytest.fixture(scope="module")
def priced_run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """Three calls of a model with a price: answered, answered after a repair turn, and failed."""
    run = make_run(make_project(tmp_path_factory.mktemp("logs")))
    run.recordings.unlink()
    (run.path / "models.toml").write_text(PRICED, encoding="utf-8")
    answer = Decision(action="sell", confidence=0.25, reasoning="The gap\nfaded.")
    good = answer.model_dump_json()
    replies = {
        "Plain?": {"answer": answer, "failure": None, "text": good, "reasoning": "Let me think of a breakout."},
        "Mended?": {
            "answer": answer, "failure": None, "text": good, "attempts": 2,
            "tries": (Attempt("I sell \x1b[31m", NOT_JSON, "schema"), Attempt(good, None, "text")), "rung": "text",
        },
        "Failed?": {"answer": None, "failure": NOT_JSON, "text": "no", "tries": (Attempt("no", NOT_JSON, "schema"),), "rung": "schema"},
    }  # fmt: skip
    with RecordingStore.open(run.recordings) as store:
        for place, (text, reply) in enumerate(replies.items()):
            request = asked(text, place)
            made = ModelReply(key=request.key, usage=Usage(1000, 500), model_returned="tiny-2", **reply)  # type: ignore[arg-type]
            store.put(request, made, live=place > 0)
            store.put_call(request)
    return RunFolder.open(run.path)


def test_a_list_has_a_line_a_call(priced_run: RunFolder) -> None:
    text = text_logs(priced_run, logged_calls(priced_run))
    lines = text.splitlines()
    assert "3 model calls, 1 failed, 1 asked more than once" in lines
    head = next(number for number, line in enumerate(lines) if line.startswith("session"))
    assert lines[head].split() == ["session", "symbol", "agent", "key", "tries", "tokens", "USD", "answer"]
    rows = [line.split() for line in lines[head + 1 : head + 4]]
    assert [row[-3:] for row in rows[:2]] == [["sell", "0.25", "Th..."]] * 2
    assert rows[2][-3:] == ["0.0020", "FAILED", "not_json"]
    assert len({row[4] for row in rows}) == 3, "a key tells them apart"
    assert lines[-1].startswith(f"one in full: tradinggroup logs {priced_run.run_id} --call ")


def test_one_in_full_has_prompt_attempts_reasoning_tokens_and_price(priced_run: RunFolder) -> None:
    plain, mended, failed = (
        text_logs(priced_run, logged_calls(priced_run, text=each), full=True) for each in ("plain?", "mended?", "failed?")
    )
    for part in (
        "== 2023-09-12 ACME decision decision\n",
        "model     shop:tiny, returned tiny-2; from recordings; sample 1;\n",
        "tokens    1,000 in, 500 out; 0.002000 USD\n",
        "system    | Judge.\nuser      | Plain?\n",
        "reasoning | Let me think of a breakout.\n",
        'answer    | {"action":"sell","confidence":0.25,"reasoning":"The gap\\nfaded."}',
    ):
        assert part in plain
    assert "attempts" not in plain
    assert "asked live" in mended
    tries = (
        "attempts  2, 1 repair turn",
        "          1 by schema  not_json: no object",
        "             | I sell  [31m",
        "          2 by text  answered",
    )
    assert "\n".join(tries) in mended
    assert "attempts  1\n          1 by schema  not_json: no object\n" in failed
    assert "FAILED    not_json: no object\nanswer    | no" in failed
    for text in (plain, mended, failed):
        assert max(map(len, text.splitlines())) <= 80
        assert all(letter.isprintable() or letter == "\n" for letter in text)


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        ({}, 3), ({"failed": True}, 1), ({"text": "BREAKOUT"}, 1), ({"text": "judge"}, 3), ({"text": "nothing such"}, 0),
        ({"symbol": "BOLT"}, 0), ({"agent": "reflection"}, 0), ({"session": "2023-09-12"}, 3), ({"session": "2023-09-13"}, 0),
    ],
)  # fmt: skip
def test_filters(priced_run: RunFolder, wanted: dict[str, object], count: int) -> None:
    assert len(logged_calls(priced_run, **wanted)) == count  # type: ignore[arg-type]


def test_a_call_is_named_by_the_start_of_its_key(priced_run: RunFolder) -> None:
    for call in logged_calls(priced_run):
        for key in (call.call.key, call.short_key, call.short_key[:6]):
            assert [each.call.key for each in logged_calls(priced_run, key=key)] == [call.call.key]
    for key in ("123", "ffffffffffff"):
        with pytest.raises(DataError, match=f"RECORDING_MISSING: run {priced_run.run_id} has no such call, key={key}"):
            logged_calls(priced_run, key=key)
    with pytest.raises(UsageError, match=r"no agent decisions\. Did you mean decision\?"):
        logged_calls(priced_run, agent="decisions")


def test_a_long_list_ends_with_the_newest(shared_run: RunFolder) -> None:
    calls = logged_calls(shared_run)
    lines = text_logs(shared_run, calls, limit=2).splitlines()
    assert lines[0] == "16 model calls, 0 failed, 0 asked more than once; the last 2 (--limit 0: all)"
    assert [line.split()[:2] for line in lines[3:5]] == [["2023-09-20", "ACME"], ["2023-09-20", "BOLT"]]
    assert len(text_logs(shared_run, calls, limit=0).splitlines()) == 16 + 5
    assert "tokens" in lines[2]
    assert "USD" not in lines[2]
    assert text_logs(shared_run, []) == "0 model calls, 0 failed, 0 asked more than once"


def test_an_unknown_price_is_not_zero(priced_run: RunFolder, tmp_path: Path) -> None:
    (call,) = logged_calls(priced_run, text="plain?")
    unknown = LoggedCall(call.call, call.tries, None)
    assert "1,000 in, 500 out; price not known" in text_logs(priced_run, [unknown], full=True)
    assert call.to_plain()["cost_usd"] == pytest.approx(0.002)
    assert call.to_plain()["attempts"] == [{"text": call.call.text, "rung": "", "failure": None}]
    assert said(call) == "sell 0.25 The gap faded."
