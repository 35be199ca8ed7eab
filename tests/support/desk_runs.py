"""Runs of the whole desk in memory: real graph, real backtrader, rows kept as the lines that would be written."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tests.conftest import REPOSITORY
from tests.support.books import check_desk_run
from tradinggroup.agents.card import load_cards
from tradinggroup.backtest.sink import COLUMNS, Row, RowKind
from tradinggroup.data.bundle import Bundle
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ChatModel
from tradinggroup.models.registry_file import load_registry
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import Project
from tradinggroup.risk.profile import load_profile
from tradinggroup.runs.agents_job import run_agents
from tradinggroup.runs.inputs import RunInputs
from tradinggroup.runs.progress import NoProgress
from tradinggroup.runs.rows import csv_line, json_line
from tradinggroup.runs.window import markets_of
from tradinggroup.settings import Experiment

PROFILE = REPOSITORY / "risk" / "default.toml"


@dataclass
class LineSink:
    """A sink that keeps every row as its line, by file, session and symbol."""

    lines: dict[RowKind, dict[tuple[date, str], list[bytes]]] = field(default_factory=lambda: {kind: {} for kind in RowKind})
    rows: dict[RowKind, list[Row]] = field(default_factory=lambda: {kind: [] for kind in RowKind})
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def row(self, kind: RowKind, session: date, symbol: str, row: Row) -> None:
        line = csv_line(kind, COLUMNS[kind], row) if kind in COLUMNS else json_line(kind, row)
        with self._lock:
            self.lines[kind].setdefault((session, symbol), []).append(line)
            self.rows[kind].append(row)

    def session_done(self, symbol: str, session: date) -> None: ...

    def symbol_done(self, symbol: str) -> None: ...

    def file(self, kind: RowKind, *, through: date | None = None) -> list[bytes]:
        """The lines of a file as they would stand in it, up to and including session `through`."""
        places = sorted(place for place in self.lines[kind] if through is None or place[0] <= through)
        return [line for place in places for line in self.lines[kind][place]]


def inputs_for(bundle: Bundle, *, start: date, end: date, **settings: Any) -> RunInputs:
    """Inputs of an experiment over all symbols of `bundle`, with the default cards and profile."""
    settings = {"symbols": bundle.symbols, "name": "test", "bundle": bundle.name, **settings}
    experiment = Experiment(start=start, end=end, **settings)
    return RunInputs(
        registry=load_registry(Project(REPOSITORY)),
        experiment=experiment,
        bundle=bundle,
        cards=load_cards(Project(REPOSITORY)),
        profile=load_profile(PROFILE),
        experiment_text="",
        profile_text=PROFILE.read_text(encoding="utf-8"),
    )


def run_desk(
    bundle: Bundle, *, start: date, end: date, model: ChatModel | str | None = None, asked: ChatModel | None = None, **settings: Any
) -> LineSink:
    """Run the agents over `bundle` in memory. A `model` that is a name is the experiment's setting; `asked` then answers for it."""
    if isinstance(model, str):
        settings, model = {**settings, "model": model}, asked
    inputs, sink = inputs_for(bundle, start=start, end=end, **settings), LineSink()
    with LoopThread() as loop:
        run_agents(inputs, markets=markets_of(inputs), model=model or RulesAnalyst(), loop=loop, sink=sink, progress=NoProgress())
    check_desk_run(inputs, sink.rows)
    return sink


def demo_bundle() -> Bundle:
    """The committed synthetic market."""
    return Bundle.open(REPOSITORY / "data" / "demo")


def real_bundle(shared_data: Path, folder: Path, *, symbols: list[str], prices: str = "prices_recent", **span: date) -> Bundle:
    """Real symbols imported into `folder`."""
    from tradinggroup.data.importing import import_folder

    return import_folder(shared_data, name="real", bundles_folder=folder, prices=prices, symbols=symbols, **span)
