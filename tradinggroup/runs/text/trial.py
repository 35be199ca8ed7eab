"""A trial in words: each sample with what it said and what was read from it, then how much the samples differ."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tradinggroup.runs.figures import counted, percent, wrapped
from tradinggroup.runs.trial import Sample, Trial


def text_trial(trials: Sequence[Trial], totals: Mapping[str, Any]) -> str:
    """Every prompt's samples, and the totals last."""
    parts = ["\n".join(_trial(trial)) for trial in trials]
    cost = "unknown (say --price-in and --price-out)" if totals["cost_usd"] is None else f"{totals['cost_usd']:.6f} USD"
    parts.append(
        f"total {counted(totals['samples'], 'sample')} of {counted(totals['prompts'], 'prompt')}: {totals['recorded']:,d} recorded, "
        f"{totals['live']:,d} live, {totals['failed']:,d} failed\n"
        f"tokens {totals['prompt_tokens']:,d} in, {totals['completion_tokens']:,d} out; cost {cost}"
    )
    return "\n\n".join(parts)


def _trial(trial: Trial) -> Iterator[str]:
    request = trial.request
    parameters = ", ".join(f"{key} {value}" for key, value in request.parameters.items())
    position = f" {request.position + 1}" if request.purpose == "item" else ""
    yield from wrapped(
        f"{request.agent} {request.purpose}{position}, model {request.model}, {request.schema.__name__}, {parameters}", first="== "
    )
    for sample in trial.samples:
        yield from _sample(sample)
    if trial.labels:
        said = ", ".join(f"{label} {count}" for label, count in trial.labels.items())
        flips, labelled = trial.flips or 0, sum(trial.labels.values())
        share = percent(flips / labelled, decimals=0, signed=False)
        yield from wrapped(f"{said}; {counted(flips, 'flip')}: {share} differ from the most frequent", first="labels  ")
    if len(trial.samples) > 1 and trial.ranges:
        yield from wrapped(", ".join(f"{name} {low:.2f}..{high:.2f}" for name, (low, high) in trial.ranges.items()), first="ranges  ")


def _sample(sample: Sample) -> Iterator[str]:
    reply = sample.reply
    source = "recorded" if reply.recorded else "live"
    tokens = f"{reply.usage.prompt_tokens:,d}+{reply.usage.completion_tokens:,d} tokens"
    tries = f", {reply.attempts} attempts" if reply.attempts > 1 else ""
    yield from wrapped(
        f"{source}, {tokens}{tries}{f', {reply.model_returned}' if reply.model_returned else ''}", first=f"#{sample.seed_index}  "
    )
    if reply.reasoning:
        yield from wrapped(reply.reasoning, first="    thought  ")
    yield from wrapped(reply.text or "(empty)", first="    raw      ")
    if reply.failure is not None:
        yield from wrapped(f"{reply.failure.kind}: {reply.failure.detail}", first="    FAILED   ")
    elif reply.answer is not None:
        yield from wrapped(_parsed(sample), first="    parsed   ")


def _parsed(sample: Sample) -> str:
    assert sample.reply.answer is not None
    values = sample.reply.answer.model_dump()
    numbers = [f"{name} {value:g}" for name, value in values.items() if isinstance(value, float)]
    lists = [f"{len(value)} {name}" for name, value in values.items() if isinstance(value, list)]
    return "; ".join([*([sample.label] if sample.label else []), *numbers, *lists]) or "read"
