"""Runs in the ledger: what is a trial, what outlives a deleted run, and what a sealed hold-out keeps shut."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.factories import make_bundle
from tests.runs.factory import make_project, make_run
from tradinggroup.cells import repeated, vary_cells
from tradinggroup.errors import DataError, UsageError
from tradinggroup.experiment import Override, load_experiment, load_variants
from tradinggroup.project import MARKER, Project
from tradinggroup.runs.claim_card import Claim
from tradinggroup.runs.execute import RunOptions, resume_run, run_experiment
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.inputs import inputs_of_project
from tradinggroup.runs.ledger.check import look_at_ledger
from tradinggroup.runs.ledger.file import Entry, read_ledger
from tradinggroup.runs.ledger.trial_hash import configuration_hash, trial_hash
from tradinggroup.runs.ledger.trials import trials_of
from tradinggroup.runs.preview import check_experiment, render_prompts
from tradinggroup.runs.report.page import report
from tradinggroup.runs.returns import returns_by_session
from tradinggroup.runs.samples import samples_of
from tradinggroup.runs.text.claims import card_of
from tradinggroup.runs.text.ledger import text_ledger, variance_text
from tradinggroup.runs.text.overview import text_overview
from tradinggroup.runs.text.samples import text_samples
from tradinggroup.runs.text.show import text_show
from tradinggroup.runs.verify import verify_run

STUDY = """name = "study"
bundle = "tiny"
symbols = ["AAA", "BBB"]
start = 2024-02-20
end = 2024-04-12
baselines = ["buy_and_hold"]
[statistics]
bootstrap_draws = 100
"""


def study_project(folder: Path, *, marker: str = "") -> Project:
    project = make_project(folder)
    (folder / MARKER).write_text(marker, encoding="utf-8")
    project.experiments_folder.mkdir(parents=True)
    (project.experiments_folder / "study.toml").write_text(STUDY, encoding="utf-8")
    make_bundle(project.root, symbols=("AAA", "BBB"))
    return project


def start(project: Project, *, unseal: str | None = None, **settings: Any) -> RunFolder:
    overrides = [Override(key.replace("__", "."), value, "--set") for key, value in settings.items()]
    return run_experiment(project, load_experiment(project, "study", overrides), RunOptions(unseal=unseal))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three runs of two trials; tests only read it."""
    project = study_project(tmp_path_factory.mktemp("ledger") / "project")
    start(project)
    start(project, seed=8)
    start(project, end="2024-04-05")
    return project


@pytest.fixture
def project(whole: Project, tmp_path: Path) -> Project:
    """A copy to spoil."""
    shutil.copytree(whole.root, tmp_path / "copy")
    return Project(tmp_path / "copy")


def runs_of(project: Project) -> list[RunFolder]:
    return [RunFolder.open(path) for path in sorted(project.runs_folder.iterdir())]


def test_a_run_has_a_line_from_its_start_on_and_one_at_its_end(whole: Project) -> None:
    entries = read_ledger(whole).entries
    assert [entry["kind"] for entry in entries] == ["start", "end"] * 3
    first, run = entries[0], runs_of(whole)[0]
    assert first["run_id"] == run.run_id
    assert (first["experiment"], first["model"], first["symbols"], first["seed"]) == ("study", "no LLM", ["AAA", "BBB"], 7)
    assert (first["start"], first["end"], first["sessions"]) == ("2024-02-20", "2024-04-12", run.header["sessions"])
    assert (entries[1]["status"], entries[1]["trades"]) == ("success", run.header["metrics"]["ALL"]["trades"])


def test_seeds_are_one_trial_and_another_window_is_another(whole: Project) -> None:
    trials = trials_of(read_ledger(whole).entries)
    assert [len(trial.runs) for trial in trials] == [2, 1]
    assert [run.header["ledger"]["trials"] for run in runs_of(whole)] == [1, 1, 2]
    page = look_at_ledger(whole)
    assert page.fault is None
    assert page.figures["trials"] == 2
    assert 1 <= page.figures["effective_trials"] <= 2
    assert page.figures["overlapping_trials"] == 2
    assert page.figures["sharpe_variance"] >= 0


def test_the_returns_of_a_trial_are_those_of_its_run(whole: Project) -> None:
    trial, run = trials_of(read_ledger(whole).entries)[0], runs_of(whole)[0]
    own = returns_by_session(run.equity())
    assert list(trial.returns) == list(own)
    assert trial.returns == pytest.approx(own, abs=1e-8)


CHANGES: Mapping[str, tuple[dict[str, Any], bool]] = {
    "seed": ({"seed": 9}, False),
    "sample": ({"models.sample_index": 3}, False),
    "name": ({"name": "other"}, False),
    "workers": ({"workers": 2}, False),
    "order of symbols": ({"symbols": ["BBB", "AAA"]}, False),
    "symbols": ({"symbols": ["AAA"]}, True),
    "window": ({"end": "2024-04-11"}, True),
    "model": ({"model": "openai:m"}, True),
    "one agent's model": ({"agent_models": {"decision": "openai:m"}}, True),
    "profile": ({"risk": "strict"}, True),
    "setting": ({"agents.news_sentiment.k": 3}, True),
    "part": ({"without": ["style"]}, True),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_makes_another_trial(whole: Project, name: str) -> None:
    settings, is_other = CHANGES[name]
    plain = inputs_of_project(whole, load_experiment(whole, "study"))
    changed = inputs_of_project(whole, load_experiment(whole, "study", [Override(key, value, "--set") for key, value in settings.items()]))
    assert (trial_hash(changed) != trial_hash(plain)) == is_other
    assert (configuration_hash(changed) != configuration_hash(plain)) == (is_other and name != "window")


def test_cards_and_the_text_of_a_profile_make_another_trial_and_a_comment_does_not(project: Project) -> None:
    def hashed() -> str:
        return trial_hash(inputs_of_project(project, load_experiment(project, "study")))

    before = hashed()
    own = project.root / "risk" / "default.toml"
    own.parent.mkdir()
    text = inputs_of_project(project, load_experiment(project, "study")).profile_text
    own.write_text(f"# a comment\n{text}", encoding="utf-8")
    assert hashed() == before
    own.write_text(text.replace("stop_loss_multiplier = 2.0", "stop_loss_multiplier = 2.1"), encoding="utf-8")
    with_profile = hashed()
    assert with_profile != before
    card = inputs_of_project(project, load_experiment(project, "study")).cards["decision"]
    (project.root / "agents").mkdir()
    (project.root / "agents" / "decision.md").write_text(card.text + "\nBe brief.\n", encoding="utf-8")
    assert hashed() not in (before, with_profile)


def test_deleting_runs_deletes_no_trial_and_keeps_their_returns(project: Project) -> None:
    before = look_at_ledger(project)
    for folder in list(project.runs_folder.iterdir())[:2]:
        shutil.rmtree(folder)
    after = look_at_ledger(project)
    assert after.figures == before.figures
    assert len(after.deleted) == 2
    assert after.fault is None
    assert "2 runs without a folder any more" in text_ledger(after)


def test_folders_without_an_entry_are_named_and_not_counted(project: Project) -> None:
    old = make_run(project)
    page = look_at_ledger(project)
    assert page.unlisted == (old.run_id,)
    assert page.fault is None
    assert f"1 run folder not in this ledger, and in no count: {old.run_id}" in text_ledger(page)
    assert "configuration" not in text_show(old)


def test_a_ledger_that_was_cut_with_its_head_is_found_by_the_run_folders(project: Project) -> None:
    lines = project.ledger_file.read_bytes().splitlines(keepends=True)
    project.ledger_file.write_bytes(b"".join(lines[:4]))
    project.ledger_head.unlink()
    fault = look_at_ledger(project).fault
    assert fault is not None
    assert fault.line == 5
    assert "is missing: run" in fault.text


def test_verify_writes_nothing_into_the_ledger_and_resume_no_second_start(project: Project) -> None:
    before = project.ledger_file.read_bytes()
    assert verify_run(project, runs_of(project)[0]).equal
    assert project.ledger_file.read_bytes() == before


def test_an_interrupted_run_counts_and_its_resume_is_no_trial(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradinggroup.runs import execution

    with monkeypatch.context() as patched:
        patched.setattr(execution.Execution, "_run_agents", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            start(project, cash_usd=50_000)
    trials = trials_of(read_ledger(project).entries)
    assert [trial.status for trial in trials] == ["success", "success", "interrupted"]
    assert not trials[2].returns
    resumed = resume_run(project, runs_of(project)[-1], RunOptions())
    assert resumed.status == "success"
    again = trials_of(read_ledger(project).entries)
    assert [(trial.status, len(trial.runs)) for trial in again] == [("success", 2), ("success", 1), ("success", 1)]
    assert again[2].returns
    assert look_at_ledger(project).fault is None


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_run_whose_process_died_is_a_trial_all_the_same(project: Project) -> None:
    lines = project.ledger_file.read_bytes().splitlines(keepends=True)
    project.ledger_file.write_bytes(b"".join(lines[:5]))
    assert [trial.status for trial in trials_of(read_ledger(project).entries)] == ["success", "unfinished"]


def test_no_run_starts_without_its_ledger_and_no_folder_is_left(tmp_path: Path) -> None:
    project = study_project(tmp_path / "project")
    project.ledger_file.mkdir()
    with pytest.raises(DataError, match="LEDGER_UNWRITABLE"):
        start(project)
    assert not project.runs_folder.exists()


def test_a_ledger_that_fails_at_the_end_does_not_take_the_run_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradinggroup.runs.ledger import entries as ledger
    from tradinggroup.runs.ledger import file as ledger_file

    project = study_project(tmp_path / "project")
    opened = ledger_file.open_ledger
    with monkeypatch.context() as patched:
        calls: list[int] = []

        def once(where: Project) -> Any:
            calls.append(1)
            if len(calls) > 1:
                raise ledger_file.unwritable(where.ledger_file, "no space left")
            return opened(where)

        patched.setattr(ledger, "open_ledger", once)
        run = start(project)
    assert run.status == "success"
    assert "the end of the run is not in the ledger: no space left" in run.header["warnings"]


def test_the_header_keeps_what_the_ledger_had_and_show_says_what_it_has_now(whole: Project) -> None:
    first = runs_of(whole)[0]
    assert first.header["ledger"]["trials"] == 1
    assert "2 configurations tried, effectively" in text_show(first)
    assert "by the 6 lines of the ledger up to" in text_show(first).replace("\n         ", " ")


def test_a_run_that_was_moved_away_shows_what_its_header_kept(whole: Project, tmp_path: Path) -> None:
    shutil.copytree(runs_of(whole)[0].path, tmp_path / "moved")
    assert "1 configuration tried" in text_show(RunFolder.open(tmp_path / "moved"))
    assert "when the run ended" in text_show(RunFolder.open(tmp_path / "moved")).replace("\n         ", " ")


def test_a_run_of_another_ledger_is_no_fault_of_this_one(whole: Project, project: Project) -> None:
    other = study_project(project.root.parent / "other")
    start(other)
    shutil.copytree(runs_of(whole)[0].path, other.runs_folder / runs_of(whole)[0].name)
    page = look_at_ledger(other)
    assert page.fault is None
    assert page.unlisted == (runs_of(whole)[0].run_id,)


SEALED = "[holdout]\nstart = 2024-04-01\n"


def test_sealed_sessions_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    project = study_project(tmp_path / "project", marker=SEALED)
    with pytest.raises(UsageError) as caught:
        start(project)
    assert str(caught.value).startswith("HOLDOUT_SEALED: sessions from 2024-04-01 on are the hold-out (tradinggroup.toml)")
    assert "--end 2024-03-31" in str(caught.value)
    assert not project.runs_folder.exists()
    assert not project.ledger_file.exists()
    resolved = load_experiment(project, "study")
    (line,) = [line for line in check_experiment(project, resolved) if line.what == "hold-out"]
    assert not line.ok
    assert check_experiment(project, resolved, unseal="final")[4].text == "from 2024-04-01 on, unsealed: final"
    with pytest.raises(UsageError, match="HOLDOUT_SEALED"):
        render_prompts(project, resolved, "decision", date(2024, 4, 2), "AAA")


@pytest.mark.parametrize(
    ("settings", "unseal", "says"),
    [
        ({"end": "2024-03-28"}, "why", "--unseal: the hold-out starts on 2024-04-01, after this window"),
        ({}, "  ", "--unseal without a reason"),
        ({"holdout__start": "2099-01-01"}, None, "HOLDOUT_SEALED: sessions from 2024-04-01"),
        ({"holdout__start": "2024-03-11"}, None, "HOLDOUT_SEALED: sessions from 2024-03-11 on are the hold-out (the experiment)"),
    ],
)
def test_a_seal_is_neither_moved_nor_opened_by_the_way(tmp_path: Path, settings: dict[str, Any], unseal: str | None, says: str) -> None:
    project = study_project(tmp_path / "project", marker=SEALED)
    with pytest.raises(UsageError) as caught:
        start(project, unseal=unseal, **settings)
    assert says in str(caught.value)


def test_the_first_look_is_written_down_and_every_later_configuration_says_so(tmp_path: Path) -> None:
    project = study_project(tmp_path / "project", marker=SEALED)
    one = {"symbols": "AAA"}
    tuned = start(project, end="2024-03-28", **one)
    assert tuned.header["holdout"]["unsealed"] is None
    final = start(project, unseal="final test", **one)
    entry = next(entry for entry in read_ledger(project).entries if entry["kind"] == "unseal")
    assert (entry["reason"], entry["run_id"], entry["through"]) == ("final test", final.run_id, "2024-04-12")
    assert entry["configuration"] == configuration_hash(
        inputs_of_project(project, load_experiment(project, "study", [Override("symbols", "AAA", "--set")]))
    )
    for run, is_later in (
        (final, False),
        (start(project, unseal="another seed", seed=8, **one), False),
        (start(project, unseal="once more", risk="strict", **one), True),
        (start(project, end="2024-03-28", risk="strict", **one), True),
    ):
        assert run.header["holdout"]["after_unsealing"] is is_later
        assert any("after unsealing" in text for text in run.header["warnings"]) is is_later
        assert ("after unsealing" in text_show(run)) is is_later
    (project.root / MARKER).write_text("", encoding="utf-8")
    assert start(project, risk="strict", cash_usd=1_000, **one).header["holdout"]["after_unsealing"]
    assert start(project, end="2024-03-27", risk="strict", **one).header["holdout"] is None


def hold_out_claim(run: RunFolder) -> Claim:
    return next(claim for claim in card_of(run).claims if claim.topic == "hold-out")


def test_sessions_that_any_run_had_seen_are_no_first_look(tmp_path: Path) -> None:
    project = study_project(tmp_path / "project")
    one = {"symbols": "AAA"}
    start(project, end="2024-04-02", risk="strict", **one)
    start(project, end="2024-03-28", **one)
    (project.root / MARKER).write_text(SEALED, encoding="utf-8")
    looked = start(project, unseal="final test", **one)
    assert (looked.header["holdout"]["seen_before"], looked.header["holdout"]["sessions"]) == (1, 10)
    assert hold_out_claim(looked).state == "weak"
    assert hold_out_claim(looked).found == "10 of 38 sessions from 2024-04-01 on; 1 run had seen those sessions before"
    again = start(project, unseal="another seed", seed=8, **one)
    assert "2 runs had seen those sessions before" in hold_out_claim(again).found


def test_a_first_look_says_how_much_of_the_window_it_is(tmp_path: Path) -> None:
    project = study_project(tmp_path / "project", marker=SEALED)
    part = start(project, unseal="final test", symbols="AAA")
    assert (hold_out_claim(part).state, hold_out_claim(part).found) == ("weak", "10 of 38 sessions from 2024-04-01 on, first look")


def test_the_card_and_the_trials_say_the_same_count_of_the_ledger_as_it_is_now(project: Project, tmp_path: Path) -> None:
    first = runs_of(project)[0]
    assert first.header["ledger"]["trials"] == 1
    for page in (text_show(first), text_overview(first), report(first)):
        assert "2 configurations tried" in page
        assert "1 configuration tried" not in page
    shutil.copytree(first.path, tmp_path / "sent" / first.name)
    sent = RunFolder.open(tmp_path / "sent" / first.name)
    assert found_on(sent, "trials").startswith("1 configuration tried, when the run ended; no deflated Sharpe ratio")


def test_a_ledger_damaged_after_a_run_fails_its_card(project: Project) -> None:
    run = runs_of(project)[0]
    with project.ledger_file.open("ab") as stream:
        stream.write(b'{"kind":"start"}\n')
    assert found_on(run, "trials") == "the ledger is damaged: line 7 is no start line: line is missing or no such value"
    assert "the ledger is damaged: line 7" in text_show(run)


def found_on(run: RunFolder, topic: str) -> str:
    return next(claim.found for claim in card_of(run).claims if claim.topic == topic)


def test_of_the_runs_of_a_trial_the_first_with_returns_counts() -> None:
    def end(run_id: str, fraction: float | None) -> Entry:
        returns = None if fraction is None else {"first_session": "2024-01-02", "days_between": [1], "fractions": [fraction, 0.0]}
        return {"kind": "end", "run_id": run_id, "status": "success", "returns": returns}

    entries = [{"kind": "start", "run_id": name, "trial": "t", "at": "2024"} for name in ("a", "b", "c")]
    (trial,) = trials_of([*entries, end("c", None), end("b", 0.1), end("a", 0.2)])
    assert trial.returns == {"2024-01-02": 0.1, "2024-01-03": 0.0}


def test_equal_trials_have_no_variance_to_print() -> None:
    assert [variance_text(value) for value in (8.74e-16, 0.0, 0.00123456)] == ["0", "0", "0.00123"]


def test_a_seal_that_was_taken_away_is_missed(tmp_path: Path) -> None:
    project = study_project(tmp_path / "project", marker=SEALED)
    start(project, end="2024-03-28")
    (project.root / MARKER).write_text("", encoding="utf-8")
    run = start(project)
    assert run.header["holdout"]["dropped"]
    assert any("the hold-out from 2024-04-01, which earlier runs kept, is no longer kept" in text for text in run.header["warnings"])


@pytest.mark.parametrize(
    ("marker", "says"),
    [
        ("start = 2024-04-01\n", "knows nothing but [holdout] start, and says start"),
        ('[holdout]\nstart = "2024-04-01"\n', "holdout.start=2024-04-01 is no day"),
        ("[holdout]\nend = 2024-04-01\n", "and says another holdout"),
        ("[holdout\n", "cannot be read"),
    ],
)
def test_a_project_file_that_says_something_else_is_refused(tmp_path: Path, marker: str, says: str) -> None:
    project = study_project(tmp_path / "project", marker=marker)
    with pytest.raises(UsageError) as caught:
        start(project)
    assert str(caught.value).startswith("PROJECT_INVALID")
    assert says in str(caught.value)


def test_the_rules_do_not_flip_and_it_says_why(whole: Project) -> None:
    samples = samples_of(runs_of(whole)[:2])
    assert samples.flip_rate_fraction == 0
    assert samples.spread["total_return_fraction"].deviation == 0
    assert "these decisions must be equal" in text_samples([samples]).replace("\n", " ")


def test_cells_are_trials_and_samples_are_none(whole: Project) -> None:
    cells = load_variants(whole, "study", cells=vary_cells(["without=risk,style"]))
    hashes = [[trial_hash(inputs_of_project(whole, each)) for each in repeated(cell, 3)] for cell in cells]
    assert [len(set(each)) for each in hashes] == [1, 1]
    assert hashes[0][0] != hashes[1][0]
