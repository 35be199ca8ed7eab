"""Risk profiles: the styles' widths and fractions, and the limits that nothing may pass.

A profile is a TOML file in `risk/`. It is read strictly: an unknown key, a missing one, a value out of range or two that
contradict each other is an error before anything runs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.project import Project
from tradinggroup.risk.profile_faults import contradiction, shape_fault

FALLBACK_STYLE = "balanced"
"""The middle choice, for a style that is not one (spec 5)."""

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
SellFraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Multiplier = Annotated[float, Field(gt=0, allow_inf_nan=False)]
LimitFraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]

StopAnchorMode = Literal["daily", "entry", "tighten_only"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class StyleRules(_Table):
    """How one style sizes its orders and how wide its exits are."""

    stop_loss_multiplier: Multiplier
    """Width of the stop, in daily deviations over 10 sessions."""
    take_profit_multiplier: Multiplier
    """Width of the target, in daily deviations over 10 sessions."""
    buy_cash_fraction: Fraction
    """Share of the cash that a purchase may use."""
    sell_position_fraction: SellFraction
    """Share of the position that a sale sells."""


class Styles(_Table):
    """The paper's three styles."""

    aggressive: StyleRules
    balanced: StyleRules
    conservative: StyleRules


class Limits(_Table):
    """What no purchase may pass, whatever a model says. A key that is absent is a limit that is off.

    Sales are never held up by any of these, see `tradinggroup.risk.limits`.
    """

    maximum_weight_fraction: Fraction = 1.0
    """Largest share of the equity that may be invested after a purchase; holds at the fill, too."""
    cash_buffer_fraction: Fraction = 0.0
    """Share of the equity that a purchase must leave in cash; holds at the fill, too."""
    maximum_drawdown_fraction: LimitFraction | None = None
    """Fall from the account's highest close, as a positive fraction, that ends all purchases."""
    drawdown_halt_sessions: Count | None = None
    """How many closes that halt lasts, the one that set it off included; None: to the end of the run."""
    session_loss_limit_fraction: LimitFraction | None = None
    """Fall of the equity from the close before, as a positive fraction, at which no purchase is decided on that session."""
    maximum_orders_per_session: Count | None = None
    """Orders filled in a session, exits included, at which no purchase is decided on it."""
    maximum_volume_fraction: LimitFraction | None = None
    """Largest purchase as a share of the mean volume of the last sessions known at the close."""
    volume_window_sessions: Count = 20
    """How many sessions that mean is over."""
    cooldown_sessions: Count | None = None
    """Closes without a purchase after a STOP_LOSS sale, that of the sale's session included."""


class Stops(_Table):
    """How forced exits work."""

    mode: Literal["close", "intraday"] = "close"
    """When stops are checked, unless the experiment's `stops` says otherwise: against each close, or as orders inside the bar."""
    forced_exit_full: bool = False
    """true: a forced exit sells everything; false: it follows the style's sell fraction."""
    sigma_floor_fraction: Fraction = 0.005
    """Smallest daily deviation that widths are scaled by."""
    stop_anchor: StopAnchorMode = "daily"
    """What an open position's stop is anchored at, see `tradinggroup.risk.anchor`."""


class RiskProfile(_Table):
    """One risk profile."""

    styles: Styles
    limits: Limits = Limits()
    stops: Stops = Stops()

    def stop_mode(self, setting: Literal["profile", "close", "intraday"]) -> Literal["close", "intraday"]:
        """How stops work: as the experiment's setting says, or as this profile does where it is left to that."""
        return self.stops.mode if setting == "profile" else setting

    def rules(self, style: str) -> StyleRules:
        """The rules of a style; those of the balanced one for a name that is no style."""
        known: Mapping[str, StyleRules] = {
            "aggressive": self.styles.aggressive,
            "balanced": self.styles.balanced,
            "conservative": self.styles.conservative,
        }
        return known.get(style, known[FALLBACK_STYLE])


def find_profile(project: Project, name: str) -> Path:
    """The file of profile `name`: the project's own, else the packaged one. Raises UsageError where there is none."""
    path = project.content_file("risk", f"{name}.toml")
    if path is None:
        raise UsageError(
            ErrorCode.RISK_PROFILE_INVALID,
            f"no risk profile {name}",
            remedy=did_you_mean(name, project.content_names("risk", ".toml")),
        )
    return path


def load_profile(path: Path) -> RiskProfile:
    """Read a profile. Raises UsageError (RISK_PROFILE_INVALID) that names the key, its value and the way out."""
    where = f"{path.parent.name}/{path.name}"
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _invalid(where, f"cannot be read ({error.strerror})", remedy="Name a profile in risk/.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(where, f"is not TOML: {error}", remedy="Correct that line.") from error
    try:
        profile = RiskProfile.model_validate(values)
    except ValidationError as error:
        what, remedy = shape_fault(error, RiskProfile)
        raise _invalid(where, what, remedy=remedy) from error
    fault = contradiction(profile)
    if fault is not None:
        raise _invalid(where, fault[0], remedy=fault[1])
    return profile


def _invalid(where: str, what: str, *, remedy: str) -> UsageError:
    return UsageError(ErrorCode.RISK_PROFILE_INVALID, f"{where}: {what}", remedy=remedy)
