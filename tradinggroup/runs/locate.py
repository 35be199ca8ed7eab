"""Finds the run that a word means: a folder name, a path, an id, a unique prefix of name or id, or `latest`."""

from __future__ import annotations

import re
from pathlib import Path

from tradinggroup.errors import DataError, ErrorCode, did_you_mean
from tradinggroup.project import Project
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.writer import HEADER

LATEST = "latest"
_RUN_NAME = re.compile(r"^\d{8}T\d{6}Z-.+-[0-9a-f]{6}$")
_SHOWN_CANDIDATES = 8


def run_folders(project: Project) -> list[Path]:
    """The run folders of a project, oldest first (their names sort by start). Folders that are no runs are passed over."""
    if not project.runs_folder.is_dir():
        return []
    folders = [path for path in project.runs_folder.iterdir() if path.is_dir()]
    return sorted((path for path in folders if _RUN_NAME.match(path.name) or (path / HEADER).is_file()), key=lambda path: path.name)


def list_runs(project: Project) -> list[RunFolder]:
    """The runs of a project, oldest first. One that cannot be opened is there too, with status `error` and the reason as its problem."""
    return [_opened(path) for path in run_folders(project)]


def find_run(project: Project, name: str = LATEST) -> RunFolder:
    """Open the run that `name` means.

    Raises DataError RUN_NOT_FOUND where there is none or a prefix has several, RUN_INVALID where it cannot be read.
    """
    return RunFolder.open(find_run_folder(project, name))


def find_run_folder(project: Project, name: str = LATEST) -> Path:
    """The folder that `name` means, unopened. Raises DataError RUN_NOT_FOUND."""
    folders = run_folders(project)
    if name == LATEST:
        return _latest(folders)
    exact = [path for path in folders if name in {path.name, _id_of(path)}]
    if not exact:
        for path in (Path(name).expanduser(), project.root / name):
            if name and path.is_dir() and (len(Path(name).parts) > 1 or (path / HEADER).is_file()):
                return path.resolve()
    candidates = exact or [path for path in folders if path.name.startswith(name) or _id_of(path).startswith(name)]
    if len(candidates) == 1 and name:
        return candidates[0]
    raise _not_one(name, candidates, folders)


def _opened(folder: Path) -> RunFolder:
    try:
        return RunFolder.open(folder)
    except DataError as problem:
        header = {"run_id": _id_of(folder), "status": "error", "experiment": _experiment_of(folder), "symbols": [], "settings": {}}
        return RunFolder(folder, header, [problem.render()])


def _experiment_of(folder: Path) -> str:
    """The middle of `<UTC time>-<experiment>-<id>`."""
    return folder.name.partition("-")[2].rpartition("-")[0]


def _latest(folders: list[Path]) -> Path:
    named = [path for path in folders if _RUN_NAME.match(path.name)] or folders
    if not named:
        raise DataError(ErrorCode.RUN_NOT_FOUND, "there is no run yet", remedy="Make one with: tradinggroup backtest backtests/demo.toml.")
    return named[-1]


def _id_of(folder: Path) -> str:
    return folder.name.rsplit("-", 1)[-1]


def _not_one(name: str, candidates: list[Path], folders: list[Path]) -> DataError:
    if not folders:
        return DataError(ErrorCode.RUN_NOT_FOUND, f"no run {name}", remedy="There is none yet; make one with: tradinggroup backtest.")
    if not candidates or not name:
        known = [_id_of(path) for path in folders]
        remedy = did_you_mean(name, known[-_SHOWN_CANDIDATES:]) + " List all with: tradinggroup runs."
        return DataError(ErrorCode.RUN_NOT_FOUND, f"no run {name or '(empty name)'}", remedy=remedy)
    names = ", ".join(path.name for path in candidates[-_SHOWN_CANDIDATES:])
    return DataError(
        ErrorCode.RUN_NOT_FOUND, f"{len(candidates)} runs begin with {name}: {names}", remedy="Give more of the name or the id."
    )
