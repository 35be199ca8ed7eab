"""A run's lessons in Chroma, beside the run folder (decision 2)."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Thread
from typing import Any, Self

import orjson

from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.project import Project
from tradinggroup.reflection.memory import Lesson
from tradinggroup.reflection.store import LessonStore
from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.runs.folder import RunFolder

AFTER_SECONDS = 10.0
"""A run that is over sooner has few lessons, and Chroma takes a second to load, during which nothing else moves."""
PAUSE_SECONDS = 2.0
BATCH_LESSONS = 50
"""Written at once while others work: about 30 ms in which nothing else moves."""


class LessonsAhead:
    """Keeps lessons while a run waits for its models, so that little is left for the end. In a thread; use as a context."""

    def __init__(self, project: Project, folder: Path) -> None:
        """Of the run in `folder`."""
        self.count = 0
        """Lessons that are kept, the first ones of the file; 0 where something went wrong, so that all are kept at the end."""
        self._path = project.lessons_folder / folder.name
        self._file = folder / RowKind.REFLECTION
        self._read_bytes = 0
        self._stop = Event()
        self._thread = Thread(target=self._work, name="lessons", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        if self._stop.wait(AFTER_SECONDS):
            return
        try:
            with LessonStore.rebuild(self._path, [], embed=HashingEmbedder().embed) as store:
                while not self._stop.wait(PAUSE_SECONDS):
                    self._keep(store, self._new_lines())
        except Exception:  # Chroma's errors have no common base; whoever keeps the rest tells what is wrong
            self.count = 0

    def _new_lines(self) -> list[Any]:
        """Whole lines that were not read yet."""
        with self._file.open("rb") as stream:
            stream.seek(self._read_bytes)
            whole, newline, _ = stream.read().rpartition(b"\n")
        self._read_bytes += len(whole) + len(newline)
        return [orjson.loads(line) for line in whole.splitlines()]

    def _keep(self, store: LessonStore, lines: list[Any]) -> None:
        for start in range(0, len(lines), BATCH_LESSONS):
            lessons = [Lesson.from_line(line) for line in lines[start : start + BATCH_LESSONS]]
            store.add(lessons)
            self.count += len(lessons)


def keep_lessons(project: Project, run: RunFolder, *, kept: int = 0) -> None:
    """Write the run's lessons to its collection in `backtests/lessons/RUN/`; nothing where it has none.

    The first `kept` of them are there already. Raises DataError RUN_UNWRITABLE; the run itself has ended well before.
    """
    lines = run.reflections()
    if not lines:
        return
    try:
        if kept:
            with LessonStore.open(project.lessons_folder / run.name, embed=HashingEmbedder().embed) as store:
                store.add([Lesson.from_line(line) for line in lines[kept:]])
        else:
            lesson_store(project, run).close()
    except Exception as problem:  # Chroma's errors have no common base
        raise DataError(
            ErrorCode.RUN_UNWRITABLE,
            f"the run is whole ({run.status}), but its lessons cannot be kept in Chroma ({' '.join(str(problem).split())})",
            path=project.lessons_folder / run.name,
            remedy=f"Nothing is missing in the run folder; see it with: tradinggroup show {run.run_id}.",
        ) from problem


def lesson_store(project: Project, run: RunFolder) -> LessonStore:
    """The run's collection, made anew from `reflections.jsonl`."""
    return LessonStore.rebuild(project.lessons_folder / run.name, run.reflections(), embed=HashingEmbedder().embed)
