"""The notebooks run offline, and what is committed is what they give."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
REFRESH = "outputs are stale: python tools/run_notebooks.py"


def runner() -> ModuleType:
    """`tools/run_notebooks.py`, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("run_notebooks", REPOSITORY / "tools" / "run_notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_notebooks() -> None:
    assert [path.name for path in NOTEBOOKS] == ["01-first-run.ipynb"]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_in_a_fresh_project_and_gives_what_is_committed(path: Path, tmp_path: Path) -> None:
    tool = runner()
    executed = tool.execute(path, tmp_path / "project")
    errors = [output for cell in executed.cells for output in cell.get("outputs", ()) if output.output_type == "error"]
    assert errors == []
    assert tool.text_outputs(executed) == tool.text_outputs(nbformat.read(path, as_version=4)), REFRESH


def test_help_of_the_tool_executes_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    tool = runner()
    monkeypatch.setattr(sys, "argv", ["run_notebooks.py", "--help"])
    monkeypatch.setattr(tool, "NOTEBOOKS", Path("nowhere"))
    with pytest.raises(SystemExit) as stop:
        tool.main()
    assert stop.value.code == 0
    assert "usage: run_notebooks.py" in capsys.readouterr().out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_a_committed_notebook_is_executed_and_holds_nothing_of_a_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1)), REFRESH
    text = path.read_text(encoding="utf-8")
    for word in ("/tmp/", "/home/", "/root/", "/Users/", str(Path.home()), sys.prefix, "site-packages"):
        assert word not in text
    assert notebook.metadata.kernelspec.name == "python3"
    assert notebook.cells[0].cell_type == "markdown"
    assert sum(cell.cell_type == "markdown" for cell in notebook.cells) >= len(code) / 2, "a notebook teaches between its cells"
