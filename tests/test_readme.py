"""What the README shows is what the commands print: its samples are run, its links exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tradinggroup.cli.main import run

SAMPLE = re.compile(r"<!-- sample: tradinggroup ([^>]+?) -->\n```text\n(.*?)```", re.DOTALL)
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
    assert len(samples) == 3
    for command, shown in samples:
        words = command.split()
        capsys.readouterr()
        # The run itself was made by the fixture; its end is what `show` prints of it, which is the same text.
        assert run(["-C", str(project), *(["show", "latest"] if words[0] == "backtest" else words)]) == 0
        printed = capsys.readouterr().out
        for line in shown.rstrip("\n").splitlines():
            assert line in printed.splitlines(), (command, line)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    path = REPOSITORY / page
    missing = [link for link in LINK.findall(path.read_text(encoding="utf-8")) if not (path.parent / link).exists()]
    if page == "README.md":
        missing = [link for link in missing if not link.startswith("notebooks/")]
    assert missing == []


def test_terminal_samples_fit_80_columns() -> None:
    for _, shown in SAMPLE.findall((REPOSITORY / "README.md").read_text(encoding="utf-8")):
        assert max(len(line) for line in shown.splitlines()) <= 80
        assert len(shown.splitlines()) <= 15
