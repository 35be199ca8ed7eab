"""The texts of lessons: a template over logged outcomes, without a model.

Only fractions, labels and weekdays are shown, never a price, a share count or a cost, so that a lesson is safe on a bundle
whose price levels know of later splits (design 4.7), and never a date, so that a prompt names no calendar year. A case is
placed by its weekday and its distance to the newest case of the same record; both follow from the outcomes alone, so the
same outcomes always give the same text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from statistics import fmean
from typing import Any

from tradinggroup.reflection.cases import LabelledDecision, LabelledForecast, Selection
from tradinggroup.reflection.records import ACTIONS, DIRECTIONS

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
GOOD_HIT_RATE = 0.5
"""From this share of right cases on, the rule line says to keep the approach."""


def forecast_statistics(cases: Sequence[LabelledForecast]) -> dict[str, Any]:
    """Counts and means over the cases: `cases`, `hit_rate`, `mean_brier`, `by_label` (predicted label -> count, hit rate)."""
    return {
        "cases": len(cases),
        "hit_rate": fmean(each.label.correct for each in cases),
        "mean_brier": fmean(each.label.brier for each in cases),
        "by_label": {
            label: {"count": len(some), "hit_rate": fmean(each.label.correct for each in some)}
            for label in DIRECTIONS
            if (some := [each for each in cases if each.case.argmax_label == label])
        },
    }


def decision_statistics(cases: Sequence[LabelledDecision]) -> dict[str, Any]:
    """Counts and means over the cases.

    `cases`, `hit_rate` (share with a positive reward), `mean_reward`, `mean_regret`, `counts` (by executed action),
    `by_action` (executed action -> mean reward), `best_counts` (how often each action would have been best), and
    `counterfactual` (action -> mean reward had it always been taken).
    """
    taken = {action: [each.label.taken.reward for each in cases if each.case.executed_action == action] for action in ACTIONS}
    return {
        "cases": len(cases),
        "hit_rate": fmean(each.label.profitable for each in cases),
        "mean_reward": fmean(each.label.taken.reward for each in cases),
        "mean_regret": fmean(each.label.regret for each in cases),
        "counts": {action: len(rewards) for action, rewards in taken.items() if rewards},
        "by_action": {action: fmean(rewards) for action, rewards in taken.items() if rewards},
        "best_counts": {action: sum(each.label.best_action == action for each in cases) for action in ACTIONS},
        "counterfactual": {action: fmean(each.label.actions[action].reward for each in cases) for action in ACTIONS},
    }


def style_statistics(cases: Sequence[LabelledDecision]) -> dict[str, Any]:
    """By style that was used: `sessions`, `mean_return_fraction` of the equity, `hit_rate` (share of gains), `worst_return_fraction`."""
    returns: dict[str, list[float]] = {}
    for each in cases:
        returns.setdefault(each.case.style, []).append(each.label.taken.equity_return_fraction)
    return {
        style: {
            "sessions": len(values),
            "mean_return_fraction": fmean(values),
            "hit_rate": fmean(value > 0 for value in values),
            "worst_return_fraction": min(values),
        }
        for style, values in sorted(returns.items())
    }


def forecast_text(selection: Selection[LabelledForecast], statistics: Mapping[str, Any]) -> str:
    """The lesson of the forecasting agent."""
    newest = selection.cases[-1].case.session
    by_label = "; ".join(
        f"{label} {round(part['hit_rate'] * part['count'])} of {part['count']} right" for label, part in statistics["by_label"].items()
    )
    return "\n".join(
        [
            f"Own record, {_span(selection.cases)}: {statistics['cases']} forecasts with a known outcome, hit rate "
            f"{statistics['hit_rate']:.2f}, mean Brier score {statistics['mean_brier']:.3f} (0 is perfect, 0.667 is even odds).",
            f"By predicted class: {by_label}.",
            *_listed("Right, clearest first:", [_forecast_line(each, newest) for each in selection.successes]),
            *_listed("Wrong, costliest first:", [_forecast_line(each, newest) for each in selection.failures]),
            f"Rule: {_forecast_rule(statistics)}",
        ]
    )


def decision_text(selection: Selection[LabelledDecision], statistics: Mapping[str, Any]) -> str:
    """The lesson of the decision agent."""
    newest = selection.cases[-1].case.session
    by_action = "; ".join(
        f"{action} {count} (mean {_signed(statistics['by_action'][action])})" for action, count in statistics["counts"].items()
    )
    best = ", ".join(f"{action} {count}" for action, count in statistics["best_counts"].items())
    return "\n".join(
        [
            f"Own record, {_span(selection.cases)}: {statistics['cases']} decisions with a known outcome, "
            f"{statistics['hit_rate']:.2f} of them with a positive reward, mean reward {_signed(statistics['mean_reward'])}.",
            f"By action taken: {by_action}. Best action with hindsight: {best} times; mean regret {statistics['mean_regret']:.4f}.",
            *_listed("Good, best first:", [_decision_line(each, newest) for each in selection.successes]),
            *_listed("Bad, worst first:", [_decision_line(each, newest) + _alternative(each) for each in selection.failures]),
            f"Rule: {_decision_rule(statistics)}",
        ]
    )


def style_text(cases: Sequence[LabelledDecision], statistics: Mapping[str, Any]) -> str:
    """The lesson of the style-selection agent: how each style did on the sessions it was used."""
    lines = [
        f"- {style}: {part['sessions']} sessions, mean equity return {_signed(part['mean_return_fraction'])}, share of gains "
        f"{part['hit_rate']:.2f}, worst session {_signed(part['worst_return_fraction'])}"
        for style, part in statistics.items()
    ]
    means = {style: part["mean_return_fraction"] for style, part in statistics.items()}
    best = max(means, key=lambda style: (means[style], style))
    if list(means.values()).count(means[best]) > 1:
        rule = "no style stands out so far."
    else:
        rule = f"{best} had the best mean return; weigh it against how few sessions this is and whether the market is alike today."
    return "\n".join(
        [
            f"Own record, {_span(cases)}: {len(cases)} sessions by style.",
            *lines,
            f"Rule: {rule}",
        ]
    )


NEWS_WORDS = {"none": "no news", "failed": "news not scored", "off": "news not read"}
"""A failed call, or an agent that is switched off, must not read like a session without news."""


def _forecast_line(each: LabelledForecast, newest: date) -> str:
    case, label = each.case, each.label
    return (
        f"{_when(case.session, newest)} | {_evidence(each)} | p_up {case.p_up:.2f}, p_down {case.p_down:.2f}, "
        f"p_sideways {case.p_sideways:.2f}, gate {case.gated_label} | return {_signed(label.return_fraction)}, {label.true_label}"
    )


def _decision_line(each: LabelledDecision, newest: date) -> str:
    case = each.case
    trend = f"trend {case.gated_label}" if case.has_forecast else "no forecast made"
    account = f", style {case.style}, weight {case.account.weight_fraction:.2f}" if case.has_style else ""
    return (
        f"{_when(case.session, newest)} | {_evidence(each)}, {trend}{account} | {case.executed_action} | "
        f"reward {_signed(each.label.taken.reward)}"
    )


def _alternative(each: LabelledDecision) -> str:
    best = each.label.best_action
    if each.label.regret == 0:
        return "; no action was better"
    return f"; better: {best} ({_signed(each.label.actions[best].reward)})"


def _evidence(each: LabelledForecast | LabelledDecision) -> str:
    features, score = each.case.features, each.case.news_score
    news = NEWS_WORDS[each.case.news_state] if score is None else f"news {_signed(score, decimals=2)}"
    to_mean, to_high = (
        _signed(distance, decimals=3) for distance in (features.distance_to_mean_fraction, features.distance_to_high_fraction)
    )
    return (
        f"RSI {features.rsi14:.0f}, volatility {features.volatility_per_year_fraction:.2f} a year, "
        f"to mean {to_mean}, to high {to_high}, {news}"
    )


def _forecast_rule(statistics: Mapping[str, Any]) -> str:
    by_label = statistics["by_label"]
    weakest = min(by_label, key=lambda label: (by_label[label]["hit_rate"], -by_label[label]["count"], label))
    if by_label[weakest]["hit_rate"] >= GOOD_HIT_RATE:
        return "every class was right at least half of the time; keep the approach and stay calibrated."
    return f"{weakest} was your least reliable call; give it less probability unless today's evidence differs from the wrong cases above."


def _decision_rule(statistics: Mapping[str, Any]) -> str:
    by_action = statistics["by_action"]
    worst = min(by_action, key=lambda action: (by_action[action], action))
    if by_action[worst] >= 0:
        return "no action lost on average; keep the approach, and look for the bad cases' conditions before acting."
    better = max(statistics["best_counts"], key=lambda action: (statistics["best_counts"][action], action))
    instead = f"; {better} was best most often" if better != worst else ""
    return f"{worst} cost reward on average{instead}; review the bad cases above before repeating it."


def _signed(fraction: float, *, decimals: int = 4) -> str:
    """A fraction with its sign; what rounds to nothing is +0 from either side."""
    return f"{round(fraction, decimals) + 0.0:+.{decimals}f}"


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *(f"- {line}" for line in lines)] if lines else []


def _span(cases: Sequence[LabelledForecast] | Sequence[LabelledDecision]) -> str:
    """`18 days up to the newest case, a Fri`."""
    first, newest = cases[0].case.session, cases[-1].case.session
    days = (newest - first).days + 1
    return f"{days} {'day' if days == 1 else 'days'} up to the newest case, a {WEEKDAYS[newest.weekday()]}"


def _when(session: date, newest: date) -> str:
    """`Thu, 12 days before the newest`."""
    days, weekday = (newest - session).days, WEEKDAYS[session.weekday()]
    return f"{weekday}, the newest" if days == 0 else f"{weekday}, {days} {'day' if days == 1 else 'days'} before the newest"
