"""Risk profiles: the styles' widths and fractions, and the limits that nothing may pass.

A profile is a TOML file in `risk/`. It is read strictly: an unknown key, a missing one or a value out of range is an error
before anything runs.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tradinggroup.errors import ErrorCode, UsageError, did_you_mean
from tradinggroup.project import Project

FALLBACK_STYLE = "balanced"
"""The middle choice, for a style that is not one (spec 5)."""

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
SellFraction = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Multiplier = Annotated[float, Field(gt=0, allow_inf_nan=False)]


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
    """What no purchase may pass, whatever a model says."""

    maximum_weight_fraction: Fraction = 1.0
    """Largest share of the equity that may be invested after a purchase."""
    cash_buffer_fraction: Fraction = 0.0
    """Share of the equity that a purchase must leave in cash."""


class Stops(_Table):
    """How forced exits work."""

    mode: Literal["close", "intraday"] = "close"
    """When stops work: checked against each session's close, or as orders inside the bar from the fill on."""
    forced_exit_full: bool = False
    """true: a forced exit sells everything; false: it follows the style's sell fraction."""
    sigma_floor_fraction: Fraction = 0.005
    """Smallest daily deviation that widths are scaled by."""


class RiskProfile(_Table):
    """One risk profile."""

    styles: Styles
    limits: Limits = Limits()
    stops: Stops = Stops()

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
        return RiskProfile.model_validate(values)
    except ValidationError as error:
        raise _explain(where, error) from error


def _invalid(where: str, what: str, *, remedy: str) -> UsageError:
    return UsageError(ErrorCode.RISK_PROFILE_INVALID, f"{where}: {what}", remedy=remedy)


def _explain(where: str, error: ValidationError) -> UsageError:
    """The first fault of the file as one sentence and a remedy."""
    fault = error.errors(include_url=False)[0]
    path = tuple(str(part) for part in fault["loc"])
    key, value = ".".join(path), fault["input"]
    if fault["type"] == "extra_forbidden":
        return _invalid(where, f"unknown key {key}", remedy=did_you_mean(path[-1], _keys_beside(path)))
    if fault["type"] == "missing":
        return _invalid(where, f"{key} is missing", remedy="Add it; the packaged risk/default.toml has every key.")
    if path[-1].endswith("_fraction") and _is_number(value):
        at_least = "above 0 and at most 1" if fault["type"] == "greater_than" else "within 0..1"
        return _invalid(where, f"{key}={value} must be {at_least}", remedy=_percent_hint(value))
    return _invalid(where, f"{key}={value!r}: {fault['msg'][:1].lower()}{fault['msg'][1:]}", remedy="Correct the value.")


def _keys_beside(path: tuple[str, ...]) -> list[str]:
    """The keys that the table of `path` knows."""
    table: type[BaseModel] = RiskProfile
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
