"""Several runs of one command: the cells of `--vary`, and the samples of `--runs`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tradinggroup.cli.options import Overrides
from tradinggroup.cli.output import emit_json, saved

if TYPE_CHECKING:
    from tradinggroup.experiment import ResolvedExperiment
    from tradinggroup.project import Project
    from tradinggroup.runs.folder import RunFolder


def wanted_runs(
    project: Project, experiment: str, overrides: Overrides, *, vary: Sequence[str], runs: int
) -> list[list[ResolvedExperiment]]:
    """By cell, its runs: the variants of the experiment in every combination of `vary`, each `runs` times."""
    from tradinggroup.cells import repeated, vary_cells
    from tradinggroup.experiment import load_variants

    cells = vary_cells(vary, overrides, runs=runs)
    return [repeated(each, runs) for each in load_variants(project, experiment, overrides, cells=cells)]


def print_many(made: Sequence[Sequence[RunFolder]], *, as_json: bool) -> None:
    """Print the runs of every cell with their spread, and where they are."""
    from tradinggroup.runs.samples import samples_of

    cells = [samples_of(runs) for runs in made]
    if as_json:
        runs = [run.summary() for cell in made for run in cell]
        plain = [cell.to_plain() for cell in cells]
        emit_json({"runs": runs, **(plain[0] if len(plain) == 1 else {"cells": plain})})
        return
    from tradinggroup.runs.text.samples import text_samples

    print(text_samples(cells))
    for cell in made:
        for run in cell:
            saved(run.path)
