"""What the README shows is what the commands print: its samples are run, its links exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tradinggroup.cli.main import run

SAMPLE = re.compile(r"<!-- sample: tradinggroup ([^>]+?) -->\n```text\n(.*?)```", re.DOTALL)
CELL = re.compile(r"<!-- sample: python -->\n```python\n(.*?)```\n```text\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)")
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(path.relative_to(REPOSITORY)) for path in REPOSITORY.glob("docs/**/*.md"))]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh project as `init` writes it, with the first run of the README in it."""
    root = tmp_path_factory.mktemp("readme")
    assert run(["init", str(root)]) == 0
    assert run(["-C", str(root), "backtest", "backtests/demo.toml"]) == 0
    return root


@pytest.mark.slow
def test_the_samples_are_what_the_commands_print(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = SAMPLE.findall((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert len(samples) == 4
    for command, shown in samples:
        words = command.split()
        capsys.readouterr()
        # The run itself was made by the fixture; its end is what `show` prints of it, which is the same text.
        assert run(["-C", str(project), *(["show", "latest"] if words[0] == "backtest" else words)]) == 0
        printed = capsys.readouterr().out
        for line in shown.rstrip("\n").splitlines():
            assert line in printed.splitlines(), (command, line)


@pytest.mark.slow
def test_the_notebook_sample_gives_what_is_shown(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADINGGROUP_HOME", str(project))
    ((code, shown),) = CELL.findall((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    *statements, last = ast.parse(code).body
    assert isinstance(last, ast.Expr)
    names: dict[str, object] = {}
    exec(compile(ast.Module(statements, []), "README.md", "exec"), names)
    value = eval(compile(ast.Expression(last.value), "README.md", "eval"), names)
    assert [line.rstrip() for line in repr(value).splitlines()] == shown.splitlines()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = REPOSITORY / page
    missing = [link for link in LINK.findall(path.read_text(encoding="utf-8")) if not (path.parent / link).exists()]
    if page == "README.md":
        missing = [link for link in missing if not link.startswith("notebooks/")]
    assert missing == []


def test_terminal_samples_fit_80_columns() -> None:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for _, shown in (*SAMPLE.findall(text), *CELL.findall(text)):
        assert max(len(line) for line in shown.splitlines()) <= 80
        assert len(shown.splitlines()) <= 15
