"""What a notebook shows of a run: texts that stand alone, with an HTML form in which everything a model wrote is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Generic, TypeVar, overload

from tradinggroup.errors import DataError, ErrorCode
from tradinggroup.models.recording_rows import CallRecord
from tradinggroup.runs.call_log import LoggedCall
from tradinggroup.runs.case import Case, cases_of
from tradinggroup.runs.figures import counted
from tradinggroup.runs.folder import Line, RunFolder
from tradinggroup.runs.text.explain import text_explain
from tradinggroup.runs.text.logs import CALLS_LISTED, call_table, call_text
from tradinggroup.runs.text.reflections import reflection_rows, text_reflections

Item = TypeVar("Item")
CALLS_SHOWN = 3
"""Up to so many calls are shown whole."""
_PRE = '<pre style="white-space: pre-wrap; line-height: 1.25; font-family: var(--jp-code-font-family, monospace)">'


def session_text(session: date | str) -> str:
    """`2023-09-19` of a date, a datetime, a pandas Timestamp, or such a text. Raises DataError for anything else."""
    try:
        return session.strftime("%Y-%m-%d") if isinstance(session, date) else date.fromisoformat(session).isoformat()
    except (TypeError, ValueError):
        raise DataError(ErrorCode.DECISION_NOT_FOUND, f"{session!r} is no session", remedy="Write it as 2023-09-19.") from None


def preformatted(text: str) -> str:
    """A text in HTML as it is, in letters of equal width, escaped."""
    return f"{_PRE}{html.escape(text)}</pre>"


class Page:
    """A text for a person: `print` it, or let the notebook draw it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return preformatted(self.text)


class Listing(Page, Sequence[Item], Generic[Item]):
    """A sequence that draws itself as a text."""

    def __init__(self, items: Sequence[Item], text: str) -> None:
        super().__init__(text)
        self._items = tuple(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Item]: ...
    def __getitem__(self, index: int | slice) -> Item | Sequence[Item]:
        return self._items[index]


class Explanation(Page):
    """One session's decisions taken apart. `cases` holds the rows behind the text."""

    def __init__(self, run: RunFolder, session: date | str, symbol: str | None = None) -> None:
        """Raises DataError DECISION_NOT_FOUND, naming the nearest sessions."""
        self.cases: tuple[Case, ...] = tuple(cases_of(run, session, symbol))
        super().__init__(text_explain(run, session, symbol))


class Reflections(Listing[Line]):
    """Lessons of a run, oldest first; each line has its outcomes and the sessions that were shown it."""

    def __init__(
        self,
        run: RunFolder,
        *,
        as_of: date | str | None = None,
        agent: str | None = None,
        used_by: tuple[date | str, str] | None = None,
        symbol: str | None = None,
    ) -> None:
        self._run = run
        rows = reflection_rows(run, as_of=as_of, agent=agent, used_by=used_by, symbol=symbol)
        super().__init__(rows, text_reflections(run, as_of=as_of, agent=agent, used_by=used_by, symbol=symbol))

    def as_of(self, session: date | str, *, agent: str | None = None, symbol: str | None = None) -> Reflections:
        """Exactly what was visible at the close of `session`."""
        return Reflections(self._run, as_of=session_text(session), agent=agent, symbol=symbol)

    def used_by(self, session: date | str, symbol: str, *, agent: str | None = None) -> Reflections:
        """The lessons that stood in the prompts of one decision. Raises DataError DECISION_NOT_FOUND."""
        return Reflections(self._run, used_by=(session_text(session), symbol), agent=agent)


class Calls(Listing[CallRecord]):
    """Model calls of a run, as asked and answered, by session, symbol and agent: in full where they are few, else as a list."""

    def __init__(self, calls: Sequence[LoggedCall]) -> None:
        parts = [counted(len(calls), "model call")]
        if len(calls) <= CALLS_SHOWN:
            parts += [call_text(call) for call in calls]
        else:
            parts.append(call_table(calls[:CALLS_LISTED]))
        if len(calls) > CALLS_LISTED:
            parts.append(f"and {len(calls) - CALLS_LISTED:,d} more")
        super().__init__([each.call for each in calls], "\n\n".join(parts))
