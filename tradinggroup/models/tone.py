"""The tone of a financial text by a lexicon, with negation: no model, no learning, the same for every text.

Words with a fixed meaning count as good or bad. Words of movement (rises, cut, lower) count by what moves: a rise is good
and a fall is bad, unless a word that is itself unwelcome stands beside it, as in "costs rose" or "debt was cut". A negation
in the three words before turns a word around at half its weight. The lists are general finance vocabulary, ours.

    tone = (good - bad) / (good + bad + 1)      within (-1, 1); 0 for a text without any sign
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

_STRONG_GOOD = """
beat beats beating exceeded exceeds exceeding outpaced outperform outperforms outperformed record upgrade upgrades upgraded win wins won
surge surges surged soar soars soared rally rallies rallied jump jumps jumped breakthrough approval approves approved clears cleared
strong stronger strongest accelerate accelerates accelerated accelerating profitable bullish boost boosts boosted top tops topped
landmark milestone best-ever triumph windfall blockbuster turnaround
"""
_MILD_GOOD = """
gain gains gained improve improves improved improving improvement growth grow grows growing expand expands expanded expansion
opportunity opportunities positive favorable favourable solid robust healthy demand momentum secure secures secured award awarded
partnership agreement launch launches launched innovation innovative efficient efficiency dividend buyback repurchase optimistic
confident confidence resilient recovery recovers recovered success successful successfully exceed advance advances advantage benefit
benefits benefited ahead popular leading leader rebound rebounds rebounded extends reliable better
"""
_STRONG_BAD = """
miss misses missed downgrade downgrades downgraded plunge plunges plunged plummet plummets plummeted tumble tumbles tumbled slump slumps
slumped crash crashes crashed recall recalls recalled lawsuit lawsuits sues sued fraud probe probes investigation subpoena bankruptcy
bankrupt default defaults defaulted layoffs layoff halt halts halted halting fine fined penalty penalties breach impairment shortfall
weak weaker weakest weakness warns warned warning bearish underperform disappointing disappoints disappointed disappoint loss losses
scandal sanctions collapse collapses collapsed withdraws withdrew withdrawn suspend suspends suspended terminated writedown write-down
"""
_MILD_BAD = """
concern concerns worry worries worried fear fears slow slows slowed slower slowing slowdown delay delays delayed negative adverse
adversely unfavorable unfavourable uncertain uncertainty risk risks challenge challenges challenging headwind headwinds pressure
pressures difficult difficulty shortage shortages disruption disruptions dispute disputes strike strikes outage outages defect defects
decelerate decelerated decelerating volatile litigation complaint complaints underperformed cautious softness soft sluggish overvalued
lose loses lost struggle struggles struggling threat threatens postpone postpones postponed churn idle worse worsened worsening
"""
_UP = """
raise raises raised raising rise rises rose rising increase increases increased increasing higher lift lifts lifted climb climbs
climbed up
"""
_DOWN = """
cut cuts cutting decrease decreases decreased decreasing decline declines declined declining fall falls fell falling lower lowers lowered
lowering drop drops dropped dropping reduce reduces reduced reducing shrink shrinks shrank sink sinks sank narrow narrows narrowed down
"""
_ADVERSE = """
cost costs expense expenses debt loss losses churn delay delays concern concerns risk risks uncertainty competition inflation
indebtedness borrowings defaults tariffs unemployment complaints provisions charges leverage
"""
_NEGATIONS = """
not no never without neither nor cannot can't didn't doesn't don't won't isn't aren't wasn't weren't hasn't haven't couldn't wouldn't
fails failed fail lack lacks despite
"""

_STRONG, _MILD, _MOVE = 1.0, 0.5, 0.75
_VALUE_BY_WORD: dict[str, float] = {
    **dict.fromkeys(_MILD_GOOD.split(), _MILD),
    **dict.fromkeys(_MILD_BAD.split(), -_MILD),
    **dict.fromkeys(_STRONG_GOOD.split(), _STRONG),
    **dict.fromkeys(_STRONG_BAD.split(), -_STRONG),
}
_MOVE_BY_WORD: dict[str, float] = {**dict.fromkeys(_UP.split(), _MOVE), **dict.fromkeys(_DOWN.split(), -_MOVE)}
_ADVERSE_WORDS = frozenset(_ADVERSE.split())
_NEGATION_WORDS = frozenset(_NEGATIONS.split())

_NEGATION_REACH, _ADVERSE_REACH = 3, 2
_NEGATED_SHARE = -0.5

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Signs:
    """Good and bad signs of a text: their total weights, and the words in the order of the text."""

    good: float
    bad: float
    good_words: tuple[str, ...]
    bad_words: tuple[str, ...]

    @property
    def tone(self) -> float:
        """(good - bad) / (good + bad + 1)."""
        return (self.good - self.bad) / (self.good + self.bad + 1)


@lru_cache(maxsize=4096)
def signs(text: str) -> Signs:
    """The signs of one text."""
    found = [word.replace("’", "'") for word in _WORD.findall(text.lower())]
    good, bad = 0.0, 0.0
    good_words: list[str] = []
    bad_words: list[str] = []
    for position, word in enumerate(found):
        value = _value(found, position, word)
        if value > 0:
            good += value
            good_words.append(word)
        elif value < 0:
            bad -= value
            bad_words.append(word)
    return Signs(good, bad, tuple(good_words), tuple(bad_words))


def together(parts: Iterable[tuple[Signs, float]]) -> Signs:
    """The signs of several texts, each with its own weight."""
    entries = list(parts)
    return Signs(
        good=math.fsum(entry.good * weight for entry, weight in entries),
        bad=math.fsum(entry.bad * weight for entry, weight in entries),
        good_words=tuple(word for entry, _ in entries for word in entry.good_words),
        bad_words=tuple(word for entry, _ in entries for word in entry.bad_words),
    )


def _value(found: list[str], position: int, word: str) -> float:
    value = _VALUE_BY_WORD.get(word, 0.0)
    if value == 0.0:
        value = _MOVE_BY_WORD.get(word, 0.0)
        if value == 0.0:
            return 0.0
        if not _ADVERSE_WORDS.isdisjoint(found[max(0, position - _ADVERSE_REACH) : position + _ADVERSE_REACH + 1]):
            value = -value
    if not _NEGATION_WORDS.isdisjoint(found[max(0, position - _NEGATION_REACH) : position]):
        return value * _NEGATED_SHARE
    return value
