"""Every setting of an experiment, with its default, unit and origin.

Units are in the names (`_fraction` 0..1, `_sessions`, `_seconds`, `_usd`, `_bps`). Where a constant is the paper's, its
description says so; every other value is ours and marked `ours`. `config show` prints this tree, and the reference page
of settings is made from it.
"""

from __future__ import annotations

import os
import sys
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from tradinggroup.errors import did_you_mean

Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
SmallFraction = Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)]
"""Up to a half: beyond that somebody meant a percentage."""
PositiveInt = Annotated[int, Field(ge=1)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Bps = Annotated[float, Field(ge=0, le=1_000, allow_inf_nan=False)]
"""Hundredths of a percent, up to a tenth: beyond that somebody meant another unit."""

OPENAI_PREFIX = "openai:"
EMBEDDERS = ("hashing", "onnx-minilm", f"{OPENAI_PREFIX}<name>")
SPARSE_ENCODERS = ("lexical",)
RERANKERS = ("lexical", "llm")


def _one_of(known: tuple[str, ...]) -> AfterValidator:
    """Accepts one of `known`, where `openai:<name>` stands for any name; the error says which known name is near."""

    def check(name: str) -> str:
        prefix, _, rest = name.partition(":")
        pattern = f"{prefix}:<name>" if rest.strip() and rest != "<name>" else name
        if pattern in known and name != f"{OPENAI_PREFIX}<name>":
            return name
        raise PydanticCustomError("unknown_name", "is unknown. {remedy}", {"remedy": did_you_mean(name, known).rstrip(".")})

    return AfterValidator(check)


EmbedderName = Annotated[str, _one_of(EMBEDDERS)]
SparseEncoderName = Annotated[str, _one_of(SPARSE_ENCODERS)]
RerankerName = Annotated[str, _one_of(RERANKERS)]

AGENTS = ("news_sentiment", "report_retrieval", "forecasting", "style_selection", "decision", "reflection")
AgentName = Annotated[str, _one_of(AGENTS)]

Without = Literal["reflections", "risk", "style", "retrieval", "news_sentiment", "report_retrieval", "forecasting"]
"""What `--without` can switch off: the four parts of the paper's ablation (SR, RM, PC, RE), and single agents."""

Placebo = Literal["news", "filings", "reflections"]
"""What `--placebo` can replace by something that carries no information about the session."""

Decide = Literal["after_close", "pre_open"]
"""When the decision of a session is made."""

FillMode = Literal["next_open", "next_close", "same_close"]
"""When an order fills."""

Baseline = Literal[
    "buy_and_hold", "constant_exposure", "sma_cross", "momentum", "random",
    "wma_cross", "atr_band", "bollinger", "turn_of_month", "arima", "xgboost",
]  # fmt: skip
BASELINES: tuple[Baseline, ...] = ("buy_and_hold", "constant_exposure", "sma_cross", "momentum", "random")
"""What runs where an experiment names none."""
REFERENCES: tuple[Baseline, ...] = ("buy_and_hold", "constant_exposure", "random")
"""Baselines that `guarded` leaves as they are."""
CONVENTION_BASELINES: dict[str, tuple[Baseline, ...]] = {
    "default": (*BASELINES, "wma_cross", "atr_band", "bollinger", "turn_of_month", "arima", "xgboost"),
    "finsaber": ("buy_and_hold", "sma_cross", "wma_cross", "atr_band", "bollinger", "turn_of_month", "arima", "xgboost"),
}
"""Convention -> the baselines that it knows."""


SYMBOLS_A_PROCESS = 25
"""Symbols from which one process more is worth its start, about (ours)."""

SESSIONS_PER_YEAR = 252
"""How many sessions a year counts, wherever something is annualised or paid by the year."""


class Section(BaseModel):
    """Base of all settings: immutable, and no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NewsSettings(Section):
    """News-sentiment agent (spec 2)."""

    base_weight: NonNegative = Field(0.55, description="weight of the keyword-and-length importance (paper)")
    probability_weight: NonNegative = Field(0.25, description="weight of the reranker's probability (paper)")
    floor: NonNegative = Field(0.20, description="constant added to every influence score (paper)")
    keyword_share: Fraction = Field(0.7, description="share of the keywords in the importance (ours)")
    length_share: Fraction = Field(0.3, description="share of the length in the importance (ours)")
    full_keywords: PositiveInt = Field(3, description="different keywords from which their share counts in full (ours)")
    full_words: PositiveInt = Field(300, description="words from which the length's share counts in full (ours)")
    company_names: dict[str, str] = Field(
        {}, description="symbol -> company name, a keyword beside the ticker; a bundle holds no names, so none by default (ours)"
    )
    k: PositiveInt = Field(10, description="items kept a session (ours)")
    selection: Literal["walk_down", "top_k_first"] = Field(
        "walk_down", description="refill after a copy, or the k best first and copies out of those (ours; spec 2)"
    )
    dedup_cosine: Fraction = Field(0.90, description="cosine above which an item counts as a copy (ours)")
    positive_from: float = Field(0.2, description="overall score from which the label is positive; its negative likewise (ours)")


class ReportSettings(Section):
    """Report-retrieval agent (spec 3)."""

    window_sentences: PositiveInt = Field(5, description="sentences a chunk (ours)")
    stride_sentences: PositiveInt = Field(3, description="sentences from one chunk to the next (ours)")
    max_words: PositiveInt = Field(400, description="longest chunk, in words (ours)")
    dense_weight: NonNegative = Field(1.0, description="weight of the dense score (paper)")
    sparse_weight: NonNegative = Field(0.8, description="weight of the sparse score (paper)")
    top_hybrid: PositiveInt = Field(10, description="chunks kept by hybrid score (paper)")
    top_reranked: PositiveInt = Field(6, description="passages kept by the reranker (paper)")
    queries: Literal["set", "single"] = Field("set", description="six queries, a chunk counts by its best one; or one query (ours)")
    lookback_days: PositiveInt = Field(400, description="calendar days after which a filing is too old to use (ours)")


class ForecastSettings(Section):
    """Forecasting agent (spec 4)."""

    rsi_sessions: PositiveInt = Field(14, description="length of the relative strength index (paper)")
    rsi_smoothing: Literal["wilder", "mean"] = Field(
        "wilder", description="gains and losses smoothed as Wilder does, or their plain mean over the last rsi_sessions (ours; spec 4.1)"
    )
    rsi_high: float = Field(70, description="overbought above (paper)")
    rsi_low: float = Field(40, description="oversold below (paper)")
    window_sessions: PositiveInt = Field(20, description="window of high, low, mean, simplified ATR and mean absolute return (paper)")
    volatility_sessions: PositiveInt = Field(10, description="window of the historical volatility (paper)")
    deviation: Literal["population", "sample"] = Field(
        "population", description="divisor of sigma10, historical volatility and simplified ATR: n, or n - 1 (ours; spec 4.1)"
    )
    sideways_volatility_per_year: NonNegative = Field(
        0.20, description="historical volatility below which the market is possibly sideways (paper)"
    )
    pullback_fraction: NonNegative = Field(0.03, description="a healthy pullback is at most this far below the mean (paper)")
    breakout_minimum_fraction: NonNegative = Field(0.01, description="smallest breakout threshold (paper)")
    breakout_factor: NonNegative = Field(0.5, description="breakout threshold as a share of the simplified ATR (paper)")
    breakout: Literal["near", "new_high"] = Field(
        "near", description="a breakout is a new high or a close within the threshold below it; or a new high alone (ours; spec 4.3)"
    )
    threshold_up: Fraction = Field(0.55, description="p_up above this passes the gate with a bullish pattern (ours)")
    threshold_down: Fraction = Field(0.55, description="p_down above this passes the gate (paper)")
    gate_reading: Literal["A", "B"] = Field("A", description="reading of the distance to a valid breakout (ours; spec 4.3)")


class StyleSettings(Section):
    """Style-selection agent (spec 5)."""

    history_sessions: PositiveInt = Field(20, description="sessions of style history shown (ours)")


class DecisionSettings(Section):
    """Decision agent (spec 7)."""

    history_sessions: PositiveInt = Field(20, description="sessions of performance shown (ours)")


class AgentSettings(Section):
    """Settings by agent."""

    news_sentiment: NewsSettings = NewsSettings()
    report_retrieval: ReportSettings = ReportSettings()
    forecasting: ForecastSettings = ForecastSettings()
    style_selection: StyleSettings = StyleSettings()
    decision: DecisionSettings = DecisionSettings()


class ReflectionSettings(Section):
    """Outcomes, cases and experience (spec 4.4, 5, 7, 8)."""

    window_sessions: PositiveInt = Field(
        20, description="sessions of outcomes that experience is drawn from (paper for decisions, ours else)"
    )
    success_cases: Annotated[int, Field(ge=0)] = Field(3, description="best cases shown (ours)")
    failure_cases: Annotated[int, Field(ge=0)] = Field(3, description="worst cases shown (ours)")
    minimum_labelled: PositiveInt = Field(5, description="labelled sessions below which there is no experience (ours)")
    case_ranking: Literal["reward", "similarity"] = Field(
        "reward", description="which cases are shown: those that weigh most, or those whose features are most like today's (ours)"
    )
    forecast_summary_words: PositiveInt = Field(200, description="longest summary by a model of the forecasts' cases, in words (ours)")
    decision_summary_words: PositiveInt = Field(250, description="longest summary by a model of the decisions' cases, in words (ours)")
    label_alpha: NonNegative = Field(0.5, description="sideways band as a share of the mean absolute return (ours)")
    label_minimum_fraction: NonNegative = Field(0.005, description="smallest sideways band (ours)")
    reward_beta: NonNegative = Field(0.2, description="weight of the benchmark return in the reward (paper)")
    reward_gamma: NonNegative = Field(1.0, description="weight of the cost in the reward (paper)")


class RetrievalSettings(Section):
    """The exchangeable parts of retrieval. The defaults need no download, no server and no key."""

    embedder: EmbedderName = Field("hashing", description="text to vector: hashing, onnx-minilm, or openai:<name> over /embeddings (ours)")
    sparse_encoder: SparseEncoderName = Field("lexical", description="text to weighted words: lexical (ours)")
    reranker: RerankerName = Field(
        "lexical", description="probability that a text matters: lexical, or llm, a yes-no question to the chat model (ours)"
    )


class CostSettings(Section):
    """Commission of the simulated broker (spec 6.3), and what a fill loses beside the quoted price."""

    commission: Literal["per_share", "basis_points", "none"] = Field(
        "per_share", description="a price a share with floor and cap; a share of the trade's value; or none (ours)"
    )
    per_share_usd: NonNegative = Field(0.0049, description="commission a share (FINSABER)")
    minimum_usd: NonNegative = Field(0.99, description="smallest commission of a fill, under per_share (FINSABER)")
    maximum_fraction: Fraction = Field(
        0.01, description="largest commission of a fill as a share of the trade's value, under per_share (FINSABER)"
    )
    order: Literal["cap_then_minimum", "minimum_then_cap"] = Field(
        "cap_then_minimum", description="which of the two comes last and holds where they contradict each other (ours)"
    )
    commission_bps: Bps = Field(5.0, description="share of the trade's value, under basis_points (ours)")
    slippage_bps: Bps = Field(0.0, description="how much worse than the quoted price a fill is, on either side (ours)")
    half_spread_bps: Bps = Field(0.0, description="half of the distance between bid and ask, paid at each fill besides (ours)")


class ExecutionSettings(Section):
    """How much of a bar an order may take, and what becomes of a symbol that is delisted."""

    volume_cap_fraction: Fraction = Field(
        0.0, description="largest share of a bar's volume that is bought, and as much sold; the rest waits; 0: no cap (ours)"
    )
    delisting_sessions: PositiveInt = Field(5, description="sessions without any later bar after which a symbol counts as delisted (ours)")
    delisting_haircut_fraction: Fraction = Field(
        0.30, description="what the shares of a delisted symbol lose against its last price (ours, after Shumway 1997)"
    )


class StatisticsSettings(Section):
    """How the intervals of a run are made."""

    bootstrap_draws: Annotated[int, Field(ge=100, le=100_000)] = Field(
        2_000, description="resampled windows behind every interval and p-value (ours)"
    )


class ModelSettings(Section):
    """How model servers are asked."""

    timeout_seconds: Annotated[float, Field(gt=0)] = Field(60, description="limit of one request (ours)")
    maximum_retries: Annotated[int, Field(ge=0)] = Field(3, description="retries of one request after a server fault (ours)")
    retry_wait_seconds: NonNegative = Field(0.5, description="wait before the first retry; doubled for each further one (ours)")
    maximum_concurrent: PositiveInt = Field(64, description="requests in flight at once (ours)")
    requests_per_minute: Annotated[int, Field(ge=0)] = Field(
        0, description="requests to one endpoint within any minute, retries included; 0: what models.toml says, else no limit (ours)"
    )
    tokens_per_minute: Annotated[int, Field(ge=0)] = Field(
        0, description="tokens of prompts and answers at one endpoint within any minute; 0: what models.toml says, else no limit (ours)"
    )
    sample_index: Annotated[int, Field(ge=0)] = Field(
        0, description="which sample of every answer a run uses: another index asks a server anew, with that seed (ours)"
    )
    provider_failures_in_a_row: PositiveInt = Field(20, description="server faults in a row, after retries, that end the run (ours)")
    structured_output: Literal["auto", "json_schema", "tool_call", "json_object", "text"] = Field(
        "auto", description="how answers are asked for: a rung of the ladder, or auto, the best one that a probe finds (ours)"
    )
    cutoff_gap_days: Annotated[int, Field(ge=0)] = Field(
        90, description="calendar days after a model's training cutoff that still count as before it: a quarter, with its report (ours)"
    )
    max_error_fraction: Fraction = Field(0.05, description="share of failed calls above which the run is invalid (ours)")


class HoldoutSettings(Section):
    """Sessions that are kept unseen until the end of a study."""

    start: date | None = Field(
        None, description="first day of the hold-out: from it on nothing is run without --unseal; none: nothing is held out (ours)"
    )


class Experiment(Section):
    """One experiment, fully resolved."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$", description="name of the study; part of the run folder's name")]
    bundle: Annotated[str, Field(min_length=1, description="a folder in data/")]
    symbols: tuple[str, ...] = Field(description="which symbols of the bundle")
    start: date = Field(description="first calendar day, inclusive: the first decision session lies on or after it")
    end: date = Field(description="last calendar day, inclusive")
    cash_usd: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(100_000, description="opening cash of each account")
    accounts: Literal["separate"] = Field("separate", description="one account a symbol, as in the paper")
    agents_enabled: bool = Field(True, description="false: baselines only")
    risk: str = Field("default", description="a profile in risk/")
    model: str = Field("rules", description="rules, or a model at a server of models.toml: openai:<name>, ollama:<name>, …")
    agent_models: dict[AgentName, str] = Field(
        {}, description="agent -> its own model, before the one that its card names and before model (ours)"
    )
    decide: Decide = Field("after_close", description="when the agents decide: after the session's close, or before the next open (ours)")
    pre_open_minutes: Annotated[int, Field(ge=1, le=960)] = Field(
        30, description="with decide = pre_open: minutes between the decision's clock and the open (ours)"
    )
    fill: FillMode = Field(
        "next_open",
        description="when orders fill: at the next session's open or close; same_close: at the close they are decided on, optimistic",
    )
    stops: Literal["profile", "close", "intraday"] = Field(
        "profile", description="when stops and targets work: as the risk profile says, at each close, or as orders inside the bar (ours)"
    )
    convention: Literal["default", "finsaber"] = Field(
        "default", description="default: sessions only, next open, costs on; finsaber: the rules behind the paper's baselines"
    )
    baselines: tuple[Baseline, ...] = Field(BASELINES, description="what the agents are measured against")
    guarded: bool = Field(
        False, description="true: the risk layer guards rule and model baselines as it does the agents, with the run's profile (ours)"
    )
    guarded_style: Literal["aggressive", "balanced", "conservative"] = Field(
        "balanced", description="with guarded: the one style that sizes, stops and targets of those baselines are of (ours)"
    )
    training_years: dict[str, PositiveInt] = Field(
        {"default": 2}, description="years before start that arima and xgboost are fitted on, by symbol; default for the others (ours)"
    )
    random_draws: PositiveInt = Field(999, description="most circular shifts of the random baseline (ours)")
    cash_rate_per_year: SmallFraction = Field(0.0, description="what idle cash earns and Sharpe subtracts")
    gap_buffer_fraction: SmallFraction = Field(0.01, description="share of the budget kept back for the gap to the open (ours)")
    derived_text: Literal["exclude", "allow"] = Field("exclude", description="allow: use texts written later, and mark the run optimistic")
    seed: Annotated[int, Field(ge=0)] = Field(7, description="of every random stream")
    max_cost_usd: NonNegative = Field(
        0.0, description="most that the calls of a run may cost; the run stops before, and can be resumed; 0: no limit (ours)"
    )
    workers: Annotated[int, Field(ge=0)] = Field(
        0, description="processes that run the desks; 0: one for about 25 symbols; same bytes with any number (ours)"
    )
    schedule: Literal["run_ahead", "serial"] = Field(
        "run_ahead", description="research ahead of the clock, or one step after the other; same bytes"
    )
    without: tuple[Without, ...] = Field(
        (),
        description="parts switched off: reflections, risk, style, retrieval; or an agent: news_sentiment, report_retrieval, forecasting",
    )
    placebo: tuple[Placebo, ...] = Field(
        (), description="inputs replaced by others of the past, to measure what the true ones add: news, filings, reflections (ours)"
    )
    agents: AgentSettings = AgentSettings()
    reflection: ReflectionSettings = ReflectionSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    costs: CostSettings = CostSettings()
    execution: ExecutionSettings = ExecutionSettings()
    statistics: StatisticsSettings = StatisticsSettings()
    models: ModelSettings = ModelSettings()
    holdout: HoldoutSettings = HoldoutSettings()

    @property
    def worker_processes(self) -> int:
        """How many processes run the desks: as set, else one for about 25 symbols and no more than there are processors.

        One means the process itself: nothing is started. One step after the other is always one, and so is Windows.
        """
        symbols = len(self.symbols)
        if self.schedule == "serial" or not self.agents_enabled or sys.platform == "win32":
            return 1
        if self.workers:
            return min(self.workers, symbols)
        return max(1, min((symbols + SYMBOLS_A_PROCESS // 2) // SYMBOLS_A_PROCESS, os.cpu_count() or 1))

    def training_years_of(self, symbol: str) -> int:
        """Years before `start` that the fitted baselines of `symbol` use."""
        return self.training_years.get(symbol, self.training_years.get("default", 2))

    def to_plain(self) -> dict[str, Any]:
        """All settings as plain values, in the order of this class."""
        return self.model_dump(mode="json")
