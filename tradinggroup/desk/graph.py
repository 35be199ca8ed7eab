"""The workflow as one LangGraph `StateGraph`, and as its two halves.

The research half depends on the market and on past forecasts only, the trading half on the account too. Both are made by
the same two functions that make the whole, so the picture in the docs is the graph that runs (design 3). No checkpointer:
recordings make a run resumable. Nodes are async, which saves a thread hand-over each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradinggroup.desk import research_nodes, trading_nodes
from tradinggroup.desk.state import DeskState, Moment

if TYPE_CHECKING:
    from langgraph.graph import StateGraph
    from langgraph.graph.state import CompiledStateGraph

    Builder = StateGraph[DeskState, Moment, DeskState, DeskState]
    Compiled = CompiledStateGraph[DeskState, Moment, DeskState, DeskState]

EVIDENCE_NODES = ("label_forecast", "news_sentiment", "report_retrieval", "features")


@dataclass(frozen=True, slots=True)
class DeskGraphs:
    """The compiled workflow: whole, and in halves. Compiled once a process; safe to invoke for many symbols at once."""

    whole: Compiled
    research: Compiled
    trading: Compiled


def add_research(builder: Builder, *, entry: str) -> str:
    """Add the research half behind `entry`; returns its last node."""
    builder.add_node("label_forecast", research_nodes.label_forecast)
    builder.add_node("news_sentiment", research_nodes.news_sentiment)
    builder.add_node("report_retrieval", research_nodes.report_retrieval)
    builder.add_node("features", research_nodes.features)
    builder.add_node("forecasting", research_nodes.forecasting)
    for node in EVIDENCE_NODES:
        builder.add_edge(entry, node)
    builder.add_edge(list(EVIDENCE_NODES), "forecasting")
    return "forecasting"


def add_trading(builder: Builder, *, entry: str) -> str:
    """Add the trading half behind `entry`; returns its last node. A forced exit goes round the decision agent."""
    builder.add_node("label_decision", trading_nodes.label_decision)
    builder.add_node("style_selection", trading_nodes.style_selection)
    builder.add_node("risk_intercept", trading_nodes.risk_intercept)
    builder.add_node("decision", trading_nodes.decision)
    builder.add_node("sizing", trading_nodes.sizing)
    builder.add_edge(entry, "label_decision")
    builder.add_edge("label_decision", "style_selection")
    builder.add_edge("style_selection", "risk_intercept")
    builder.add_conditional_edges("risk_intercept", trading_nodes.after_intercept, ["decision", "sizing"])
    builder.add_edge("decision", "sizing")
    return "sizing"


def build_graphs() -> DeskGraphs:
    """Compile the whole workflow and its halves."""
    from langgraph.graph import END, START, StateGraph

    def new() -> Builder:
        return StateGraph(DeskState, context_schema=Moment)

    whole, research, trading = new(), new(), new()
    whole.add_edge(add_trading(whole, entry=add_research(whole, entry=START)), END)
    research.add_edge(add_research(research, entry=START), END)
    trading.add_edge(add_trading(trading, entry=START), END)
    return DeskGraphs(whole=whole.compile(name="desk"), research=research.compile(name="research"), trading=trading.compile(name="trading"))


def mermaid() -> str:
    """The workflow as a Mermaid flow chart, made from the graph itself."""
    text: Any = build_graphs().whole.get_graph().draw_mermaid()
    return str(text)
