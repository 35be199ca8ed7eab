"""The reflection store of a run: which outcomes were known when, the lessons drawn from them, and who was shown them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.runs.case import LEARNERS, Place, cases_of, decisions_by_place, shown_lesson_ids
from tradinggroup.runs.figures import counted, wrapped
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.lesson_changes import LessonChange, lesson_changes
from tradinggroup.runs.text.explain import outcome_text
from tradinggroup.runs.text.warnings import with_warnings

AUTHORS = {"model": "; told by the model", "fallback": "; told by the template, since the model's summary failed"}
"""What is said of a lesson's author; the template needs no word."""
User = tuple[date | str, str]
"""(session, symbol) of a decision that was shown lessons."""


def visible_lessons(
    run: RunFolder,
    *,
    as_of: date | str | None = None,
    agent: str | None = None,
    used_by: User | None = None,
    symbol: str | None = None,
) -> list[Line]:
    """The lessons that match, oldest first.

    Args:
        run: the run.
        as_of: a session; what was visible at its close, and nothing that became known later.
        agent: only the lessons shown to this agent.
        used_by: only the lessons that stood in the prompts of this decision.
        symbol: only the lessons of this symbol.

    Raises:
        UsageError: for an agent that learns nothing.
        DataError: DECISION_NOT_FOUND where `used_by` names no decision.
    """
    _check_agent(agent)
    wanted = set(shown_lesson_ids(cases_of(run, *used_by)[0].decision)) if used_by else None
    return [
        lesson
        for lesson in run.reflections()
        if agent in {None, lesson["agent"]}
        and symbol in {None, lesson["symbol"]}
        and (as_of is None or lesson["session"] <= str(as_of))
        and (wanted is None or lesson["lesson_id"] in wanted)
    ]


def visible_outcomes(run: RunFolder, *, as_of: date | str | None = None, symbol: str | None = None) -> list[Line]:
    """The outcomes known at the close of the session `as_of`, oldest first; all without it."""
    return [
        outcome for outcome in run.outcomes() if (as_of is None or outcome["session"] <= str(as_of)) and symbol in {None, outcome["symbol"]}
    ]


def reflection_rows(
    run: RunFolder,
    *,
    as_of: date | str | None = None,
    agent: str | None = None,
    used_by: User | None = None,
    symbol: str | None = None,
) -> list[dict[str, Any]]:
    """The matching lessons with their outcomes and the sessions that were shown them, for JSON. Raises as `visible_lessons`.

    With `used_by` each says what it changed, under `change`.
    """
    outcomes = {outcome["outcome_id"]: outcome for outcome in run.outcomes()}
    shown = sessions_shown(run, as_of=as_of)
    changes = lesson_changes(run, *used_by) if used_by else {}
    return [
        {
            **lesson,
            **({"change": changes[lesson["lesson_id"]].to_plain()} if lesson["lesson_id"] in changes else {}),
            "outcomes": [outcomes[outcome_id] for outcome_id in lesson["outcome_ids"] if outcome_id in outcomes],
            "shown_on": shown.get(lesson["lesson_id"], []),
        }
        for lesson in visible_lessons(run, as_of=as_of, agent=agent, used_by=used_by, symbol=symbol)
    ]


def sessions_shown(run: RunFolder, *, as_of: date | str | None = None) -> dict[str, list[str]]:
    """Lesson id -> the sessions, up to `as_of`, whose prompts showed it."""
    shown: dict[str, list[str]] = {}
    for line in run.decisions():
        if as_of is None or line["session"] <= str(as_of):
            for lesson_id in shown_lesson_ids(line):
                shown.setdefault(lesson_id, []).append(line["session"])
    return shown


def text_reflections(
    run: RunFolder,
    *,
    as_of: date | str | None = None,
    agent: str | None = None,
    used_by: User | None = None,
    symbol: str | None = None,
) -> str:
    """The newest lesson of each symbol and agent in full, and how many came before. Raises as `visible_lessons`."""
    lessons = visible_lessons(run, as_of=as_of, agent=agent, used_by=used_by, symbol=symbol)
    newest = list({(lesson["symbol"], lesson["agent"]): lesson for lesson in lessons}.values())
    newest.sort(key=lambda lesson: (lesson["symbol"], LEARNERS.index(lesson["agent"])))
    parts = ["\n".join(_head(run, lessons, as_of=as_of, used_by=used_by, symbol=symbol))]
    shown = sessions_shown(run, as_of=as_of)
    outcomes = {outcome["outcome_id"]: outcome for outcome in run.outcomes()}
    changes = lesson_changes(run, *used_by) if used_by else {}
    decisions = decisions_by_place(run)
    parts += [
        "\n".join(_lesson(lesson, outcomes, decisions, shown.get(lesson["lesson_id"], []), changes.get(lesson["lesson_id"])))
        for lesson in newest
    ]
    if len(lessons) > len(newest):
        parts.append("\n".join(wrapped(f"and {counted(len(lessons) - len(newest), 'earlier lesson')}; --json lists them all")))
    return with_warnings(run, "\n\n".join(parts))


def _head(run: RunFolder, lessons: list[Line], *, as_of: date | str | None, used_by: User | None, symbol: str | None) -> Iterator[str]:
    known = visible_outcomes(run, as_of=used_by[0] if used_by else as_of, symbol=used_by[1] if used_by else symbol)
    when = f"at the close of {as_of}" if as_of else "in the whole run"
    if used_by:
        when = f"shown to the decision {used_by[0]} {used_by[1]}"
    labelled = sum(outcome["reason"] is None for outcome in known)
    yield from wrapped(f"{counted(len(lessons), 'lesson')} {when}")
    yield from wrapped(f"{counted(len(known), 'outcome')} known, {labelled} with a label")
    if not lessons and "reflections" in run.settings.get("without", ()):
        yield "reflections were switched off (--without reflections)"
    elif not lessons:
        yield from wrapped(f"no lesson: the first needs {run.settings.get('reflection', {}).get('minimum_labelled')} labelled outcomes")


def _lesson(
    lesson: Line, outcomes: dict[str, Line], decisions: dict[Place, Line], shown: list[str], change: LessonChange | None
) -> Iterator[str]:
    yield f"{lesson['symbol']} {lesson['agent']}   {lesson['lesson_id']}   known {lesson['session']}"
    yield from wrapped(lesson["text"], first="  | ", then="  | ")
    known = [outcomes[outcome_id] for outcome_id in lesson["outcome_ids"] if outcome_id in outcomes]
    span = f", decisions of {_span([outcome['decision_session'] for outcome in known])}" if known else ""
    yield from wrapped(
        f"from {counted(len(lesson['outcome_ids']), 'outcome')}{span}{AUTHORS.get(lesson.get('author', ''), '')}", first="  "
    )
    if known:
        decision = decisions.get((lesson["symbol"], known[-1]["decision_session"]))
        yield from wrapped(outcome_text(known[-1], decision), first=f"  newest {known[-1]['decision_session']}: ", then=" " * 4)
    yield f"  shown on {counted(len(shown), 'session')}" + (f", {_span(shown)}" if shown else "")
    if change is not None:
        yield from wrapped(change.text, first="  ", then=" " * 4)


def _span(sessions: list[str]) -> str:
    """`2023-09-18..2023-09-20`, or one session alone."""
    return "..".join(dict.fromkeys((sessions[0], sessions[-1])))


def _check_agent(agent: str | None) -> None:
    if agent is not None and agent not in LEARNERS:
        raise UsageError(ErrorCode.USAGE, f"agent {agent} has no lessons", remedy=did_you_mean(agent, LEARNERS))
