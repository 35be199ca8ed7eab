"""The scores of a run's forecasts, from its outcomes and from the labels that its bundle gives for the sessions before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from tradinggroup.reflection.base_rates import EarlierLabels, earlier_labels
from tradinggroup.reflection.scores import forecast_scores
from tradinggroup.runs.folder import Line
from tradinggroup.runs.inputs import RunInputs


def forecast_figures(inputs: RunInputs, outcomes: Sequence[Line]) -> dict[str, dict[str, Any]]:
    """The `forecasts` of a run's header; see `forecast_scores`."""
    return forecast_scores(outcomes, earlier=labels_before(inputs, outcomes), seed=inputs.experiment.seed)


def labels_before(inputs: RunInputs, outcomes: Sequence[Line]) -> Mapping[str, EarlierLabels]:
    """By symbol the labels of the bundle's sessions before its first forecast."""
    first: dict[str, str] = {}
    for line in outcomes:
        if line["kind"] == "forecast":
            first[line["symbol"]] = min(line["decision_session"], first.get(line["symbol"], line["decision_session"]))
    return {symbol: _before(inputs, symbol, date.fromisoformat(session)) for symbol, session in sorted(first.items())}


def _before(inputs: RunInputs, symbol: str, session: date) -> EarlierLabels:
    experiment, bundle = inputs.experiment, inputs.bundle
    return earlier_labels(
        bundle.view(bundle.calendar.close_at(session)),
        symbol,
        before=session,
        forecast=experiment.agents.forecasting,
        settings=experiment.reflection,
    )
