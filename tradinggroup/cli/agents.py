"""`tradinggroup agents`: the cards, what they answer, and the prompts they make."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tradinggroup.cli.framework import add, new_group
from tradinggroup.cli.options import ExperimentArgument, JsonOption, Overrides, setting_options
from tradinggroup.cli.output import emit_json, needed_day, only_json_on_stdout, project_of, table
from tradinggroup.errors import ErrorCode, UsageError

if TYPE_CHECKING:
    from tradinggroup.agents.card import Card
    from tradinggroup.models.port import ModelRequest
    from tradinggroup.project import Project
    from tradinggroup.runs.trial import Trial

AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help="An agent, as in `agents list`.")]
Session = Annotated[str, typer.Option("--session", metavar="SESSION", help="The decision's session: YYYY-MM-DD.")]
Symbol = Annotated[str, typer.Option("--symbol", metavar="SYMBOL", help="One symbol of the experiment.")]
Samples = Annotated[int, typer.Option("--samples", metavar="N", min=1, help="How often each prompt is sent.")]
Calls = Annotated[
    Literal["record", "replay", "refresh"],
    typer.Option("--calls", help="Recorded, else live (record); recorded only (replay); always live (refresh)."),
]

UNREADABLE, PROVIDER_FAILED = 1, 5
"""Exit codes where no sample was answered."""

WIDTH = 80

PriceIn = Annotated[
    float | None, typer.Option("--price-in", metavar="USD", min=0, help="Price of a million tokens sent; without it the cost is unknown.")
]
PriceOut = Annotated[float | None, typer.Option("--price-out", metavar="USD", min=0, help="Price of a million tokens answered.")]

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
    from tradinggroup.runs.preview import preview_prompts

    preview = preview_prompts(project, resolved, agent, day, symbol)
    if as_json:
        emit_json({"requests": [_request(request) for request in preview.requests], "silence": preview.silence or None})
    else:
        print("\n\n".join(_text(request) for request in preview.requests) or _silent(agent, preview.silence))


@setting_options
def try_prompt(
    context: typer.Context,
    agent: AgentArgument,
    experiment: ExperimentArgument,
    *,
    session: Session,
    symbol: Symbol,
    samples: Samples = 1,
    calls: Calls = "record",
    price_in: PriceIn = None,
    price_out: PriceOut = None,
    overrides: Overrides,
    as_json: JsonOption = False,
) -> None:
    """Send an agent's prompts of one decision to a model.

    The prompts are those of `agents render`; with --model another model gets them. Each is sent --samples times, told apart
    by its seed alone. Shows the raw answer, what was read from it or why it failed, tokens, their cost, and how often the
    samples differ. Answers are kept in the project's recordings. Exit 1 when no sample was answered, 5 when the server failed.
    """
    from tradinggroup.experiment import load_experiment

    day = needed_day(session, "--session")
    project = project_of(context)
    _check_agent(agent)
    model = next((str(override.value) for override in overrides if override.key == "model"), None)
    resolved = load_experiment(project, experiment, [override for override in overrides if override.key != "model"])
    from tradinggroup.runs.trial import Prices, TrialOptions, totals, try_prompts

    with only_json_on_stdout(as_json):
        trials, statistics = try_prompts(project, resolved, agent, day, symbol, TrialOptions(model=model, samples=samples, calls=calls))
    figures = totals(trials, statistics, prices=Prices(price_in, price_out))
    if as_json:
        place = {"agent": agent, "session": day.isoformat(), "symbol": symbol}
        emit_json({**place, "prompts": [trial.to_plain() for trial in trials], "total": figures})
    elif trials:
        from tradinggroup.runs.text.trial import text_trial

        print(text_trial(trials, figures))
    else:
        from tradinggroup.runs.preview import preview_prompts

        print(_silent(agent, preview_prompts(project, resolved, agent, day, symbol).silence))
    _exit_where_nothing_was_answered(trials)


def _exit_where_nothing_was_answered(trials: Sequence[Trial]) -> None:
    failures = [sample.reply.failure for trial in trials for sample in trial.samples]
    if failures and all(failure is not None for failure in failures):
        raise typer.Exit(PROVIDER_FAILED if any(failure.kind.is_provider for failure in failures if failure) else UNREADABLE)


def _silent(agent: str, why: str) -> str:
    return textwrap.fill(f"{agent} asks no model on that session: {why}", WIDTH, break_on_hyphens=False)


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
    from tradinggroup.models.context_length import prompt_tokens

    messages = [{"role": message.role, "content": message.content} for message in request.messages]
    return {
        "purpose": request.purpose,
        "session": request.session,
        "key": request.key,
        "model": request.model,
        "schema": request.schema.__name__,
        "parameters": dict(request.parameters),
        "prompt_tokens_estimated": prompt_tokens(request.messages),
        "messages": messages,
    }


def _text(request: ModelRequest) -> str:
    from tradinggroup.models.context_length import prompt_tokens

    parameters = ", ".join(f"{key}={value}" for key, value in request.parameters.items())
    length = f"about {prompt_tokens(request.messages):,} tokens"
    asked = f"model {request.model}, answer {request.schema.__name__}, {parameters}"
    head = f"== {request.agent} {request.purpose}, {request.session}  {asked}, {length}"
    return "\n".join([head, *(f"-- {message.role}\n{message.content}" for message in request.messages)])


add(group, "list", list_cards, example="tradinggroup agents list")
add(group, "show", show, example="tradinggroup agents show decision")
add(group, "render", render, example="tradinggroup agents render decision demo --session 2023-09-18 --symbol ACME")
add(group, "try", try_prompt, example="tradinggroup agents try decision demo --session 2023-09-18 --symbol ACME --samples 5")
