"""A finished run's lessons in Chroma, beside the run folder (decision 2)."""

from __future__ import annotations

from tradinggroup.project import Project
from tradinggroup.reflection.store import LessonStore
from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.runs.folder import RunFolder


def keep_lessons(project: Project, run: RunFolder) -> None:
    """Write the run's lessons to its collection in `backtests/lessons/RUN/`; nothing where it has none."""
    if run.reflections():
        lesson_store(project, run).close()


def lesson_store(project: Project, run: RunFolder) -> LessonStore:
    """The run's collection, made anew from `reflections.jsonl`."""
    return LessonStore.rebuild(project.lessons_folder / run.name, run.reflections(), embed=HashingEmbedder().embed)
