"""The rules of the convention finsaber one by one, on bars of a few days."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.factories import make_bundle
from tradinggroup.backtest.finsaber.account import AccountRows, Holding, commission_usd, play_rule
from tradinggroup.backtest.finsaber.bars import DayBars, SymbolWindow, window_of
from tradinggroup.backtest.finsaber.metrics import finsaber_metrics, sharpe_ratio
from tradinggroup.backtest.finsaber.rules import Cross, TurnOfMonth, bollinger, fitted, weekday_of_month
from tradinggroup.backtest.finsaber.runner import BASELINES, run_finsaber
from tradinggroup.errors import DataError, ErrorCode, LookaheadError, UsageError
from tradinggroup.experiment import experiment_from_toml
from tradinggroup.settings import CONVENTION_BASELINES

FRIDAY = date(2024, 3, 1)


def bars(opens: Sequence[float], closes: Sequence[float], *, first: date = FRIDAY, days: Sequence[date] | None = None) -> DayBars:
    dates = tuple(days or (first + timedelta(days=place) for place in range(len(closes))))
    o, c = np.array(opens, dtype=float), np.array(closes, dtype=float)
    return DayBars("X", dates, o, np.maximum(o, c), np.minimum(o, c), c)


class Script:
    def __init__(self, orders: Mapping[int, Sequence[int]]) -> None:
        self._orders = orders
        self.seen: list[Holding] = []

    def orders(self, bar: int, holding: Holding) -> Sequence[int]:
        self.seen.append(holding)
        return self._orders.get(bar, ())


def play(orders: Mapping[int, Sequence[int]], opens: Sequence[float], closes: Sequence[float], cash_usd: float = 10_000.0) -> AccountRows:
    return play_rule(Script(orders), bars(opens, closes), cash_usd=cash_usd)


def sent(rows: AccountRows) -> list[tuple[int, float]]:
    return [(row["shares"], row["price_usd"]) for row in rows.fills]


# -- bars -----------------------------------------------------------------------------------------------------------------


def test_a_closed_day_repeats_the_bar_before_it() -> None:
    found = bars([10, 12], [11, 13], days=[FRIDAY, FRIDAY + timedelta(days=3)]).on_calendar_days()
    assert [day.isoformat() for day in found.days] == ["2024-03-01", "2024-03-02", "2024-03-03", "2024-03-04"]
    assert found.open_usd.tolist() == [10, 10, 10, 12]
    assert found.close_usd.tolist() == [11, 11, 11, 13]


def test_a_range_has_its_start_and_not_its_end() -> None:
    found = bars([1, 2, 3], [1, 2, 3]).between(FRIDAY, FRIDAY + timedelta(days=2))
    assert found.close_usd.tolist() == [1, 2]


def test_the_last_session_before_the_window_is_no_training_row() -> None:
    days = [FRIDAY + timedelta(days=place) for place in range(-370, 3)]
    window = SymbolWindow(bars([1.0] * 373, [1.0] * 373, days=days), FRIDAY, FRIDAY + timedelta(days=3), 1)
    training = window.training_bars()
    assert (training.days[0], training.days[-1]) == (date(2023, 3, 1), FRIDAY - timedelta(days=2))


def test_the_leap_day_has_no_day_a_year_before() -> None:
    window = SymbolWindow(bars([1.0], [1.0]), date(2024, 2, 29), FRIDAY, 1)
    assert window.training_start == date(2023, 2, 28)


def test_only_the_year_of_the_first_earlier_row_is_looked_at() -> None:
    late = bars([1.0] * 3, [1.0] * 3, days=[date(2023, 12, 29), FRIDAY, FRIDAY + timedelta(days=1)])
    assert SymbolWindow(late, FRIDAY, FRIDAY + timedelta(days=2), 1).reason_to_skip() is None
    assert "first row of these is 2023-12-29" in str(SymbolWindow(late, FRIDAY, FRIDAY + timedelta(days=2), 2).reason_to_skip())
    assert "there is none" in str(SymbolWindow(late, date(2023, 1, 3), FRIDAY, 1).reason_to_skip())


def test_the_window_is_read_through_a_view_that_ends_with_it(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path, actions=[("AAA", "split", date(2024, 3, 11), 3.0)])
    data = bundle.symbol_data("AAA")
    object.__setattr__(data, "vendor_closes_usd", data.closes_usd / 3)
    window = window_of(bundle, "AAA", start=date(2024, 2, 1), end=date(2024, 2, 29), training_years=1)
    assert window.sessions.days[-1] == date(2024, 2, 29)
    view = bundle.view(as_of=bundle.calendar.close_at(date(2024, 2, 29)))
    raw = view.bar("AAA", date(2024, 2, 29))
    assert raw is not None
    assert window.sessions.close_usd[-1] == pytest.approx(raw.close_usd / 3)
    assert window.sessions.open_usd[-1] == pytest.approx(raw.open_usd / 3)
    with pytest.raises(LookaheadError):
        view.vendor_adjusted_bars("AAA", date(2024, 2, 1), date(2024, 3, 1))


def test_only_this_convention_asks_for_prices_that_know_later_splits(repository: Path) -> None:
    files = [path for path in (repository / "tradinggroup").rglob("*.py") if "vendor_adjusted_bars(" in path.read_text(encoding="utf-8")]
    assert sorted(path.relative_to(repository).as_posix() for path in files) == [
        "tradinggroup/backtest/finsaber/bars.py",
        "tradinggroup/data/view.py",
    ]


# -- orders and the account -----------------------------------------------------------------------------------------------


def test_the_floor_of_the_commission_comes_before_its_cap() -> None:
    assert commission_usd(10, 5.0) == pytest.approx(0.5)  # 1 % of 50 USD, below the floor of 0.99
    assert commission_usd(10, 50.0) == pytest.approx(0.99)
    assert commission_usd(-1000, 50.0) == pytest.approx(4.9)


def test_an_order_fills_at_the_next_open_first_in_first_out() -> None:
    rows = play({0: (10, -4)}, [50, 60, 70], [55, 65, 75])
    assert sent(rows) == [(10, 60), (-4, 60)]
    assert [row["order_id"] for row in rows.fills] == ["X-2024-03-01", "X-2024-03-01-2"]
    assert [row["decision_session"] for row in rows.fills] == [FRIDAY, FRIDAY]
    assert rows.equity[1]["cash_usd"] == pytest.approx(10_000 - 600 - 0.99 + 240 - 0.99)


def test_what_the_cash_cannot_pay_at_the_open_is_dropped_whole() -> None:
    rows = play({0: (199,)}, [50, 51, 50], [50, 50, 50])  # 199 * 51 is more than the cash
    assert sent(rows) == []
    assert [row["equity_usd"] for row in rows.equity] == [10_000] * 3


def test_an_order_too_dear_at_its_own_close_is_refused_although_the_open_is_cheap() -> None:
    assert sent(play({0: (150, 51)}, [50, 10, 10], [50, 10, 10])) == [(150, 10)]


def test_a_short_sale_takes_cash_and_is_worth_twice_its_entry_less_the_close() -> None:
    rows = play({0: (-100,), 2: (100,)}, [50, 50, 40, 40], [50, 45, 40, 40])
    fee = 0.99
    assert [row["cash_usd"] for row in rows.equity] == pytest.approx([10_000, 5_000 - fee, 5_000 - fee, 11_000 - 2 * fee])
    assert rows.equity[1]["equity_usd"] == pytest.approx(5_000 - fee + 100 * (2 * 50 - 45))
    assert rows.equity[1]["shares"] == -100


def test_closing_and_opening_legs_of_one_order_are_charged_apart() -> None:
    rows = play({0: (10,), 1: (-20,)}, [50, 50, 50], [50, 50, 50])
    assert [row["commission_usd"] for row in rows.fills] == pytest.approx([0.99, 1.98])


def test_the_closing_leg_stands_where_the_opening_one_cannot_be_paid() -> None:
    rows = play({0: (10,), 1: (-10_000,)}, [50, 50, 500, 500], [50, 0.5, 500, 500], cash_usd=6000.0)
    assert sent(rows) == [(10, 50), (-10, 500)]


# -- rules ----------------------------------------------------------------------------------------------------------------


def test_fitting_steps_down_to_what_is_paid() -> None:
    assert fitted(200, cash_usd=10_000, close_usd=50) == 199
    assert fitted(100, cash_usd=10_000, close_usd=50) == 100
    assert fitted(1, cash_usd=0.5, close_usd=50) == 0


@pytest.mark.parametrize("name", ["arima", "xgboost"])
def test_without_a_model_nothing_is_traded_and_the_reason_stays(name: str) -> None:
    days = [date(2023, 12, 28), date(2023, 12, 29), *(date(2024, 1, 2) + timedelta(days=place) for place in range(4))]
    window = SymbolWindow(bars([10.0] * 6, [11.0] * 6, days=days), date(2024, 1, 2), date(2024, 1, 6), 1)
    result = run_finsaber([name], {"X": window}, cash_usd=1_000.0).results[name]
    assert [row["equity_usd"] for row in result.equity["X"]] == [1_000.0] * 4
    assert result.fills["X"] == []
    assert "no model, no trade" in str(result.explanation)


def test_the_first_cross_takes_the_large_side() -> None:
    closes = [100.0] * 25
    fast, slow = np.array([0.0] * 21 + [2.0] * 2 + [0.0, 0.0]), np.array([1.0] * 25)
    cross = Cross(bars(closes, closes), fast, slow)
    assert list(cross.orders(21, Holding(10_000, 0, 10_000))) == [0, 95]
    assert list(cross.orders(22, Holding(500, 95, 10_000))) == []
    assert list(cross.orders(23, Holding(500, 95, 10_000))) == [-95, -4]


def test_a_touch_of_the_averages_is_no_cross_and_keeps_its_side() -> None:
    closes = [100.0] * 24
    fast, slow = np.array([0.0] * 20 + [1.0, 2.0, 1.0, 2.0]), np.array([1.0] * 24)
    cross = Cross(bars(closes, closes), fast, slow)
    flat = Holding(10_000, 0, 10_000)
    assert [bool(any(cross.orders(bar, flat))) for bar in (20, 21, 22, 23)] == [False, True, False, False]


def test_bands_act_on_the_bar_that_passes_them_only() -> None:
    closes = [100.0, 101.0] * 10 + [80.0, 79.0, 130.0, 131.0]
    rule = bollinger(bars(closes, closes))
    found = [list(rule.orders(bar, Holding(10_000, 7, 10_000))) for bar in range(len(closes))]
    assert [bar for bar, orders in enumerate(found) if orders] == [20, 22]
    assert found[20][0] > 0 > found[22][0] == -7


def test_turn_of_the_month() -> None:
    assert [weekday_of_month(date(2024, 3, number)) for number in (1, 2, 3, 4, 5, 6)] == [1, None, None, 2, 3, 4]
    closes = [100.0] * 31
    rule = TurnOfMonth(bars(closes, closes, first=FRIDAY))
    holding = Holding(10_000, 0, 10_000)
    assert list(rule.orders(4, Holding(500, 95, 10_000))) == [-95]  # 5 March, the third weekday
    assert list(rule.orders(25, holding)) == []  # 26 March + 5 days is still March
    assert list(rule.orders(26, holding)) == [95]
    assert list(rule.orders(27, Holding(100, 99, 10_000))) == [-4]


# -- metrics --------------------------------------------------------------------------------------------------------------


def test_metrics_by_hand() -> None:
    values = [100_000.0, 101_000.0, 99_000.0, 99_000.0, 103_950.0]
    equity = {
        "X": [
            {"session": FRIDAY + timedelta(days=place), "equity_usd": value, "cash_usd": value, "shares": 0}
            for place, value in enumerate(values)
        ]
    }
    found = finsaber_metrics(equity, {}, cash_usd=100_000.0, first_bar=1)["X"]
    assert found.total_return_fraction == pytest.approx(0.0395)
    assert found.max_drawdown_fraction == pytest.approx(99 / 101 - 1)
    changes = [99 / 101 - 1, 0.0, 0.05]  # from the first acting bar, which has none itself
    assert found.annual_volatility_fraction == pytest.approx(np.std(changes, ddof=1) * np.sqrt(252))
    returns = np.array([0.0, 0.01, *changes]) - (1.03 ** (1 / 252) - 1)
    assert found.sharpe_ratio == pytest.approx(returns.mean() / returns.std() * np.sqrt(252))
    assert sharpe_ratio(np.array([50.0]), cash_usd=50.0) is None


def test_all_is_the_sum_by_day() -> None:
    def rows(values: Sequence[float]) -> list[dict[str, Any]]:
        return [{"session": place, "equity_usd": value, "cash_usd": value, "shares": 0} for place, value in enumerate(values)]

    found = finsaber_metrics({"X": rows([100, 90, 95]), "Y": rows([100, 130, 120])}, {}, cash_usd=100.0, first_bar=0)
    assert found["ALL"].total_return_fraction == pytest.approx(215 / 200 - 1)
    assert "ALL" not in finsaber_metrics({"X": rows([100, 90]), "Y": rows([100])}, {}, cash_usd=100.0, first_bar=0)


# -- names and settings ---------------------------------------------------------------------------------------------------

TEXT = """name = "x"
bundle = "x"
symbols = ["AAA"]
start = 2024-02-01
end = 2024-03-01
convention = "finsaber"
"""


def test_the_settings_know_the_baselines_of_the_convention() -> None:
    assert tuple(BASELINES) == CONVENTION_BASELINES["finsaber"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('agents_enabled = false\nbaselines = ["buy_and_hold", "momentum"]', "finsaber does not know the baseline momentum"),
        ("agents_enabled = false", "finsaber does not know the baseline constant_exposure"),
        ('baselines = ["buy_and_hold"]', "finsaber is a convention of baselines only"),
        ('agents_enabled = false\nbaselines = ["buy_and_hold"]\ncash_rate_per_year = 0.02', "cash_rate_per_year is fixed by"),
        ('agents_enabled = false\nbaselines = ["buy_and_hold"]\n[costs]\nminimum_usd = 0.5', "costs is fixed by"),
    ],
)
def test_what_the_convention_cannot_do_is_said(lines: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)) as caught:
        experiment_from_toml(f"{TEXT}{lines}\n")
    assert caught.value.code is ErrorCode.SETTING_INVALID


def test_a_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "statsmodels", None)
    with pytest.raises(UsageError, match=r"arima needs the package statsmodels.*pip install 'tradinggroup\[baselines\]'") as caught:
        run_finsaber(["arima"], {}, cash_usd=1.0)
    assert caught.value.code is ErrorCode.EXTRA_MISSING


def test_a_bundle_without_adjusted_closes_is_refused(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path)
    with pytest.raises(DataError, match="no adjusted close of AAA"):
        window_of(bundle, "AAA", start=date(2024, 2, 1), end=date(2024, 2, 29), training_years=1)
