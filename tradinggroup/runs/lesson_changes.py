"""What a lesson changed: an agent's lesson and answer at one decision beside those of the decision before it.

The two answers differ for many reasons, today's evidence first of all. What the lesson alone did is measured by a run with
placebo lessons, or without them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from tradinggroup.runs.case import LEARNERS
from tradinggroup.runs.figures import counted
from tradinggroup.runs.folder import Line, RunFolder


@dataclass(frozen=True, slots=True)
class LessonChange:
    """One agent at one decision, and at the symbol's decision before it (None where there was none)."""

    agent: str
    previous_session: str | None
    previous_lesson_id: str | None
    outcomes_added: tuple[str, ...]
    """Outcomes that the lesson draws on and the one before did not."""
    outcomes_removed: tuple[str, ...]
    """Likewise, that fell out of the window."""
    answer: str
    answer_before: str | None

    def to_plain(self) -> dict[str, Any]:
        """The fields by name, for JSON."""
        return asdict(self)

    @property
    def text(self) -> str:
        """`since 2023-09-18: 1 outcome more, 1 fewer; said buy 0.71, before hold 0.60`."""
        if self.previous_session is None:
            return f"said {self.answer}; the first decision of the run"
        if self.previous_lesson_id is None:
            news = f"no lesson on {self.previous_session}"
        else:
            more, fewer = counted(len(self.outcomes_added), "outcome"), len(self.outcomes_removed)
            news = f"since {self.previous_session}: {more} more, {fewer:,d} fewer"
        return f"{news}; said {self.answer}, before {self.answer_before}"


def lesson_changes(run: RunFolder, session: date | str, symbol: str) -> dict[str, LessonChange]:
    """Lesson id -> what it changed, for the lessons that stood in the prompts of that decision."""
    lines = [line for line in run.decisions() if line["symbol"] == symbol and line["session"] <= str(session)]
    if not lines or lines[-1]["session"] != str(session):
        return {}
    lessons = {lesson["lesson_id"]: lesson for lesson in run.reflections()}
    before = lines[-2] if len(lines) > 1 else None
    found: dict[str, LessonChange] = {}
    for agent in LEARNERS:
        lesson_id = _lesson_id(lines[-1], agent)
        if lesson_id is not None:
            found[lesson_id] = _change(agent, lines[-1], before, lessons)
    return found


def _change(agent: str, line: Line, before: Line | None, lessons: dict[str, Line]) -> LessonChange:
    previous_id = _lesson_id(before, agent) if before else None
    now, then = (list(lessons.get(each or "", {}).get("outcome_ids", ())) for each in (_lesson_id(line, agent), previous_id))
    return LessonChange(
        agent=agent,
        previous_session=before["session"] if before else None,
        previous_lesson_id=previous_id,
        outcomes_added=tuple(each for each in now if each not in then),
        outcomes_removed=tuple(each for each in then if each not in now),
        answer=_answer(agent, line),
        answer_before=_answer(agent, before) if before else None,
    )


def _lesson_id(line: Line, agent: str) -> str | None:
    lesson_id: str | None = (line[agent] or {}).get("experience")
    return lesson_id


def _answer(agent: str, line: Line) -> str:
    said = line[agent]
    if said is None:
        return "nothing (the risk layer decided)"
    if said["failure"] is not None:
        return f"nothing usable ({said['failure']['kind']})"
    if agent == "forecasting":
        return f"up {said['p_up']:.2f} down {said['p_down']:.2f} sideways {said['p_sideways']:.2f}"
    sure = "" if said["confidence"] is None else f" {said['confidence']:.2f}"
    return f"{said['style'] if agent == 'style_selection' else said['action']}{sure}"
