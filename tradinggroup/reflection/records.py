"""What a forecast or a decision is kept as, and what it turns out to be once its outcome is known.

An outcome's line is the contract of `outcomes.jsonl`. Amounts in USD stand in the log only; lesson texts show fractions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from tradinggroup.clock import iso_utc
from tradinggroup.data.features import Features
from tradinggroup.risk.account import Account
from tradinggroup.risk.exits import ExitRules
from tradinggroup.risk.limits import NO_CONDITIONS, PurchaseConditions

NewsState = Literal["read", "none", "failed", "off"]
"""What is known of a session's news: a score, that there was none, nothing since the call failed, nothing since it is not read."""

Direction = Literal["up", "down", "sideways"]
DIRECTIONS: tuple[Direction, ...] = ("up", "down", "sideways")

Action = Literal["buy", "hold", "sell"]
ACTIONS: tuple[Action, ...] = ("hold", "buy", "sell")
"""In the order in which ties for the best action are broken: doing nothing first."""

NO_BAR = "no_bar"
"""Reason of a missing label: the symbol has no bar on the session after, so neither a fill price nor a return."""
NO_EQUITY = "no_equity"
"""Reason of a missing label: the account was empty, so no return is defined."""


@dataclass(frozen=True, slots=True)
class ForecastCase:
    """A forecast as it was made, with the evidence that a lesson shows."""

    symbol: str
    session: date
    features: Features
    p_up: float
    p_down: float
    p_sideways: float
    argmax_label: str
    """The class of the highest probability; outcomes are scored by it (spec 4.3)."""
    gated_label: str
    """What the gate made of it."""
    news_score: float | None
    """-1 to 1; None without news."""
    is_fallback: bool
    """Whether the agent gave no usable answer, or was left out of the run, and the probabilities are the neutral ones."""
    news_state: NewsState = "none"
    """Why there is no score, where there is none."""

    def probability(self, label: str) -> float:
        """The probability given to `up`, `down` or `sideways`."""
        return {"up": self.p_up, "down": self.p_down, "sideways": self.p_sideways}[label]


@dataclass(frozen=True, slots=True)
class ForecastLabel:
    """What a forecast turned out to be (spec 8.3)."""

    return_fraction: float
    """Close to close, simple, splits and dividends included."""
    band_fraction: float
    """Half-width of the sideways band (eps), positive."""
    true_label: Direction
    sign_ok: bool
    p_true: float
    """Probability that had been given to the true label."""
    hit_weight: float
    """w_hit, 0 to 1: sign_ok * tanh(|return| / band) * p_true (spec eq. 4)."""
    correct: bool
    """Whether the class of the highest probability was the true one."""
    brier: float
    """Sum over the three classes of (probability - outcome)^2, 0 (perfect) to 2."""
    log_score: float
    """-ln(p_true), zero or positive, lower is better; probabilities below a millionth count as one."""
    fill_return_fraction: float | None = None
    """From the next open, where an order on this forecast fills, to that session's close, simple; None where it was not asked for."""
    fill_label: Direction | None = None
    """What that move was, by the same band."""


@dataclass(frozen=True, slots=True)
class ForecastOutcome:
    """A forecast with its label, or with the reason why there is none."""

    case: ForecastCase
    outcome_session: date
    known_at: datetime
    label: ForecastLabel | None
    reason: str | None
    """None with a label, else why there is none."""

    @property
    def outcome_id(self) -> str:
        """`SYMBOL-forecasting-SESSION`, of the session of the forecast."""
        return f"{self.case.symbol}-forecasting-{self.case.session.isoformat()}"

    def to_line(self) -> dict[str, Any]:
        """One line of `outcomes.jsonl`; the keys are the same with and without a label."""
        case = self.case
        return _header(self, "forecast") | {
            "p_up": case.p_up,
            "p_down": case.p_down,
            "p_sideways": case.p_sideways,
            "argmax_label": case.argmax_label,
            "gated_label": case.gated_label,
            "is_fallback": case.is_fallback,
            **_fields(self.label, ForecastLabel),
        }


@dataclass(frozen=True, slots=True)
class DecisionCase:
    """A decision as it was made, on the account before it, with the evidence that a lesson shows."""

    symbol: str
    session: date
    account: Account
    """At the close of `session`, before the decision."""
    style: str
    action: str | None
    """What the agent asked for; None where it gave no usable answer or was not asked."""
    executed_action: Action
    executed_shares: int
    """The order as it was sent: purchases positive, sales negative, zero for none."""
    forced: bool
    """Whether a stop or target decided instead of the agent."""
    features: Features
    gated_label: str
    news_score: float | None
    """-1 to 1; None where `news_state` is not `read`."""
    news_state: NewsState = "none"
    """Why there is no score, where there is none."""
    has_forecast: bool = True
    """False in a run without the forecasting agent: `gated_label` is then a stand-in that no text may show."""
    has_style: bool = True
    """False in a run without the style agent, whose prompts show neither style nor account (spec 10)."""
    conditions: PurchaseConditions = NO_CONDITIONS
    """Halt and volume at the decision: the other two actions are measured under the same limits."""
    exits: ExitRules | None = None
    """Stop and target that the decision set for the bars up to the next one; None where stops work at the close."""

    @property
    def is_failure(self) -> bool:
        """Whether the agent was asked and gave no usable answer."""
        return self.action is None and not self.forced


@dataclass(frozen=True, slots=True)
class ActionResult:
    """What one action would have brought, or what the executed one did bring, over the session that its fill opens."""

    shares: int
    """What its order filled, signed, on the share scale of the fill."""
    equity_return_fraction: float
    """Equity at the close over the equity at the close before, less one; its costs are in it."""
    cost_fraction: float
    """Commission and slippage, of the order and of an exit behind it, over the equity before; zero or positive."""
    reward: float
    """equity return - beta * benchmark return - gamma * cost (spec eq. 5)."""

    def to_line(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {
            "shares": self.shares,
            "equity_return_fraction": self.equity_return_fraction,
            "cost_fraction": self.cost_fraction,
            "reward": self.reward,
        }


@dataclass(frozen=True, slots=True)
class DecisionLabel:
    """What a decision turned out to be, and what each action would have been (spec 8.4, design 4.6)."""

    equity_before_usd: float
    """At the close that returns are measured from: of the decision, or of its fill under `fill = "next_close"`."""
    benchmark_return_fraction: float
    """From that close to the next, simple, splits and dividends included."""
    actions: Mapping[Action, ActionResult]
    """Each of the three actions from the same account; one that was not possible equals hold."""
    taken: ActionResult
    """The executed order: of the agent's action, or of the forced sale."""
    profitable: bool
    """Whether the reward of the executed action is above zero."""
    best_action: Action
    regret: float
    """Best reward of the three actions less the reward taken, never below zero."""
    realised_profit_usd: float | None
    """Of shares that the order sold: proceeds less average cost less commission; None where it sold none."""
    realised_return_fraction: float | None
    """Fill price over average cost, less one; None likewise."""


@dataclass(frozen=True, slots=True)
class DecisionOutcome:
    """A decision with its label, or with the reason why there is none."""

    case: DecisionCase
    outcome_session: date
    known_at: datetime
    label: DecisionLabel | None
    reason: str | None
    """None with a label, else why there is none."""

    @property
    def outcome_id(self) -> str:
        """`SYMBOL-decision-SESSION`, of the session of the decision."""
        return f"{self.case.symbol}-decision-{self.case.session.isoformat()}"

    def to_line(self) -> dict[str, Any]:
        """One line of `outcomes.jsonl`; the keys are the same with and without a label."""
        case, label = self.case, self.label
        return _header(self, "decision") | {
            "style": case.style,
            "action": case.action,
            "executed_action": case.executed_action,
            "forced": case.forced,
            "is_failure": case.is_failure,
            "equity_before_usd": label.equity_before_usd if label else None,
            "benchmark_return_fraction": label.benchmark_return_fraction if label else None,
            "actions": {action: label.actions[action].to_line() for action in ACTIONS} if label else None,
            "shares_filled": label.taken.shares if label else None,
            "equity_return_fraction": label.taken.equity_return_fraction if label else None,
            "cost_fraction": label.taken.cost_fraction if label else None,
            "reward_taken": label.taken.reward if label else None,
            "profitable": label.profitable if label else None,
            "best_action": label.best_action if label else None,
            "regret": label.regret if label else None,
            "realised_profit_usd": label.realised_profit_usd if label else None,
            "realised_return_fraction": label.realised_return_fraction if label else None,
        }


def _header(outcome: ForecastOutcome | DecisionOutcome, kind: str) -> dict[str, Any]:
    return {
        "session": outcome.outcome_session.isoformat(),
        "symbol": outcome.case.symbol,
        "known_at": iso_utc(outcome.known_at),
        "outcome_id": outcome.outcome_id,
        "kind": kind,
        "decision_session": outcome.case.session.isoformat(),
        "reason": outcome.reason,
    }


def _fields(label: ForecastLabel | None, kind: type[ForecastLabel]) -> dict[str, Any]:
    return {name: getattr(label, name) if label is not None else None for name in kind.__dataclass_fields__}
