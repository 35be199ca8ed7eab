"""How lessons arose and where they were recalled: forecast → decision → outcome → lesson → prompt."""

from __future__ import annotations

from collections.abc import Sequence

from tradinggroup.runs.case import LEARNERS
from tradinggroup.runs.figures import counted
from tradinggroup.runs.folder import Line
from tradinggroup.runs.report.decisions import action_of
from tradinggroup.runs.report.html import Child, Html, joined, tag
from tradinggroup.runs.report.material import Material
from tradinggroup.runs.report.parts import clipped, decision_link, nothing, remark, section
from tradinggroup.runs.text.explain import forecast_label, outcome_text

SHOWN_LESSONS = 5
"""Turns of the lessons that are shown of each symbol and agent, the first and the last among them."""
LESSON_CHARACTERS = 170
"""Of what a lesson begins with, and of its rule."""


def reflections(material: Material) -> Html:
    """The lessons at which the rule of a symbol's agent changed, each from its newest case to its recall."""
    if not material.reflections:
        off = "reflections" in (material.run.settings.get("without") or ())
        return section("reflections", "Reflections", nothing("Reflections were switched off." if off else "No lesson was drawn."))
    outcomes = {row["outcome_id"]: row for row in material.outcomes}
    decisions = {(line["symbol"], line["session"]): line for line in material.decisions}
    groups: dict[tuple[str, str], list[Line]] = {}
    for lesson in material.reflections:
        groups.setdefault((lesson["symbol"], lesson["agent"]), []).append(lesson)
    parts = [
        _group(material, groups[group], outcomes, decisions, is_open=place == 0) for place, group in enumerate(sorted(groups, key=_order))
    ]
    return section(
        "reflections",
        "Reflections",
        parts,
        remark(
            f"{counted(len(material.reflections), 'lesson')} in all; shown are up to {SHOWN_LESSONS} an agent, where its rule changed. ",
            tag("code", f"tradinggroup reflections {material.run.run_id} --as-of SESSION"),
            " shows what was visible at any close.",
        ),
        intro="What came of earlier decisions became a lesson, and the lesson stood in later prompts. Whether it helped is not known from "
        "this run alone: a run without reflections, or with the placebo, tells.",
    )


def turns(lessons: Sequence[Line], *, most: int = SHOWN_LESSONS) -> list[Line]:
    """The lessons whose last line, the rule, differs from the one before; evenly spread over the run where there are more than `most`."""
    found = [lesson for place, lesson in enumerate(lessons) if place == 0 or _rule(lesson) != _rule(lessons[place - 1])]
    if len(found) <= most:
        return found
    return [found[round(place * (len(found) - 1) / (most - 1))] for place in range(most)]


def _told(text: str) -> str:
    """How a lesson begins, and its last line, the rule; all of it where that is short."""
    whole = clipped(text, 2 * LESSON_CHARACTERS)
    lines = text.strip().splitlines()
    if not whole.endswith("…") or len(lines) == 1:
        return whole
    return f"{clipped(' '.join(lines[:-1]), LESSON_CHARACTERS)} {clipped(lines[-1], LESSON_CHARACTERS)}"


def _rule(lesson: Line) -> str:
    lines = lesson["text"].strip().splitlines()
    return str(lines[-1]) if lines else ""


def _order(group: tuple[str, str]) -> tuple[str, int]:
    symbol, agent = group
    return symbol, LEARNERS.index(agent) if agent in LEARNERS else len(LEARNERS)


def _group(
    material: Material, lessons: Sequence[Line], outcomes: dict[str, Line], decisions: dict[tuple[str, str], Line], *, is_open: bool
) -> Html:
    symbol, agent = lessons[0]["symbol"], lessons[0]["agent"]
    shown = [_lesson(material, lesson, outcomes, decisions) for lesson in turns(lessons)]
    said = f"{counted(len(lessons), 'lesson')}, the last of {lessons[-1]['session']}"
    return tag(
        "details",
        tag("summary", tag("b", symbol), f" {agent.replace('_', ' ')} ", tag("span", said, class_="muted")),
        tag("ol", shown, class_="timeline"),
        open="" if is_open else None,
    )


def _lesson(material: Material, lesson: Line, outcomes: dict[str, Line], decisions: dict[tuple[str, str], Line]) -> Html:
    symbol = lesson["symbol"]
    known = [outcomes[name] for name in lesson["outcome_ids"] if name in outcomes]
    newest = known[-1] if known else None
    steps: list[Child] = []
    if newest is not None:
        day = newest["decision_session"]
        case = decisions.get((symbol, day))
        if case is not None:
            steps.append(_step("forecast", forecast_label(case["forecasting"])))
            steps.append(_step("decision", decision_link(material, symbol, day), f" {action_of(case)}"))
        steps.append(_step("outcome", f"{newest['session']}: {outcome_text(newest, case)}"))
    author = {"model": ", told by the model", "fallback": ", told by the template since the model failed"}.get(lesson.get("author", ""), "")
    steps.append(
        _step(
            "lesson",
            tag("q", _told(lesson["text"])),
            f" from {counted(len(lesson['outcome_ids']), 'outcome')}{author}",
        )
    )
    steps.append(_step("recalled", _recalled(material, lesson)))
    return tag("li", tag("b", lesson["session"]), steps)


def _step(name: str, *children: Child) -> Html:
    return tag("p", tag("b", name), tag("span", children))


def _recalled(material: Material, lesson: Line) -> Child:
    shown = material.shown_on.get(lesson["lesson_id"], ())
    if not shown:
        return "in no prompt"
    first, last = shown[0], shown[-1]
    then = f" to {last['session']}" if last is not first else ""
    return joined(
        ["in the prompt of ", decision_link(material, lesson["symbol"], first["session"]), then, f", which said {action_of(first)}"]
    )
