"""The demo market as an instrument: its signals are known, so what do the agents find of them?

Runs the rule-based analyst on markets of several seeds, with and without edge, with and without reflections, in memory, and measures:
the news score against the hidden news tone, whether a filing's passages hold a guidance sentence that was planted in it, the
skill of the forecasts over the class frequencies, beside a forecaster who knows the hidden signals, and what reflections change.

    python benchmarks/demo_market.py [--seeds 59,101,102,103,104] [--write]

With --write the tables go into docs/demo-market.md.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from statistics import NormalDist, fmean
from typing import Any

import numpy as np

from tradinggroup.backtest.memory_sink import MemorySink
from tradinggroup.backtest.sink import RowKind
from tradinggroup.data.demo_market import DEFAULT_SEED, DemoMarket, build_market, make_demo
from tradinggroup.data.demo_market.sentences import topics
from tradinggroup.experiment import Override, load_experiment
from tradinggroup.models.loop import LoopThread
from tradinggroup.models.port import ModelReply, ModelRequest
from tradinggroup.models.rules import RulesAnalyst
from tradinggroup.project import Project
from tradinggroup.reflection.scores import ScoredForecast, move_figures, scored_by_symbol
from tradinggroup.reflection.skill import Pair, skill_figures
from tradinggroup.runs.agents_job import run_agents
from tradinggroup.runs.forecast_figures import labels_before
from tradinggroup.runs.inputs import inputs_of_project
from tradinggroup.runs.progress import NoProgress
from tradinggroup.runs.window import markets_of

ROOT = Path(__file__).resolve().parent.parent
PAGE, BLOCK = ROOT / "docs" / "demo-market.md", "demo instrument"
SEEDS = (DEFAULT_SEED, 101, 102, 103, 104)
TONES = {-1: "bad", 0: "flat", 1: "good"}
SEED = 7
"""Of the intervals."""


class Listener:
    """The rule-based analyst, and the passages that it was shown of each filing."""

    def __init__(self) -> None:
        self._rules = RulesAnalyst()
        self.passages: dict[tuple[str, str, str], Sequence[str]] = {}

    async def answer(self, request: ModelRequest) -> ModelReply:
        if request.agent == "report_retrieval" and "passages" in request.evidence:
            self.passages[request.symbol, request.session, request.evidence["form"]] = request.evidence["passages"]
        return await self._rules.answer(request)


@dataclass(frozen=True)
class Found:
    """What was measured on one market with one setting."""

    seed: int
    has_edge: bool
    news_sessions: int
    news_correlation: float
    filings: int
    filings_with_guidance: int
    forecasts: Mapping[str, Sequence[ScoredForecast]]
    """By symbol, from close to close."""
    from_open: Mapping[str, Sequence[ScoredForecast]]
    oracle: Sequence[Pair]
    """Of a forecaster who knows the hidden signals, against the base rate."""
    news_to_return: float
    """Correlation of the news score with the next session's return."""
    forecast_to_return: float
    """Correlation of p_up - p_down with the next session's return."""
    return_fraction: float
    """Of all accounts together."""

    @property
    def every(self) -> list[ScoredForecast]:
        return [each for found in self.forecasts.values() for each in found]


def measure(seed: int, *, has_edge: bool, without: Sequence[str] = ()) -> Found:
    """Run the agents over one market and look at what they found."""
    market = build_market(seed=seed, edge=has_edge)
    with tempfile.TemporaryDirectory(prefix="tradinggroup-demo-") as folder:
        (Path(folder) / "tradinggroup.toml").touch()
        project = Project.find(folder)
        make_demo(project.bundle_folder("market"), name="market", seed=seed, edge=has_edge)
        overrides = [
            Override("bundle", "market", "here"),
            Override("without", list(without), "here"),
            Override("schedule", "serial", "here"),
        ]
        inputs = inputs_of_project(project, load_experiment(project, "demo", overrides))
        sink, model = MemorySink(), Listener()
        with LoopThread() as loop:
            run_agents(inputs, markets=markets_of(inputs), model=model, loop=loop, sink=sink, progress=NoProgress())
        rows = {kind: [_plain(row) for row in found] for kind, found in sink.rows.items()}
        outcomes = rows[RowKind.OUTCOME]
        earlier = labels_before(inputs, outcomes)
    lines = sorted((line for line in outcomes if line["kind"] == "forecast"), key=lambda line: (line["symbol"], line["decision_session"]))
    forecasts = scored_by_symbol(lines, "close_to_close", earlier)
    sessions, correlation = _news_correlation(rows[RowKind.DECISION], market)
    filings, with_guidance = _guidance(rows[RowKind.DECISION], market, model.passages)
    return Found(
        seed=seed,
        has_edge=has_edge,
        news_sessions=sessions,
        news_correlation=correlation,
        filings=filings,
        filings_with_guidance=with_guidance,
        forecasts=forecasts,
        from_open=scored_by_symbol(lines, "fill_to_close", earlier),
        oracle=_oracle(lines, forecasts, market),
        news_to_return=_to_return(lines, {_place(line): line["news_sentiment"]["score"] for line in rows[RowKind.DECISION]}),
        forecast_to_return=_to_return(lines, {(line["symbol"], line["decision_session"]): line["p_up"] - line["p_down"] for line in lines}),
        return_fraction=_return_fraction(rows[RowKind.EQUITY]),
    )


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()}


def _places(market: DemoMarket, symbol: str) -> dict[str, int]:
    return {session.isoformat(): place for place, session in enumerate(market.truth[symbol].sessions)}


def _news_correlation(decisions: Sequence[Mapping[str, Any]], market: DemoMarket) -> tuple[int, float]:
    """Sessions with news that has a tone of its own, and the correlation of the agent's score with that tone."""
    scores, tones = [], []
    for line in decisions:
        place = _places(market, line["symbol"])[line["session"]]
        if not line["news_sentiment"]["no_news"] and any(item.counts for item in market.news[line["symbol"]][place]):
            scores.append(line["news_sentiment"]["score"])
            tones.append(float(market.truth[line["symbol"]].news_tone[place]))
    return len(scores), float(np.corrcoef(scores, tones)[0, 1])


def _place(line: Mapping[str, Any]) -> tuple[str, str]:
    return line["symbol"], line["session"]


def _to_return(lines: Sequence[Mapping[str, Any]], scores: Mapping[tuple[str, str], float]) -> float:
    """Correlation of a score at a close with the return to the next close; sessions without news have the score 0."""
    labelled = [line for line in lines if line["return_fraction"] is not None]
    found = [scores[line["symbol"], line["decision_session"]] for line in labelled]
    return float(np.corrcoef(found, [line["return_fraction"] for line in labelled])[0, 1])


def guidance_patterns(tone: int) -> list[re.Pattern[str]]:
    """What the planted guidance sentences of a tone look like, whatever was put into their slots."""
    lines = topics("mdna")[f"guidance.{TONES[tone]}"]
    return [re.compile(re.sub(r"\\\{\w+\\\}", ".+?", re.escape(line).replace("\\ ", r"\s+"))) for line in lines]


def _guidance(
    decisions: Sequence[Mapping[str, Any]], market: DemoMarket, passages: Mapping[tuple[str, str, str], Sequence[str]]
) -> tuple[int, int]:
    """Filings that were summarised, and those of them whose passages hold a guidance sentence of the filing's own tone."""
    by_place = {(line["symbol"], line["session"]): line["report_retrieval"]["forms"] for line in decisions}
    tones = {report.id: report.tone for reports in market.reports.values() for report in reports}
    found = {by_place[symbol, session][form]["filing_id"]: texts for (symbol, session, form), texts in passages.items()}
    hits = [any(pattern.search(text) for pattern in guidance_patterns(tones[filing]) for text in texts) for filing, texts in found.items()]
    return len(hits), sum(hits)


def _oracle(lines: Sequence[Mapping[str, Any]], forecasts: Mapping[str, Sequence[ScoredForecast]], market: DemoMarket) -> list[Pair]:
    """The hidden expected return, and the usual deviation, as a normal distribution cut at the sideways band."""
    by_place = {(line["symbol"], line["decision_session"]): line for line in lines}
    pairs = []
    for symbol, found in forecasts.items():
        places, truth = _places(market, symbol), market.truth[symbol]
        for each in found:
            band = by_place[symbol, each.session]["band_fraction"]
            place = places[each.session]
            deviation = float(np.std(truth.return_fraction[max(0, place - 59) : place + 1]))
            curve = NormalDist(float(truth.expected_return_fraction[place]), deviation)
            p_down, p_up = curve.cdf(-band), 1 - curve.cdf(band)
            known = replace(each, probabilities=(p_up, p_down, 1 - p_up - p_down))
            if each.base_rate is not None:
                pairs.append(Pair(each.session, known.brier, _base_brier(each)))
    return pairs


def _base_brier(each: ScoredForecast) -> float:
    assert each.base_rate is not None
    rate = each.base_rate
    return replace(each, probabilities=(rate["up"], rate["down"], rate["sideways"])).brier


def _return_fraction(equity: Sequence[Mapping[str, Any]]) -> float:
    totals: dict[str, float] = {}
    for row in equity:
        totals[row["session"]] = totals.get(row["session"], 0.0) + row["equity_usd"]
    sessions = sorted(totals)
    return totals[sessions[-1]] / totals[sessions[0]] - 1


def evidence_rows(found: Sequence[Found]) -> list[list[str]]:
    """News and filings: one row a seed. Texts are the same with and without edge."""
    head = ["seed", "sessions with news", "correlation of news score and hidden tone", "filings read", "with a planted guidance sentence"]
    rows = [
        [str(each.seed), str(each.news_sessions), f"{each.news_correlation:.2f}", str(each.filings), str(each.filings_with_guidance)]
        for each in found
    ]
    filings, hits = sum(each.filings for each in found), sum(each.filings_with_guidance for each in found)
    together = ["all", str(sum(each.news_sessions for each in found)), f"{fmean(each.news_correlation for each in found):.2f} (mean)"]
    return [head, *rows, [*together, str(filings), f"{hits} ({hits / filings:.0%})"]]


def skill_rows(found: Sequence[Found]) -> list[list[str]]:
    """Forecasts with reflections: one row a seed, and one over all; sessions of different seeds are different sessions."""
    head = [
        "seed", "news score and next return", "forecast and next return", "right", "skill", "95 % interval", "skill from the open",
        "skill of one who knows the signals",
    ]  # fmt: skip
    return [head, *(_skill_row(str(each.seed), [each]) for each in found), _skill_row("all", found)]


def _skill_row(name: str, found: Sequence[Found]) -> list[str]:
    close, opened = ([_named(each, which) for each in found] for which in ("forecasts", "from_open"))
    figures, from_open = (move_figures([e for some in group for e in some], seed=SEED, purpose=name) for group in (close, opened))
    oracle = skill_figures([replace(pair, session=f"{e.seed} {pair.session}") for e in found for pair in e.oracle], seed=SEED, purpose=name)
    correlations = [f"{fmean(getattr(e, which) for e in found):+.2f}" for which in ("news_to_return", "forecast_to_return")]
    return [name, *correlations, f"{figures['accuracy']:.0%}", *_interval(figures), _percent(from_open["skill"]), _percent(oracle["skill"])]


def _named(found: Found, which: str) -> list[ScoredForecast]:
    groups: Mapping[str, Sequence[ScoredForecast]] = getattr(found, which)
    return [replace(each, session=f"{found.seed} {each.session}") for group in groups.values() for each in group]


def reflection_rows(with_lessons: Sequence[Found], without: Sequence[Found]) -> list[list[str]]:
    """What reflections change: the Brier score that they save, and the return of all accounts."""
    head = ["seed", "Brier saved by reflections", "95 % interval", "return with", "return without"]
    rows, every = [], []
    for one, other in zip(with_lessons, without, strict=True):
        pairs = [Pair(f"{one.seed} {mine.session}", mine.brier, theirs.brier) for mine, theirs in zip(one.every, other.every, strict=True)]
        every += pairs
        figures = skill_figures(pairs, seed=SEED, purpose=str(one.seed))
        rows.append([str(one.seed), *_interval(figures), f"{one.return_fraction:+.1%}", f"{other.return_fraction:+.1%}"])
    means = [f"{fmean(each.return_fraction for each in group):+.1%}" for group in (with_lessons, without)]
    return [head, *rows, ["all", *_interval(skill_figures(every, seed=SEED, purpose="all")), *means]]


def _interval(figures: Mapping[str, Any]) -> list[str]:
    return [_percent(figures["skill"]), f"{_percent(figures['skill_low'])} to {_percent(figures['skill_high'])}"]


def _percent(fraction: float) -> str:
    rounded = round(100 * fraction, 1)
    return f"{0.0 if rounded == 0 else rounded:+.1f} %"


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [rows[0], ["---", *["---:"] * (len(rows[0]) - 1)], *rows[1:]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def tables(seeds: Sequence[int]) -> str:
    """All tables as the page has them."""
    parts = []
    for has_edge, title in ((True, "With edge"), (False, "Without edge: nothing to find")):
        with_lessons = [measure(seed, has_edge=has_edge) for seed in seeds]
        without = [measure(seed, has_edge=has_edge, without=["reflections"]) for seed in seeds]
        if has_edge:
            parts += ["**What is read from the texts** (the same with and without edge)", _table(evidence_rows(with_lessons))]
        parts += [f"**{title}: forecasts**", _table(skill_rows(with_lessons))]
        parts += [f"**{title}: reflections**", _table(reflection_rows(with_lessons, without))]
    return "\n\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default=",".join(map(str, SEEDS)))
    parser.add_argument("--write", action="store_true", help="write the tables into docs/demo-market.md")
    options = parser.parse_args()
    text = tables([int(seed) for seed in options.seeds.split(",")])
    print(text)
    if options.write:
        start, end = f"<!-- measured: {BLOCK} -->\n", "<!-- end measured -->"
        head, _, rest = PAGE.read_text(encoding="utf-8").partition(start)
        PAGE.write_text(f"{head}{start}{text}\n{end}{rest.partition(end)[2]}", encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
