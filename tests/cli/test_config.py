"""`config show`: every setting, its value, and where it came from."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run
from tradinggroup.setting_tree import known_settings


def test_every_setting_with_value_and_origin(tg: Run, project_folder: Path) -> None:
    result = tg("config", "show", "study", "--set", "agents.news_sentiment.k=5", "--symbols", "AAA", "--json")
    assert (result.exit_code, result.err) == (0, "")
    rows = json.loads(result.out)
    assert list(rows) == list(known_settings())
    assert rows["agents.news_sentiment.k"] == {"value": 5, "origin": "--set"}
    assert rows["symbols"] == {"value": ["AAA"], "origin": "--symbols"}
    assert rows["start"] == {"value": "2024-03-04", "origin": "backtests/study.toml"}
    assert rows["costs.minimum_usd"] == {"value": 0.99, "origin": "default"}


def test_the_text_has_every_key_at_eighty_columns(tg: Run, project_folder: Path) -> None:
    text = tg("config", "show", "study", "--seed", "8").out
    assert max(map(len, text.splitlines())) <= 80
    for key in known_settings():
        section, _, leaf = key.rpartition(".")
        assert f"\n[{section}]\n" in text or not section
        assert any(line.split()[0] == leaf for line in text.splitlines() if line)
    assert any(line.split() == ["seed", "8", "--seed"] for line in text.splitlines())
    assert any(line.split() == ["name", "study", "backtests/study.toml"] for line in text.splitlines())


def test_without_an_experiment_the_defaults_are_shown(tg: Run) -> None:
    rows = json.loads(tg("config", "show", "--json").out)
    assert rows["name"] == {"value": None, "origin": "required"}
    assert rows["seed"] == {"value": 7, "origin": "default"}
    assert any(line.split() == ["symbols", "required"] for line in tg("config", "show").out.splitlines())
