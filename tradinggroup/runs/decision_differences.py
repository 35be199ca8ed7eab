"""Where two runs decided otherwise, and the first thing on the way to the decision that was not the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.samples import action_of

WORKFLOW: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("clock", ("as_of",)),
    ("features", ("features",)),
    ("news_sentiment", ("news_sentiment",)),
    ("report_retrieval", ("report_retrieval",)),
    ("forecasting", ("forecasting",)),
    ("style_selection", ("style_selection",)),
    ("account", ("sizing", "account")),
    ("risk thresholds", ("risk", "thresholds")),
    ("decision", ("decision",)),
)
"""What a decision comes from, in the order in which it comes about: the name, and where it stands in the line."""
INPUTS_FIRST = ("items_seen", "items", "forms", "experience")
"""Fields that an agent was given; the others are what it made of them."""
LEARNERS = ("forecasting", "style_selection", "decision")
MOST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class DecisionDifference:
    """One decision on which two runs chose another action."""

    session: str
    symbol: str
    first_action: str
    second_action: str
    agent: str
    """Where the first difference is, in the order of the workflow: an agent, `features`, `account`, `risk thresholds` or `clock`."""
    field: str
    """Its dotted field, such as `p_up` or `items[0].score`."""
    first_value: str
    second_value: str

    def to_plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DecisionComparison:
    """The decisions of two runs on the sessions and symbols that both decided."""

    compared: int
    actions_differ: tuple[DecisionDifference, ...]
    sizes_differ: int
    """Decisions with the same action and another number of shares."""
    only_first: int
    """Decisions that the second run did not have to make."""
    only_second: int

    @property
    def causes(self) -> dict[str, int]:
        """`agent.field` of the first difference -> decisions, the most frequent first; items of a list count as the list."""
        counts = Counter(f"{each.agent}.{each.field.partition('[')[0].partition('.')[0]}" for each in self.actions_differ)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def to_plain(self) -> dict[str, Any]:
        return {
            "compared": self.compared,
            "actions_differ": len(self.actions_differ),
            "sizes_differ": self.sizes_differ,
            "only_first": self.only_first,
            "only_second": self.only_second,
            "causes": self.causes,
            "differences": [each.to_plain() for each in self.actions_differ],
        }


def compare_decisions(first: RunFolder, second: RunFolder) -> DecisionComparison:
    """Compare every decision that both runs made, and say of those with another action what differed first."""
    left, right = _by_place(first), _by_place(second)
    shared = [place for place in left if place in right]
    other_action = {place: None for place in shared if action_of(left[place]) != action_of(right[place])}
    lessons = _lessons(first), _lessons(second)
    return DecisionComparison(
        compared=len(shared),
        actions_differ=tuple(_difference(left[place], right[place], lessons) for place in other_action),
        sizes_differ=sum(
            left[place]["sizing"]["shares"] != right[place]["sizing"]["shares"] for place in shared if place not in other_action
        ),
        only_first=len(left) - len(shared),
        only_second=len(right) - len(shared),
    )


def _by_place(run: RunFolder) -> dict[tuple[str, str], Line]:
    return {(line["session"], line["symbol"]): line for line in run.decisions()}


def _lessons(run: RunFolder) -> dict[str, str]:
    """Lesson id -> text: ids are alike in all runs, what the lesson says is not."""
    return {line["lesson_id"]: line["text"] for line in run.reflections()}


def _difference(left: Line, right: Line, lessons: tuple[Mapping[str, str], Mapping[str, str]]) -> DecisionDifference:
    agent, field, values = next(_walk(left, right, lessons))
    return DecisionDifference(left["session"], left["symbol"], action_of(left), action_of(right), agent, field, *_shown(*values))


def _walk(left: Line, right: Line, lessons: tuple[Mapping[str, str], Mapping[str, str]]) -> Iterator[tuple[str, str, tuple[Any, Any]]]:
    """(agent, field, both values) of every difference, in the order of the workflow."""
    for agent, path in WORKFLOW:
        values = [_with_lesson(agent, _at(line, path), known) for line, known in zip((left, right), lessons, strict=True)]
        for field, old, new in _leaves(values[0], values[1]):
            yield agent, field or path[-1], (old, new)


def _at(line: Line, path: tuple[str, ...]) -> Any:
    node: Any = line
    for part in path:
        node = (node or {}).get(part)
    return node


def _with_lesson(agent: str, value: Any, lessons: Mapping[str, str]) -> Any:
    """The part of a line, with what the lesson said in place of its id."""
    if agent not in LEARNERS or not isinstance(value, dict) or not value.get("experience"):
        return value
    return {**value, "experience": lessons.get(value["experience"], value["experience"])}


def _leaves(old: Any, new: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(dotted name, old, new) of every leaf that differs, what was given before what was made of it."""
    if isinstance(old, dict) and isinstance(new, dict):
        keys = [*old, *(key for key in new if key not in old)]
        for key in sorted(keys, key=lambda each: INPUTS_FIRST.index(each) if each in INPUTS_FIRST else len(INPUTS_FIRST)):
            yield from _leaves(old.get(key), new.get(key), f"{name}.{key}" if name else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _leaves(one, other, f"{name}[{place}]")
    elif old != new:
        yield name, old, new


def _shown(old: Any, new: Any) -> tuple[str, str]:
    """Both values in one line each, from a little before the place where they part."""
    one, other = _text(old), _text(new)
    parting = next((place for place, (left, right) in enumerate(zip(one, other, strict=False)) if left != right), min(len(one), len(other)))
    return _around(one, parting), _around(other, parting)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"{len(value)} of them"
    return "none" if value is None else " ".join(str(value).split())


def _around(text: str, place: int) -> str:
    start = max(0, place - MOST_SHOWN // 2) if len(text) > MOST_SHOWN else 0
    part = text[start : start + MOST_SHOWN]
    return f"{'...' if start else ''}{part}{'...' if start + len(part) < len(text) else ''}"
