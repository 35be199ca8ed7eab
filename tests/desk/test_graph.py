"""The workflow: its two halves are the whole, its nodes return what the state declares, and an error in it leaves nobody waiting."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.factories import make_bundle
from tests.support.desk_runs import run_desk
from tradinggroup.desk import graph, research_nodes, trading_nodes
from tradinggroup.desk.state import DeskState
from tradinggroup.errors import DataError, ErrorCode, ProviderError, TradinggroupError
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.runs import window

ENDS = {"__start__", "__end__"}


def test_the_halves_are_the_whole() -> None:
    graphs = graph.build_graphs()
    whole, research, trading = (each.get_graph() for each in (graphs.whole, graphs.research, graphs.trading))
    assert set(research.nodes) & set(trading.nodes) == ENDS
    assert set(research.nodes) | set(trading.nodes) == set(whole.nodes)
    inner = {(edge.source, edge.target) for part in (research, trading) for edge in part.edges if not ENDS & {edge.source, edge.target}}
    joined = {(edge.source, edge.target) for edge in whole.edges if not ENDS & {edge.source, edge.target}}
    assert joined == inner | {("forecasting", "label_decision")}


def test_the_five_agents_are_nodes_and_a_forced_exit_goes_round_the_decision() -> None:
    picture = graph.mermaid()
    for agent in ("news_sentiment", "report_retrieval", "forecasting", "style_selection", "decision"):
        assert f"{agent}(" in picture
    assert "risk_intercept -.-> sizing" in picture
    assert "decision --> sizing" in picture


def test_nodes_return_declared_keys_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LangGraph drops any other key without a word."""
    returned: dict[str, set[str]] = {}

    def watched(name: str, node: Callable[..., Any]) -> Callable[..., Any]:
        async def run(state: DeskState, runtime: Any) -> DeskState:
            result = await node(state, runtime)
            returned.setdefault(name, set()).update(result)
            return result

        return run

    for module in (research_nodes, trading_nodes):
        for name, node in inspect.getmembers(module, inspect.iscoroutinefunction):
            if node.__module__ == module.__name__ and not name.startswith("_"):
                monkeypatch.setattr(module, name, watched(name, node))
    bundle = make_bundle(tmp_path, sessions=40)
    run_desk(bundle, start=bundle.first_session, end=bundle.last_session)
    assert len(returned) == 10
    assert set().union(*returned.values()) == set(DeskState.__annotations__)
    for name, keys in returned.items():
        assert keys <= set(DeskState.__annotations__), name


class BreakingModel(RulesAnalyst):
    """The rule-based analyst, with an error at one agent's call on one session."""

    def __init__(self, agent: str, session: str, error: BaseException) -> None:
        super().__init__()
        self._place = (agent, session)
        self._error = error

    async def answer(self, request: ModelRequest) -> ModelReply:
        if (request.agent, request.session) == self._place:
            raise self._error
        return await super().answer(request)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("schedule", ["serial", "run_ahead"])
@pytest.mark.parametrize("agent", ["news_sentiment", "forecasting", "decision"])
@pytest.mark.parametrize(
    "error", [ValueError("a mistake of ours"), DataError(ErrorCode.RECORDING_MISSING, "not there")], ids=["bug", "known"]
)
def test_an_error_in_a_node_ends_the_run_and_comes_out_unchanged(tmp_path: Path, schedule: str, agent: str, error: Exception) -> None:
    """Also in the half that runs ahead, and with another symbol still at work: nobody is left waiting."""
    bundle = make_bundle(tmp_path, symbols=("AAA", "BBB"), sessions=45)
    session = bundle.calendar.sessions(bundle.first_session, bundle.last_session)[30].isoformat()
    with pytest.raises(type(error)) as caught:
        run_desk(bundle, start=bundle.first_session, end=bundle.last_session, model=BreakingModel(agent, session, error), schedule=schedule)
    assert str(caught.value) == str(error)


class OneDiesWhileTheOtherWaits(RulesAnalyst):
    """BBB's server dies at once; AAA still waits for a slow answer of its research."""

    async def answer(self, request: ModelRequest) -> ModelReply:
        if request.symbol == "BBB":
            raise ProviderError(ErrorCode.PROVIDER_FAILED, "the server died")
        await asyncio.sleep(20)
        return await super().answer(request)


@pytest.mark.timeout(15)
def test_one_symbols_error_is_not_hidden_by_anothers_waiting(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, symbols=("AAA", "BBB"), sessions=40)
    with pytest.raises(ProviderError, match="the server died"):
        run_desk(bundle, start=bundle.first_session, end=bundle.last_session, model=OneDiesWhileTheOtherWaits())


def test_features_inside_the_warm_up_are_a_mistake_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The schedule never asks for them; if it did, the run must stop rather than decide on nothing."""
    bundle = make_bundle(tmp_path, sessions=40)
    monkeypatch.setattr(window, "closes_needed", lambda settings: 1)
    with pytest.raises(TradinggroupError, match="INTERNAL"):
        run_desk(bundle, start=bundle.first_session, end=bundle.last_session)
