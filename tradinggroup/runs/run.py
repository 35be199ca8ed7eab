"""A run in a notebook: `backtest` makes one, `open_run` opens one. Both return things; nothing is printed, opened or fetched."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradinggroup.backtest.statistics.enough import WITHHELD
from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.project import Project
from tradinggroup.runs.figures import NONE, columns, figure, number
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.pages import Calls, Explanation, Listing, Reflections, preformatted, session_text
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.overview import text_overview
from tradinggroup.runs.text.replay import ReplayStep, replay_steps, text_replay
from tradinggroup.runs.text.show import BUY_AND_HOLD, headline, text_result
from tradinggroup.runs.text.statistics import enough_of
from tradinggroup.runs.text.warnings import run_warnings

if TYPE_CHECKING:
    import pandas as pd

    from tradinggroup.experiment import ResolvedExperiment
    from tradinggroup.models.gateway import CallsMode
    from tradinggroup.runs.claim_card import Claim
    from tradinggroup.runs.plot import RunFigure


@dataclass(frozen=True, slots=True)
class RunStats:
    """The headline figures of a run: ALL accounts together. None where undefined or not reached."""

    status: str
    model: str
    """`no LLM`, or the names of the models."""
    start: str | None
    """First decision session."""
    end: str | None
    total_return_fraction: float | None
    buy_and_hold_return_fraction: float | None
    sharpe_ratio: float | None
    max_drawdown_fraction: float | None
    """Zero or negative."""
    annual_volatility_fraction: float | None
    exposure_fraction: float | None
    turnover_per_year: float | None
    commission_usd: float | None
    trades: int | None
    """Closed round trips."""
    open_positions: int | None
    random_draws: int
    agents_percentile: float | None
    """Share of the random runs, 0 to 1, whose return is below the agents'."""
    calls: int
    failed_calls: int
    cost_usd: float | None
    ratio_withheld: str = ""
    """Why the Sharpe ratio is not printed, such as `only 7 of 10 round trips`; empty where it is. The attribute has it always."""

    def _rows(self) -> Iterator[tuple[str, str]]:
        for item in fields(self):
            if item.name in WITHHELD and self.ratio_withheld:
                yield item.name, f"{NONE} ({self.ratio_withheld})"
            elif item.name != "ratio_withheld":
                yield item.name, _shown(item.name, getattr(self, item.name))

    def __str__(self) -> str:
        return columns(list(self._rows()))

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><td>{name}</td><td>{html.escape(shown)}</td></tr>" for name, shown in self._rows())
        return f"<table>{rows}</table>"


class Run:
    """One run. Frames are built anew at each access, so changing one changes nothing else.

    Attributes:
        folder: the run folder with its plain rows.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        """Six hexadecimal digits."""
        return self.folder.run_id

    @property
    def path(self) -> Path:
        return self.folder.path

    @property
    def status(self) -> str:
        """`running success invalid budget provider interrupted error`."""
        return self.folder.status

    @property
    def symbols(self) -> tuple[str, ...]:
        return self.folder.symbols

    @property
    def settings(self) -> Mapping[str, Any]:
        """Every setting with the value that was used."""
        return self.folder.settings

    @property
    def warnings(self) -> list[str]:
        """What must be said with every figure of this run; empty for a clean one."""
        return run_warnings(self.folder)

    @property
    def headline(self) -> str:
        """The run in one sentence."""
        return headline(self.folder)

    @property
    def stats(self) -> RunStats:
        """The headline figures."""
        summary = self.folder.summary()
        metrics: Mapping[str, Any] = summary["metrics"].get(ALL, {})
        held = summary["baselines"].get(BUY_AND_HOLD, {}).get(ALL, {})
        values: dict[str, Any] = {item.name: metrics.get(item.name) for item in fields(RunStats)}
        values |= {
            "status": self.status,
            "model": str(self.folder.header.get("title")),
            "start": summary["start"],
            "end": summary["end"],
            "buy_and_hold_return_fraction": held.get("total_return_fraction"),
            "random_draws": summary["random"]["draws"],
            "agents_percentile": summary["random"]["agents_percentile"],
            "calls": summary["calls"]["total"],
            "failed_calls": summary["calls"]["failed"],
            "cost_usd": summary["cost_usd"],
            "ratio_withheld": enough_of(self.folder).reason if metrics else "",
        }
        return RunStats(**values)

    @property
    def metrics(self) -> pd.DataFrame:
        """All metrics, one row an account (`agents` and each baseline, by symbol and ALL), fractions as in the header."""
        import pandas as pd

        summary = self.folder.summary()
        rows = [
            {"who": who, "symbol": symbol, **{key: value for key, value in values.items() if key != "undefined"}}
            for who, by_symbol in {"agents": summary["metrics"], **summary["baselines"]}.items()
            for symbol, values in by_symbol.items()
        ]
        return pd.DataFrame(rows)

    @property
    def equity(self) -> pd.DataFrame:
        """One row a symbol and session: `session, symbol, equity_usd, cash_usd, shares, close_usd`."""
        return self._frame("EQUITY", self.folder.equity())

    @property
    def trades(self) -> pd.DataFrame:
        """One row a round trip, with what the agents said when it was opened; open positions are marked at the last close.

        The columns of `trades.csv`, then those of `tradinggroup.runs.frames.ENTRY_COLUMNS`.
        """
        from tradinggroup.runs.frames import trade_frame

        return trade_frame(self.folder.trades(), self.folder.fills(), self.folder.decisions())

    @property
    def orders(self) -> pd.DataFrame:
        """One row an order, at the session of its decision."""
        return self._frame("ORDER", self.folder.orders())

    @property
    def fills(self) -> pd.DataFrame:
        """One row a fill, sales negative."""
        return self._frame("FILL", self.folder.fills())

    @property
    def decisions(self) -> pd.DataFrame:
        """One row a decision; the columns are explained in `tradinggroup.runs.frames.DECISION_COLUMNS`."""
        from tradinggroup.runs.frames import decision_frame

        return decision_frame(self.folder.decisions())

    @property
    def outcomes(self) -> pd.DataFrame:
        """One row an outcome; the columns are explained in `tradinggroup.runs.frames.OUTCOME_COLUMNS`."""
        from tradinggroup.runs.frames import outcome_frame

        return outcome_frame(self.folder.outcomes())

    @property
    def intervals(self) -> pd.DataFrame:
        """One row a symbol, metric and baseline; the columns are explained in `tradinggroup.runs.frames.INTERVAL_COLUMNS`.

        Empty where nothing was resampled. Where the run is too short for intervals to be said aloud, `warnings` and `claims` say so.
        """
        from tradinggroup.runs.frames import interval_frame

        return interval_frame(self.folder.header.get("statistics") or {})

    @property
    def claims(self) -> Listing[Claim]:
        """The claim card: what may be said of this run and what may not, one claim a question."""
        from tradinggroup.runs.text.claims import card_of, text_claims

        card = card_of(self.folder)
        return Listing(card.claims, "\n".join(text_claims(card)))

    @property
    def reflections(self) -> Reflections:
        """The lessons; `.as_of(session)` is exactly what was visible then."""
        return Reflections(self.folder)

    def explain(self, session: date | str, symbol: str | None = None) -> Explanation:
        """One decision from its inputs to its outcome, of one symbol or all. Raises DataError DECISION_NOT_FOUND."""
        return Explanation(self.folder, session_text(session), self._known(symbol))

    def replay(
        self, *, start: date | str | None = None, end: date | str | None = None, symbol: str | None = None, agent: str | None = None
    ) -> Listing[ReplayStep]:
        """The run from its log, session by session; calls no model, executes nothing."""
        first, last = (None if day is None else session_text(day) for day in (start, end))
        return Listing(
            replay_steps(self.folder, start=first, end=last, symbol=self._known(symbol), agent=agent),
            text_replay(self.folder, start=first, end=last, symbol=symbol, agent=agent),
        )

    def calls(
        self,
        *,
        agent: str | None = None,
        session: date | str | None = None,
        symbol: str | None = None,
        text: str | None = None,
        failed: bool = False,
    ) -> Calls:
        """The model calls that match. `text` is looked for in prompts, answers and reasoning, whatever its case.

        Raises UsageError for an agent that does not exist, DataError where the run's recordings are missing or damaged.
        """
        from tradinggroup.runs.call_log import logged_calls

        day = None if session is None else session_text(session)
        return Calls(logged_calls(self.folder, session=day, symbol=self._known(symbol), agent=agent, text=text, failed=failed))

    def plot(self, *, symbol: str | None = None) -> RunFigure:
        """A matplotlib figure: equity beside the baselines and the drawdown; with `symbol` also its price and fills."""
        from tradinggroup.runs.plot import plot_run

        return plot_run(self.folder, symbol=self._known(symbol))

    def plot_trades(self, symbol: str, *, start: date | str | None = None, end: date | str | None = None) -> RunFigure:
        """A matplotlib figure: the price with fills, stops and targets, and the news score below; `start` to `end` or all of it."""
        from tradinggroup.runs.plot_trades import plot_trades

        known, (first, last) = self._known(symbol), (None if day is None else session_text(day) for day in (start, end))
        return plot_trades(self.folder, symbol=known or symbol, start=first, end=last)

    def plot_forecasts(self, *, symbol: str | None = None) -> RunFigure:
        """A matplotlib figure: calibration of the forecasts (of one `symbol` or all), and their skill over the base rate."""
        from tradinggroup.runs.plot_forecasts import plot_forecasts

        return plot_forecasts(self.folder, symbol=self._known(symbol))

    def __str__(self) -> str:
        return text_overview(self.folder)

    def __repr__(self) -> str:
        return f"{self.folder.name}  {self.status}\n{text_result(self.folder)}"

    def _repr_html_(self) -> str:
        title = html.escape(f"{self.folder.header['experiment']}  {self.id}  {self.status}")
        return f"<b>{title}</b>{preformatted(text_result(self.folder))}"

    def _frame(self, kind: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
        from tradinggroup.backtest.sink import RowKind
        from tradinggroup.runs.frames import csv_frame

        return csv_frame(RowKind[kind], [dict(row) for row in rows])

    def _known(self, symbol: str | None) -> str | None:
        if symbol is not None and symbol not in self.symbols:
            raise UsageError(ErrorCode.SYMBOL_UNKNOWN, f"the run has no symbol {symbol}", remedy=did_you_mean(symbol.upper(), self.symbols))
        return symbol


def backtest(
    experiment: str | Path,
    *,
    project: Project | str | Path | None = None,
    symbols: Sequence[str] | None = None,
    start: date | str | None = None,
    end: date | str | None = None,
    note: str | None = None,
    calls: CallsMode = "record",
    variant: str | None = None,
    unseal: str | None = None,
    **overrides: Any,
) -> Run:
    """Run an experiment and return the run, whose folder lies in the project's `backtests/runs/`.

    Args:
        experiment: a file, or a name in `backtests/`.
        project: the project folder; without one, that of `TRADINGGROUP_HOME` or the one around the working folder.
        symbols: only these symbols of the bundle.
        start: first calendar day, inclusive.
        end: last calendar day, inclusive.
        note: a sentence for the header.
        calls: `record` (recorded answers, else live), `replay` (recorded only), `refresh` (always live).
        variant: which of the experiment's variants, where it has some.
        unseal: why sessions of a sealed hold-out are looked at; the ledger keeps it.
        **overrides: any other setting: `cash_usd=50_000`, `reflection={"window_sessions": 10}`.

    Raises:
        UsageError: for a setting, symbol or date that cannot be.
        DataError: for a bundle or recording that is missing.
    """
    from tradinggroup.experiment import Override, load_variants
    from tradinggroup.runs.execute import RunOptions, run_experiment

    where = _project(project)
    given = {"symbols": symbols, "start": start, "end": end, **overrides}
    settings = [Override(key, value, f"argument {key}") for key, value in _flat({k: v for k, v in given.items() if v is not None})]
    resolved = _chosen(load_variants(where, str(experiment), settings), variant)
    arguments = {"experiment": str(experiment), "calls": calls, "note": note, "set": resolved.arguments}
    return Run(run_experiment(where, resolved, RunOptions(calls=calls, note=note, arguments=arguments, unseal=unseal)))


def _chosen(wanted: Sequence[ResolvedExperiment], variant: str | None) -> ResolvedExperiment:
    if wanted[0].variant is None and variant is None:
        return wanted[0]
    names = [str(each.variant) for each in wanted if each.variant is not None]
    found = next((each for each in wanted if variant is not None and each.variant == variant), None)
    if found is None:
        text = f"the experiment has no variant {variant}" if variant else "the experiment has variants"
        remedy = f"Name one: variant={names[0]!r}, of {', '.join(names)}." if names else "Leave variant out."
        raise UsageError(ErrorCode.USAGE, text, remedy=remedy)
    return found


def open_run(name: str | Path = "latest", *, project: Project | str | Path | None = None) -> Run:
    """Open a run: a folder name, a path, an id, a unique prefix, or `latest`. A path needs no project.

    Raises DataError RUN_NOT_FOUND or RUN_INVALID.
    """
    from tradinggroup.runs.locate import find_run

    if project is None and (Path(name) / "run.json").is_file():
        return Run(RunFolder.open(Path(name).resolve()))
    return Run(find_run(_project(project), str(name)))


def _project(project: Project | str | Path | None) -> Project:
    return project if isinstance(project, Project) else Project.find(project)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted key and value of nested mappings."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _shown(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    return figure(name, value) if name != "agents_percentile" else number(value)
