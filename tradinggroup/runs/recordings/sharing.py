"""A run as one folder or one zip file for somebody else, and what came back of it checked, file by file, before it is taken in.

The folder is the run folder itself with `export.json` beside `run.json`, and with the bundle in `bundle/` where it was asked for.
So it can be shown and verified where it lies, without any project.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from tradinggroup.data.bundle import Bundle
from tradinggroup.errors import DataError, ErrorCode, UsageError
from tradinggroup.models.recording_copy import copy_answers
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import Project
from tradinggroup.runs.folder import RECORDINGS, RunFolder
from tradinggroup.runs.inputs import BUNDLE, bundle_of_run
from tradinggroup.runs.lock import LOCK
from tradinggroup.runs.row_file import unwritable
from tradinggroup.runs.writer import HEADER

FORMAT_VERSION = 1
MANIFEST = "export.json"
_LEFT_OUT = (LOCK, MANIFEST)
_LEFT_OUT_ENDS = (".partial", "-wal", "-shm", "-journal")
_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""Every entry has it, so that the same run gives the same file."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an import."""

    run: RunFolder
    is_new: bool
    """False where the run was there already."""
    answers: int
    """Recorded answers that the shared store did not have before."""
    has_bundle: bool


def export_run(project: Project, run: RunFolder, target: Path, *, with_bundle: bool) -> dict[str, Any]:
    """Write `run` to `target`: a zip file where its name ends in `.zip`, else a new folder. Returns the manifest.

    Raises UsageError for a target that is there or a run that is being written, DataError for a damaged run, a recording that
    was changed or a bundle that is missing, and RUN_UNWRITABLE.
    """
    if run.status == "running":
        remedy = f"Let it end, or go on with it: tradinggroup backtest --resume {run.run_id}."
        raise UsageError(ErrorCode.USAGE, f"run {run.run_id} has not ended", remedy=remedy)
    if target.exists():
        raise UsageError(ErrorCode.USAGE, f"{target} is there already", remedy="Choose another name with -o.")
    run.require_whole()
    _check_files(run.path, {name: file["sha256"] for name, file in (run.header.get("files") or {}).items()})
    sources = {name: run.path / name for name in _files_of(run.path) if not name.startswith(f"{BUNDLE}/")}
    if with_bundle:
        bundle = bundle_of_run(project, run)
        sources |= {f"{BUNDLE}/{name}": bundle.folder / name for name in _files_of(bundle.folder)}
    hashes = {name: _hash_of(path) for name, path in sorted(sources.items())}
    manifest = {"format_version": FORMAT_VERSION, "name": run.name, "run_id": run.run_id, "with_bundle": with_bundle, "files": hashes}
    try:
        (_write_zip if target.suffix == ".zip" else _write_folder)(target, run.name, sources, manifest)
    except OSError as problem:
        raise unwritable(target, problem) from problem
    return manifest


def import_run(project: Project, source: Path) -> Imported:
    """Take an exported run into the project: its folder among the runs, its answers into the shared store.

    Nothing is written before every file was found to be what its hash says, every recording too, and the bundle, where it is
    inside, the one of the run. Raises DataError RUN_INVALID, RECORDING_INVALID or BUNDLE_INVALID for what was changed, UsageError
    for what is no export or a name that another run has.
    """
    try:
        project.runs_folder.mkdir(parents=True, exist_ok=True)
        with _unpacked(source, beside=project.runs_folder) as folder:
            manifest = _checked_manifest(folder, source)
            run = RunFolder.open(folder)
            _check_content(run, with_bundle=manifest["with_bundle"])
            target = project.runs_folder / manifest["name"]
            is_new = _take_in(folder, target)
            answers = _share_answers(project, RunFolder.open(target))
    except OSError as problem:
        raise unwritable(project.runs_folder, problem) from problem
    return Imported(RunFolder.open(target), is_new, answers, manifest["with_bundle"])


def _files_of(folder: Path) -> list[str]:
    """Relative paths of what belongs to a folder; what a killed process left behind does not."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(name for name in names if name not in _LEFT_OUT and not name.endswith(_LEFT_OUT_ENDS))


def _hash_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _check_files(folder: Path, hashes: Mapping[str, str]) -> None:
    for name, expected in hashes.items():
        path = folder / name
        found = _hash_of(path) if path.is_file() and not path.is_symlink() else None
        if found != expected:
            text = f"{name} {'is missing' if found is None else 'is not what it was'}"
            raise DataError(ErrorCode.RUN_INVALID, text, folder=folder.name, remedy="Get the run once more from where it was made.")


def _write_folder(target: Path, name: str, sources: Mapping[str, Path], manifest: Mapping[str, Any]) -> None:  # noqa: ARG001 - as a zip
    for file, path in sources.items():
        (target / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target / file)
    (target / MANIFEST).write_bytes(_manifest_bytes(manifest))


def _write_zip(target: Path, name: str, sources: Mapping[str, Path], manifest: Mapping[str, Any]) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".partial")
    try:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, path in sorted(sources.items()):
                _add(archive, f"{name}/{file}", path.read_bytes())
            _add(archive, f"{name}/{MANIFEST}", _manifest_bytes(manifest))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, date_time=_ZIP_TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    return orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


@contextmanager
def _unpacked(source: Path, *, beside: Path) -> Iterator[Path]:
    """The exported folder, copied to a temporary place on the disk where it is going to stay."""
    with tempfile.TemporaryDirectory(prefix=".import-", dir=beside) as place:
        folder = Path(place) / "run"
        if source.is_dir():
            shutil.copytree(source, folder, symlinks=True)
        elif zipfile.is_zipfile(source):
            _extract(source, folder)
        else:
            raise UsageError(ErrorCode.USAGE, f"{source} is no exported run", remedy="Name a folder or zip file of: recordings export.")
        yield folder


def _extract(source: Path, folder: Path) -> None:
    """The files below the one folder that the archive holds. Raises DataError RUN_INVALID for any other path, or a broken archive."""
    try:
        with zipfile.ZipFile(source) as archive:
            for entry in archive.infolist():
                parts = PurePosixPath(entry.filename).parts
                if entry.is_dir():
                    continue
                if len(parts) < 2 or any(part in {"..", "/"} or "\\" in part or ":" in part for part in parts):
                    raise _not_exported(source, f"it holds a file {entry.filename}")
                path = folder.joinpath(*parts[1:])
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(entry))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as problem:
        raise _not_exported(source, str(problem)) from problem


def _checked_manifest(folder: Path, source: Path) -> dict[str, Any]:
    """The manifest, once exactly the files that it names are there with their hashes."""
    try:
        manifest: dict[str, Any] = orjson.loads((folder / MANIFEST).read_bytes())
        name, files, version = manifest["name"], dict(manifest["files"]), manifest["format_version"]
        is_bundled = manifest["with_bundle"]
    except (OSError, ValueError, KeyError, TypeError):
        raise _not_exported(source, f"its {MANIFEST} is missing or cannot be read") from None
    if version != FORMAT_VERSION:
        raise _not_exported(source, f"format {version}, this version reads {FORMAT_VERSION}")
    if (
        not isinstance(name, str)
        or PurePosixPath(name).name != name
        or name.startswith(".")
        or "\\" in name
        or not isinstance(is_bundled, bool)
    ):
        raise _not_exported(source, f"its {MANIFEST} has no usable name")
    added = sorted(set(_files_of(folder)) - set(files))
    if added:
        raise _not_exported(source, f"{added[0]} was added")
    _check_files(folder, files)
    return manifest


def _check_content(run: RunFolder, *, with_bundle: bool) -> None:
    """Header, files, recordings and bundle agree with each other, whatever the manifest says."""
    _check_files(run.path, {name: file["sha256"] for name, file in (run.header.get("files") or {}).items()})
    run.require_whole()
    with RecordingStore.open(run.recordings, readonly=True) as store:
        store.check()
    if with_bundle:
        found, expected = Bundle.open(run.path / BUNDLE).hash, run.header["bundle"]["hash"]
        if found != expected:
            raise DataError(
                ErrorCode.BUNDLE_INVALID,
                "the bundle inside is not the one of the run",
                run=expected[:19],
                inside=found[:19],
                remedy="Get the run once more from where it was made.",
            )


def _take_in(folder: Path, target: Path) -> bool:
    """Move the checked folder to its place; False where the same run is there already."""
    if not target.exists():
        folder.rename(target)
        return True
    if not (target / HEADER).is_file() or (target / HEADER).read_bytes() != (folder / HEADER).read_bytes():
        raise UsageError(ErrorCode.USAGE, f"{target} is another run of that name", remedy="Rename or remove it first.")
    return False


def _share_answers(project: Project, run: RunFolder) -> int:
    """Put what servers answered into the project's store; what is there already stays."""
    if not (run.path / RECORDINGS).is_file():
        return 0
    with RecordingStore.open(run.recordings, readonly=True) as own, RecordingStore.open(project.shared_recordings, shared=True) as shared:
        return copy_answers(own, shared)


def _not_exported(source: Path, reason: str) -> DataError:
    return DataError(
        ErrorCode.RUN_INVALID, f"{source} cannot be imported: {reason}", remedy="Get the run once more from where it was made."
    )
