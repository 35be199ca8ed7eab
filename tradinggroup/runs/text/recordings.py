"""Pages about recordings at 80 columns: what a store holds, what pruning takes away, where an answer came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from tradinggroup.runs.figures import columns, counted, number, wrapped
from tradinggroup.runs.recordings.pruning import Pruned

_INDENT = " " * 10


def text_stats(stats: Mapping[str, Any]) -> str:
    """Totals, then a table by model and one by agent, then rungs and failures where there are any."""
    size = f"{stats['size_bytes'] / 1e6:,.1f} MB"
    checked = "every one is what was recorded"
    if stats["without_hash"]:
        checked = f"{counted(stats['without_hash'], 'reply')} of the first format without a hash"
    lines = [
        f"{counted(stats['recordings'], 'recording')}, {counted(stats['calls'], 'call')}, {size}; {checked}",
        "",
        _table("model", stats["models"], ("recordings", "live", "failed", "attempts")),
        "",
        _table("agent", stats["agents"], ("calls", "recordings", "live", "failed")),
    ]
    for name in ("rungs", "failures"):
        if stats[name]:
            parts = ", ".join(f"{key} {number(count)}" for key, count in stats[name].items())
            lines += wrapped(parts, first=f"{name:<10}")
    if stats["vectors"]:
        lines.append(f"{'vectors':<10}{number(stats['vectors'])}")
    return "\n".join(lines)


def text_pruned(pruned: Pruned, *, is_dry: bool) -> str:
    """How many go, by model, and that nothing went yet where it was only looked at."""
    said = "would be removed" if is_dry else "removed"
    head = f"{number(len(pruned.keys))} of {counted(pruned.total, 'recording')} {said}, {pruned.text_bytes / 1e6:,.1f} MB of text"
    rows = [f"{name:<30}{number(count):>10}" for name, count in pruned.by_model.items()]
    return "\n".join([head, *rows, *(["nothing was changed; repeat with --yes to remove them"] if is_dry and pruned.keys else [])])


def text_why(calls: Sequence[Mapping[str, Any]]) -> str:
    """One block a call."""
    return "\n\n".join("\n".join(_call_lines(call)) for call in calls)


def _call_lines(call: Mapping[str, Any]) -> list[str]:
    place = f"{call['agent']} {call['purpose']} #{call['position']}, {call['symbol']} {call['session']}"
    tokens = f"{number(call['prompt_tokens'])}+{number(call['completion_tokens'])} tokens"
    asked = ", ".join(part for part in (call["model"], _sample(call), f"rung {call['rung']}" if call["rung"] else "", tokens) if part)
    lines = [f"== {place}", f"key       {call['key']}"]
    lines += wrapped(_source_text(call), first="source    ")
    lines += wrapped(asked, first="model     ")
    if call["model_returned"]:
        lines += wrapped(call["model_returned"], first="returned  ")
    lines += _attempt_lines(call)
    if call["failure"] is None:
        lines += wrapped(orjson.dumps(call["answer"]).decode(), first="answer    ")
    else:
        lines += wrapped(f"{call['failure']['kind']}: {call['failure']['detail']}", first="failed    ")
    if call["also_asked"]:
        lines.append(f"shared    with {counted(call['also_asked'], 'other call')} of this run that asked the same")
    lines.append(f"prompt    tradinggroup logs RUN --call {call['key'].removeprefix('sha256:')[:8]}")
    return lines


def _sample(call: Mapping[str, Any]) -> str:
    return f"sample {call['seed_index']}" if call["seed_index"] else ""


def _source_text(call: Mapping[str, Any]) -> str:
    source = call["source"]
    if source == "rules":
        return "computed by the rules in this process; no recording was needed"
    when = f", recorded {call['recorded_at']}" if call["recorded_at"] else ""
    if source == "live":
        return f"live: this run asked the model{when or _between(call)}. {_why_live(call)}"
    from_where = "the run it was forked from" if source == "parent" else "the project's shared store"
    asked_by = f"; asked by {call['asked_by']}" if call["asked_by"] else "; the run that asked is not in this project"
    return f"{source}: taken from {from_where}{when}{asked_by}"


def _between(call: Mapping[str, Any]) -> str:
    end = call["run_finished_at"]
    return f", between {call['run_started_at']} and {end}" if end else f", after {call['run_started_at']}"


def _why_live(call: Mapping[str, Any]) -> str:
    if call["calls_mode"] == "refresh":
        return "It was asked anew (--calls refresh)."
    nearest = call["nearest"]
    if nearest is None:
        return "Nothing was recorded for this request, nor for this call of an earlier run."
    key = nearest["key"].removeprefix("sha256:")[:12]
    return f"Nothing was recorded for this request. Recording {key} of the same call differs in: {nearest['difference']}."


def _attempt_lines(call: Mapping[str, Any]) -> list[str]:
    attempts = call["attempts"]
    if len(attempts) == 1 and attempts[0]["failure"] is None:
        return []
    lines = [f"attempts  {len(attempts)}"]
    for attempt in attempts:
        failure = attempt["failure"]
        rung = f" by {attempt['rung']}" if attempt["rung"] else ""
        said = "answered" if failure is None else f"{failure['kind']}: {failure['detail']}"
        lines += wrapped(f"{attempt['number']}{rung}  {said}", first=_INDENT, then=f"{_INDENT}   ")
    return lines


def _table(name: str, rows: Mapping[str, Mapping[str, int]], names: tuple[str, ...]) -> str:
    head = [name, *names, "tokens in", "out"]
    body = [
        [key, *(number(row[each]) for each in names), number(row["prompt_tokens"]), number(row["completion_tokens"])]
        for key, row in rows.items()
    ]
    return columns([head, *body])
