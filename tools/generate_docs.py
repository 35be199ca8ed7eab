"""Write the pages and blocks of the docs that are made from the code, so that they cannot go stale.

A block stands in a page that is written by hand, between `<!-- generated: NAME -->` and `<!-- end -->`.

`python tools/generate_docs.py` writes them; with `--check` it writes nothing and exits 1 where a page differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from tradinggroup.backtest.sink import BAND_COLUMNS, COLUMNS
from tradinggroup.errors import ErrorCode
from tradinggroup.risk.verdicts import ReasonCode
from tradinggroup.settings import Experiment

ROOT = Path(__file__).resolve().parent.parent

MADE_BY = "<!-- made by tools/generate_docs.py from the code; change it there -->"

MEANINGS = {
    "session": "trading date that the row is ordered by (of the decision, the fill, the exit, or the valuation)",
    "symbol": "the account's symbol",
    "order_id": "`SYMBOL-SESSION` of the decision; of an exit inside a bar `SYMBOL-SESSION-stop` or `-target` of the session it filled "
    "in, of a delisting `-delisted`; unique in a run",
    "action": "`buy` or `sell`",
    "style": "aggressive, balanced or conservative; empty for a trader without styles",
    "reason_code": "the risk layer's verdict at the decision ([reason codes](reason-codes.md))",
    "forced": "whether a stop or target decided instead of the agent",
    "shares_wanted": "what the action asked for before any limit; sales negative",
    "shares_ordered": "what was ordered; sales negative",
    "shares_filled": "what was filled: the sum of its fills, each on its session's share scale; sales negative",
    "status": "an order: `filled`, `cut`, `partial` (it ended after a part), `denied` or `unfilled`; a trade: `closed` or `open`",
    "fill_session": "session of the last fill; empty without one",
    "fill_reason_code": "why the order was cut, ended short, was denied at its price or took several bars; empty otherwise",
    "decision_session": "session at whose close the order was decided; of an exit inside a bar or a delisting the session itself",
    "shares": "whole shares; of a fill signed, sales negative; of a trade the most that were held",
    "price_usd": "fill price, slippage and half-spread included",
    "commission_usd": "commission, positive; of a trade that of all its fills",
    "slippage_usd": "what slippage and half-spread cost against the quoted price, positive; part of `price_usd` already",
    "entry_session": "session of the first fill of the position",
    "exit_session": "session in which the last share went; empty while open",
    "entry_price_usd": "average price of the purchases, without commission, on the share scale of the trade's end",
    "exit_price_usd": "average price of the sales, on the same scale; while open, shares still held count at the last close",
    "profit_usd": "profit after commission, with dividends; losses negative",
    "return_fraction": "profit over what the purchases cost",
    "sessions_held": "sessions from entry to exit",
    "entry_style": "style of the entry",
    "exit_reason": "reason code of the exit, or `CASH_IN_LIEU` where a reverse split left no whole share; empty while open",
    "equity_usd": "cash and shares at the session's close",
    "cash_usd": "cash at the session's close",
    **{
        f"q{percent:02}_usd": f"equity of ALL at the session's close that {percent} % of the random draws do not pass"
        for percent in (5, 25, 50, 75, 95)
    },
    "close_usd": "close that the shares are valued at; the last known one in a session without a bar",
}


def reason_codes() -> str:
    """Every reason code of the risk layer and every error code, with its meaning."""
    return _page(
        "Codes",
        "## Reason codes of the risk layer",
        "Each verdict is `allowed`, `reduced` or `denied`, with one of these and its numbers. *Denied* is ours; *rejected* would "
        "be the broker's.",
        _code_table(ReasonCode),
        "## Error codes",
        "Each error is one line, `CODE: what, key=value. What to do next.`, on stderr, without a traceback.",
        _code_table(ErrorCode),
    )


def settings_reference() -> str:
    """Every setting of an experiment: key, default, meaning."""
    rows = [
        (f"`{key}`", f"`{default}`" if default else "none: must be given", text.replace("<", "\\<"))
        for key, default, text in _settings(Experiment)
    ]
    return _page(
        "Settings of an experiment",
        "Every key of an experiment file, reachable with `--set KEY=VALUE` too. `tradinggroup config show EXPERIMENT` prints the merged "
        "values with their origin. *paper* marks the values that the paper states, *FINSABER* those of its framework, *ours* every "
        "other constant of a method.",
        _table(("key", "default", "meaning"), rows),
    )


def run_folder_columns() -> str:
    """The columns of the CSV files of a run folder."""
    parts: list[str] = []
    for kind, columns in COLUMNS.items():
        parts += [f"## {kind}", _table(("column", "meaning"), [(f"`{column}`", MEANINGS[column]) for column in columns])]
    parts += ["## baselines/random/band.csv", _table(("column", "meaning"), [(f"`{column}`", MEANINGS[column]) for column in BAND_COLUMNS])]
    return _page(
        "Columns of a run folder",
        "CSV files with a header, UTF-8, ordered by session and then symbol. `baselines/NAME/` has `equity.csv` and `fills.csv` of each "
        "baseline with the same columns. Floats stand in their shortest form that reads back "
        "exactly; an empty field means that there is no value.",
        *parts,
    )


def graph() -> str:
    """The picture of the workflow, made from the compiled graph."""
    from tradinggroup.desk.graph import mermaid

    return f"```mermaid\n{mermaid().strip()}\n```"


def demo_market() -> str:
    """The tables of what is planted in the demo market, measured on it."""
    from tradinggroup.data.demo_market.description import demo_market_tables

    return demo_market_tables().strip()


def rules_constants_table() -> str:
    """Every constant of the rule-based analyst and their hash; of word lists and patterns the size alone."""
    from tradinggroup.models.rules_constants import constants_hash, rules_constants

    def shown(value: float | str) -> str:
        return f"{len(value.split())} words" if isinstance(value, str) and "flags=" not in value else f"`{value}`"

    found = {name: value for name, value in rules_constants().items() if "flags=" not in str(value)}
    rows = [(f"`{name}`", shown(value)) for name, value in found.items()]
    return f"Hash, patterns included: `{constants_hash()}`\n\n{_table(('constant', 'value'), rows)}"


def failure_kinds() -> str:
    """Every kind of failure of a call."""
    from tradinggroup.models.port import FailureKind

    rows = [
        (f"`{kind}`", "server" if kind.is_provider else "model", kind.meaning, "yes" if kind.is_repairable else "no")
        for kind in FailureKind
    ]
    return _table(("kind", "whose", "meaning", "repair turn"), rows)


def command_line() -> str:
    """Every command with its options and an example, made from the commands."""
    from tradinggroup.cli.reference import render_cli_reference

    return f"{MADE_BY}\n\n{render_cli_reference()}"


def notebook_frames() -> str:
    """The columns of the frames of a run that are no file of it."""
    from tradinggroup.runs.frames import DECISION_COLUMNS, ENTRY_COLUMNS, INTERVAL_COLUMNS, OUTCOME_COLUMNS

    frames = {
        "### run.trades\n\nThe columns of [trades.csv](run-folder-columns.md), then of the decision that opened it:": ENTRY_COLUMNS,
        "### run.decisions": DECISION_COLUMNS,
        "### run.outcomes": OUTCOME_COLUMNS,
        "### run.intervals": INTERVAL_COLUMNS,
    }
    return "\n\n".join(
        f"{title}\n\n{_table(('column', 'meaning'), [(f'`{name}`', meaning) for name, meaning in columns.items()])}"
        for title, columns in frames.items()
    )


def run_json() -> str:
    """The schema of a run's header."""
    from tradinggroup.runs.header_schema import run_json_schema

    return json.dumps(run_json_schema(), indent=2) + "\n"


PAGES: dict[str, Callable[[], str]] = {
    "docs/reason-codes.md": reason_codes,
    "docs/settings.md": settings_reference,
    "docs/run-folder-columns.md": run_folder_columns,
    "docs/cli.md": command_line,
    "docs/run-json.schema.json": run_json,
}
"""Whole pages."""

BLOCKS: dict[str, tuple[str, Callable[[], str]]] = {
    "docs/models.md": ("failure kinds", failure_kinds),
    "docs/notebook-api.md": ("notebook frames", notebook_frames),
    "README.md": ("graph", graph),
    "docs/demo-market.md": ("demo market", demo_market),
    "docs/rule-based-analyst.md": ("rules constants", rules_constants_table),
}
"""Page -> name and maker of its block."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages, or compare them; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page differs from the code")
    is_check = parser.parse_args(arguments).check
    stale = {name: text for name, text in made_pages() if _read(ROOT / name) != text}
    for name, text in stale.items():
        if is_check:
            print(f"{name} differs from the code; run: python tools/generate_docs.py", file=sys.stderr)
        else:
            (ROOT / name).write_text(text, encoding="utf-8", newline="\n")
            print(f"{name} written")
    return 1 if is_check and stale else 0


def made_pages() -> Iterator[tuple[str, str]]:
    """(path from the root, text as the code has it) of every page that holds something made."""
    for name, page in PAGES.items():
        yield name, page()
    for name, (block, made) in BLOCKS.items():
        yield name, with_block(_read(ROOT / name) or "", block, made())


def with_block(page: str, block: str, text: str) -> str:
    """`page` with its block replaced. Raises ValueError where the page has not exactly one such block."""
    start = f"<!-- generated: {block} -->\n"
    if page.count(start) != 1:
        raise ValueError(f"no block, or several: {start.strip()}")
    head, rest = page.split(start)
    _, end, tail = rest.partition("<!-- end -->")
    if not end:
        raise ValueError(f"the block {block} does not end")
    return f"{head}{start}{text}\n{end}{tail}"


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _settings(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """(dotted key, default as TOML-like text or "", description), in the order of the class."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, f"{prefix}{name}.")
        else:
            default = "" if field.default is PydanticUndefined else _literal(field.default)
            yield f"{prefix}{name}", default, field.description or ""


def _literal(value: Any) -> str:
    """A default as an experiment file would hold it."""
    return "none" if value is None else json.dumps(list(value) if isinstance(value, tuple) else value)


def _code_table(codes: Iterable[ReasonCode] | Iterable[ErrorCode]) -> str:
    return _table(("code", "meaning"), [(f"`{code.value}`", code.meaning) for code in codes])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _page(title: str, *parts: str) -> str:
    return "\n\n".join((MADE_BY, f"# {title}", *parts)) + "\n"


if __name__ == "__main__":
    sys.exit(main())
