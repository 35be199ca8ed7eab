"""Execute the notebooks, each in a fresh project, offline, and write their outputs back: `python tools/run_notebooks.py [NAME…]`.

What a person sees in a committed notebook is what the code gives; `tests/test_notebooks.py` compares the two.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"
TIMEOUT_SECONDS = 600
VOLATILE_METADATA = ("execution", "collapsed", "scrolled")


def execute(path: Path, project: Path) -> nbformat.NotebookNode:
    """Run a notebook inside `project` (made if it is not there) and return it with its outputs."""
    (project / "notebooks").mkdir(parents=True, exist_ok=True)
    (project / "tradinggroup.toml").touch()
    shutil.copy(path, project / "notebooks" / path.name)
    environment = {
        "TRADINGGROUP_HOME": str(project),
        "IPYTHONDIR": str(project / ".ipython"),
        "JUPYTER_RUNTIME_DIR": str(project / ".jupyter"),
        "OPENBLAS_NUM_THREADS": "1",
    }
    notebook = nbformat.read(path, as_version=4)
    with patch.dict(os.environ, environment):
        client = NotebookClient(
            notebook, timeout=TIMEOUT_SECONDS, kernel_name="python3", resources={"metadata": {"path": str(project / "notebooks")}}
        )
        client.execute()
    return with_stable_ids(tidied(notebook), project)


def with_stable_ids(notebook: nbformat.NotebookNode, project: Path) -> nbformat.NotebookNode:
    """The ids of runs, which depend on the clock, replaced by 000001 and so on, oldest first."""
    text = nbformat.writes(notebook)
    for number, folder in enumerate(sorted((project / "backtests" / "runs").glob("*/run.json")), start=1):
        text = text.replace(json.loads(folder.read_text(encoding="utf-8"))["run_id"], f"{number:06d}")
    return nbformat.reads(text, as_version=4)


def tidied(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Without what differs from one execution to the next: times of cells, version of the interpreter."""
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for key in VOLATILE_METADATA:
            cell.metadata.pop(key, None)
    return notebook


def text_outputs(notebook: nbformat.NotebookNode) -> list[str]:
    """Every output as plain text, in order; pictures are left out."""
    texts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "image/png" not in data:
                texts.append(str(output.get("text", data.get("text/plain", ""))))
    return texts


def main() -> int:
    """Execute the notebooks whose names begin as asked, all without a name, and write them back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="how a notebook's name begins: 02, 02-explore")
    names = tuple(parser.parse_args().names) or ("",)
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        if not path.name.startswith(names):
            continue
        with tempfile.TemporaryDirectory(prefix="tradinggroup-notebook-") as folder:
            nbformat.write(execute(path, Path(folder)), path)
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
