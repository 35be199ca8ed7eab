"""`tradinggroup models`: the models that can be asked, what is known of them, and what their servers can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradinggroup.cli.framework import add, new_group
from tradinggroup.cli.options import JsonOption
from tradinggroup.cli.output import emit_json, only_json_on_stdout, project_of, saved, table

if TYPE_CHECKING:
    from tradinggroup.models.registry_file import ModelRegistry

ModelArgument = Annotated[str, typer.Argument(metavar="NAME", help="A model as an experiment names it, such as openai:NAME.")]

UNKNOWN = "-"
NONE_WORKS, PROVIDER_FAILED = 1, 5

group = new_group("Models and what their servers can do.")


def probe(context: typer.Context, name: ModelArgument, *, as_json: JsonOption = False) -> None:
    """Find out how a model can be asked for structured answers.

    One small call on each rung: a JSON schema that the server decodes by, a forced tool, a JSON object, plain text. Runs with
    models.structured_output=auto then use the best one that works. Exit 1 when none works, 5 when the server failed.
    """
    from tradinggroup.runs.probing import probe_model

    project = project_of(context)
    with only_json_on_stdout(as_json):
        found = probe_model(project, name)
    if as_json:
        emit_json(found.to_plain())
    else:
        print(found.text())
    if found.found.rung is None:
        raise typer.Exit(PROVIDER_FAILED if any(each.works is None for each in found.found.results) else NONE_WORKS)
    if not as_json:
        saved(project.probes_file)


def list_entries(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the servers and models of the registry.

    The project's models.toml over the packaged one: each model's context, training cutoff, and price a million tokens with the
    day it was read. `-` is unknown; `own` are the project's. A server also answers for models that are not listed: SERVER:NAME.
    Asks no server.
    """
    from tradinggroup.models.registry_file import load_registry

    registry = load_registry(project_of(context))
    if as_json:
        emit_json({"servers": registry.servers_plain(), "models": registry.models_plain()})
        return
    servers = [(name, server.address, server.key_variable or "no key") for name, server in registry.servers.items()]
    print(table([("server", "address", "key"), *servers]))
    models = [_model_row(registry, name) for name in registry.models]
    print("\n" + table([("model", "context", "cutoff", "USD in", "out", "read on", "own"), *models]))


def _model_row(registry: ModelRegistry, name: str) -> tuple[str, ...]:
    entry = registry.entry_of(name)
    price, cutoff = (entry.price, entry.training_cutoff) if entry is not None else (None, None)
    context = f"{entry.context_tokens:,}" if entry is not None and entry.context_tokens else UNKNOWN
    prices = (f"{price.prompt_usd_per_million:g}", f"{price.completion_usd_per_million:g}", str(price.as_of)) if price else (UNKNOWN,) * 3
    return name, context, str(cutoff.date) if cutoff else UNKNOWN, *prices, "yes" if name in registry.own else "no"


add(group, "list", list_entries, example="tradinggroup models list")
add(group, "probe", probe, example="tradinggroup models probe openai:NAME")
