"""Why each finding of `data check` matters, and what the tool does about it by itself."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Meaning:
    """Two short sentences that are the same wherever a finding of this kind turns up."""

    why: str
    handling: str


_DATED = "Known at midnight: say time_precision day instead."
_AS_IT_IS = "Nothing: the rows are used as they are."
_MEANINGS = {
    "levels_unsafe": Meaning("A price level would tell which splits and dividends came later.", "Prompts show returns, never levels."),
    "not_as_traded": Meaning(
        "Prices divided by later splits are not what was paid, and their levels tell which splits came.",
        "Nothing. Import again with --basis split_adjusted.",
    ),
    "survivorship": Meaning(
        "Symbols picked today are those that did well enough to be picked: averages over them come out too high.",
        "The run says that survivorship is not excluded. A membership.csv beside the prices dates the symbols.",
    ),
    "extra_session": Meaning("A bar of a closed day belongs to another day or another exchange.", "Nothing: no decision falls on it."),
    "price_gap": Meaning("A halt, a delisting or a hole in the source.", "No decision is made on them; orders wait for the next bar."),
    "zero_volume": Meaning("Nobody could have traded at that price.", "Orders fill at it unless a volume cap is set."),
    "stale_prices": Meaning("A source that repeats its last bar hides a halt or a hole.", _AS_IT_IS),
    "high_below_low": Meaning("No bar of a market can be like that: columns were mixed up.", _AS_IT_IS),
    "bar_inconsistent": Meaning("An open or close outside its own bar was never traded.", _AS_IT_IS),
    "unadjusted_split": Meaning("An unlisted split looks like a gain or a loss of half the money or more.", _AS_IT_IS),
    "large_move": Meaning("A move of this size is real news or a wrong price.", _AS_IT_IS),
    "dividend_too_large": Meaning("No history can be adjusted for it.", "The bundle cannot be used for runs."),
    "adjustment_unexplained": Meaning("A split or dividend may be missing from the list.", "The listed actions alone are applied."),
    "no_news": Meaning("Results of this symbol say nothing about news.", "The agents are told that there is none."),
    "no_filings": Meaning("Results of this symbol say nothing about filings.", "The agents are told that there are none."),
    "market_news": Meaning("No agent reads news without a symbol yet.", "They are kept and not read."),
    "derived_items": Meaning("A text of later knows what came of it.", "They are left out."),
    "derived_summaries": Meaning("A summary of later knows what came of it.", "The title alone is read."),
    "derived_filings": Meaning("A summary of later knows what came of it.", "They are left out."),
    "rebuilt_titles": Meaning("A title made from an address lacks numbers and signs, or is of a later edit.", "They are read as titles."),
    "filings_lower_case": Meaning("Text put to lower case does not match the filing word for word.", "It is read as it is."),
    "news_duplicates": Meaning("One item twice counts twice in a mean of sentiment.", "The news agent reads a copy once."),
    "news_copies": Meaning("One story by several carriers counts several times.", "The news agent reads a copy once."),
    "news_day_precision": Meaning("The true time is unknown.", "Known at the end of its day in New York, so from the next session on."),
    "filings_day_precision": Meaning("The true time is unknown.", "Known at the end of its day in New York, so from the next session on."),
    "news_round_times": Meaning("A time on the hour is often a date or an edition, not the moment of publication.", _AS_IT_IS),
    "news_midnight": Meaning("Midnight is what becomes of a day without a time.", _DATED),
    "filings_midnight": Meaning("Midnight is what becomes of a day without a time.", _DATED),
    "fundamentals_midnight": Meaning("Midnight is what becomes of a day without a time.", _DATED),
    "news_hours_off": Meaning("Times of another zone show news hours too early or too late.", _AS_IT_IS),
    "filings_hours_off": Meaning("EDGAR accepts filings from 6:00 to 22:00 in New York on weekdays only.", _AS_IT_IS),
    "news_after_hours": Meaning("They move the next open, which the next order fills at.", "Known from the next decision on."),
    "filings_after_hours": Meaning("They move the next open, which the next order fills at.", "Known from the next decision on."),
    "news_after_prices": Meaning("No session is left that could use them.", "They are never shown."),
    "filings_after_prices": Meaning("No session is left that could use them.", "They are never shown."),
    "coverage_break": Meaning("A quiet month of the source passes for one of the company.", "The agents are told that there is none."),
    "fundamentals_early": Meaning("A figure shown before its filing is tomorrow's news.", "Nothing: correct filed_at and import again."),
}  # fmt: skip
FINDING_MEANINGS = MappingProxyType(_MEANINGS)
"""Code of a finding -> what it means."""
