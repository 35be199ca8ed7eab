"""Every setting of an experiment is read somewhere in the package: none is for show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from tradinggroup import settings
from tradinggroup.settings import Experiment


def _settings(section: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every leaf under `section` that leaves a choice; a literal of one value only says how a run works."""
    for name, field in section.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, settings.Section):
            yield from _settings(kind, (*path, name))
        elif get_origin(kind) is not Literal or len(get_args(kind)) > 1:
            yield (*path, name)


PATHS = tuple(_settings(Experiment))


def _is_read(path: tuple[str, ...], sources: dict[Path, str]) -> bool:
    """Whether a module reads the attribute; a name that two sections share must be read through its own section or class."""
    *sections, name = path
    attribute = re.compile(rf"\.{name}\b(?!\()")
    if sum(other[-1] == name for other in PATHS) == 1:
        return any(attribute.search(source) for source in sources.values())
    if not sections:
        return any(re.search(rf"\bexperiment\.{name}\b", source) for source in sources.values())
    owner: type[BaseModel] = Experiment
    for section in sections:
        kind = owner.model_fields[section].annotation
        assert isinstance(kind, type)
        owner = kind
    through_section = re.compile(rf"\.{sections[-1]}\.{name}\b")
    return any(through_section.search(text) or (owner.__name__ in text and attribute.search(text)) for text in sources.values())


@pytest.fixture(scope="module")
def sources(repository: Path) -> dict[Path, str]:
    package = repository / "tradinggroup"
    return {path: path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py")) if path != package / "settings.py"}


@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_every_setting_is_read(path: tuple[str, ...], sources: dict[Path, str]) -> None:
    found = _is_read(path, sources)
    assert found, f"{'.'.join(path)} is read nowhere"


def test_a_setting_that_nothing_reads_is_found() -> None:
    path = ("agents", "style_selection", "history_sessions")
    for source, expected in (
        ("agents.style_selection.history_sessions", True),
        ("def rows(settings: StyleSettings): return settings.history_sessions", True),
        ("agents.decision.history_sessions", False),
        ("history_sessions", False),
    ):
        assert _is_read(path, {Path("module.py"): source}) is expected, source
    assert not _is_read(("agents", "forecasting", "deviation"), {Path("module.py"): "settings.deviation(values)"})
