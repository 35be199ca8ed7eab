"""The style and the action of the rule-based analyst."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tradinggroup.models.answers import Action, Decision, Style, StyleChoice

CALM_VOLATILITY_PER_YEAR, WILD_VOLATILITY_PER_YEAR = 0.30, 0.60
DEEP_DRAWDOWN_FRACTION = -0.10
BAD_NEWS = -0.4
CLEAR_EDGE = 0.25
LOSING_RETURN_FRACTION = -0.002
"""A style whose mean daily return lately was below this is toned down by one step."""
LOSING_SESSIONS = 5

LABEL_WEIGHT = 0.25
NEWS_WEIGHT = 0.10
HOLD_SCORE, SIDEWAYS_HOLD = 0.10, 0.20
NEAR_EXIT_SHARE, NEAR_EXIT_WEIGHT = 0.8, 0.10
FULL_WEIGHT = 0.95
"""Invested share from which a purchase would do next to nothing."""
EXPERIENCE_WEIGHT, EXPERIENCE_SCALE, CASES_FOR_HALF_TRUST = 0.15, 0.01, 10.0
"""The record moves an action's score by at most EXPERIENCE_WEIGHT; a reward of EXPERIENCE_SCALE over the mean does so in full."""

NO_ACCOUNT: Mapping[str, float | None] = {"weight_fraction": None, "unrealised_fraction": None, "drawdown_fraction": None}
"""Where the account's state is not shown, any action may be possible."""

_STYLES: tuple[Style, ...] = ("conservative", "balanced", "aggressive")
_ACTIONS: tuple[Action, ...] = ("hold", "sell", "buy")
_DECIMALS = 4


def choose_style(evidence: Mapping[str, Any]) -> StyleChoice:
    """Aggressive for a clear edge in a calm market, conservative for a wild one, a drawdown or bad news, else balanced."""
    volatility = evidence["features"].volatility_per_year_fraction
    news = evidence["news_score"] or 0.0
    drawdown = evidence["account"]["drawdown_fraction"]
    signs = {
        "calm market": volatility < CALM_VOLATILITY_PER_YEAR,
        "clear edge": evidence["p_up"] - evidence["p_down"] > CLEAR_EDGE and news >= 0,
    }
    dangers = {
        "wild market": volatility > WILD_VOLATILITY_PER_YEAR,
        "drawdown": drawdown < DEEP_DRAWDOWN_FRACTION,
        "bad news": news < BAD_NEWS,
    }
    step = -1 if any(dangers.values()) else int(all(signs.values()))
    style, losing = _toned_down(_STYLES[step + 1], evidence.get("style_statistics"))
    reasons = [name for name, holds in (dangers if step < 0 else signs).items() if holds]
    if losing:
        reasons.append("the style lost lately")
    confidence = min(0.9, 0.5 + 0.15 * len(reasons))
    return StyleChoice(style=style, confidence=round(confidence, _DECIMALS), reasoning=f"{', '.join(reasons) or 'nothing stands out'}.")


def _toned_down(style: Style, statistics: Mapping[str, Any] | None) -> tuple[Style, bool]:
    """One step more careful where the style lost lately."""
    record = (statistics or {}).get(style)
    if not record or record["sessions"] < LOSING_SESSIONS or record["mean_return_fraction"] >= LOSING_RETURN_FRACTION:
        return style, False
    return _STYLES[max(0, _STYLES.index(style) - 1)], True


def choose_action(evidence: Mapping[str, Any]) -> Decision:
    """The possible action with the highest score; hold before sell before buy where scores are equal."""
    account = evidence["account"] or NO_ACCOUNT
    scores = _scores(evidence)
    bonus = experience_bonus(evidence.get("experience_statistics"))
    weight = account["weight_fraction"]
    possible = {"hold": True, "sell": weight is None or weight > 0, "buy": weight is None or weight < FULL_WEIGHT}
    totals = {action: scores[action] + bonus.get(action, 0.0) for action in _ACTIONS if possible[action]}
    ranked = sorted(totals, key=lambda action: (-totals[action], _ACTIONS.index(action)))
    margin = totals[ranked[0]] - totals[ranked[1]] if len(ranked) > 1 else 0.0
    shown = ", ".join(f"{action} {totals[action]:+.2f}" for action in totals)
    record = f"; record {', '.join(f'{action} {value:+.2f}' for action, value in bonus.items())}" if bonus else ""
    return Decision(
        action=ranked[0],
        confidence=round(min(0.95, 0.5 + margin / 2), _DECIMALS),
        reasoning=f"Trend {evidence['gated_label'] or 'not forecast'}; scores {shown}{record}.",
    )


def _scores(evidence: Mapping[str, Any]) -> dict[Action, float]:
    label = evidence["gated_label"]
    lean = evidence["p_up"] - evidence["p_down"] + LABEL_WEIGHT * ((label == "up") - (label == "down"))
    lean += NEWS_WEIGHT * (evidence["news_score"] or 0.0)
    return {
        "hold": HOLD_SCORE + SIDEWAYS_HOLD * (label == "sideways"),
        "sell": -lean + NEAR_EXIT_WEIGHT * _near_exit(evidence),
        "buy": lean,
    }


def _near_exit(evidence: Mapping[str, Any]) -> bool:
    """Whether the open position is near a forced exit and the trend does not speak for it."""
    held, limits = (evidence["account"] or NO_ACCOUNT)["unrealised_fraction"], evidence["limits"]
    if held is None or limits is None or evidence["gated_label"] == "up":
        return False
    return bool(held <= NEAR_EXIT_SHARE * limits["stop_loss_fraction"] or held >= NEAR_EXIT_SHARE * limits["take_profit_fraction"])


def experience_bonus(statistics: Mapping[str, Any] | None) -> dict[Action, float]:
    """What the record adds to each action's score: its mean reward against the mean of all, within bounds."""
    if not statistics or not statistics.get("by_action"):
        return {}
    rewards = {action: statistics["by_action"][action] for action in _ACTIONS if statistics["by_action"].get(action) is not None}
    if len(rewards) < 2:
        return {}
    mean = math.fsum(rewards.values()) / len(rewards)
    cases = float(statistics["cases"])
    trust = EXPERIENCE_WEIGHT * cases / (cases + CASES_FOR_HALF_TRUST)
    return {action: round(trust * max(-1.0, min(1.0, (reward - mean) / EXPERIENCE_SCALE)), _DECIMALS) for action, reward in rewards.items()}
