"""The placebo of reflection: each case gets the outcome of another visible case of the same window.

The agent's record keeps its sessions, evidence, forecasts and actions; only what came of them is dealt out anew, and judged anew: a
forecast of `up` whose case gets a fall is wrong. What stays true of the shuffled record is what holds for any order of
outcomes, such as how often the price rose. A lesson is worth something where it beats this.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tradinggroup.reflection.cases import Labelled, LabelledDecision, LabelledForecast
from tradinggroup.reflection.chance import stream
from tradinggroup.reflection.outcomes import label_forecast
from tradinggroup.reflection.records import ForecastLabel
from tradinggroup.settings import ReflectionSettings


def shuffled_forecasts(cases: Sequence[LabelledForecast], settings: ReflectionSettings, *, seed: int) -> tuple[LabelledForecast, ...]:
    """The cases, each with the return of one of them, and the label that its own forecast earns by that return."""
    return tuple(
        replace(case, label=_relabelled(case, donor, settings), known_at=max(case.known_at, donor.known_at))
        for case, donor in zip(cases, _dealt(cases, seed, "forecast"), strict=True)
    )


def shuffled_decisions(cases: Sequence[LabelledDecision], *, seed: int, purpose: str) -> tuple[LabelledDecision, ...]:
    """The cases, each with what the three actions brought in one of them; its own executed action is judged by that."""
    return tuple(_judged_by(case, donor) for case, donor in zip(cases, _dealt(cases, seed, purpose), strict=True))


def _dealt(cases: Sequence[Labelled], seed: int, purpose: str) -> list[Labelled]:
    """The same cases in a drawn order, which depends on the set of cases alone: the newest one's session is the stream's."""
    if not cases:
        return []
    newest = cases[-1].case
    generator = stream(seed, symbol=newest.symbol, session=newest.session, purpose=f"placebo of reflections, {purpose}")
    return [cases[place] for place in generator.permutation(np.arange(len(cases)))]


def _relabelled(case: LabelledForecast, donor: LabelledForecast, settings: ReflectionSettings) -> ForecastLabel:
    outcome = label_forecast(
        case.case,
        outcome_session=case.case.session,
        known_at=donor.known_at,
        return_fraction=donor.label.return_fraction,
        settings=settings,
    )
    assert outcome.label is not None  # there is a return
    return outcome.label


def _judged_by(case: LabelledDecision, donor: LabelledDecision) -> LabelledDecision:
    label = donor.label
    taken = label.actions[case.case.executed_action]
    judged = replace(
        label,
        taken=taken,
        profitable=taken.reward > 0,
        regret=max(0.0, label.actions[label.best_action].reward - taken.reward),
        realised_profit_usd=None,
        realised_return_fraction=None,
    )
    return replace(case, label=judged, known_at=max(case.known_at, donor.known_at))
