"""A small run folder, written by the project's own writer: two symbols, eight sessions, everything that a page can show."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from tradinggroup.backtest.sink import RowKind
from tradinggroup.clock import iso_utc
from tradinggroup.data.records import PriceBasis
from tradinggroup.models.answers import Decision
from tradinggroup.models.port import Message, ModelReply, ModelRequest, Usage
from tradinggroup.models.recordings import RecordingStore
from tradinggroup.project import Project
from tradinggroup.runs.creation import RunSources
from tradinggroup.runs.folder import RunFolder
from tradinggroup.runs.header import RunStart, end_header, named, start_header
from tradinggroup.runs.writer import RunWriter
from tradinggroup.settings import Experiment

SYMBOLS = ("ACME", "BOLT")
SESSIONS = tuple(date(2023, 9, 11) + timedelta(days=day) for day in (0, 1, 2, 3, 4, 7, 8, 9))
STARTED_AT = datetime(2026, 8, 24, 10, 12, 3, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script> & \x1b[31mred\x1b[0m"
"""What a model might answer."""


class FakeBundle:
    name = "demo"
    id = "demo-1"
    hash = "sha256:41c9e0" + "0" * 58
    basis = PriceBasis.AS_TRADED
    levels_unsafe = False


def experiment(**changes: Any) -> Experiment:
    values = {"name": "demo", "bundle": "demo", "symbols": SYMBOLS, "start": SESSIONS[0], "end": SESSIONS[-1]}
    return Experiment(**(values | changes))


def close_at(session: date) -> datetime:
    return datetime(session.year, session.month, session.day, 20, tzinfo=UTC)


def make_project(folder: Path) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tradinggroup.toml").write_text("", encoding="utf-8")
    return Project(folder)


def make_run(
    project: Project,
    *,
    status: str = "success",
    sessions: tuple[date, ...] = SESSIONS,
    model: str = "rules",
    started_at: datetime = STARTED_AT,
    note: str | None = "first look",
    **changes: Any,
) -> RunFolder:
    """A run of `sessions`. With status `running` it is left as a killed process leaves it: header of the start, files not closed."""
    settings = experiment(**changes)
    sources = RunSources("# as given\n", 'name = "demo"\n', "# risk\n", {"decision.md": "card"})
    with RunWriter.create(
        project.runs_folder, experiment="demo", identity=b"x", started_at=started_at, symbols=SYMBOLS, sources=sources
    ) as writer:
        start = RunStart(
            experiment=settings, arguments={"note": note}, bundle=FakeBundle(),
            models={"news_sentiment": model, "decision": model}, sessions=SESSIONS, calls_mode="record",
            project_root=project.root, started_at=started_at, note=note,
        )  # fmt: skip
        header = named(start_header(start), writer.run_id)
        writer.write_header(header)
        for symbol in SYMBOLS:
            send_rows(writer, symbol, sessions)
        if status == "running":
            return RunFolder.open(writer.folder)
        for symbol in SYMBOLS:
            writer.symbol_done(symbol)
        for name in ("buy_and_hold", "random"):
            rows = [equity_row(session, symbol, place, gain=0.002) for symbol in SYMBOLS for place, session in enumerate(SESSIONS)]
            writer.write_baseline(name, equity=rows, fills=[])
        write_recordings(writer.folder)
        results = RESULTS if status in {"success", "invalid"} else {"calls": RESULTS["calls"], "holds": RESULTS["holds"]}
        writer.finish(end_header(header, status=status, finished_at=started_at + timedelta(seconds=12), results=results))
        return RunFolder.open(writer.folder)


def send_rows(writer: RunWriter, symbol: str, sessions: tuple[date, ...]) -> None:
    """Buy on the first session, forced sell on the fifth, buy again on the seventh: one closed trade, one open."""
    for place, session in enumerate(sessions):
        before = sessions[place - 1] if place else None
        if place in {1, 5, 7}:
            assert before is not None
            writer.row(RowKind.ORDER, before, symbol, order_row(before, symbol, place - 1, filled=session))
            writer.row(RowKind.FILL, session, symbol, fill_row(session, symbol, place - 1, before))
        if place == 5:
            writer.row(RowKind.TRADE, session, symbol, trade_row(session, symbol, is_closed=True))
        writer.row(RowKind.EQUITY, session, symbol, equity_row(session, symbol, place))
        if before is not None:
            for line in outcome_lines(before, session, symbol, place):
                writer.row(RowKind.OUTCOME, session, symbol, line)
        if place >= 3:
            for agent in ("forecasting", "style_selection", "decision"):
                writer.row(RowKind.REFLECTION, session, symbol, lesson_line(session, symbol, agent, sessions[:place]))
        writer.row(RowKind.DECISION, session, symbol, decision_line(session, symbol, place))
        if place == len(SESSIONS) - 1:
            writer.row(RowKind.TRADE, session, symbol, trade_row(session, symbol, is_closed=False))
        writer.session_done(symbol, session)


def equity_row(session: date, symbol: str, place: int, *, gain: float = 0.001) -> dict[str, Any]:
    shares = 100 if place in {1, 2, 3, 4, 7} else 0
    close = 250.0 + place
    equity = 100_000.0 * (1 + gain * place)
    return {
        "session": session, "symbol": symbol, "equity_usd": equity, "cash_usd": equity - shares * close, "shares": shares,
        "close_usd": close,
    }  # fmt: skip


def order_row(session: date, symbol: str, place: int, *, filled: date) -> dict[str, Any]:
    forced = place == 4
    shares = -100 if forced else 100
    return {
        "session": session, "symbol": symbol, "order_id": f"{symbol}-{session}", "action": "sell" if forced else "buy",
        "style": "balanced", "reason_code": "TAKE_PROFIT" if forced else "ALLOWED", "forced": forced, "shares_wanted": shares,
        "shares_ordered": shares, "shares_filled": shares - (1 if place == 6 else 0), "status": "cut" if place == 6 else "filled",
        "fill_session": filled, "fill_reason_code": "OPEN_ABOVE_BUDGET" if place == 6 else None,
    }  # fmt: skip


def fill_row(session: date, symbol: str, place: int, decided: date) -> dict[str, Any]:
    return {
        "session": session, "symbol": symbol, "order_id": f"{symbol}-{decided}", "decision_session": decided,
        "shares": -100 if place == 4 else 99 if place == 6 else 100, "price_usd": 250.5 + place, "commission_usd": 0.99,
        "slippage_usd": 0.0,
    }  # fmt: skip


def trade_row(session: date, symbol: str, *, is_closed: bool) -> dict[str, Any]:
    return {
        "session": session, "symbol": symbol, "entry_session": SESSIONS[1] if is_closed else SESSIONS[7],
        "exit_session": session if is_closed else None, "status": "closed" if is_closed else "open", "shares": 100 if is_closed else 99,
        "entry_price_usd": 250.5, "exit_price_usd": 254.5, "commission_usd": 1.98, "profit_usd": 398.02 if is_closed else -12.5,
        "return_fraction": 0.0159, "sessions_held": 4, "entry_style": "balanced", "exit_reason": "TAKE_PROFIT" if is_closed else None,
    }  # fmt: skip


def decision_line(session: date, symbol: str, place: int) -> dict[str, Any]:
    forced, bought = place == 4, place in {0, 6}
    lesson = {agent: f"{symbol}-{agent}-{session}" if place >= 3 else None for agent in ("forecasting", "style_selection", "decision")}
    shares = -100 if forced else 100 if bought else 0
    return {
        "session": session.isoformat(), "symbol": symbol, "as_of": iso_utc(close_at(session)),
        "newest_known_at": iso_utc(close_at(session)),
        "features": {
            "return_1_fraction": 0.004, "return_5_fraction": -0.01, "return_20_fraction": 0.031, "rsi14": 61.5,
            "distance_to_high_fraction": -0.012, "volatility_per_year_fraction": 0.31, "sigma10_fraction": 0.0195,
        },
        "news_sentiment": {
            "score": 0.0 if place == 1 else 0.31, "label": "neutral" if place == 1 else "positive",
            "analysis": HOSTILE if place == 2 else "Calm.",
            "no_news": place == 1, "items_seen": 0 if place == 1 else 3,
            "items": [] if place == 1 else [
                {
                    "id": f"{symbol}-n1", "known_at": iso_utc(close_at(session) - timedelta(hours=3)),
                    "title": f"{symbol} wins a large contract",
                    "base": 0.5, "probability": 0.4, "influence": 0.6, "score": 0.31, "analysis": "Good.", "failure": None,
                }
            ],
            "failure": None,
        },
        "report_retrieval": {
            "no_filing": False,
            "forms": {
                "10-Q": {
                    "filing_id": f"{symbol}-10-Q", "period": "2023-06-30", "known_at": "2023-08-08T11:30:00Z",
                    "indicators": ["a"],
                    "guidance": "", "risks": [], "opportunities": [], "summary": "Revenue grew.", "passages": [{"chunk_id": "1"}],
                    "failure": None,
                }
            },
        },
        "forecasting": {
            "p_up": 0.58, "p_down": 0.15, "p_sideways": 0.27, "argmax_label": "up",
            "gated_label": "up" if place % 2 else "sideways", "gate": "soft",
            "reasoning": "A breakout.", "experience": lesson["forecasting"], "failure": None,
        },
        "style_selection": {
            "style": "balanced", "confidence": 0.66, "reasoning": "Mixed.", "experience": lesson["style_selection"], "failure": None,
        },
        "decision": None if forced else {
            "action": None if place == 5 else "buy" if bought else "hold",
            "confidence": None if place == 5 else 0.7, "reasoning": "" if place == 5 else "Go.",
            "experience": lesson["decision"], "failure": {"kind": "not_json", "detail": "no object"} if place == 5 else None,
        },
        "risk": {
            "thresholds": {
                "style": "balanced", "sigma10_fraction": 0.0195, "stop_loss_multiplier": 2.0, "take_profit_multiplier": 4.0,
                "stop_loss_fraction": -0.039, "take_profit_fraction": 0.078,
            },
            "status": "denied" if place == 5 else "allowed",
            "reason_code": "TAKE_PROFIT" if forced else "NO_ANSWER" if place == 5 else "ALLOWED" if bought else "HOLD",
            "numbers": {"unrealised": 0.08, "threshold": 0.078} if forced else {},
        },
        "sizing": {
            "action": "sell" if forced else "buy" if bought else "hold", "shares": shares, "wanted_shares": shares,
            "order_id": f"{symbol}-{session}" if shares else None,
            "account": {
                "cash_usd": 100_000.0, "shares": 100 if place in {1, 2, 3, 4, 7} else 0, "average_cost_usd": 250.5,
                "close_usd": 250.0 + place,
                "equity_usd": 100_000.0, "weight_fraction": 0.2, "unrealised_fraction": 0.012, "drawdown_fraction": 0.0,
            },
        },
        "hold_kind": None if shares else "unreadable" if place == 5 else "model",
    }  # fmt: skip


def outcome_lines(decided: date, known: date, symbol: str, place: int) -> list[dict[str, Any]]:
    shared = {"session": known.isoformat(), "symbol": symbol, "known_at": iso_utc(close_at(known))}
    missing = place == 2
    forecast = {
        **shared, "outcome_id": f"{symbol}-forecasting-{decided}", "kind": "forecast", "decision_session": decided.isoformat(),
        "reason": "no_bar" if missing else None, "p_up": 0.58, "p_down": 0.15, "p_sideways": 0.27, "argmax_label": "up",
        "is_fallback": False, "return_fraction": None if missing else -0.011, "fill_label": None if missing else "down",
        "true_label": None if missing else "down", "correct": None if missing else False, "p_true": None if missing else 0.15,
    }  # fmt: skip
    decision = {
        **shared, "outcome_id": f"{symbol}-decision-{decided}", "kind": "decision", "decision_session": decided.isoformat(),
        "reason": "no_bar" if missing else None, "executed_action": "buy", "equity_return_fraction": None if missing else -0.011,
        "reward_taken": None if missing else -0.0088, "best_action": None if missing else "hold", "regret": None if missing else 0.011,
    }  # fmt: skip
    return [forecast, decision]


def lesson_line(session: date, symbol: str, agent: str, before: tuple[date, ...]) -> dict[str, Any]:
    kind = "forecasting" if agent == "forecasting" else "decision"
    return {
        "session": session.isoformat(), "symbol": symbol, "agent": agent, "lesson_id": f"{symbol}-{agent}-{session}",
        "known_at": iso_utc(close_at(session)), "outcome_ids": [f"{symbol}-{kind}-{day}" for day in before], "statistics": {},
        "text": f"Gap breakouts of {symbol} faded {len(before)} times.\nDo not chase them.",
    }  # fmt: skip


def write_recordings(folder: Path) -> None:
    with RecordingStore.open(folder / "recordings.sqlite") as store:
        for session in SESSIONS:
            for symbol in SYMBOLS:
                request = ModelRequest(
                    model="rules", messages=(Message("user", f"{symbol} {session}: a breakout?"),), schema=Decision, parameters={},
                    agent="decision", purpose="decision", symbol=symbol, session=session.isoformat(),
                )  # fmt: skip
                answer = Decision(action="buy", confidence=0.7, reasoning=HOSTILE)
                store.put(
                    request, ModelReply(key=request.key, answer=answer, failure=None, text=answer.model_dump_json(), usage=Usage(10, 5))
                )
                store.put_call(request)


def _metrics(total_return: float) -> dict[str, Any]:
    return {
        "sessions": 8, "total_return_fraction": total_return, "annual_volatility_fraction": 0.112, "sharpe_ratio": 0.8,
        "max_drawdown_fraction": -0.041, "exposure_fraction": 0.6, "turnover_per_year": 6.3, "commission_usd": 5.94, "trades": 1,
        "open_positions": 1, "undefined": {},
    }  # fmt: skip


def _costs(net: float, *, model_bill: float | None) -> dict[str, Any]:
    return {
        "gross_usd": net + 5.94, "commission_usd": 5.94, "slippage_usd": 0.0, "net_before_model_usd": net, "model_bill_usd": model_bill,
        "net_usd": net, "traded_usd": 75_000.0, "break_even_bps": net / 7.5,
        "undefined": {} if model_bill is not None else {"model_bill_usd": "the model's bill is known for the run, not by symbol"},
    }  # fmt: skip


RESULTS: dict[str, Any] = {
    "metrics": {symbol: _metrics(0.007) for symbol in SYMBOLS} | {"ALL": _metrics(0.0641) | {"trades": 2}},
    "baselines": {
        "buy_and_hold": {symbol: _metrics(0.014) for symbol in SYMBOLS} | {"ALL": _metrics(0.0788)},
        "random": {"ALL": _metrics(0.01) | {"sharpe_ratio": None, "undefined": {"sharpe_ratio": "no volatility"}}},
    },
    "random": {"draws": 999, "agents_percentile": 0.63},
    "calls": {
        "total": 16, "recorded": 15, "live": 1, "failed": 2,
        "by_agent": {"decision": {"calls": 16, "failed": 2, "prompt_tokens": 160, "completion_tokens": 80}},
    },
    "models_returned": [],
    "cost_usd": 0.0,
    "costs": {symbol: _costs(700.0, model_bill=None) for symbol in SYMBOLS} | {"ALL": _costs(1_400.0, model_bill=0.0)},
    "holds": {"model": 6, "unreadable": 2, "provider": 0, "budget": 0, "risk": 0},
    "forecasts": {
        symbol: {"count": 6, "brier": 0.62, "brier_base_rate": 0.66, "log_score": 1.05, "accuracy": 0.5} for symbol in (*SYMBOLS, "ALL")
    },
}  # fmt: skip
