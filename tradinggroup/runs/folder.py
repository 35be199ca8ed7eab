"""Reads a run folder, whatever state it is in: running, interrupted, finished, moved to another machine.

Light on purpose: plain lists of dictionaries, no pandas (the notebook API makes frames of them). The lists are read once and
shared; whoever changes one changes it for all.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson

from tradinggroup.backtest.sink import BAND_COLUMNS, COLUMNS, RowKind
from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.runs.summary import summary_of
from tradinggroup.runs.writer import BASELINES, CHECKS, HEADER, RANDOM_BAND

FORMAT_VERSION = 1
RECORDINGS = "recordings.sqlite"

Line = dict[str, Any]


@dataclass(frozen=True)
class RunFolder:
    """One run, opened. Rows are read when asked for and kept; `problems` says what was left out while reading."""

    path: Path
    header: Line
    problems: list[str] = field(default_factory=list)
    _read: dict[RowKind, list[Line]] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Read the header of `path`.

        Raises DataError RUN_NOT_FOUND where there is no run, RUN_INVALID where its header is cut short or from a newer version.
        """
        if not path.is_dir():
            raise DataError(ErrorCode.RUN_NOT_FOUND, f"no folder {path}", remedy="List the runs with: tradinggroup runs.")
        header = _read_header(path / HEADER)
        run = cls(path, header)
        run.problems.extend(_sizes_that_differ(path, header))
        return run

    @property
    def run_id(self) -> str:
        return str(self.header["run_id"])

    @property
    def name(self) -> str:
        """Name of the folder as it is now."""
        return self.path.name

    @property
    def status(self) -> str:
        """`running success invalid budget provider interrupted error`."""
        return str(self.header["status"])

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self.header["symbols"])

    @property
    def settings(self) -> Line:
        """Every setting with the value that was used."""
        settings: Line = self.header["settings"]
        return settings

    @cached_property
    def changed_files(self) -> tuple[str, ...]:
        """Files that are not what they were when the run ended, by their SHA-256; its recordings apart, which may grow."""
        return tuple(
            name
            for name, kept in (self.header.get("files") or {}).items()
            if name != RECORDINGS and _hash_of(self.path / name) != kept.get("sha256")
        )

    @property
    def recordings(self) -> Path:
        """The store of every model call of the run; may be missing."""
        return self.path / RECORDINGS

    def summary(self) -> Line:
        """The object that `backtest --json` and `show --json` print (design 8)."""
        return summary_of(self.header, self.path)

    def decisions(self) -> list[Line]:
        """Lines of `decisions.jsonl`."""
        return self._rows(RowKind.DECISION)

    def outcomes(self) -> list[Line]:
        """Lines of `outcomes.jsonl`."""
        return self._rows(RowKind.OUTCOME)

    def reflections(self) -> list[Line]:
        """Lines of `reflections.jsonl`: the lessons."""
        return self._rows(RowKind.REFLECTION)

    def orders(self) -> list[Line]:
        """Rows of `orders.csv`, typed by column; undefined is None."""
        return self._rows(RowKind.ORDER)

    def fills(self) -> list[Line]:
        """Rows of `fills.csv`."""
        return self._rows(RowKind.FILL)

    def trades(self) -> list[Line]:
        """Rows of `trades.csv`."""
        return self._rows(RowKind.TRADE)

    def equity(self) -> list[Line]:
        """Rows of `equity.csv`: one a symbol and session."""
        return self._rows(RowKind.EQUITY)

    def checks(self) -> list[Line]:
        """Lines of `checks.jsonl`; empty where nothing was checked yet."""
        return self._json_lines(CHECKS) if (self.path / CHECKS).is_file() else []

    @property
    def baseline_names(self) -> tuple[str, ...]:
        """Baselines whose files are there, in the order of the experiment."""
        return tuple(name for name in self.settings.get("baselines", ()) if (self.path / BASELINES / name / RowKind.EQUITY).is_file())

    def baseline_equity(self, name: str) -> list[Line]:
        """Rows of `baselines/NAME/equity.csv`."""
        return self._csv_rows(RowKind.EQUITY, f"{BASELINES}/{name}/")

    def baseline_fills(self, name: str) -> list[Line]:
        """Rows of `baselines/NAME/fills.csv`."""
        return self._csv_rows(RowKind.FILL, f"{BASELINES}/{name}/")

    def random_band(self) -> list[Line]:
        """Rows of `baselines/random/band.csv`, by session; none where the run has no random draws."""
        return self._table(RANDOM_BAND, BAND_COLUMNS) if (self.path / RANDOM_BAND).is_file() else []

    def read_text(self, file: str) -> str:
        """A text file of the run, such as `resolved.toml`. Raises DataError RUN_INVALID where it is missing or not UTF-8."""
        try:
            return self._bytes(file).decode("utf-8")
        except UnicodeDecodeError as problem:
            raise _invalid(self.path, file, None, str(problem)) from problem

    def require_whole(self) -> None:
        """Raise DataError RUN_INVALID where any row-wise file is missing or cut short (reading alone passes over a half last line)."""
        for kind in RowKind:
            self._rows(kind)
        if self.problems:
            raise DataError(ErrorCode.RUN_INVALID, self.problems[0], remedy=f"Restore {self.path.name} from a copy, or run it again.")

    def _rows(self, kind: RowKind) -> list[Line]:
        """All rows of a file, read once."""
        if kind not in self._read:
            self._read[kind] = self._csv_rows(kind) if kind in COLUMNS else self._json_lines(kind)
        return self._read[kind]

    def _json_lines(self, file: str) -> list[Line]:
        return [self._parsed(file, number, line, orjson.loads) for number, line in self._lines(file)]

    def _csv_rows(self, kind: RowKind, prefix: str = "") -> list[Line]:
        return self._table(f"{prefix}{kind}", COLUMNS[kind])

    def _table(self, file: str, columns: tuple[str, ...]) -> list[Line]:
        lines = list(self._lines(file))
        expected = ",".join(columns)
        if not lines or lines[0][1].decode("utf-8", "replace") != expected:
            raise _invalid(self.path, file, 1, f"the columns are not {expected}")
        return [self._parsed(file, number, line, lambda text: _typed_row(columns, text)) for number, line in lines[1:]]

    def _parsed(self, file: str, number: int, line: bytes, parse: Callable[[bytes], Any]) -> Line:
        try:
            parsed: Line = parse(line)
        except ValueError as problem:
            raise _invalid(self.path, file, number, f"it cannot be read ({problem})") from problem
        return parsed

    def _lines(self, file: str) -> Iterator[tuple[int, bytes]]:
        """(number, line) of all whole lines; a half line at the end is left out and noted in `problems`."""
        parts = self._bytes(file).split(b"\n")
        if parts[-1]:
            note = f"{file} line {len(parts)} is cut short and was left out"
            if note not in self.problems:
                self.problems.append(note)
        return enumerate(parts[:-1], start=1)

    def _bytes(self, file: str) -> bytes:
        try:
            return (self.path / file).read_bytes()
        except OSError as problem:
            raise _invalid(self.path, file, None, problem.strerror or str(problem)) from problem


def _read_header(path: Path) -> Line:
    folder = path.parent
    try:
        content = path.read_bytes()
        header = orjson.loads(content)
    except FileNotFoundError:
        raise DataError(
            ErrorCode.RUN_INVALID, f"{folder} holds no {HEADER}", remedy="Name a run folder; list the runs with: tradinggroup runs."
        ) from None
    except OSError as problem:
        raise _invalid(folder, HEADER, None, problem.strerror or str(problem)) from problem
    except ValueError as problem:
        raise _invalid(folder, HEADER, content.count(b"\n") + 1, "it is cut short or is not JSON") from problem
    return _checked_header(header, folder)


_REQUIRED = ("run_id", "status", "experiment", "symbols", "settings")


def _checked_header(header: Any, folder: Path) -> Line:
    version = header.get("format_version") if isinstance(header, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise DataError(
            ErrorCode.RUN_INVALID,
            f"{folder.name} was written by a newer version",
            format_version=version,
            known=FORMAT_VERSION,
            remedy="Upgrade tradinggroup to read it.",
        )
    missing = [key for key in _REQUIRED if not isinstance(header, dict) or key not in header]
    if version != FORMAT_VERSION or missing:
        raise _invalid(folder, HEADER, None, f"it lacks {', '.join(missing) or 'format_version'}")
    known: Line = header
    return known


def _sizes_that_differ(folder: Path, header: Line) -> Iterator[str]:
    """What became of the files since the run ended, as far as their sizes tell (stores of recordings may grow)."""
    for name, expected in (header.get("files") or {}).items():
        path = folder / name
        if not path.is_file():
            yield f"{name} is missing"
        elif name != RECORDINGS and path.stat().st_size != expected["bytes"]:
            yield f"{name} has {path.stat().st_size} bytes, {expected['bytes']} when the run ended"


def _hash_of(path: Path) -> str | None:
    """SHA-256 in hexadecimal digits; None of a file that can't be read."""
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _invalid(folder: Path, file: str, line: int | None, problem: str) -> DataError:
    where = f"{folder.name}/{file}" + (f" line {line}" if line else "")
    return DataError(ErrorCode.RUN_INVALID, f"{where}: {problem}", remedy="Restore the file from a copy, or run the experiment again.")


def _typed_row(columns: tuple[str, ...], line: bytes) -> Line:
    cells = next(csv.reader([line.decode("utf-8")], strict=True))
    if len(cells) != len(columns):
        raise ValueError(f"{len(cells)} cells, expected {len(columns)}")
    return {column: _typed(column, cell) for column, cell in zip(columns, cells, strict=True)}


def _typed(column: str, cell: str) -> Any:
    """A cell as what its column says: sessions stay ISO texts, as in the JSON lines."""
    if cell == "":
        return None
    if column == "forced":
        return cell == "true"
    if column.endswith(("_usd", "_fraction")):
        return float(cell)
    if column.startswith("shares") or column == "sessions_held":
        return int(cell)
    return cell
