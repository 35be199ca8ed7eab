"""What is wrong with a risk profile, as one sentence and a way out.

Two kinds: a key or value that cannot be (found by pydantic), and values that can be, each for itself, but contradict one another
or leave the account without any purchase.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from tradinggroup.errors import did_you_mean

if TYPE_CHECKING:
    from tradinggroup.risk.profile import RiskProfile

Fault = tuple[str, str]
"""(what is wrong, what to do)."""

NARROWEST_MULTIPLIER, WIDEST_MULTIPLIER = 0.1, 50.0
"""Daily deviations. Nearer than the first an exit is noise, beyond the second none is reached (ours)."""

SMALLEST_VOLUME_FRACTION, LONGEST_VOLUME_WINDOW_SESSIONS = 1e-6, 252
"""Below the first a purchase is a few shares of the largest company; the second is a year (ours)."""


def shape_fault(error: ValidationError, root: type[BaseModel]) -> Fault:
    """The first fault that pydantic found in a profile of the type `root`."""
    fault = error.errors(include_url=False)[0]
    path = tuple(str(part) for part in fault["loc"])
    key, value, kind = ".".join(path), fault["input"], fault["type"]
    if kind == "extra_forbidden":
        return f"unknown key {key}", did_you_mean(path[-1], _keys_beside(path, root))
    if kind == "missing":
        return f"{key} is missing", "Add it; the packaged risk/default.toml has every key."
    if path[-1].endswith("_multiplier") and _is_number(value):
        return _multiplier_fault(key, value)
    if path[0] == "limits" and _is_number(value) and value <= 0 and kind.startswith("greater_than"):
        bound = "at least 0" if kind == "greater_than_equal" and value < 0 and key.endswith("_fraction") else "above 0"
        return f"{key}={value} must be {bound}", "Leave the key out to switch the limit off."
    if path[-1].endswith("_fraction") and _is_number(value):
        at_least = "above 0 and at most 1" if kind == "greater_than" else "within 0..1"
        return f"{key}={value} must be {at_least}", _percent_hint(value)
    return f"{key}={value!r}: {fault['msg'][:1].lower()}{fault['msg'][1:]}", "Correct the value."


def contradiction(profile: RiskProfile) -> Fault | None:
    """The first pair of values that cannot both be meant, or value that leaves nothing to trade; None in a sound profile."""
    checks = (_blocking, _unreachable, _without_their_limit, _odd_volume, _odd_widths)
    return next((fault for check in checks for fault in check(profile)), None)


def _blocking(profile: RiskProfile) -> list[Fault]:
    """Limits that allow no purchase ever."""
    found, limits = [], profile.limits
    if limits.maximum_weight_fraction == 0:
        found.append(("limits.maximum_weight_fraction=0 allows no purchase at all", "Raise it; 1.0 is no limit."))
    if limits.cash_buffer_fraction == 1:
        found.append(("limits.cash_buffer_fraction=1 keeps all cash back, so nothing can be bought", "Lower it; 0.0 is no buffer."))
    if all(rules.buy_cash_fraction == 0 for _, rules in profile.styles):
        found.append(("buy_cash_fraction is 0 in all styles, so nothing can be bought", "Raise it in one style at least."))
    return found


def _unreachable(profile: RiskProfile) -> list[Fault]:
    """A limit that another one always comes before."""
    found, limits = [], profile.limits
    session, deepest = limits.session_loss_limit_fraction, limits.maximum_drawdown_fraction
    if session is not None and deepest is not None and session > deepest:
        what = f"limits.session_loss_limit_fraction={session} is above limits.maximum_drawdown_fraction={deepest}"
        found.append((f"{what}: one such session sets off the halt, so the session's limit never counts", "Lower it, or leave it out."))
    weight, buffer = limits.maximum_weight_fraction, limits.cash_buffer_fraction
    if weight < 1 and buffer > 0 and not math.isclose(weight, 1 - buffer, abs_tol=1e-9):
        idle, ruling = ("weight", "buffer") if 1 - buffer < weight else ("buffer", "weight")
        what = (
            f"limits.cash_buffer_fraction={buffer:g} leaves a weight of {1 - buffer:g}, limits.maximum_weight_fraction={weight:g} another"
        )
        found.append((f"{what}: the {ruling} always comes first, so the {idle} never counts", f"Leave the {idle} out, or make them agree."))
    return found


def _without_their_limit(profile: RiskProfile) -> list[Fault]:
    """Keys that say more about a limit that is off."""
    limits, found = profile.limits, []
    pairs = (("drawdown_halt_sessions", "maximum_drawdown_fraction"), ("volume_window_sessions", "maximum_volume_fraction"))
    for key, limit in pairs:
        if key in limits.model_fields_set and getattr(limits, key) is not None and getattr(limits, limit) is None:
            found.append((f"limits.{key} means nothing without limits.{limit}", f"Add {limit}, or leave {key} out."))
    return found


def _odd_volume(profile: RiskProfile) -> list[Fault]:
    """A share of the volume that buys nothing, or a mean over more than a year."""
    limits, found = profile.limits, []
    share, window = limits.maximum_volume_fraction, limits.volume_window_sessions
    if share is not None and share < SMALLEST_VOLUME_FRACTION:
        what = f"limits.maximum_volume_fraction={share:g} is below {SMALLEST_VOLUME_FRACTION:g}, where hardly a share can be bought"
        found.append((what, "Raise it, or leave it out to switch the limit off."))
    if window > LONGEST_VOLUME_WINDOW_SESSIONS:
        what = f"limits.volume_window_sessions={window} is above {LONGEST_VOLUME_WINDOW_SESSIONS}, a year of sessions"
        found.append((what, "Lower it; 20 is a month."))
    return found


def _odd_widths(profile: RiskProfile) -> list[Fault]:
    """Stops and targets that any price reaches, or none."""
    found, floor = [], profile.stops.sigma_floor_fraction
    for name, rules in profile.styles:
        for side, multiplier in (("stop_loss", rules.stop_loss_multiplier), ("take_profit", rules.take_profit_multiplier)):
            key = f"styles.{name}.{side}_multiplier={multiplier:g}"
            if multiplier < NARROWEST_MULTIPLIER:
                what = f"{key} is below {NARROWEST_MULTIPLIER:g} daily deviations, which any session reaches"
                found.append((what, f"Raise it; did you mean {multiplier * 100:g}?"))
            if multiplier > WIDEST_MULTIPLIER:
                found.append((f"{key} is above {WIDEST_MULTIPLIER:g} daily deviations, which no price reaches", _WIDE_REMEDY))
        multiplier = rules.stop_loss_multiplier
        key = f"styles.{name}.stop_loss_multiplier={multiplier:g}"
        if multiplier <= WIDEST_MULTIPLIER and multiplier * floor >= 1:
            what = f"{key} times stops.sigma_floor_fraction={floor:g} is a stop at least {multiplier * floor * 100:.0f} % below the entry"
            found.append((f"{what}, which no price reaches", _WIDE_REMEDY))
    return found


_WIDE_REMEDY = 'Lower it; `without = ["risk"]` in the experiment switches the exits off.'


def _multiplier_fault(key: str, value: float) -> Fault:
    """A width that is no positive number."""
    side, place = ("stop", "above") if "stop_loss" in key else ("target", "below")
    if value == 0:
        return f"{key}={value} puts the {side} at the entry price itself", "Multipliers are above 0."
    if value < 0:
        return f"{key}={value} puts the {side} {place} the entry price", f"Multipliers are above 0: did you mean {-value:g}?"
    return f"{key}={value} is no width", "Give a finite number above 0."


def _keys_beside(path: tuple[str, ...], root: type[BaseModel]) -> list[str]:
    """The keys that the table of `path` knows."""
    table = root
    for part in path[:-1]:
        annotation = table.model_fields[part].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        table = annotation
    return list(table.model_fields)


def _percent_hint(value: float) -> str:
    """What a person who wrote a percentage probably meant."""
    if 1 < value <= 100:
        return f"Did you mean {value / 100:.2f} ({value:g} %)?"
    return "Fractions run from 0 to 1 (0.50 is 50 %)."


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
