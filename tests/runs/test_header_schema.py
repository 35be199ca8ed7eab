"""`run.json` is what its published schema says, for runs that ended in any way."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from tests.runs.factory import make_project, make_run
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.header_schema import run_json_schema


@pytest.fixture(scope="module")
def validator(repository: Path) -> jsonschema.Draft202012Validator:
    """Of the file as it is published."""
    schema = json.loads((repository / "docs" / "run-json.schema.json").read_text(encoding="utf-8"))
    assert schema == run_json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def check(validator: jsonschema.Draft202012Validator, run: RunFolder) -> None:
    header = json.loads((run.path / "run.json").read_text(encoding="utf-8"))
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(header)] == []
    assert set(header) <= set(validator.schema["properties"]), "a key of run.json that the schema does not describe"


def test_a_whole_run(validator: jsonschema.Draft202012Validator, costly_run: RunFolder) -> None:
    check(validator, costly_run)


@pytest.mark.parametrize("status", ["success", "running", "invalid", "interrupted", "budget", "provider", "error"])
def test_runs_that_ended_in_any_way(validator: jsonschema.Draft202012Validator, tmp_path: Path, status: str) -> None:
    check(validator, make_run(make_project(tmp_path), status=status))


def test_a_wrong_header_is_refused(validator: jsonschema.Draft202012Validator, tmp_path: Path) -> None:
    header = make_run(make_project(tmp_path)).header
    for wrong in (
        {"status": "fine"},
        {"sessions": -1},
        {"symbols": []},
        {"metrics": {"ALL": {"sharpe_ratio": [1]}}},
        {"format_version": 2},
    ):
        assert list(validator.iter_errors({**header, **wrong}))
    assert list(validator.iter_errors({key: value for key, value in header.items() if key != "settings"}))
