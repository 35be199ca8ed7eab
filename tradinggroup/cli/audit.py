"""`tradinggroup audit`: prove that nothing looked ahead, and see what else a result hangs on. Asks no model server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tradinggroup.cli.framework import add, new_group
from tradinggroup.cli.options import JsonOption, Overrides, RequiredRun, setting_options
from tradinggroup.cli.output import emit_json, narrate, only_json_on_stdout, project_of, project_of_run
from tradinggroup.cli.progress import make_progress

if TYPE_CHECKING:
    from tradinggroup.audit.attack import AttackAudit
    from tradinggroup.audit.costs import CostAudit
    from tradinggroup.audit.cutoff import CutoffAudit
    from tradinggroup.audit.lookahead import LookaheadAudit
    from tradinggroup.audit.warmup import WarmupAudit
    from tradinggroup.project import Project

Subject = Annotated[str, typer.Argument(metavar="RUN-OR-EXPERIMENT", help="A run that has ended, or an experiment: a file, or a name.")]

group = new_group("Audits: what a run knew, and what its result hangs on.")


@setting_options
def lookahead(context: typer.Context, subject: Subject, *, overrides: Overrides, as_json: JsonOption = False) -> None:
    """Build every prompt and decision again without the future.

    Twice: from a bundle that ends at the clock of each session, and from one whose future is absurd. Then clocks, record times
    and fills are looked through. Exit 1 when something was found or too little could be looked at. Of a run the result is
    kept in its checks.jsonl, and the options for settings are refused.
    """
    from tradinggroup.audit.subject import is_experiment

    project = project_of_run(context, subject)
    narrate(f"audit {subject}: look-ahead, no model is asked")
    with only_json_on_stdout(as_json):
        audits = (
            _of_experiment(project_of(context), subject, overrides)
            if is_experiment(project, subject)
            else [_of_run(project, subject, overrides)]
        )
    if as_json:
        emit_json(audits[0].to_plain() if len(audits) == 1 else {"audits": [audit.to_plain() for audit in audits]})
    else:
        from tradinggroup.audit.text import text_lookahead

        titles = [f"{audit.subject}\n" if len(audits) > 1 else "" for audit in audits]
        print("\n\n".join(title + text_lookahead(audit) for title, audit in zip(titles, audits, strict=True)))
    if not all(audit.ok for audit in audits):
        raise typer.Exit(1)


def _of_experiment(project: Project, name: str, overrides: Overrides) -> list[LookaheadAudit]:
    from tradinggroup.experiment import load_variants

    wanted = load_variants(project, name, overrides)
    from tradinggroup.audit.lookahead import audit_experiment

    progress = make_progress()
    try:
        return [audit_experiment(project, resolved, progress) for resolved in wanted]
    finally:
        progress.finish()


def _of_run(project: Project, name: str, overrides: Overrides) -> LookaheadAudit:
    from tradinggroup.audit.lookahead import audit_run
    from tradinggroup.errors import ErrorCode, UsageError
    from tradinggroup.runs.locate import find_run

    if overrides:
        given = overrides[0].origin
        raise UsageError(ErrorCode.USAGE, f"{given} cannot go with a run", remedy="A run is audited as it was; name an experiment instead.")
    folder = find_run(project, name)
    progress = make_progress()
    try:
        return audit_run(project, folder, progress)
    finally:
        progress.finish()


def costs(context: typer.Context, run: RequiredRun, *, as_json: JsonOption = False) -> None:
    """Place a run's orders again at other costs, and later.

    At no costs, at twice the run's, and one session after each decision; decisions are held fixed. Exit 1 when a gain, or a lead
    over buy and hold, is gone.
    """
    from tradinggroup.audit.costs import audit_costs
    from tradinggroup.audit.text import text_costs_audit
    from tradinggroup.runs.locate import find_run

    project = project_of_run(context, run)
    with only_json_on_stdout(as_json):
        audit = audit_costs(project, find_run(project, run), make_progress())
    _show(audit, text_costs_audit(audit), as_json=as_json)


def cutoff(context: typer.Context, run: RequiredRun, *, as_json: JsonOption = False) -> None:
    """Split a run at its models' training cutoffs.

    Sessions before, after and unknown to each agent's model, with the safety gap, and the same figures on each side. Unknown is
    never safe. Exit 1 when any session is not after every cutoff.
    """
    from tradinggroup.audit.cutoff import audit_cutoff
    from tradinggroup.audit.text import text_cutoff_audit
    from tradinggroup.runs.locate import find_run

    audit = audit_cutoff(find_run(project_of_run(context, run), run), make_progress())
    _show(audit, text_cutoff_audit(audit), as_json=as_json)


def warmup(context: typer.Context, run: RequiredRun, *, as_json: JsonOption = False) -> None:
    """Decide again with less history, and from later starts.

    How many decisions are others with half of the bundle's history in front of the run, with as little as the features need, and
    where the run starts some sessions later. Only where rules answer. Exit 1 when more than one in twenty moved.
    """
    from tradinggroup.audit.subject import keep_check, require_ended
    from tradinggroup.audit.text import text_warmup_audit
    from tradinggroup.audit.warmup import NAME, audit_warmup
    from tradinggroup.runs.inputs import inputs_of_run
    from tradinggroup.runs.locate import find_run

    project = project_of_run(context, run)
    folder = find_run(project, run)
    require_ended(folder)
    with only_json_on_stdout(as_json):
        audit = audit_warmup(inputs_of_run(project, folder), subject=folder.name)
    keep_check(folder, NAME, audit.to_check(), make_progress())
    _show(audit, text_warmup_audit(audit), as_json=as_json)


def attack(context: typer.Context, run: RequiredRun, *, as_json: JsonOption = False) -> None:
    """Plant instructions, and see whether one reaches an order.

    In every news item, every filing and every lesson: an order to buy and one to sell, held against the same words in an
    order that commands nothing. Only where rules answer. Exit 1 when an order changed; what changed is listed.
    """
    from tradinggroup.audit.attack import NAME, audit_attack
    from tradinggroup.audit.subject import keep_check, require_ended
    from tradinggroup.audit.text import text_attack_audit
    from tradinggroup.runs.inputs import inputs_of_run
    from tradinggroup.runs.locate import find_run

    project = project_of_run(context, run)
    folder = find_run(project, run)
    require_ended(folder)
    with only_json_on_stdout(as_json):
        audit = audit_attack(inputs_of_run(project, folder), subject=folder.name)
    keep_check(folder, NAME, audit.to_check(), make_progress())
    _show(audit, text_attack_audit(audit), as_json=as_json)


def _show(audit: AttackAudit | CostAudit | CutoffAudit | WarmupAudit, text: str, *, as_json: bool) -> None:
    if as_json:
        emit_json(audit.to_plain())
    else:
        print(text)
    if not audit.ok:
        raise typer.Exit(1)


add(group, "lookahead", lookahead, example="tradinggroup audit lookahead latest")
add(group, "warmup", warmup, example="tradinggroup audit warmup latest")
add(group, "costs", costs, example="tradinggroup audit costs latest")
add(group, "cutoff", cutoff, example="tradinggroup audit cutoff latest")
add(group, "attack", attack, example="tradinggroup audit attack latest")
