"""How much of a run's window its models may have read about while they were trained.

A model that was trained after a session may know what came of it, whatever the prompts leave out. So only sessions after its
training cutoff, and a gap on top, can be evidence; a cutoff that nobody stated makes every session one of unknown standing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from tradinggroup.models.registry import is_local
from tradinggroup.models.registry_entries import TrainingCutoff
from tradinggroup.runs.case import SWITCHES
from tradinggroup.runs.inputs import RunInputs

NO_TRAINING_DATA = "no training data"


def cutoffs_of(inputs: RunInputs, sessions: Sequence[date]) -> dict[str, dict[str, Any]]:
    """Agent -> its model, that model's training cutoff with its source, and `sessions` before, after and unknown to it.

    `before` counts sessions up to the cutoff and the gap. Agents that are switched off ask nobody and are left out.
    """
    if not inputs.experiment.agents_enabled:
        return {}
    asked = [agent for agent in inputs.cards if SWITCHES.get(agent, agent) not in inputs.experiment.without]
    return {agent: _cutoff(inputs, inputs.model_of(agent), sessions) for agent in asked}


def cutoff_warnings(cutoffs: Iterable[Mapping[str, Any]]) -> list[str]:
    """What a reader must know of the models' training data, once a model."""
    by_model = {cutoff["model"]: cutoff for cutoff in cutoffs}
    return [text for name in sorted(by_model) if (text := _warning(by_model[name]))]


def cutoff_text(cutoff: Mapping[str, Any]) -> str:
    """One line of `check` about one model."""
    counts, name = cutoff["sessions"], cutoff["model"]
    total = sum(counts.values())
    if is_local(name):
        return f"{name}: {NO_TRAINING_DATA}"
    if cutoff["training_cutoff"] is None:
        return f"{name}: training cutoff not known; {total} of {total} sessions unknown"
    return f"{name}: trained up to {cutoff['training_cutoff']}, gap {cutoff['gap_days']} days; {counts['after']} of {total} sessions after"


def _cutoff(inputs: RunInputs, name: str, sessions: Sequence[date]) -> dict[str, Any]:
    entry = inputs.registry.entry_of(name)
    cutoff, gap_days = entry.training_cutoff if entry is not None else None, inputs.experiment.models.cutoff_gap_days
    source = NO_TRAINING_DATA if is_local(name) else None if cutoff is None else cutoff.source
    return {
        "model": name,
        "training_cutoff": None if cutoff is None else cutoff.date.isoformat(),
        "source": source,
        "gap_days": gap_days,
        "sessions": _counts(cutoff, gap_days, sessions, is_trained=not is_local(name)),
    }


def _counts(cutoff: TrainingCutoff | None, gap_days: int, sessions: Sequence[date], *, is_trained: bool) -> dict[str, int]:
    if not is_trained:
        return {"before": 0, "after": len(sessions), "unknown": 0}
    if cutoff is None:
        return {"before": 0, "after": 0, "unknown": len(sessions)}
    safe_after = cutoff.date + timedelta(days=gap_days)
    after = sum(session > safe_after for session in sessions)
    return {"before": len(sessions) - after, "after": after, "unknown": 0}


def _warning(cutoff: Mapping[str, Any]) -> str:
    counts, name = cutoff["sessions"], cutoff["model"]
    if counts["unknown"]:
        return f"the training cutoff of {name} is not known: what it did may come from memory, so the run cannot be evidence"
    if not counts["before"]:
        return ""
    when = f"the training cutoff of {name} ({cutoff['training_cutoff']}, and {cutoff['gap_days']} days' gap)"
    if not counts["after"]:
        return f"no session is after {when}: the run cannot be evidence"
    return f"{counts['before']} of {sum(counts.values())} sessions are not after {when}: only the others can be evidence"
