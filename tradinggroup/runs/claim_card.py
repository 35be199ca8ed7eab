"""The claim card of a run: what its figures allow to say and what not, one line a question, made by rules from what the run has.

It reads `run.json`, `checks.jsonl`, the trials of the ledger and which files were changed; every page of a run gets its card from
`card_of` of `runs/text/claims.py`, so all show the same. Only what was done and came out well is `ok`; what was not done, or is not
written down, is `missing`, whatever the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

from tradinggroup.backtest.statistics.enough import is_enough
from tradinggroup.runs.assumptions import FILLS
from tradinggroup.runs.figures import counted, number, percent
from tradinggroup.runs.summary import ALL
from tradinggroup.runs.text.warnings import STATUS_MEANINGS

State = Literal["ok", "weak", "missing", "failed"]
STATES: tuple[State, ...] = ("ok", "weak", "missing", "failed")
RULE_BASELINES = ("sma_cross", "momentum")
BUY_AND_HOLD = "buy_and_hold"
FEWEST_RANDOM_RUNS = 100
FEWEST_SYMBOLS = 5
"""Names below which a result is one of these names (ours)."""
HIGHEST_ERROR_FRACTION = 0.01
"""Share of failed calls above which they may carry the result (ours); a run is invalid above its own limit."""
SURE_FRACTION = 0.95
"""Deflated Sharpe ratio from which a result counts as more than the best of so many trials."""
SMALLEST_SLIPPAGE_BPS = 1.0
"""Slippage and half the spread, at each fill, below which costs are as good as left out (ours)."""
LEDGER_DAMAGED = "the ledger is damaged"
"""How the warning of a run begins that was written into a damaged ledger."""
FAILURES = ("unreadable", "provider", "budget")
AUDITS = ("lookahead", "warmup", "masking", "cutoff", "costs", "attack")


@dataclass(frozen=True, slots=True)
class Claim:
    """One question to a run, and what follows from its answer."""

    topic: str
    state: State
    found: str
    """What the run has, in a few words."""
    may: str
    """What may be said; empty where nothing."""
    may_not: str
    """What may not be said; empty where nothing is in the way."""

    def to_plain(self) -> dict[str, str]:
        """The fields by name, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class ClaimCard:
    """The claims of one run, in order."""

    claims: tuple[Claim, ...]

    @property
    def verdict(self) -> str:
        """The card in one sentence."""
        states = [claim.state for claim in self.claims]
        if "failed" in states:
            topics = ", ".join(claim.topic for claim in self.claims if claim.state == "failed")
            return f"Nothing may be claimed from this run ({topics})."
        if all(state == "ok" for state in states):
            return "This run may be called evidence, for these symbols and this window."
        open_ones = [claim.topic for claim in self.claims if claim.state != "ok"]
        if open_ones == ["audits"] and "weak" in states:
            untested = next(claim.found for claim in self.claims if claim.topic == "audits")
            return f"This run may be called evidence, for these symbols and this window, but for what no audit could test ({untested})."
        return (
            f"A description of what happened in this window, no evidence of skill: {len(open_ones)} of {len(states)} points are open "
            f"({', '.join(open_ones)})."
        )

    def to_plain(self) -> dict[str, Any]:
        """The verdict and the claims, for JSON."""
        return {"verdict": self.verdict, "claims": [claim.to_plain() for claim in self.claims]}


Header = Mapping[str, Any]
Checks = Sequence[Mapping[str, Any]]


def claim_card(header: Header, checks: Checks, *, trials: Header | None = None, changed: Sequence[str] = ()) -> ClaimCard:
    """The card of the run with this `run.json` and these lines of `checks.jsonl`. Keys that an older run lacks count as missing.

    Args:
        header: `run.json`.
        checks: in the order in which they were made.
        trials: the figures of `header["ledger"]` as the ledger has them now; without them those of the run's end count.
        changed: files that are not what they were when the run ended.
    """
    makers: tuple[Callable[[Header], Claim], ...] = (
        _ending, _clock, _fills, _costs, _baselines, _intervals, _power, partial(_trials, now=trials), _seal, _cutoff, _errors, _universe,
    )  # fmt: skip
    return ClaimCard((*(make(header) for make in makers), _verify(checks, changed), *_audits(checks)))


def _ending(header: Header) -> Claim:
    status, sessions = header.get("status"), header.get("sessions")
    if status != "success":
        found = STATUS_MEANINGS.get(str(status), str(status)).partition(";")[0]
        return Claim("run", "failed", found, "", "any figure of it as a result")
    if not header.get("metrics"):
        return Claim("run", "missing", "no agents, baselines only", "what the baselines made", "anything of agents")
    if not sessions:
        return Claim("run", "missing", "no session was counted", "", "any figure of it as a result")
    return Claim("run", "ok", f"ended well, {counted(sessions, 'session')}", "its figures are of the whole window", "")


def _clock(header: Header) -> Claim:
    settings = header.get("settings") or {}
    levels_unsafe = (header.get("bundle") or {}).get("levels_unsafe")
    if settings.get("convention") == "finsaber":
        return Claim(
            "clock", "failed", "bars of calendar days, fills at past opens", "a comparison with the paper's table", "any return of it"
        )
    if settings.get("fill") == "same_close":
        return Claim("clock", "weak", f"fills at {FILLS['same_close']}", "an upper bound", "that anybody could have traded so")
    if levels_unsafe:
        found = "price levels know of later splits and dividends"
        return Claim("clock", "weak", found, "decisions fill at later prices", "that levels in prompts were known then")
    if settings.get("fill") not in FILLS or levels_unsafe is None or not all(settings.get(key) for key in ("convention", "decide")):
        return Claim("clock", "missing", "not written down", "", "that no order fills before its decision")
    decided = "before the open" if settings["decide"] == "pre_open" else "after the close"
    return Claim("clock", "ok", f"decided {decided}, filled at {FILLS[settings['fill']]}", "no order fills before its decision", "")


def _fills(header: Header) -> Claim:
    settings = header.get("settings") or {}
    share = (settings.get("execution") or {}).get("volume_cap_fraction")
    if not share:
        return Claim("fills", "weak", "any size fills whole and moves no price", "for small accounts", "for large ones")
    return Claim("fills", "ok", f"at most {percent(share, signed=False)} of a bar's volume", "fills are bounded by volume", "")


def _costs(header: Header) -> Claim:
    costs = (header.get("settings") or {}).get("costs") or {}
    bill_known = ((header.get("costs") or {}).get(ALL) or {}).get("model_bill_usd") is not None
    slippage_bps = (costs.get("slippage_bps") or 0) + (costs.get("half_spread_bps") or 0)
    if "commission" not in costs:
        return Claim("costs", "missing", "not written down", "", "any return after costs")
    if not _has_commission(costs):
        return Claim("costs", "failed", "no commission", "a return before costs", "a return that anybody would have had")
    if not slippage_bps:
        return Claim("costs", "weak", "commission, but no spread or slippage", "a return after commission", "a return after all costs")
    if slippage_bps < SMALLEST_SLIPPAGE_BPS:
        found = f"spread and slippage under {number(SMALLEST_SLIPPAGE_BPS)} bps a fill"
        return Claim("costs", "weak", found, "a return after commission", "a return after all costs")
    if not bill_known:
        return Claim("costs", "weak", "the model's bill is not known", "a return before the model's bill", "a return after all costs")
    return Claim("costs", "ok", "commission, spread or slippage, model's bill", "a return after these costs", "")


def _has_commission(costs: Mapping[str, Any]) -> bool:
    keys = {"per_share": ("per_share_usd", "minimum_usd"), "basis_points": ("commission_bps",)}.get(costs["commission"], ())
    return any(costs.get(key) for key in keys)


def _baselines(header: Header) -> Claim:
    made = {name: by_symbol for name, by_symbol in (header.get("baselines") or {}).items() if by_symbol}
    draws = (header.get("random") or {}).get("draws") or 0
    lacking = [
        *([] if BUY_AND_HOLD in made else ["buy and hold"]),
        *([] if any(name in made for name in RULE_BASELINES) else ["a rule (sma_cross or momentum)"]),
        *([] if draws >= FEWEST_RANDOM_RUNS else [f"{FEWEST_RANDOM_RUNS} random runs"]),
    ]
    if not made:
        return Claim("baselines", "missing", "none", "", "that it was better than anything")
    if lacking:
        return Claim(
            "baselines", "weak", f"without {', '.join(lacking)}", "how it stands to those that are there", "that the agents were needed"
        )
    found = f"{', '.join(name.replace('_', ' ') for name in made if name != 'random')} and {counted(draws, 'random run')}"
    return Claim("baselines", "ok", found, "how it stands to them at the same costs", "")


def _intervals(header: Header) -> Claim:
    statistics = header.get("statistics") or {}
    lead = ((((statistics.get("differences") or {}).get(BUY_AND_HOLD) or {}).get(ALL)) or {}).get("total_return_fraction") or {}
    if not statistics:
        return Claim("interval", "missing", "none was computed", "", "that a difference is more than luck")
    if not statistics.get("enough"):
        reason = str(statistics.get("reason") or "too little to resample")
        return Claim("interval", "missing", reason, "", "any ratio, or that a difference is more than luck")
    if lead.get("low") is None or lead.get("high") is None:
        return Claim("interval", "missing", str(lead.get("reason") or "none against buy and hold"), "", "that it beat buy and hold")
    found = f"lead over buy and hold {100 * lead['low']:+.2f} to {100 * lead['high']:+.2f} points"
    if lead["low"] <= 0 <= lead["high"]:
        return Claim("interval", "weak", found, "no difference was found", "better or worse than buy and hold")
    hanging = blocks_of_another_sign(lead)
    if hanging:
        found += f", but not in blocks of {', '.join(hanging)} sessions"
        return Claim("interval", "weak", found, "no difference that does not hang on the blocks", "better or worse than buy and hold")
    if lead["high"] < 0:
        return Claim("interval", "weak", found, "worse than buy and hold, beyond luck of this window", "that it beat buy and hold")
    if not lead.get("by_block_length"):
        return Claim("interval", "missing", f"{found}, at one length of blocks only", "", "that a difference is more than luck")
    return Claim("interval", "ok", found, "more than buy and hold, beyond luck of this window", "")


def blocks_of_another_sign(interval: Mapping[str, Any]) -> list[str]:
    """Lengths of blocks, in sessions, at which the interval of a difference says something else of its sign than `low` and `high` do."""
    own = sign_of(interval)
    return [length for length, each in (interval.get("by_block_length") or {}).items() if sign_of(each) != own]


def sign_of(interval: Mapping[str, Any]) -> int:
    """1 or -1 of an interval on one side of zero; 0 of one that holds it, or is none."""
    low, high = interval.get("low"), interval.get("high")
    if low is None or high is None:
        return 0
    return int(low > 0) - int(high < 0)


def _power(header: Header) -> Claim:
    power = header.get("power") or (header.get("statistics") or {}).get("power")
    smallest = (power or {}).get("sharpe_difference")
    if smallest is None:
        return Claim("power", "missing", "not computed", "", "that no difference means no skill")
    found = f"can show a Sharpe difference from {number(smallest)} up"
    if smallest > 1:
        return Claim("power", "weak", found, "only very large effects show", "that no difference means no skill")
    return Claim("power", "ok", found, "smaller effects would not be seen", "")


def _trials(header: Header, now: Header | None) -> Claim:
    ledger = header.get("ledger") or {} if now is None else now
    count, deflated, fault = ledger.get("trials"), ledger.get("deflated_sharpe"), _damage(header, ledger)
    if fault is not None:
        return Claim("trials", "failed", fault, "", "how many configurations were tried")
    if count is None:
        return Claim("trials", "missing", "the run is in no ledger", "", "that it was the only try")
    found, lacking = f"{counted(count, 'configuration')} tried", _too_little(header)
    when = "" if now is not None else ", when the run ended"
    no = "that it is more than luck" if count == 1 else "that it is more than the best of so many"
    if lacking or deflated is None:
        found = f"{found}{when}; no deflated Sharpe ratio" + (f", {lacking or ledger.get('reason') or ''}".rstrip(", "))
        return Claim("trials", "missing", found, "", no)
    found = f"{found}, deflated Sharpe ratio {number(deflated)}{when}"
    if deflated < SURE_FRACTION:
        return Claim("trials", "weak", found, "it may be luck" if count == 1 else "it may be the best of so many by luck", no)
    return Claim("trials", "ok", found, "more than luck" if count == 1 else "more than the luck of so many tries", "")


def _damage(header: Header, ledger: Header) -> str | None:
    if ledger.get("fault"):
        return f"{LEDGER_DAMAGED}: {ledger['fault']}"
    warned = (str(text) for text in header.get("warnings") or () if str(text).startswith(LEDGER_DAMAGED))
    return next((text.partition(";")[0] for text in warned), None)


def _too_little(header: Header) -> str:
    """Why no Sharpe ratio may be said of the run; empty where it may."""
    agents = (header.get("metrics") or {}).get(ALL) or {}
    enough = is_enough(header.get("sessions"), agents.get("trades") or 0)
    if not enough:
        return enough.reason
    statistics = header.get("statistics") or {}
    return str(statistics.get("reason") or "too little to resample") if statistics.get("enough") is False else ""


def _seal(header: Header) -> Claim:
    holdout = header.get("holdout")
    if not holdout:
        return Claim("hold-out", "missing", "none was declared", "", "that the window was not tuned on")
    no = "a test on unseen sessions"
    if holdout.get("after_unsealing") or holdout.get("dropped"):
        found = "looked at before this configuration" if holdout.get("after_unsealing") else "no longer kept"
        return Claim("hold-out", "failed", found, "", no)
    start = holdout.get("start")
    if not start:
        return Claim("hold-out", "missing", "its start is not written down", "", no)
    if not holdout.get("unsealed"):
        return Claim("hold-out", "weak", f"sessions from {start} are still sealed", "a result of the tuning window", no)
    return _first_look(holdout, header.get("sessions"))


def _first_look(holdout: Mapping[str, Any], total: int | None) -> Claim:
    """Of a run that looked: were those sessions new to everybody, and are its figures of those sessions alone?"""
    no = "a test on unseen sessions"
    held, seen = holdout.get("sessions"), holdout.get("seen_before")
    if held is None or seen is None or total is None:
        return Claim("hold-out", "missing", f"from {holdout['start']}; who saw it before is not written down", "", no)
    found = f"{held:,d} of {counted(total, 'session')} from {holdout['start']} on"
    if seen:
        return Claim("hold-out", "weak", f"{found}; {counted(seen, 'run')} had seen those sessions before", "a repetition", no)
    if held < total:
        return Claim(
            "hold-out", "weak", f"{found}, first look", "nothing that rests on the others", "its figures as those of unseen sessions"
        )
    return Claim("hold-out", "ok", f"all {found}, first look", "a test on sessions that no run in the ledger had seen", "")


def _cutoff(header: Header) -> Claim:
    is_rules = header.get("title") == "no LLM" or (header.get("settings") or {}).get("agents_enabled") is False
    counts = [entry.get("sessions") or {} for entry in (header.get("cutoffs") or {}).values()]
    if is_rules:
        return Claim("cutoff", "ok", "no language model", "nothing comes from training", "")
    if not counts or any(each.get(key) is None for each in counts for key in ("unknown", "before", "after")):
        return Claim("cutoff", "missing", "not recorded", "", "that the model did not remember the window")
    unknown, before = (max(each[key] for each in counts) for key in ("unknown", "before"))
    after = min(each["after"] for each in counts)
    if unknown or not before + after:
        return Claim("cutoff", "missing", "a model's training cutoff is not known", "", "that it did not remember the window")
    if before and not after:
        return Claim("cutoff", "failed", "the whole window is before a model's training cutoff", "", "any skill: the model may remember")
    if before:
        found = f"{before} of {before + after} sessions before it"
        return Claim("cutoff", "weak", found, "nothing about those", "the return of the whole window as skill")
    return Claim("cutoff", "ok", f"all {after} sessions are after it", "the models were trained before the window", "")


def _errors(header: Header) -> Claim:
    calls, holds = header.get("calls") or {}, header.get("holds") or {}
    total, failed = calls.get("total"), calls.get("failed")
    if header.get("status") == "invalid":
        return Claim("errors", "failed", f"{number(failed)} of {number(total)} calls failed", "", "any figure of it as a result")
    if not total or failed is None or any(holds.get(kind) is None for kind in FAILURES):
        what = "no call was counted" if not total else "failures were not counted"
        return Claim("errors", "missing", what, "", "that failures did not pose as decisions")
    wrong = sum(holds[kind] for kind in FAILURES)
    found = f"{failed:,d} of {counted(total, 'call')} failed, {counted(wrong, 'hold')} by failure"
    if failed > HIGHEST_ERROR_FRACTION * total or wrong:
        return Claim("errors", "weak", found, "failures are counted apart", "that every hold was meant")
    return Claim("errors", "ok", found, "holds are the agents' own", "")


def _universe(header: Header) -> Claim:
    symbols, universe = header.get("symbols") or (), header.get("universe") or {}
    if universe.get("dated") and len(symbols) >= FEWEST_SYMBOLS:
        return Claim("universe", "ok", f"{counted(len(symbols), 'symbol')}, each dated", "for this universe as it was", "")
    if universe.get("dated"):
        found, no = f"{counted(len(symbols), 'symbol')}, each dated", f"more than {counted(len(symbols), 'name')}"
        return Claim("universe", "weak", found, "for these symbols while they belonged", no)
    found = f"{counted(len(symbols), 'symbol')}, picked by hand"
    what = "names beyond these" if len(symbols) >= FEWEST_SYMBOLS else f"more than {counted(len(symbols), 'name')}"
    return Claim("universe", "weak", found, "for these symbols", f"{what}: survivors were known")


def _verify(checks: Checks, changed: Sequence[str]) -> Claim:
    done = [check for check in checks if check.get("check") == "verify"]
    if not done:
        return Claim("verify", "missing", "not verified yet", "", "that it comes out the same again")
    last = done[-1]
    if not last.get("ok"):
        where = " ".join(str(last[key]) for key in ("file", "line") if last.get(key) is not None)
        return Claim("verify", "failed", f"came out differently: {where}".rstrip(": "), "", "that the run can be repeated")
    if changed:
        others = f" and {counted(len(changed) - 1, 'other file')}" if len(changed) > 1 else ""
        return Claim("verify", "failed", f"{changed[0]}{others} changed since the run ended", "", "that its rows are what was verified")
    return Claim("verify", "ok", f"came out the same on {str(last.get('at', ''))[:10]}", "anybody can repeat it from the folder", "")


def _audits(checks: Checks) -> Iterator[Claim]:
    """One line for all audits; a failed one is named."""
    last = {name: check for check in checks if (name := str(check.get("check", "")).removeprefix("audit ")) in AUDITS}
    failed = [name for name, check in last.items() if not check.get("ok")]
    lacking = [name for name in AUDITS if name not in last]
    if failed:
        yield Claim("audits", "failed", f"{', '.join(failed)} failed", "", "anything that they guard")
    elif lacking:
        done = f"{len(last)} of {len(AUDITS)} done; " if last else ""
        yield Claim("audits", "missing", f"{done}not done: {', '.join(lacking)}", "", "that nothing leaked into this run")
    elif untestable := sorted({what for check in last.values() for what in check.get("untestable") or ()}):
        found = f"not testable on this bundle: {', '.join(untestable)}"
        yield Claim("audits", "weak", found, "the rest was audited", "that levels in the data know of nothing later")
    else:
        yield Claim("audits", "ok", "all passed", "no leak was found by them", "")
