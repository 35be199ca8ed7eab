"""`tradinggroup check`: is an experiment ready to run, and what would it cost; calls no model."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from itertools import starmap
from typing import TYPE_CHECKING, Any

import typer

from tradinggroup.cli.options import ExperimentArgument, JsonOption, Overrides, setting_options
from tradinggroup.cli.output import emit_json, only_json_on_stdout, project_of

if TYPE_CHECKING:
    from tradinggroup.experiment import ResolvedExperiment
    from tradinggroup.project import Project

WIDTH = 80
EXAMPLE = "tradinggroup check backtests/demo.toml"


@setting_options
def command(context: typer.Context, experiment: ExperimentArgument, *, overrides: Overrides, as_json: JsonOption = False) -> None:
    """Check an experiment and estimate its calls.

    Cards, risk profile, bundle, dates.

    Calls no model and writes nothing. Exit 1 when any check fails, whatever it is, while `backtest` exits 2 or 3.
    """
    from tradinggroup.experiment import load_variants

    project = project_of(context)
    show_check(project, load_variants(project, experiment, overrides), as_json=as_json)


def show_check(project: Project, wanted: Sequence[ResolvedExperiment], *, as_json: bool, runs: int = 1, unseal: str | None = None) -> None:
    """Print the checks and the plan, of each variant where there are some, and of all of them `runs` times. Exits 1 when a check failed."""
    with only_json_on_stdout(as_json):
        checked = [_checked(project, resolved, unseal) for resolved in wanted]
    is_ready = all(each["ok"] for each in checked)
    has_variants = wanted[0].variant is not None
    total = _total(checked, runs) if len(wanted) * runs > 1 else {}
    if as_json:
        emit_json(({"ok": is_ready, "runs": checked} if has_variants else checked[0]) | total)
    else:
        titles = [f"variant {resolved.variant}\n" if has_variants else "" for resolved in wanted]
        print("\n\n".join(title + _text(each) for title, each in zip(titles, checked, strict=True)))
        if total:
            print("\n" + _row_text("total", "", _total_text(total["total"])))
    if not is_ready:
        raise typer.Exit(1)


def _total(checked: Sequence[dict[str, Any]], runs: int) -> dict[str, Any]:
    """What all runs together would ask and cost at most; None where that of one of them is not known."""
    plans = [each["plan"] for each in checked]
    costs = [plan["cost_usd"] if plan else None for plan in plans]
    known = [cost for cost in costs if cost is not None]
    calls = sum(plan["calls_estimated"] for plan in plans if plan) * runs if all(plans) else None
    return {
        "total": {
            "runs": len(checked) * runs,
            "calls_estimated": calls,
            "cost_usd": sum(known) * runs if len(known) == len(costs) else None,
        }
    }


def _total_text(total: dict[str, Any]) -> str:
    calls = "calls not known" if total["calls_estimated"] is None else f"up to {total['calls_estimated']:,} calls"
    cost = "cost in USD unknown" if total["cost_usd"] is None else f"cost up to {total['cost_usd']:.2f} USD"
    return f"{total['runs']:,} runs, {calls}, {cost}; calls that runs share are asked once"


def _checked(project: Project, resolved: ResolvedExperiment, unseal: str | None) -> dict[str, Any]:
    from tradinggroup.runs.estimate import estimate, power_line, prompts_line
    from tradinggroup.runs.preview import check_experiment

    lines = check_experiment(project, resolved, unseal=unseal)
    plan = estimate(project, resolved) if all(line.ok for line in lines) else None
    if plan is not None:
        lines += [line for line in (prompts_line(plan), power_line(plan)) if line is not None]
    found = {"ok": all(line.ok for line in lines), "checks": [asdict(line) for line in lines], "plan": plan}
    return found if resolved.variant is None else {"variant": resolved.variant, **found}


def _text(checked: dict[str, Any]) -> str:
    rows = [("ok" if line["ok"] else "error", line["what"], line["text"]) for line in checked["checks"]]
    rows += [("warn", line["what"], line["warning"]) for line in checked["checks"] if line["warning"]]
    if checked["plan"]:
        rows.append(("plan", "", _plan_text(checked["plan"])))
    return "\n".join(starmap(_row_text, rows))


def _row_text(mark: str, what: str, text: str) -> str:
    """Three columns at 80 characters; a long text goes on below its column."""
    head = f"{mark:<5}  {what:<12}  "
    return textwrap.fill(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False)


def _plan_text(plan: dict[str, Any]) -> str:
    """What the run would do. The cost is on the high side, and not known where the price of a model is not."""
    asked = plan["agents"].values()
    unknown = sorted({figures["model"] for figures in asked if figures["cost_usd"] is None})
    up_to = "up to " if plan["cost_usd"] else ""
    cost = f"cost in USD unknown ({', '.join(unknown)})" if plan["cost_usd"] is None else f"cost {up_to}{plan['cost_usd']:.2f} USD"
    return f"{plan['sessions']:,} sessions, {plan['decisions']:,} decisions, up to {plan['calls_estimated']:,} calls, {cost}"
