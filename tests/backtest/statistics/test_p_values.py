from __future__ import annotations

import numpy as np
import pytest

from tradinggroup.backtest.statistics.p_values import holm_adjusted, two_sided_p_value


def test_holm_by_hand() -> None:
    """Four of them: 0.01 × 4, 0.02 × 3, 0.03 × 2 lifted to the one before, 0.5 × 1."""
    found = holm_adjusted({"C": 0.03, "A": 0.01, "D": 0.5, "B": 0.02})
    assert list(found) == ["C", "A", "D", "B"]
    assert found == pytest.approx({"A": 0.04, "B": 0.06, "C": 0.06, "D": 0.5})
    assert holm_adjusted({"A": 0.6, "B": 0.7}) == {"A": 1.0, "B": 1.0}
    assert holm_adjusted({"A": 0.04}) == {"A": 0.04}
    assert holm_adjusted({}) == {}


def test_p_counts_the_smaller_side_twice() -> None:
    drawn = np.array([-1.0] * 10 + [1.0] * 989)
    assert two_sided_p_value(drawn) == pytest.approx(2 * 11 / 1000)
    assert two_sided_p_value(-drawn) == pytest.approx(2 * 11 / 1000)
    assert two_sided_p_value(np.zeros(100)) == 1
    assert two_sided_p_value(np.ones(999)) == pytest.approx(0.002)


def test_p_is_below_five_percent_where_the_interval_leaves_zero_out() -> None:
    rng = np.random.default_rng(3)
    for centre in np.linspace(1.5, 2.5, 41):
        drawn = rng.normal(centre, 1, 1999)
        is_out = bool(np.quantile(drawn, 0.025) > 0)
        assert (two_sided_p_value(drawn) <= 0.05) is is_out or abs(two_sided_p_value(drawn) - 0.05) < 0.002
