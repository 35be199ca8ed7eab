"""Lessons in a real Chroma collection."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pytest

from tests.reflection.builders import SESSIONS, close_at, forecast_outcome
from tradinggroup.reflection.memory import Lesson, LessonMemory
from tradinggroup.reflection.store import LessonStore, session_number
from tradinggroup.settings import ReflectionSettings


def _embed(texts: Sequence[str]) -> npt.NDArray[Any]:
    return np.array([[byte / 255 for byte in hashlib.sha256(text.encode()).digest()[:8]] for text in texts])


@pytest.fixture(scope="module")
def lessons() -> list[Lesson]:
    made = []
    for symbol in ("ACME", "BETA"):
        memory = LessonMemory(symbol, ReflectionSettings())
        for n in range(12):
            memory.add(forecast_outcome(n, (0.02, -0.03, 0.0)[n % 3], symbol=symbol))
        for n in range(13):
            lesson = memory.experience("forecasting", as_of=close_at(SESSIONS[n]), session=SESSIONS[n], window_start=SESSIONS[0])
            if lesson is not None:
                made.append(lesson)
    assert len(made) == 16
    return made


def test_reading_back_gives_the_same_lessons_and_no_later_one(tmp_path: Path, lessons: list[Lesson]) -> None:
    with LessonStore.open(tmp_path / "lessons", embed=_embed) as store:
        store.add(lessons[::-1])
        assert store.all() == sorted(lessons, key=lambda lesson: (lesson.session, lesson.symbol))
        for n in (4, 5, 8, 12):
            visible = store.as_of(SESSIONS[n])
            assert visible == [lesson for lesson in store.all() if lesson.session <= SESSIONS[n]]
            assert all(lesson.known_at <= close_at(SESSIONS[n]) for lesson in visible)
        assert store.as_of(SESSIONS[4]) == []
        assert [lesson.symbol for lesson in store.as_of(SESSIONS[5], symbol="BETA", agent="forecasting")] == ["BETA"]
        assert store.as_of(SESSIONS[12], agent="decision") == []


def test_rebuilding_from_the_log_gives_the_same_store(tmp_path: Path, lessons: list[Lesson]) -> None:
    path = tmp_path / "lessons"
    lines = [orjson.loads(orjson.dumps(lesson.to_line())) for lesson in lessons]
    with LessonStore.open(path, embed=_embed) as store:
        store.add([*lessons[:3], Lesson.from_line(lines[0] | {"lesson_id": "stale"})])
    with LessonStore.rebuild(path, lines, embed=_embed) as store:
        assert store.all() == sorted(lessons, key=lambda lesson: (lesson.session, lesson.symbol))
    with LessonStore.open(path, embed=_embed) as store:
        assert len(store.all()) == len(lessons)


def test_no_memory_of_the_process_gets_into_the_files(tmp_path: Path, lessons: list[Lesson]) -> None:
    """Chroma's index files are made from memory that was never cleared; vectors are found again without them."""
    path = tmp_path / "lessons"
    with LessonStore.open(path, embed=_embed) as store:
        store.add([Lesson.from_line(lessons[0].to_line() | {"lesson_id": f"lesson {number}"}) for number in range(1200)])
    written = [file for file in path.glob("*/*") if file.stat().st_size]
    assert {file.name for file in written} == {"data_level0.bin", "header.bin", "length.bin"}
    assert all(not any(file.read_bytes()) for file in written if file.name != "header.bin")
    with LessonStore.open(path, embed=_embed) as store:
        assert len(store.all()) == 1200


def test_writing_twice_keeps_one(tmp_path: Path, lessons: list[Lesson]) -> None:
    with LessonStore.open(tmp_path / "lessons", embed=_embed) as store:
        store.add(lessons[:2])
        store.add(lessons[:2])
        store.add([])
        assert len(store.all()) == 2


def test_equal_texts_lose_no_lesson(tmp_path: Path, lessons: list[Lesson]) -> None:
    same = [Lesson.from_line(lesson.to_line() | {"text": "the same"}) for lesson in lessons]
    with LessonStore.open(tmp_path / "lessons", embed=lambda texts: np.zeros((len(texts), 8))) as store:
        store.add(same)
        assert len(store.as_of(SESSIONS[12])) == len(same)


def test_session_numbers_keep_the_order_of_dates() -> None:
    assert session_number(SESSIONS[0]) == 20240101
    assert sorted(SESSIONS, key=session_number) == SESSIONS


def test_the_room_does_not_import_chroma(repository: Path) -> None:
    code = "import sys, tradinggroup.reflection.store; sys.exit('chromadb' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=repository, check=False).returncode == 0
