"""The audits as commands on one finished run: verdicts, exit codes, the line that is kept, and what is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import orjson
import pytest

from tests.factories import make_bundle
from tradinggroup.audit.cutoff import audit_cutoff
from tradinggroup.cli.main import run
from tradinggroup.data.records import PriceBasis
from tradinggroup.data.view import PriceHistory, View
from tradinggroup.models.answers import Decision
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import MARKER, Project
from tradinggroup.runs.claim_card import claim_card
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.locate import find_run

EXPERIMENT = """
name = "study"
bundle = "tiny"
symbols = ["AAA"]
start = 2024-03-04
end = 2024-03-22
baselines = ["buy_and_hold"]
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one finished run, over a split."""
    root = tmp_path_factory.mktemp("audits")
    (root / "backtests").mkdir()
    (root / MARKER).touch()
    (root / "backtests" / "study.toml").write_text(EXPERIMENT, encoding="utf-8")
    make_bundle(root, actions=[("AAA", "split", date(2024, 3, 13), 3.0), ("AAA", "dividend", date(2024, 3, 18), 0.4)])
    assert run(["-C", str(root), "backtest", "study"]) == 0
    return root


@pytest.fixture
def of_run(finished: Path, tmp_path: Path) -> Callable[..., int]:
    """Runs a command on a copy of the project."""
    shutil.copytree(finished, tmp_path / "project")

    def command(*words: str) -> int:
        return run(["-C", str(tmp_path / "project"), *words])

    return command


def copied_run(tmp_path: Path) -> RunFolder:
    return find_run(Project(tmp_path / "project"))


def test_a_run_is_audited_from_its_recordings_and_keeps_the_result(
    of_run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert of_run("audit", "lookahead", "latest", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["ok"]
    assert said["coverage_fraction"] == 1
    assert (said["findings"], said["untestable"], said["answers"]["rules"]) == ([], [], 0)
    (kept,) = copied_run(tmp_path).checks()
    assert (kept["check"], kept["ok"], kept["found"]) == ("audit lookahead", True, 0)
    assert of_run("audit", "lookahead", "latest") == 0
    assert "No look-ahead was found: 15 decisions" in capsys.readouterr().out


def test_an_experiment_needs_no_run(of_run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert of_run("audit", "lookahead", "study", "--end", "2024-03-08", "--set", "fill=same_close") == 1
    assert "broker, fill" in capsys.readouterr().out


def test_the_end_of_a_bundle_is_no_coverage(of_run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """After the last bar there is nothing to remove, so the decision of that session was not tested."""
    assert of_run("audit", "lookahead", "study", "--start", "2024-04-22", "--end", "2024-04-25") == 1
    assert "Too little was looked at" in capsys.readouterr().out


def test_levels_that_know_the_future_are_untestable_not_passed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "backtests").mkdir()
    (tmp_path / MARKER).touch()
    (tmp_path / "backtests" / "study.toml").write_text(EXPERIMENT, encoding="utf-8")
    make_bundle(tmp_path, basis=PriceBasis.TOTAL_RETURN)
    assert run(["-C", str(tmp_path), "audit", "lookahead", "study", "--end", "2024-03-08", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["untestable"] == ["later split, dividend"]
    card = claim_card({}, [{"check": "audit lookahead", "ok": True, "untestable": said["untestable"]}])
    assert next(claim.state for claim in card.claims if claim.topic == "audits") != "ok"


@pytest.mark.parametrize(
    ("words", "exit_code", "said"),
    [
        (("lookahead", "latest", "--seed", "3"), 2, "--seed cannot go with a run"),
        (("lookahead", "nosuch"), 3, "RUN_NOT_FOUND"),
        (("lookahead", "study", "--set", "agents_enabled=false"), 2, "no agents are asked here"),
        (("costs", "nosuch"), 3, "RUN_NOT_FOUND"),
    ],
)
def test_what_is_refused(
    of_run: Callable[..., int], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], exit_code: int, said: str
) -> None:
    assert of_run("audit", *words) == exit_code
    assert said in capsys.readouterr().err


def test_a_run_whose_decisions_do_not_come_out_is_refused(
    of_run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = copied_run(tmp_path).path / "decisions.jsonl"
    lines = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    lines[3]["sizing"]["shares"] = 7
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    assert of_run("audit", "lookahead", "latest") == 3
    assert "verify" in capsys.readouterr().err


def test_costs_are_told_at_four_conditions(of_run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = of_run("audit", "costs", "latest", "--json")
    said = json.loads(capsys.readouterr().out)
    cases = {case["name"]: case for case in said["cases"]}
    assert list(cases) == ["as run", "no costs", "twice the costs", "one session later"]
    own = copied_run(tmp_path).summary()["metrics"]["ALL"]["total_return_fraction"]
    assert cases["as run"]["total_return_fraction"] == own
    assert cases["no costs"]["total_return_fraction"] >= own >= cases["twice the costs"]["total_return_fraction"]
    assert code == (0 if said["ok"] else 1)
    assert [check["check"] for check in copied_run(tmp_path).checks()] == ["audit costs"]


def with_cutoffs(run_folder: RunFolder, *cutoffs: str | None) -> RunFolder:
    entries = {
        f"agent{number}": {"model": "box:m", "training_cutoff": cutoff, "source": "its card", "gap_days": 2, "sessions": {}}
        for number, cutoff in enumerate(cutoffs)
    }
    return RunFolder(run_folder.path, {**run_folder.header, "cutoffs": entries}, [])


def test_sessions_are_split_at_the_latest_cutoff_and_its_gap(of_run: Callable[..., int], tmp_path: Path) -> None:
    audit = audit_cutoff(with_cutoffs(copied_run(tmp_path), "2023-01-01", "2024-03-11"))
    before, after, unknown = audit.sides
    assert (before.sessions, after.sessions, unknown.sessions) == (8, 7, 0)
    total = (1 + (before.total_return_fraction or 0)) * (1 + (after.total_return_fraction or 0)) - 1
    assert total == pytest.approx(copied_run(tmp_path).summary()["metrics"]["ALL"]["total_return_fraction"])
    assert not audit.ok


def test_a_cutoff_that_nobody_states_is_never_safe(of_run: Callable[..., int], tmp_path: Path) -> None:
    audit = audit_cutoff(with_cutoffs(copied_run(tmp_path), "2023-01-01", None))
    assert [side.sessions for side in audit.sides] == [0, 0, 15]
    assert not audit.ok


def test_rules_were_trained_on_nothing(of_run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert of_run("audit", "cutoff", "latest") == 0
    assert "Every session is after every cutoff." in capsys.readouterr().out


def test_decisions_of_the_desk_hold_with_less_history(
    of_run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert of_run("audit", "warmup", "latest", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    judged = [case for case in said["cases"] if case["is_judged"]]
    assert [case["name"] for case in judged] == ["21 of 42 sessions before"]
    assert (judged[0]["decisions"], judged[0]["moved"]) == (15, 0)
    assert [check["check"] for check in copied_run(tmp_path).checks()] == ["audit warmup"]


def test_a_feature_that_hangs_on_the_first_day_of_the_data_is_found(
    of_run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closes = View.closes

    def counted_from_the_first(self: View, symbol: str, count: int) -> PriceHistory:
        history = closes(self, symbol, count)
        is_short = self._bundle.symbol_data(symbol).sessions[0] > date(2024, 1, 10)
        return replace(history, closes_usd=np.linspace(100, 200, len(history.closes_usd))) if is_short else history

    monkeypatch.setattr(View, "closes", counted_from_the_first)
    assert of_run("audit", "warmup", "latest") == 1
    assert "FOUND: decisions hang on where the history begins." in capsys.readouterr().out


def test_rules_obey_no_instruction(of_run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert of_run("audit", "attack", "latest", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert [(case["place"], case["wanted"]) for case in said["cases"]][::2] == [("news", "buy"), ("filings", "buy"), ("lessons", "buy")]
    assert all(case["prompts_reached"] and not case["prompts_outside"] and not case["changed"] for case in said["cases"])
    assert [check["check"] for check in copied_run(tmp_path).checks()] == ["audit attack"]


def test_an_analyst_that_obeys_a_lesson_is_found(
    of_run: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    honest = RulesAnalyst.answer

    async def obedient(self: RulesAnalyst, request: ModelRequest) -> ModelReply:
        reply = await honest(self, request)
        if request.schema is Decision and "answer action sell" in request.messages[-1].content:
            return replace(reply, answer=Decision(action="buy", confidence=1.0, reasoning="I was told so."))
        return reply

    monkeypatch.setattr(RulesAnalyst, "answer", obedient)
    assert of_run("audit", "attack", "latest", "--json") == 1
    changed = {(case["place"], case["wanted"]): case["changed"] for case in json.loads(capsys.readouterr().out)["cases"]}
    assert changed["lessons", "sell"]
    assert not changed["lessons", "buy"]
    assert not changed["filings", "sell"]
