"""What a run is a function of, gathered and checked before anything is written or asked.

run = f(experiment, cards, risk profile, bundle, recordings)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from tradinggroup.agents.card import Card, load_cards, read_card
from tradinggroup.agents.roles import ROLES
from tradinggroup.backtest.baselines.forecasts import require_extra
from tradinggroup.coverage import check_against_bundle
from tradinggroup.data.bundle import MANIFEST, Bundle, read_manifest
from tradinggroup.errors import DataError, ErrorCode, UsageError, did_you_mean
from tradinggroup.experiment import ResolvedExperiment, experiment_from_toml, experiment_to_toml
from tradinggroup.models.registry_file import ModelRegistry, load_registry, registry_from_text
from tradinggroup.project import Project
from tradinggroup.risk.profile import RiskProfile, find_profile, load_profile
from tradinggroup.runs.creation import CARDS, EXPERIMENT, MODELS, PAST, RESOLVED, RISK, RunSources
from tradinggroup.runs.folder import RunFolder
from tradinggroup.settings import Experiment

BUNDLE = "bundle"
"""Folder of an exported run that holds the bundle which it was made on."""


@dataclass(frozen=True, slots=True)
class RunInputs:
    """Everything but the recordings, with the texts that the run folder keeps a copy of."""

    experiment: Experiment
    bundle: Bundle
    cards: Mapping[str, Card]
    profile: RiskProfile
    experiment_text: str
    profile_text: str
    registry: ModelRegistry
    """What is known of model servers and models, at least of those that this run asks."""
    past: tuple[PastStage, ...] = ()
    """Of a fork: what was in force before, in order; everything else here is in force from the last `until` on."""

    @property
    def first(self) -> RunInputs:
        """The inputs that the first session was decided on."""
        return self.past[0].inputs if self.past else self

    @property
    def all_models(self) -> dict[str, ModelRegistry]:
        """Every model that the run asks or has asked, with the registry that knows it."""
        stages = (*(stage.inputs for stage in self.past), self)
        return {name: own.registry for own in stages for name in own.models.values()}

    def model_of(self, agent: str) -> str:
        """The model that answers for `agent`: the experiment's for it (`agent_models`), else its card's own, else the experiment's."""
        return self.cards[agent].model or self.experiment.model

    @property
    def models(self) -> dict[str, str]:
        """Model by agent."""
        return {agent: self.model_of(agent) for agent in self.cards}

    @property
    def sources(self) -> RunSources:
        """The texts that a run folder keeps."""
        return RunSources(
            experiment_toml=self.experiment_text,
            resolved_toml=experiment_to_toml(self.experiment),
            risk_toml=self.profile_text,
            cards={f"{agent}.md": card.text for agent, card in self.cards.items()},
            models_toml=self.registry.to_toml(set(self.models.values())),
            past=tuple(stage.inputs.sources for stage in self.past),
        )


@dataclass(frozen=True, slots=True)
class PastStage:
    """What was in force in a fork before a session."""

    until: date
    """The first session at which it is no longer in force."""
    inputs: RunInputs


def inputs_of_project(project: Project, resolved: ResolvedExperiment) -> RunInputs:
    """The inputs that an experiment names in a project. Raises UsageError or DataError for the first that is not usable."""
    experiment = resolved.experiment
    bundle = open_bundle(project, experiment.bundle)
    check_against_bundle(experiment, bundle)
    for name in experiment.baselines:
        require_extra(name)
    profile, profile_text = profile_of(project, experiment.risk)
    return RunInputs(
        experiment=experiment,
        bundle=bundle,
        cards=cards_of(project, experiment),
        profile=profile,
        experiment_text=resolved.source_text,
        profile_text=profile_text,
        registry=load_registry(project),
    )


def cards_of(project: Project, experiment: Experiment) -> dict[str, Card]:
    """The project's cards, each with the model that the experiment names for its agent in place of its own."""
    return _with_models(load_cards(project), experiment)


def _with_models(cards: Mapping[str, Card], experiment: Experiment) -> dict[str, Card]:
    return {agent: replace(card, model=experiment.agent_models.get(agent, card.model)) for agent, card in cards.items()}


def inputs_of_run(project: Project, run: RunFolder) -> RunInputs:
    """The inputs that a run kept, and its bundle from the project.

    Raises DataError: RUN_INVALID where a kept file is damaged, else when the bundle is missing or another one.
    """
    bundle = bundle_of_run(project, run)
    ends = (run.header.get("fork") or {}).get("stages", [])
    try:
        own = _kept_inputs(project, run, bundle)
        past = [_kept_inputs(project, run, bundle, f"{PAST}/{number}/") for number in range(1, len(ends) + 1)]
    except UsageError as problem:
        raise DataError(
            ErrorCode.RUN_INVALID,
            f"a file that the run kept is damaged ({problem.text})",
            remedy="Restore it from a copy, or run the experiment again.",
        ) from problem
    return replace(own, past=tuple(PastStage(date.fromisoformat(end), each) for end, each in zip(ends, past, strict=True)))


def _kept_inputs(project: Project, run: RunFolder, bundle: Bundle, prefix: str = "") -> RunInputs:
    """What the run kept below `prefix`: of itself, or of a stage of its past."""
    experiment = experiment_from_toml(run.read_text(f"{prefix}{RESOLVED}"), name=f"{run.name}/{prefix}{RESOLVED}")
    shown = f"{run.name}/{prefix}{CARDS}"
    cards = {agent: read_card(run.path / prefix / CARDS / f"{agent}.md", agent=agent, shown_as=f"{shown}/{agent}.md") for agent in ROLES}
    return RunInputs(
        experiment=experiment,
        bundle=bundle,
        cards=_with_models(cards, experiment),
        profile=load_profile(run.path / prefix / RISK),
        experiment_text=run.read_text(f"{prefix}{EXPERIMENT}"),
        profile_text=run.read_text(f"{prefix}{RISK}"),
        registry=_registry_of(project, run, prefix),
    )


def forked_inputs(project: Project, parent: RunInputs, experiment: Experiment, session: date, *, has_new_profile: bool) -> RunInputs:
    """The inputs of `parent` up to `session`, and `experiment` from then on.

    Cards stay those of the parent; the risk profile too, unless it `has_new_profile`, which is then the project's.
    """
    profile, profile_text = profile_of(project, experiment.risk) if has_new_profile else (parent.profile, parent.profile_text)
    earlier = tuple(stage for stage in parent.past if stage.until < session)
    at_session = next((stage.inputs for stage in parent.past if session <= stage.until), replace(parent, past=()))
    return replace(
        parent,
        experiment=experiment,
        cards=_with_models(parent.cards, experiment),
        profile=profile,
        profile_text=profile_text,
        registry=load_registry(project),
        past=(*earlier, PastStage(session, at_session)),
    )


def _registry_of(project: Project, run: RunFolder, prefix: str) -> ModelRegistry:
    """What the run kept of the registry; the project's for a run that kept nothing, as earlier versions did."""
    if not (run.path / prefix / MODELS).is_file():
        return load_registry(project)
    return registry_from_text(run.read_text(f"{prefix}{MODELS}"), name=f"{run.name}/{prefix}{MODELS}")


def bundle_of_run(project: Project, run: RunFolder) -> Bundle:
    """The bundle that a run was made on: the project's, else the one that came with an exported run.

    Raises DataError: BUNDLE_NOT_FOUND where there is none, BUNDLE_INVALID where it is another one or was changed.
    """
    name, expected, inside = run.settings["bundle"], run.header["bundle"]["hash"], run.path / BUNDLE
    has_own = (inside / MANIFEST).is_file()
    in_project = (project.bundle_folder(name) / MANIFEST).is_file()
    if has_own and not (in_project and read_manifest(project.bundle_folder(name))["hash"] == expected):
        bundle = Bundle.open(inside)
    else:
        bundle = open_bundle(project, name)
    if bundle.hash != expected:
        raise DataError(
            ErrorCode.BUNDLE_INVALID,
            f"the run was made on another version of bundle {name}",
            run=expected[:19],
            here=bundle.hash[:19],
            remedy="Put the bundle of the run into data/, or make a new run on this one.",
        )
    return bundle


def profile_of(project: Project, name: str) -> tuple[RiskProfile, str]:
    """Risk profile `name` and the text of its file. Raises UsageError RISK_PROFILE_INVALID naming the known ones."""
    path = find_profile(project, name)
    return load_profile(path), path.read_text(encoding="utf-8")


def open_bundle(project: Project, name: str) -> Bundle:
    """Bundle `name` of the project. Raises DataError naming the known ones when it is not there."""
    folder = project.bundle_folder(name)
    if not (folder / "bundle.json").is_file():
        raise DataError(
            ErrorCode.BUNDLE_NOT_FOUND,
            f"no bundle {name} in {project.bundles_folder}",
            remedy=did_you_mean(name, project.bundle_names()) + " The first lines of an experiment say how its bundle is made.",
        )
    return Bundle.open(folder)
