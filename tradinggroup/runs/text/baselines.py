"""What a page says of the baselines beside their figures: which were guarded, and how the random runs lie around the agents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.runs.figures import counted, number, percent, wrapped
from tradinggroup.runs.folder import RunFolder

GUARDED_MARK = "*"


def baseline_heading(name: str, *, guarded: bool) -> tuple[str, str]:
    """`buy and` over `hold`: headings of at most nine characters or so; one that the risk layer guarded has a mark."""
    *words, last = name.split("_")
    return " ".join(words), f"{last}{GUARDED_MARK if guarded else ''}"


def is_guarded(run: RunFolder, name: str) -> bool:
    """Whether the risk layer stood between this baseline's signals and its orders."""
    return name in (run.header.get("baselines_guarded") or ())


def guard_lines(run: RunFolder) -> Iterator[str]:
    """The footnote of the mark."""
    if run.header.get("baselines_guarded"):
        style, profile = run.settings.get("guarded_style"), run.settings.get("risk")
        text = f"guarded by the risk layer: stops, sizes and limits of profile {profile}, style {style}"
        yield from wrapped(text, first=f"{GUARDED_MARK} ")


def random_lines(run: RunFolder) -> Iterator[str]:
    """How the random runs lie around the agents, in lines of at most 80 characters; nothing where a run has none of it."""
    for place, text in enumerate(random_texts(run)):
        yield from wrapped(text, first="  " if place else "")


def random_texts(run: RunFolder) -> Iterator[str]:
    """Their returns, what was at stake, and symbols won; nothing where a run has none of it."""
    random = run.header.get("random") or {}
    returns = random.get("total_return_fraction")
    if not returns:
        return
    yield (
        f"{counted(random['draws'], 'random run')}: 5 % made {percent(returns['q05'])} or less, half {percent(returns['q50'])} or less, "
        f"5 % {percent(returns['q95'])} or more"
    )
    yield _stakes(random["exposure_fraction"], random["turnover_per_year"])
    if random.get("symbols_won"):
        yield _symbols_won(random["symbols_won"])


def _stakes(exposure: Mapping[str, float | None], turnover: Mapping[str, float | None]) -> str:
    held, held_at_random = (percent(exposure[side], signed=False) for side in ("agents", "draws"))
    traded, traded_at_random = (number(turnover[side]) for side in ("agents", "draws"))
    return f"mean exposure {held_at_random}, the agents' {held}; turnover a year {traded_at_random}, the agents' {traded}"


def _symbols_won(won: Mapping[str, Any]) -> str:
    share = math.fsum(part for count, part in won["distribution"].items() if int(count) >= won["agents"])
    as_many = percent(min(1.0, share), decimals=0, signed=False)
    return f"the agents beat buy and hold in {won['agents']} of {counted(won['of'], 'symbol')}; {as_many} of the random runs in as many"
