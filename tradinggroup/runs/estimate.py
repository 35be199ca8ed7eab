"""What a run would ask and what that would cost, told before it is made; calls no model server.

Calls are counted over the whole window. Their length is measured on the first sessions of the first symbol, walked in memory with
the rule-based analyst in the models' place; an answer counts with all the tokens that its card allows, so the cost is on the high side.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.data.decision_clock import DecisionClock
from tradinggroup.errors import TradinggroupError
from tradinggroup.experiment import ResolvedExperiment
from tradinggroup.models.context_length import answer_tokens, check_fits, prompt_tokens
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.registry import is_local
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import Project
from tradinggroup.runs.agents_job import run_agents
from tradinggroup.runs.inputs import RunInputs, inputs_of_project
from tradinggroup.runs.preview import CheckLine, kept_retrieval
from tradinggroup.runs.progress import NoProgress
from tradinggroup.runs.statistics_figures import power_figures
from tradinggroup.runs.text.statistics import power_text
from tradinggroup.runs.window import decision_sessions, markets_of

SAMPLE_SESSIONS = 25
"""Decisions that the length of prompts is measured on: lessons and histories have their full length by then (ours)."""


def estimate(project: Project, resolved: ResolvedExperiment) -> dict[str, Any]:
    """`sessions`, `decisions`, `calls_estimated` (an upper bound), `cost_usd` (None where nobody knows a price) and `agents`.

    `agents` holds, for each agent with a model behind a server, `model`, `calls`, `prompt_tokens` (mean), `longest_prompt_tokens`,
    `answer_tokens` (most), `context_tokens` and `cost_usd`; `does_not_fit` says which prompt is longer than its context, else None.
    `power` is what the window can show, see `Power`; None where there is nothing to show.
    """
    inputs = inputs_of_project(project, resolved)
    markets = markets_of(inputs)
    decisions = {symbol: decision_sessions(inputs, market) for symbol, market in markets.items()}
    calls: Counter[str] = Counter()
    for symbol, sessions in decisions.items():
        calls += _calls_of_symbol(inputs, symbol, sessions)
    is_asked = inputs.experiment.agents_enabled
    requests = _sample(project, resolved, inputs, decisions) if is_asked else []
    agents = _agents(inputs, calls, requests) if is_asked else {}
    power = power_figures(inputs, markets)
    return {
        "sessions": len(inputs.bundle.calendar.sessions(inputs.experiment.start, inputs.experiment.end)),
        "decisions": sum(len(sessions) for sessions in decisions.values()),
        "calls_estimated": calls.total() if is_asked else 0,
        "cost_usd": _total(agents),
        "agents": agents,
        "does_not_fit": _does_not_fit(inputs, requests),
        "power": power.to_plain() if power is not None else None,
    }


def prompts_line(plan: Mapping[str, Any]) -> CheckLine | None:
    """What `check` says of the prompts' length; None where no server is asked, or nothing could be measured."""
    measured = {agent: figures for agent, figures in plan["agents"].items() if figures["longest_prompt_tokens"] is not None}
    if plan["does_not_fit"]:
        return CheckLine(False, "prompts", plan["does_not_fit"])
    if not measured:
        return None
    agent = max(measured, key=lambda each: (measured[each]["longest_prompt_tokens"], each))
    longest, context = measured[agent]["longest_prompt_tokens"], measured[agent]["context_tokens"]
    room = f"context {context:,}" if context else "context not known"
    return CheckLine(
        True, "prompts", f"longest about {longest:,} tokens ({agent}), answer up to {measured[agent]['answer_tokens']:,}, {room}"
    )


def power_line(plan: Mapping[str, Any]) -> CheckLine | None:
    """What `check` says of the smallest effects that the window can show; None without agents."""
    return CheckLine(True, "power", power_text(plan["power"])) if plan["power"] is not None else None


def _sample(
    project: Project, resolved: ResolvedExperiment, inputs: RunInputs, decisions: Mapping[str, Sequence[date]]
) -> list[ModelRequest]:
    """The requests of the first sessions of the first symbol; none where no server is asked, or where they cannot be made."""
    symbol = next((symbol for symbol in inputs.experiment.symbols if decisions[symbol]), None)
    if symbol is None or all(is_local(name) for name in inputs.models.values()):
        return []
    end = decisions[symbol][:SAMPLE_SESSIONS][-1]
    shortened = inputs.experiment.model_copy(update={"symbols": (symbol,), "end": end})
    sampler = _Sampler()
    try:
        first = inputs_of_project(project, replace(resolved, experiment=shortened))
        with LoopThread() as loop, kept_retrieval(project, first, sampler) as parts:
            run_agents(
                first, markets=markets_of(first), model=sampler, loop=loop, sink=MemorySink(), progress=NoProgress(), retrieval=parts
            )
    except TradinggroupError:
        # Such as vectors that only an embedding server could give: then the length stays unknown.
        return []
    return [request for request in sampler.requests if not is_local(request.model)]


@dataclass(slots=True)
class _Sampler:
    """Answers by rules, and keeps what was asked."""

    requests: list[ModelRequest] = field(default_factory=list)
    _rules: RulesAnalyst = field(default_factory=RulesAnalyst)

    async def answer(self, request: ModelRequest) -> ModelReply:
        self.requests.append(request)
        return await self._rules.answer(request)


def _agents(inputs: RunInputs, calls: Mapping[str, int], requests: Sequence[ModelRequest]) -> dict[str, dict[str, Any]]:
    return {
        agent: _figures(inputs, agent, calls.get(agent, 0), [request for request in requests if request.agent == agent])
        for agent in inputs.cards
        if not is_local(inputs.model_of(agent)) and (calls.get(agent) or any(request.agent == agent for request in requests))
    }


def _figures(inputs: RunInputs, agent: str, calls: int, requests: Sequence[ModelRequest]) -> dict[str, Any]:
    lengths = [prompt_tokens(request.messages) for request in requests]
    entry = inputs.registry.entry_of(inputs.model_of(agent))
    answer = max((answer_tokens(request, entry) for request in requests), default=None)
    mean = round(sum(lengths) / len(lengths)) if lengths else None
    price = entry.price if entry is not None else None
    return {
        "model": inputs.model_of(agent),
        "calls": calls,
        "prompt_tokens": mean,
        "longest_prompt_tokens": max(lengths, default=None),
        "answer_tokens": answer,
        "context_tokens": entry.context_tokens if entry is not None else None,
        "cost_usd": price.cost_usd(prompt_tokens=calls * mean, completion_tokens=calls * answer)
        if price is not None and mean is not None and answer is not None
        else None,
    }


def _total(agents: Mapping[str, Mapping[str, Any]]) -> float | None:
    costs = [figures["cost_usd"] for figures in agents.values()]
    return None if None in costs else float(sum(costs))


def _does_not_fit(inputs: RunInputs, requests: Sequence[ModelRequest]) -> str | None:
    for request in requests:
        entry = inputs.registry.entry_of(request.model)
        if entry is None:
            continue
        try:
            check_fits(request, entry)
        except TradinggroupError as error:
            return str(error)
    return None


def _calls_of_symbol(inputs: RunInputs, symbol: str, sessions: Sequence[date]) -> Counter[str]:
    """Calls by agent: forecast, style, decision and what a model is asked about their records each session, and one an item of news.

    Summaries of filings hardly count, and are left out.
    """
    each_session = _calls_a_session(inputs)
    calls = Counter({agent: count * len(sessions) for agent, count in each_session.items()})
    without, k = inputs.experiment.without, inputs.experiment.agents.news_sentiment.k
    if "news_sentiment" in without:
        return calls
    clock = DecisionClock.of(inputs.experiment, inputs.bundle.calendar)
    for place, session in enumerate(sessions):
        previous = sessions[place - 1] if place else inputs.bundle.calendar.previous_session(session)
        view = inputs.bundle.view(clock.as_of(session), derived_text=inputs.experiment.derived_text)
        seen = len(view.news(symbol, clock.as_of(previous)))
        reranked = seen if inputs.experiment.retrieval.reranker == "llm" and "retrieval" not in without else 0
        calls["news_sentiment"] += reranked + (min(k, seen) + 1 if seen else 0)
    return calls


def _calls_a_session(inputs: RunInputs) -> dict[str, int]:
    without = inputs.experiment.without
    switches = {"forecasting": "forecasting", "style_selection": "style", "decision": "decision"}
    agents = [agent for agent, switch in switches.items() if switch not in without]
    is_told = "reflections" not in without and not is_local(inputs.model_of("reflection"))
    return dict.fromkeys(agents, 1) | ({"reflection": 1 + ("forecasting" in agents)} if is_told else {})
