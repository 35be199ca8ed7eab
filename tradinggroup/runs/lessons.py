"""A finished run's lessons in Chroma, beside the run folder (decision 2)."""

from __future__ import annotations

from tradinggroup.backtest.sink import RowKind
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.project import Project
from tradinggroup.reflection.store import LessonStore
from tradinggroup.retrieval.embedding import HashingEmbedder
from tradinggroup.runs.folder import RunFolder


def keep_lessons(project: Project, run: RunFolder) -> None:
    """Write the run's lessons to its collection in `backtests/lessons/RUN/`; nothing where it has none.

    Raises DataError RUN_UNWRITABLE; the run itself has ended well before.
    """
    if not (run.path / RowKind.REFLECTION).stat().st_size:
        return
    try:
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
