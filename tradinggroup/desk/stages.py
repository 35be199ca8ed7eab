"""How a desk works, and from which session on: one stage for a whole run, one more for each time that the run was forked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from tradinggroup.agents.context import AgentContext
from tradinggroup.desk.placebo import PlaceboViews
from tradinggroup.desk.state import TradingRules


@dataclass(frozen=True, slots=True)
class Stage:
    """One symbol's agents and the rules of its trading half."""

    agents: AgentContext
    rules: TradingRules
    placebo: PlaceboViews | None = None


class Stages:
    """The stages of one symbol, in their order."""

    def __init__(self, last: Stage, past: Sequence[tuple[date, Stage]] = ()) -> None:
        """`past`: each earlier stage with the first session at which it is no longer in force, ascending."""
        self._last = last
        self._past = tuple(past)

    def __iter__(self) -> Iterator[Stage]:
        yield from (stage for _, stage in self._past)
        yield self._last

    @property
    def symbol(self) -> str:
        """The symbol of all of them."""
        return self._last.agents.symbol

    def at(self, session: date) -> Stage:
        """The stage that a decision at `session` is made under."""
        return next((stage for end, stage in self._past if session < end), self._last)

    def rules_at(self, session: date) -> TradingRules:
        """Its rules: what was decided at `session` is carried out, and judged later, by them."""
        return self.at(session).rules
