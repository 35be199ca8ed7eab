"""Trying a prompt: the prompts that an agent would send at one decision, sent to a model, several times if asked.

So a prompt is tuned on one decision instead of on a year. Answers are kept in the project's shared recordings, like those of a run,
so the same trial costs nothing a second time and a run that sends the same prompt finds them.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from tradinggroup.agents.forecasting import argmax_label, normalised
from tradinggroup.agents.news_sentiment import label as sentiment_label
from tradinggroup.experiment import ResolvedExperiment
from tradinggroup.models.answers import Answer, Decision, Forecast, NewsScore, StyleChoice
from tradinggroup.models.gateway import CallsMode, CallStatistics, Gateway
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ModelReply, ModelRequest, Usage
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.models.registry import check_model, is_local, make_model
from tradinggroup.models.registry_file import load_registry
from tradinggroup.models.rung_choice import RungChoice
from tradinggroup.project import Project
from tradinggroup.runs.preview import render_prompts
from tradinggroup.settings import Experiment

NO_LABEL = "its answer has no label"


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer to a prompt. `label` is what a flip is counted by: class, action, style or tone; None without one."""

    seed_index: int
    reply: ModelReply
    label: str | None

    def to_plain(self) -> dict[str, Any]:
        """The sample as plain values."""
        reply = self.reply
        return {
            "seed_index": self.seed_index,
            "key": reply.key,
            "label": self.label,
            "answer": None if reply.answer is None else reply.answer.model_dump(mode="json"),
            "failure": None if reply.failure is None else {"kind": str(reply.failure.kind), "detail": reply.failure.detail},
            "text": reply.text,
            "reasoning": reply.reasoning,
            "attempts": reply.attempts,
            "recorded": reply.recorded,
            "model_returned": reply.model_returned,
            "prompt_tokens": reply.usage.prompt_tokens,
            "completion_tokens": reply.usage.completion_tokens,
        }


@dataclass(frozen=True, slots=True)
class Trial:
    """One prompt and its samples, in the order of their seed index."""

    request: ModelRequest
    samples: tuple[Sample, ...]

    @property
    def labels(self) -> dict[str, int]:
        """How often each label came, the most frequent first; of equally frequent ones the one that came first."""
        return dict(Counter(sample.label for sample in self.samples if sample.label is not None).most_common())

    @property
    def flips(self) -> int | None:
        """Labelled samples that differ from the most frequent label; None where answers have no label or none was given."""
        counts = list(self.labels.values())
        return sum(counts[1:]) if counts else None

    @property
    def ranges(self) -> dict[str, tuple[float, float]]:
        """Lowest and highest value of each number of the answers."""
        answers = [sample.reply.answer.model_dump() for sample in self.samples if sample.reply.answer is not None]
        names = [name for name, value in answers[0].items() if isinstance(value, float)] if answers else []
        return {name: (min(answer[name] for answer in answers), max(answer[name] for answer in answers)) for name in names}

    @property
    def failed(self) -> int:
        """Samples that ended in a typed failure."""
        return sum(sample.reply.failure is not None for sample in self.samples)

    def to_plain(self) -> dict[str, Any]:
        """The trial as plain values."""
        return {
            "purpose": self.request.purpose,
            "position": self.request.position,
            "model": self.request.model,
            "schema": self.request.schema.__name__,
            "parameters": dict(self.request.parameters),
            "samples": [sample.to_plain() for sample in self.samples],
            "labels": self.labels,
            "flips": self.flips,
            "flips_reason": None if self.flips is not None else NO_LABEL if self.failed < len(self.samples) else "no answer",
            "ranges": {name: list(ends) for name, ends in self.ranges.items()},
            "failed": self.failed,
        }


@dataclass(frozen=True, slots=True)
class TrialOptions:
    """How to try, as apart from what."""

    model: str | None = None
    """Who is asked; None for the model that the experiment or the card names."""
    samples: int = 1
    calls: CallsMode = "record"


def try_prompts(
    project: Project, resolved: ResolvedExperiment, agent: str, session: date, symbol: str, options: TrialOptions
) -> tuple[list[Trial], CallStatistics]:
    """Send every prompt of `agent` at `session` for `symbol`, each `options.samples` times, told apart by seed index alone.

    What earlier agents said is taken as in `render_prompts`. Raises what that raises, UsageError for a model that cannot be
    asked, DataError RECORDING_MISSING where only recordings may answer, and ProviderError for a server that cannot be used.
    """
    requests = [
        replace(request, model=options.model or request.model) for request in render_prompts(project, resolved, agent, session, symbol)
    ]
    names, registry = sorted({request.model for request in requests}), load_registry(project)
    if options.calls != "replay":
        for name in names:
            check_model(name, registry)
    asked = [replace(request, seed_index=index) for request in requests for index in range(options.samples)]
    replies, statistics = _ask_all(project, resolved.experiment, asked, names, options.calls)
    samples = [
        Sample(request.seed_index, reply, _label(reply.answer, resolved.experiment)) for request, reply in zip(asked, replies, strict=True)
    ]
    step = options.samples
    return [Trial(request, tuple(samples[place * step : (place + 1) * step])) for place, request in enumerate(requests)], statistics


def _ask_all(
    project: Project, experiment: Experiment, requests: Sequence[ModelRequest], names: Sequence[str], calls: CallsMode
) -> tuple[list[ModelReply], CallStatistics]:
    """Every reply, in the order of the requests. Local models are computed and, as in a run, not shared."""
    shared = None if all(is_local(name) for name in names) else RecordingStore.open(project.shared_recordings, shared=True)
    with tempfile.TemporaryDirectory(prefix="tradinggroup-try-") as folder, LoopThread() as loop:
        rungs = RungChoice(experiment.models.structured_output, probes=project.probes_file)
        own = RecordingStore.open(Path(folder) / "recordings.sqlite")
        gateway = Gateway(
            {name: make_model(name, experiment.models, load_registry(project), rungs=rungs) for name in names},
            own,
            shared,
            mode=calls,
            settings=experiment.models,
        )

        async def ask() -> list[ModelReply]:
            try:
                return list(await asyncio.gather(*(gateway.answer(request) for request in requests)))
            finally:
                await gateway.aclose()

        try:
            return loop.run(ask()), gateway.statistics
        finally:
            for store in (own, shared):
                if store is not None:
                    store.close()


def _label(answer: Answer | None, experiment: Experiment) -> str | None:
    if isinstance(answer, Forecast):
        p_up, p_down, p_sideways = normalised(answer)
        return argmax_label(p_up=p_up, p_down=p_down, p_sideways=p_sideways)
    if isinstance(answer, Decision):
        return answer.action
    if isinstance(answer, StyleChoice):
        return answer.style
    if isinstance(answer, NewsScore):
        return sentiment_label(answer.score, experiment.agents.news_sentiment.positive_from)
    return None


@dataclass(frozen=True, slots=True)
class Prices:
    """What a model's tokens cost, in USD a million; None where nobody said."""

    input_usd_per_million: float | None = None
    output_usd_per_million: float | None = None

    def cost_usd(self, usage: Usage) -> float | None:
        """The price of these tokens; None, never zero, where a price is unknown."""
        if self.input_usd_per_million is None or self.output_usd_per_million is None:
            return None
        return (usage.prompt_tokens * self.input_usd_per_million + usage.completion_tokens * self.output_usd_per_million) / 1e6


def totals(trials: Sequence[Trial], statistics: CallStatistics, *, prices: Prices) -> Mapping[str, Any]:
    """`prompts`, `samples`, `recorded`, `live`, `failed`, tokens of all samples, and `cost_usd`.

    The cost is that of the live calls alone: recorded answers were paid before. None where nobody said the price, or a server counted none.
    """
    samples = [sample for trial in trials for sample in trial.samples]
    is_free = all(is_local(trial.request.model) for trial in trials)
    return {
        "prompts": len(trials),
        "samples": len(samples),
        "recorded": statistics.recorded,
        "live": statistics.live,
        "failed": sum(trial.failed for trial in trials),
        "prompt_tokens": sum(sample.reply.usage.prompt_tokens for sample in samples),
        "completion_tokens": sum(sample.reply.usage.completion_tokens for sample in samples),
        "cost_usd": 0.0 if is_free else None if statistics.live_unmetered else prices.cost_usd(statistics.live_usage),
    }
