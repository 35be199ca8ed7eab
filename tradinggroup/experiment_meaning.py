"""What no single setting can know: settings that contradict each other, or that nothing would read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tradinggroup.errors import ErrorCode, UsageError
from tradinggroup.setting_tree import DEFAULT_ORIGIN
from tradinggroup.settings import CONVENTION_BASELINES, REFERENCES, Experiment

FIXED_BY_FINSABER = (
    "decide",
    "fill",
    "stops",
    "costs",
    "execution",
    "cash_rate_per_year",
    "gap_buffer_fraction",
    "guarded",
    "guarded_style",
)
"""Settings that the convention finsaber has values of its own for."""


def check_meaning(experiment: Experiment, origins: Mapping[str, str]) -> None:
    """Refuse empty or repeated lists, reversed dates, and what contradicts itself. Raises UsageError that names the origin."""
    for key in ("symbols", "baselines", "without", "placebo"):
        values: Sequence[str] = getattr(experiment, key)
        twice = [value for position, value in enumerate(values) if value in values[:position]]
        if twice:
            raise UsageError(ErrorCode.SETTING_INVALID, f"{key} names {twice[0]} twice, origin={origins[key]}", remedy="Name it once.")
    if not experiment.symbols:
        raise UsageError(
            ErrorCode.SETTING_INVALID, f"symbols is empty, origin={origins['symbols']}", remedy="Name at least one symbol of the bundle."
        )
    _check_convention(experiment, origins)
    _check_clock(experiment, origins)
    _check_commission(experiment, origins)
    _check_guard(experiment, origins)
    for part, agent in (("news", "news_sentiment"), ("filings", "report_retrieval")):
        if part in experiment.placebo and agent in experiment.without:
            text = f"placebo={part} without={agent}, origin={origins['placebo']}: nobody reads what it would replace"
            raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Leave one of them out.")
    if experiment.end < experiment.start:
        text = f"start={experiment.start} ({origins['start']}) is after end={experiment.end} ({origins['end']})"
        raise UsageError(ErrorCode.DATES_OUTSIDE, text, remedy="Give the earlier day as start.")


def _check_clock(experiment: Experiment, origins: Mapping[str, str]) -> None:
    """Refuse a decision that is made after its own fill."""
    if experiment.decide == "pre_open" and experiment.fill == "same_close":
        where = f"({origins.get('decide', DEFAULT_ORIGIN)}) fill=same_close ({origins.get('fill', DEFAULT_ORIGIN)})"
        text = f"decide=pre_open {where}: the morning after would decide what filled at the close before"
        raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Set fill to next_open or next_close, or decide to after_close.")


def _check_commission(experiment: Experiment, origins: Mapping[str, str]) -> None:
    """Refuse a rate that the kind of commission does not read: who gives it believes to pay it."""
    costs, key = experiment.costs, "costs.commission_bps"
    if costs.commission != "basis_points" and costs.commission_bps != type(costs)().commission_bps:
        text = f"{key}={costs.commission_bps:g}, origin={origins.get(key, DEFAULT_ORIGIN)}: not read under commission={costs.commission}"
        raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Set costs.commission = basis_points, or leave it out.")


def _check_guard(experiment: Experiment, origins: Mapping[str, str]) -> None:
    """Refuse a guard that guards nothing, and a style of none: who gives it believes in its stops."""
    style = experiment.guarded_style
    if experiment.guarded and set(experiment.baselines) <= set(REFERENCES):
        text = f"guarded=true, origin={origins.get('guarded', DEFAULT_ORIGIN)}: no baseline of the experiment can be guarded"
        raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Name a rule or a model, such as sma_cross, or leave guarded out.")
    if not experiment.guarded and style != Experiment.model_fields["guarded_style"].get_default():
        text = f"guarded_style={style}, origin={origins.get('guarded_style', DEFAULT_ORIGIN)}: not read under guarded=false"
        raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Set guarded = true, or leave it out.")


def _check_convention(experiment: Experiment, origins: Mapping[str, str]) -> None:
    """Refuse baselines that the convention does not know, and settings that finsaber fixes."""
    name = experiment.convention
    known = CONVENTION_BASELINES[name]
    for baseline in experiment.baselines:
        if baseline not in known:
            text = f"the convention {name} does not know the baseline {baseline}, origin={origins.get('baselines', DEFAULT_ORIGIN)}"
            raise UsageError(ErrorCode.SETTING_INVALID, text, remedy=f"Name baselines that it knows: {', '.join(known)}.")
    if name != "finsaber":
        return
    if experiment.agents_enabled:
        text = f"agents_enabled=true, origin={origins.get('agents_enabled', DEFAULT_ORIGIN)}: finsaber is a convention of baselines only"
        raise UsageError(ErrorCode.SETTING_INVALID, text, remedy="Set agents_enabled = false, or convention = default.")
    for key in FIXED_BY_FINSABER:
        if getattr(experiment, key) != Experiment.model_fields[key].get_default():
            text = f"{key} is fixed by the convention finsaber, origin={origins.get(key, 'the experiment')}"
            raise UsageError(ErrorCode.SETTING_INVALID, text, remedy=f"Leave {key} out, or set convention = default.")
