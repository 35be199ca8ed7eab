"""`tradinggroup models`: the models that can be asked, and what their servers can do."""

from __future__ import annotations

from typing import Annotated

import typer

from tradinggroup.cli.framework import add, new_group
from tradinggroup.cli.options import JsonOption
from tradinggroup.cli.output import emit_json, only_json_on_stdout, project_of, saved

ModelArgument = Annotated[str, typer.Argument(metavar="NAME", help="A model as an experiment names it, such as openai:NAME.")]

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


add(group, "probe", probe, example="tradinggroup models probe openai:NAME")
