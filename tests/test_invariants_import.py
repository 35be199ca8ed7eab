"""Invariant 2 with the import as the source: what a vendor's file knows of later must not change what is made of its past."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tests.support.desk_runs import demo_bundle, run_desk
from tests.support.plain_folder import write_plain_folder
from tests.support.poison import poisoned
from tradinggroup.backtest.sink import RowKind
from tradinggroup.data import importing
from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.derive_actions import derive_actions
from tradinggroup.data.importing import import_folder
from tradinggroup.data.plain_prices import ActionRow, PriceFile
from tradinggroup.data.records import PriceBasis

START, CLOCK, END = date(2023, 2, 1), date(2023, 3, 15), date(2023, 3, 31)
"""ACME pays a dividend on 2023-02-09, inside; a 4:1 split of QFRN and more dividends come after END."""


CASH_USD = 0.1925
"""A dividend that stands between two mills, so that a hair decides where it is rounded to whole ones."""


def _market(folder: Path) -> Bundle:
    """The demo market with dividends of CASH_USD."""
    frames = demo_bundle().frames()
    actions = frames.actions.assign(cash_usd=frames.actions["cash_usd"].where(frames.actions["kind"] == "split", CASH_USD))
    return write_bundle(folder, replace(frames, actions=actions), name="market", basis=PriceBasis.AS_TRADED, sources=[])


def _import_twice(folder: Path) -> tuple[Bundle, Bundle]:
    """The market from a plain folder, and from the folder of a vendor to whom something else happened after CLOCK."""
    market = _market(folder / "market")
    other = poisoned(market, after=CLOCK, folder=folder / "poisoned")
    made = []
    for name, bundle in (("was", market), ("became", other)):
        plain = write_plain_folder(bundle.frames(), folder / f"plain-{name}")
        made.append(import_folder(plain, name=name, bundles_folder=folder / "data", basis=PriceBasis.AS_TRADED))
    return made[0], made[1]


def _assert_same_past(folder: Path) -> None:
    was, became = (run_desk(bundle, start=START, end=END) for bundle in _import_twice(folder))
    for kind in (RowKind.DECISION, RowKind.OUTCOME, RowKind.REFLECTION, RowKind.EQUITY):
        assert was.file(kind, through=CLOCK) == became.file(kind, through=CLOCK), kind
        assert was.file(kind) != became.file(kind), "the later bars must change what comes after"


def test_an_imported_past_does_not_know_what_the_vendor_learned_later(tmp_path: Path) -> None:
    """After the clock: absurd bars and texts, a 7:1 split, a 5 % dividend; Adj Close recomputed and rounded over the whole span."""
    _assert_same_past(tmp_path)


def test_the_imported_actions_are_those_of_the_market(tmp_path: Path) -> None:
    columns = ["symbol", "kind", "ex_session", "ratio", "cash_usd"]
    listed = _market(tmp_path / "listed").frames().actions[columns]
    was, became = (bundle.frames().actions[columns] for bundle in _import_twice(tmp_path))
    assert was.equals(listed)
    past = became[became["ex_session"] <= CLOCK]
    assert past.equals(listed[listed["ex_session"] <= CLOCK].reset_index(drop=True))
    assert set(became[became["ex_session"] > CLOCK]["symbol"]) == set(became["symbol"]) | {"TRWK"}


def test_the_test_finds_a_dividend_that_follows_the_later_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaky(prices: PriceFile) -> tuple[ActionRow, ...]:
        leak_usd = 1e-3 * prices.rows[0].adjusted_close_usd / prices.rows[0].close_usd
        return tuple(replace(row, cash_usd=row.cash_usd + leak_usd) if row.cash_usd else row for row in derive_actions(prices))

    monkeypatch.setattr(importing, "derive_actions", leaky)
    with pytest.raises(AssertionError):
        _assert_same_past(tmp_path)
