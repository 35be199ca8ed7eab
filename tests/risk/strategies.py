"""What a property of the risk layer is tried on: styles, answers, nonsense, and profiles with any of the limits."""

from __future__ import annotations

from hypothesis import strategies as st

from tradinggroup.risk.profile import Limits, RiskProfile, Stops, StyleRules, Styles

STYLES = st.sampled_from(["aggressive", "balanced", "conservative", "nonsense"])
NONSENSE = st.one_of(st.none(), st.floats(), st.integers(), st.text(), st.lists(st.text(max_size=3), max_size=2))
VALID = st.sampled_from(["buy", "buy", "sell", "hold"])
ACTIONS = st.integers(0, 4).flatmap(lambda number: NONSENSE if number == 0 else VALID)  # most answers make sense
FRACTIONS = st.sampled_from([1.0, 0.5, 0.9, 0.3, 0.05, 0.0])


def _off_or(*values: float) -> st.SearchStrategy[float | None]:
    return st.sampled_from([None, None, *values])


@st.composite
def profiles(draw: st.DrawFn) -> RiskProfile:
    def rules() -> StyleRules:
        return StyleRules(
            stop_loss_multiplier=draw(st.floats(0.1, 5)),
            take_profit_multiplier=draw(st.floats(0.1, 8)),
            buy_cash_fraction=draw(FRACTIONS),
            sell_position_fraction=draw(FRACTIONS.filter(bool)),
        )

    return RiskProfile(
        styles=Styles(aggressive=rules(), balanced=rules(), conservative=rules()),
        limits=Limits(
            maximum_weight_fraction=draw(st.sampled_from([1.0, 1.0, 0.9, 0.5, 0.1, 0.0])),
            cash_buffer_fraction=draw(st.sampled_from([0.0, 0.0, 0.05, 0.3, 1.0])),
            maximum_drawdown_fraction=draw(_off_or(0.05, 0.2, 1.0)),
            drawdown_halt_sessions=draw(st.sampled_from([None, 1, 2, 5])),
            session_loss_limit_fraction=draw(_off_or(0.01, 0.1)),
            maximum_orders_per_session=draw(st.sampled_from([None, None, 1, 2])),
            maximum_volume_fraction=draw(_off_or(0.001, 0.1)),
            cooldown_sessions=draw(st.sampled_from([None, None, 1, 3])),
        ),
        stops=Stops(forced_exit_full=draw(st.booleans()), stop_anchor=draw(st.sampled_from(["daily", "entry", "tighten_only"]))),
    )
