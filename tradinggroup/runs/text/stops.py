"""How stops really ended: in one line for `show`, in three for `show --all`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tradinggroup.runs.figures import counted, number, wrapped
from tradinggroup.runs.summary import ALL


def short_stops(stops: Mapping[str, Any]) -> str:
    """One line of the header's `stops`; empty without any exit or loss."""
    found = stops.get(ALL)
    if found is None or not (found["stop_exits"] or found["target_exits"] or found["losing_sessions"]):
        return ""
    text = f"{counted(found['stop_exits'], 'exit')} at the stop"
    if found["loss_over_threshold_median"] is not None:
        median, worst = (number(found[f"loss_over_threshold_{name}"]) for name in ("median", "worst"))
        text += f", at {median} times its threshold (median), at worst {worst}"
    return f"{text}; moved further down on {found['widened_sessions']:,d} of {counted(found['losing_sessions'], 'losing session')}"


def stop_lines(stops: Mapping[str, Any]) -> Iterator[str]:
    """From the header's `stops`: exits, their loss against the threshold, how often a stop moved away. None without any exit or loss."""
    found = stops.get(ALL)
    if found is None or not (found["stop_exits"] or found["target_exits"] or found["losing_sessions"]):
        return
    yield f"stops: {counted(found['stop_exits'], 'exit')} at the stop, {counted(found['target_exits'], 'exit')} at the target"
    if found["loss_over_threshold_median"] is not None:
        ratios = "median {}, 95 % {}, worst {}".format(
            *(number(found[f"loss_over_threshold_{name}"]) for name in ("median", "p95", "worst"))
        )
        yield from wrapped(f"loss of an exit over its threshold: {ratios} (1 is what the stop promised)", first="  ")
    losing = counted(found["losing_sessions"], "session")
    yield from wrapped(f"the stop of a losing position moved further down on {found['widened_sessions']:,d} of {losing}", first="  ")
