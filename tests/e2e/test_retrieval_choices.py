"""Runs whose retrieval asks a server: recorded, verified without a network, shared across runs, and refused in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.answers import good_answer, messages_of, number_of
from tests.e2e.command import Run, calls, decisions, latest, row_files
from tests.models.fault_server import FaultServer, Json, Step, completion, error, fault_server, token_completion
from tradinggroup.models.recordings import RecordingStore

CHOICES = ("--set", "retrieval.embedder=openai:vectors", "--set", "retrieval.reranker=llm")


def answer(body: Json) -> str:
    """As the other tests' servers; a plain question is answered by a word."""
    return good_answer(body) if "response_format" in body else ("yes" if number_of(messages_of(body)) % 2 else "No.")


def with_logprobs(body: Json) -> Step | None:
    """A server that gives log-probabilities."""
    if "logprobs" not in body:
        return None
    share = 0.05 + 0.9 * (number_of(messages_of(body)) % 100) / 100
    return token_completion("yes", {"yes": share, "no": 1 - share})


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultServer]:
    with fault_server(answer) as faults:
        faults.choose = with_logprobs
        monkeypatch.setenv("OPENAI_BASE_URL", faults.url)
        yield faults


def embedded(server: FaultServer) -> list[str]:
    """Every text that was sent to `/embeddings`."""
    return [
        text for path, body in zip(server.paths, server.requests, strict=True) if path.endswith("/embeddings") for text in body["input"]
    ]


def test_what_costs_is_asked_once_recorded_and_verified_without_a_network(
    server: FaultServer, project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tg("backtest", "study", "--json", *CHOICES)
    assert (first.exit_code, first.json["status"], first.json["calls"]["failed"]) == (0, "success", 0)
    sent = embedded(server)
    assert len(sent) > 10
    assert len(set(sent)) == len(sent), "no text twice"
    folder = latest(project)
    reranked = [call for call in calls(folder) if call.purpose.startswith("rerank")]
    assert {call.agent for call in reranked} == {"news_sentiment", "report_retrieval"}
    assert {call.answer["source"] for call in reranked if call.answer} == {"logprobs"}
    asked = [body for body in server.requests if "logprobs" in body]
    assert len(asked) == len({call.key for call in reranked}), "a question is paid for once"
    shares = {item["probability"] for line in decisions(folder) for item in line["news_sentiment"]["items"]}
    assert len(shares) > 3

    seen = len(server.requests)
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert tg("verify", "latest").exit_code == 0
    assert len(server.requests) == seen

    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    second = tg("backtest", "study", "--json", *CHOICES, "--set", "seed=8")
    assert second.exit_code == 0
    assert embedded(server) == sent, "the vectors of the first run were in the chunk store"
    assert latest(project) != folder
    assert tg("verify", "latest").exit_code == 0
    with RecordingStore.open(latest(project) / "recordings.sqlite", readonly=True) as store:
        assert store._select("SELECT COUNT(*) FROM vectors WHERE embedder <> ?", "") != (0,)


def test_with_and_without_a_chunk_store_the_bytes_are_the_same(server: FaultServer, project: Path, tg: Run) -> None:
    rows = []
    for _ in range(2):
        assert tg("backtest", "study", "--json", "--calls", "refresh", *CHOICES).exit_code == 0
        rows.append(row_files(latest(project)))
    (project / "backtests" / "chunks").rename(project / "elsewhere")
    assert tg("backtest", "study", "--json", *CHOICES).exit_code == 0
    rows.append(row_files(latest(project)))
    assert rows[0] == rows[1] == rows[2]


def test_refused_log_probabilities_are_asked_for_once(server: FaultServer, project: Path, tg: Run) -> None:
    server.choose = lambda body: error(400, "logprobs is not supported") if "logprobs" in body else None
    result = tg("backtest", "study", "--json", *CHOICES[2:])
    assert (result.exit_code, result.json["calls"]["failed"]) == (0, 0)
    assert sum("logprobs" in body for body in server.requests) == 1
    reranked = [call for call in calls(latest(project)) if call.purpose.startswith("rerank")]
    assert {(call.answer or {}).get("source") for call in reranked} == {"answer"}
    assert {(call.answer or {}).get("p_yes") for call in reranked} == {0.0, 1.0}
    assert sum(call.attempts == 2 for call in {call.key: call for call in reranked}.values()) == 1, "the refusal is on record"
    assert tg("verify", "latest").exit_code == 0


def test_neither_yes_nor_no_is_counted_and_stands_for_even_odds(server: FaultServer, project: Path, tg: Run) -> None:
    def choose(body: Json) -> Step | None:
        if "response_format" in body:
            return None
        return token_completion("Perhaps", {"Perhaps": 0.9}) if "logprobs" in body else completion("Perhaps.")

    server.choose = choose
    result = tg("backtest", "study", "--json", *CHOICES[2:])
    assert (result.exit_code, result.json["status"]) == (1, "invalid")
    reranked = [call for call in calls(latest(project)) if call.purpose.startswith("rerank")]
    assert result.json["calls"]["failed"] == len(reranked) > 10
    assert {call.failure.kind for call in reranked if call.failure} == {"schema"}
    assert {item["probability"] for line in decisions(latest(project)) for item in line["news_sentiment"]["items"]} == {0.5}


def test_refused_embeddings_end_the_run_which_can_be_resumed(server: FaultServer, project: Path, tg: Run) -> None:
    good, count = server.embed, 0

    def refuse_later(texts: list[str]) -> Step:
        nonlocal count
        count += 1
        return good(texts) if count <= 4 else error(501, "start the server with --embeddings")

    server.embed = refuse_later
    result = tg("backtest", "study", *CHOICES)
    assert result.exit_code == 5
    assert "the server gave no embeddings (HTTP 501: start the server with --embeddings" in result.err
    assert "Traceback" not in result.err
    run = latest(project)
    before = embedded(server)[:8]
    server.embed = good
    resumed = tg("backtest", "--resume", run.name, "--json")
    assert (resumed.exit_code, latest(project)) == (0, run)
    assert not set(before[:1]) & set(embedded(server)[len(before) + 20 :]), "what was embedded before is not asked again"
    assert tg("verify", run.name).exit_code == 0


def test_rules_answer_the_question_by_words(project: Path, tg: Run) -> None:
    rules = ("--set", "model=rules")
    lexical = tg("backtest", "study", "--json", *rules)
    asked = tg("backtest", "study", "--json", *rules, "--set", "retrieval.reranker=llm")
    assert (lexical.exit_code, asked.exit_code) == (0, 0)
    assert asked.json["metrics"] == lexical.json["metrics"]
    assert asked.json["calls"]["total"] > lexical.json["calls"]["total"]


def test_parts_that_cannot_be_had_are_said_before_a_folder_is_made(
    project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for choice, code in (("onnx-minilm", "EXTRA_MISSING"), ("openai:x", "KEY_MISSING"), ("hasing", "SETTING_INVALID")):
        result = tg("backtest", "study", "--set", "model=rules", "--set", f"retrieval.embedder={choice}")
        assert result.exit_code == 2
        assert code in result.err
        assert "hashing" in result.err
    assert not (project / "backtests" / "runs").exists()


def test_a_prompt_is_rendered_from_kept_vectors_or_not_at_all(server: FaultServer, project: Path, tg: Run) -> None:
    render = ("agents", "render", "report_retrieval", "study", "--session", "2024-03-04", "--symbol", "AAA", *CHOICES)
    missing = tg(*render)
    assert missing.exit_code == 3
    assert "RECORDING_MISSING" in missing.err
    assert tg("backtest", "study", *CHOICES).exit_code == 0
    seen = len(server.requests)
    shown = tg(*render)
    assert shown.exit_code == 0
    assert "Revenue" in shown.out or "revenue" in shown.out
    assert len(server.requests) == seen
