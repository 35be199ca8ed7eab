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
    assert [path.stem for path in NOTEBOOKS] == ["01-first-run", "02-explore-trades", "03-replay-reflections", "04-compare-and-trust"]
    listed = (REPOSITORY / "notebooks" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{path.name}`" in listed for path in NOTEBOOKS)


def test_ids_of_runs_are_counted_and_nothing_else_changes(tmp_path: Path) -> None:
    for place, run_id in enumerate(("beef01", "0a1b2c")):
        folder = tmp_path / "backtests" / "runs" / f"{place}-demo-{run_id}"
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(f'{{"run_id": "{run_id}"}}', encoding="utf-8")
    output = nbformat.v4.new_output("stream", text="run 0a1b2c less beef01, 0a1b2")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("tg.compare(a, b)", outputs=[output])])
    stable = runner().with_stable_ids(notebook, tmp_path)
    assert stable.cells[0].outputs[0].text == "run 000002 less 000001, 0a1b2"
    assert stable.cells[0].source == "tg.compare(a, b)"


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
