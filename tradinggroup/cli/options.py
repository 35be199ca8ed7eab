"""Options that several commands share."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tradinggroup.cli.output import split_list
from tradinggroup.errors import ErrorCode, UsageError

if TYPE_CHECKING:
    from tradinggroup.experiment import Override

    Overrides = list[Override]
else:
    Overrides = list  # the settings take longer to import than a help page may

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout, and nothing else.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help="A run: folder name, path, id, unique prefix, or latest.", show_default=False)
]
RequiredRun = Annotated[str, typer.Argument(metavar="RUN", help="A run: folder name, path, id, unique prefix, or latest.")]
ExperimentArgument = Annotated[str, typer.Argument(metavar="EXPERIMENT", help="An experiment: a file, or a name in backtests/.")]
NameOption = Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the bundle: a folder in data/.")]


@dataclass(frozen=True, slots=True)
class SettingOption:
    """An everyday option that stands for one setting."""

    key: str
    flag: str
    metavar: str
    help: str
    is_list: bool = False


SETTING_OPTIONS = (
    SettingOption("start", "--start", "DAY", "First calendar day, inclusive: YYYY-MM-DD."),
    SettingOption("end", "--end", "DAY", "Last calendar day, inclusive."),
    SettingOption("symbols", "--symbols", "A,B", "Only these symbols of the bundle.", is_list=True),
    SettingOption("cash_usd", "--cash", "USD", "Opening cash of each account."),
    SettingOption("model", "--model", "MODEL", "rules (no LLM), or SERVER:NAME; AGENT=MODEL for one agent.", is_list=True),
    SettingOption("risk", "--risk", "PROFILE", "A risk profile: a name in risk/."),
    SettingOption("without", "--without", "PART", "Switch off: risk, style, reflections, retrieval, or an agent.", is_list=True),
    SettingOption("placebo", "--placebo", "PART", "Placebo in place of: news, filings, reflections.", is_list=True),
    SettingOption("max_cost_usd", "--max-cost-usd", "USD", "Stop before the model calls of a run cost more; it can be resumed."),
    SettingOption("seed", "--seed", "N", "Seed of every random stream."),
)
MODEL = "model"
MAX_COST = "max_cost_usd"
SET_HELP = "Any setting, such as agents.news_sentiment.k=5; repeat for more."


def setting_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of `SETTING_OPTIONS` and `--set` in place of its parameter `overrides: Overrides`."""

    @wraps(function)
    def command(**values: Any) -> None:
        settings = {option.flag: values.pop(_parameter(option)) for option in SETTING_OPTIONS}
        function(overrides=_overrides(settings, values.pop("set_") or ()), **values)

    own = list(inspect.signature(function, eval_str=True).parameters.values())
    place = next(index for index, parameter in enumerate(own) if parameter.name == "overrides")
    own[place : place + 1] = _parameters()
    command.__signature__ = inspect.Signature(own)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in own}
    return command


def _parameter(option: SettingOption) -> str:
    return option.flag.removeprefix("--").replace("-", "_")


def _parameters() -> list[inspect.Parameter]:
    found = [
        _keyword(_parameter(option), list[str] | None if option.is_list else str | None, option.flag, option.metavar, option.help)
        for option in SETTING_OPTIONS
    ]
    return [*found, _keyword("set_", list[str] | None, "--set", "KEY=VALUE", SET_HELP)]


def _keyword(name: str, annotation: Any, flag: str, metavar: str, text: str) -> inspect.Parameter:
    annotated = Annotated[annotation, typer.Option(flag, metavar=metavar, help=text)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotated)


def _overrides(options: dict[str, Any], settings: Sequence[str]) -> Overrides:
    from tradinggroup.experiment import Override, parse_set

    given = [
        Override(option.key, split_list(options[option.flag]) if option.is_list else options[option.flag], option.flag)
        for option in SETTING_OPTIONS
        if options[option.flag] is not None and option.key != MODEL
    ]
    models = split_list(options["--model"]) or []
    found = [*given, *map(_model_override, models), *(parse_set(text) for text in settings)]
    for override in found:
        _refuse_no_money(override)
    return found


def _refuse_no_money(override: Override) -> None:
    """A typed budget of 0 means to spend nothing; as a setting it would mean no limit."""
    if override.key != MAX_COST:
        return
    try:
        is_nothing = float(str(override.value)) == 0
    except ValueError:
        return
    if is_nothing:
        raise UsageError(
            ErrorCode.USAGE,
            f"{MAX_COST} of 0 would spend nothing",
            remedy="Leave it out for no limit, or ask no server with --calls replay.",
        )


def _model_override(text: str) -> Override:
    """`openai:x` for every agent, `decision=openai:x` for one."""
    from tradinggroup.experiment import Override

    agent, equals, model = text.partition("=")
    if not equals or ":" in agent:  # a server's name of a model may hold the sign
        return Override(MODEL, text, "--model")
    if not (agent.strip() and model.strip()):
        raise UsageError(ErrorCode.USAGE, f"--model {text} names no {'model' if agent.strip() else 'agent'}", remedy="Write AGENT=MODEL.")
    return Override("agent_models", {agent.strip(): model.strip()}, "--model")
