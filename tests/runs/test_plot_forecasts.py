"""The picture of forecasts: two panels, no pyplot, and nothing that needs what an early end has not got."""

from __future__ import annotations

import sys

import numpy as np

from tests.runs.factory import SESSIONS, make_run
from tradinggroup.project import Project
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.run import Run


def test_calibration_and_skill_stand_side_by_side(shared_run: RunFolder) -> None:
    before = "matplotlib.pyplot" in sys.modules
    figure = Run(shared_run).plot_forecasts()
    left, right = figure.axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("probability given", "share that came")
    assert [text.get_text() for text in right.get_yticklabels()] == list(shared_run.summary()["forecasts"])
    lines = {line.get_label(): line for line in left.get_lines()}
    assert list(lines) == ["calibrated", "up", "down", "sideways", "most probable"]
    said = np.asarray(lines["most probable"].get_xdata())
    assert len(said) > 0
    assert ((said > 1 / 3) & (said <= 1)).all()
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert ("matplotlib.pyplot" in sys.modules) is before, "no global state, no window"


def test_of_one_symbol_and_of_a_run_without_forecasts(shared_run: RunFolder, project: Project) -> None:
    assert "forecasts of ACME" in Run(shared_run).plot_forecasts(symbol="ACME")._suptitle.get_text()  # type: ignore[attr-defined]
    early = make_run(project, status="running", sessions=SESSIONS[:1])
    assert len(Run(early).plot_forecasts().axes) == 2
