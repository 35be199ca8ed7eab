"""Lessons that are kept while a run goes are those that would be kept at its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.e2e.answers import good_answer
from tests.e2e.command import Run, latest
from tests.models.fault_server import Json, Step, completion, fault_server
from tradinggroup.project import Project
from tradinggroup.reflection.memory import Lesson
from tradinggroup.reflection.store import LessonStore
from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.runs import execute, lessons
from tradinggroup.runs.folder import RunFolder


@pytest.mark.parametrize("breaks", [False, True], ids=["well", "with a store that breaks"])
def test_lessons_are_kept_while_a_run_goes(project: Path, tg: Run, monkeypatch: pytest.MonkeyPatch, breaks: bool) -> None:
    already: list[int] = []
    keep, add = execute.keep_lessons, LessonStore.add

    def keeping(*arguments: object, kept: int, **more: object) -> None:
        already.append(kept)
        monkeypatch.setattr(LessonStore, "add", add)
        keep(*arguments, kept=kept, **more)

    monkeypatch.setattr(execute, "keep_lessons", keeping)
    monkeypatch.setattr(lessons, "AFTER_SECONDS", 0.0)
    monkeypatch.setattr(lessons, "PAUSE_SECONDS", 0.02)
    if breaks:
        monkeypatch.setattr(LessonStore, "add", lambda store, found: (add(store, found[:1]), 1 / 0))
    with fault_server(good_answer) as server:
        server.choose = lambda body: _slow(body) if body["response_format"]["json_schema"]["name"] == "Decision" else None
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert tg("backtest", "study").exit_code == 0
    run = RunFolder.open(latest(project))
    expected = [Lesson.from_line(line) for line in run.reflections()]
    assert (already[0] > 0) is not breaks
    assert already[0] <= len(expected)
    with LessonStore.open(Project(project).lessons_folder / run.name, embed=HashingEmbedder().embed) as store:
        found = store.all()
    assert sorted(lesson.lesson_id for lesson in found) == sorted(lesson.lesson_id for lesson in expected)
    assert {lesson.lesson_id: lesson.text for lesson in found} == {lesson.lesson_id: lesson.text for lesson in expected}


def _slow(body: Json) -> Step:
    return replace(completion(good_answer(body)), sleep_seconds=0.15)
