"""`tradinggroup agents`: the cards, what they answer, and the prompts they make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradinggroup.cli.framework import add, new_group
from tradinggroup.cli.options import ExperimentArgument, JsonOption, Overrides, setting_options
from tradinggroup.cli.output import emit_json, needed_day, project_of, table
from tradinggroup.errors import ErrorCode, UsageError

if TYPE_CHECKING:
    from tradinggroup.agents.card import Card
    from tradinggroup.models.port import ModelRequest
    from tradinggroup.project import Project

AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help="An agent, as in `agents list`.")]
Session = Annotated[str, typer.Option("--session", metavar="SESSION", help="The decision's session: YYYY-MM-DD.")]
Symbol = Annotated[str, typer.Option("--symbol", metavar="SYMBOL", help="One symbol of the experiment.")]

group = new_group("The agents' cards and prompts.")


def list_cards(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the agents and their cards.

    Answer schema, model, where the card is from, and its hash.
    """
    from tradinggroup.agents.card import load_cards

    project = project_of(context)
    cards = [_facts(card, project) for card in load_cards(project).values()]
    if as_json:
        emit_json({"agents": cards})
    else:
        heads = ("agent", "output", "model", "from", "hash")
        print(table([heads, *(tuple(str(card[head])[7:19] if head == "hash" else str(card[head]) for head in heads) for card in cards)]))


def show(context: typer.Context, agent: AgentArgument, *, as_json: JsonOption = False) -> None:
    """Show a card.

    Its front matter, the schema of the answer, and the prompt templates.
    """
    from tradinggroup.agents.card import load_card

    project = project_of(context)
    card = load_card(project, agent)
    facts, schema = _facts(card, project), card.output.model_json_schema()
    if as_json:
        emit_json({**facts, "parameters": card.parameters, "schema": schema, "text": card.text})
        return
    rows: list[tuple[str, ...]] = [(key, str(value)) for key, value in {**facts, **card.parameters}.items()]
    print(table(rows))
    print(f"\nschema {card.output.__name__}\n{json.dumps(schema, indent=2)}")
    print(f"\ncard\n{card.text.rstrip()}")


@setting_options
def render(
    context: typer.Context,
    agent: AgentArgument,
    experiment: ExperimentArgument,
    *,
    session: Session,
    symbol: Symbol,
    overrides: Overrides,
    as_json: JsonOption = False,
) -> None:
    """Print the prompts of an agent for one decision.

    Calls no model server; where an earlier agent's answer is needed, the rule-based analyst gives it.
    """
    from tradinggroup.experiment import load_experiment

    day = needed_day(session, "--session")
    project = project_of(context)
    _check_agent(agent)
    resolved = load_experiment(project, experiment, overrides)
    from tradinggroup.runs.preview import render_prompts

    requests = render_prompts(project, resolved, agent, day, symbol)
    if as_json:
        emit_json({"requests": [_request(request) for request in requests]})
    else:
        print("\n\n".join(_text(request) for request in requests) or f"{agent} asks no model on that session")


def _check_agent(agent: str) -> None:
    from tradinggroup.agents.roles import ROLES
    from tradinggroup.errors import did_you_mean

    if agent not in ROLES:
        raise UsageError(ErrorCode.CARD_INVALID, f"no agent {agent}", remedy=did_you_mean(agent, ROLES))


def _facts(card: Card, project: Project) -> dict[str, Any]:
    in_project = card.path.is_relative_to(project.root)
    return {
        "agent": card.agent,
        "output": card.output.__name__,
        "model": card.model or "(experiment)",
        "from": "project" if in_project else "packaged",
        "hash": card.hash,
    }


def _request(request: ModelRequest) -> dict[str, Any]:
    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    return {
        "purpose": request.purpose,
        "key": request.key,
        "model": request.model,
        "schema": request.schema.__name__,
        "parameters": dict(request.parameters),
        "messages": messages,
    }


def _text(request: ModelRequest) -> str:
    parameters = ", ".join(f"{key}={value}" for key, value in request.parameters.items())
    head = f"== {request.agent} {request.purpose}  model {request.model}, answer {request.schema.__name__}, {parameters}"
    return "\n".join([head, *(f"-- {message.role}\n{message.content}" for message in request.messages)])


add(group, "list", list_cards, example="tradinggroup agents list")
add(group, "show", show, example="tradinggroup agents show decision")
add(group, "render", render, example="tradinggroup agents render decision demo --session 2023-09-19 --symbol ACME")
