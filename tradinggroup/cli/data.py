"""`tradinggroup data`: bundles of market data, from import to check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tradinggroup.cli.framework import add, new_group
from tradinggroup.cli.options import JsonOption, NameOption
from tradinggroup.cli.output import emit_json, narrate, needed_day, only_json_on_stdout, parse_day, project_of, saved, split_list
from tradinggroup.cli.text_data import bundle_facts, text_bundles, text_findings, text_months, text_summary, text_unread
from tradinggroup.errors import ErrorCode, TradinggroupError, UsageError

if TYPE_CHECKING:
    from tradinggroup.data.bundle import Bundle

BundleArgument = Annotated[str, typer.Argument(metavar="BUNDLE", help="A bundle: a folder in data/.")]
Folder = Annotated[
    str, typer.Argument(metavar="DIR", help="A folder with prices/SYMBOL.csv and, where there are, news/, filings/, fundamentals/.")
]
Prices = Annotated[str, typer.Option("--prices", metavar="SUBFOLDER", help="Where in DIR the prices are.")]
Symbols = Annotated[list[str] | None, typer.Option("--symbols", metavar="A,B", help="Only these symbols; all of DIR without it.")]
NeededSymbols = Annotated[list[str], typer.Option("--symbols", metavar="A,B", help="Which symbols.")]
Start = Annotated[str | None, typer.Option("--start", metavar="DAY", help="First day, inclusive.")]
End = Annotated[str | None, typer.Option("--end", metavar="DAY", help="Last day, inclusive.")]
NeededStart = Annotated[str, typer.Option("--start", metavar="DAY", help="First day, inclusive.")]
NeededEnd = Annotated[str, typer.Option("--end", metavar="DAY", help="Last day, inclusive.")]
Basis = Annotated[
    Literal["as_traded", "split_adjusted", "total_return"] | None,
    typer.Option("--basis", help="Scale of the prices; without it: total_return when Close is Adj Close everywhere, else as_traded."),
]
UniverseNote = Annotated[str | None, typer.Option("--universe-note", metavar="TEXT", help="How the symbols were chosen.", hidden=True)]
Source = Annotated[Literal["yfinance"], typer.Option("--source", help="Where the prices come from.")]
Texts = Annotated[
    list[str] | None,
    typer.Option(
        "--texts", metavar="A,B", help="Also fetch texts: edgar (filings, figures), alpaca (news). Keys come from the environment."
    ),
]
DemoName = Annotated[str, typer.Option("--name", metavar="NAME", help="Name of the bundle: a folder in data/.")]
Seed = Annotated[int | None, typer.Option("--seed", metavar="N", help="Another market of the same kind.", show_default=False)]
NoEdge = Annotated[bool, typer.Option("--no-edge", help="A market without any signal, where nothing may win.")]

GrownName = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Write the grown bundle under this name; in place without it.")
]

group = new_group("Bundles: hashed, point-in-time data sets.")


def import_command(
    context: typer.Context,
    folder: Folder,
    *,
    name: NameOption,
    prices: Prices = "prices",
    symbols: Symbols = None,
    start: Start = None,
    end: End = None,
    basis: Basis = None,
    universe_note: UniverseNote = None,
    as_json: JsonOption = False,
) -> None:
    """Make a bundle from a folder of CSV and JSONL files.

    Refuses what cannot be used, naming file and line; `data check` counts the rest.
    """
    first, last = parse_day(start, "--start"), parse_day(end, "--end")
    chosen = split_list(symbols)
    if chosen == []:
        raise UsageError(ErrorCode.USAGE, "--symbols names no symbol", remedy="Write --symbols A,B, or leave it out for all of DIR.")
    project = project_of(context)
    from tradinggroup.data.importing import import_folder, unread_texts
    from tradinggroup.data.records import PriceBasis

    with only_json_on_stdout(as_json):
        bundle = import_folder(
            Path(folder),
            name=name,
            bundles_folder=project.bundles_folder,
            prices=prices,
            symbols=chosen,
            start=first,
            end=last,
            basis=PriceBasis(basis) if basis else None,
            universe_note=universe_note,
        )
        unread = unread_texts(Path(folder), prices=prices)
    if unread:
        narrate(text_unread(unread))
    _print_new(bundle, as_json=as_json)


def ingest(
    context: typer.Context,
    *,
    name: NameOption,
    symbols: NeededSymbols,
    start: NeededStart,
    end: NeededEnd,
    source: Source = "yfinance",
    texts: Texts = None,
    universe_note: UniverseNote = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch daily prices, filings and news from sources into a new bundle.

    Raw prices and corporate actions are stored, with the time of retrieval. What was fetched once is kept in data/.cache
    and not asked for again, so a second try goes on where the first stopped. Needs the network.
    """
    first, last = needed_day(start, "--start"), needed_day(end, "--end")
    project = project_of(context)
    from tradinggroup.data.sources.ingest import CACHE, make_price_source, make_text_source
    from tradinggroup.data.sources.ingest import ingest as fetch_all
    from tradinggroup.data.sources.kept_prices import KeptPrices

    with only_json_on_stdout(as_json):
        chosen, cache = split_list(symbols) or [], project.bundles_folder / CACHE
        bundle = fetch_all(
            KeptPrices(make_price_source(source), cache),
            chosen,
            first,
            last,
            name,
            project.bundles_folder,
            texts=[make_text_source(each, cache) for each in split_list(texts) or []],
            universe_note=universe_note,
        )
    _print_new(bundle, as_json=as_json)


def extend(
    context: typer.Context,
    bundle: BundleArgument,
    folder: Folder,
    *,
    end: End = None,
    name: GrownName = None,
    as_json: JsonOption = False,
) -> None:
    """Add to a bundle what its folder has after the bundle's end.

    The past must be what it was: a row that differs, is gone or is new there is named, and nothing is written. Runs that used the
    bundle as it was cannot be verified on the grown one; --name keeps both.
    """
    last = parse_day(end, "--end")
    project = project_of(context)
    from tradinggroup.data.extending import extend_bundle, restore
    from tradinggroup.data.importing import check_new_bundle, read_folder
    from tradinggroup.runs.inputs import open_bundle

    with only_json_on_stdout(as_json):
        restore(project.bundles_folder / bundle)
        old = open_bundle(project, bundle)
        if not name and old.folder.parent != project.bundles_folder:
            raise UsageError(
                ErrorCode.USAGE, f"{bundle} is the packaged one, which stays as it is", remedy="Name the grown one with --name."
            )
        target = check_new_bundle(project.bundles_folder, name) if name else None
        prices = next((source["prices"] for source in old.manifest["sources"] if source.get("kind") == "folder"), "prices")
        read = read_folder(Path(folder), prices=prices, symbols=old.symbols, start=old.first_session, end=last, basis=old.basis)
        grown = extend_bundle(old, read.frames, sources=[read.source], membership=read.membership, target=target)
    _print_new(grown, as_json=as_json)


def list_bundles(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the bundles of the project.

    Symbols, span, price basis, rows of each kind, and hash.
    """
    project = project_of(context)
    names = project.bundle_names()
    facts = [_facts_or_problem(name, project.bundle_folder(name)) for name in names]
    if as_json:
        emit_json({"bundles": facts})
    elif not facts:
        print("no bundle yet; make one with: tradinggroup data import DIR --name NAME")
    else:
        print(text_bundles(facts))


def check(context: typer.Context, bundle: BundleArgument, *, as_json: JsonOption = False) -> None:
    """Check a bundle: what it holds, what agents are not shown, and what is wrong.

    Gaps, unadjusted splits, duplicates, texts written later, breaks in the coverage. Exit 1 when there are errors.
    """
    project = project_of(context)
    from tradinggroup.data.check import check_bundle, summary
    from tradinggroup.runs.inputs import open_bundle

    opened = open_bundle(project, bundle)
    counts, findings = summary(opened), check_bundle(opened)
    has_errors = any(finding.severity == "error" for finding in findings)
    if as_json:
        emit_json({"ok": not has_errors, "summary": counts, "findings": [finding.to_plain() for finding in findings]})
    else:
        print("\n\n".join(part for part in (text_summary(counts), text_months(counts), text_findings(findings)) if part))
    if has_errors:
        raise typer.Exit(1)


def make_demo_bundle(
    context: typer.Context, *, name: DemoName = "demo", seed: Seed = None, no_edge: NoEdge = False, as_json: JsonOption = False
) -> None:
    """Make the synthetic demo market, from a seed.

    Three fictitious companies with known signals hidden in news, filings and prices; the same symbols and span for every seed.
    """
    project = project_of(context)
    from tradinggroup.data.demo_market import DEFAULT_SEED, make_demo
    from tradinggroup.data.importing import check_new_bundle

    with only_json_on_stdout(as_json):
        target = check_new_bundle(project.bundles_folder, name)
        bundle = make_demo(target, name=name, seed=DEFAULT_SEED if seed is None else seed, edge=not no_edge)
    _print_new(bundle, as_json=as_json)


def _print_new(bundle: Bundle, *, as_json: bool) -> None:
    facts = bundle_facts(bundle.manifest)
    if as_json:
        emit_json({**facts, "path": str(bundle.folder)})
        return
    print(text_bundles([facts]))
    print(f"next  tradinggroup data check {bundle.name}")
    saved(bundle.folder)


def _facts_or_problem(name: str, folder: Path) -> dict[str, Any]:
    from tradinggroup.data.bundle import read_manifest

    try:
        return bundle_facts(read_manifest(folder))
    except TradinggroupError as problem:
        return {"name": name, "problem": str(problem)}


add(group, "import", import_command, example="tradinggroup data import ../prices --start 2024-06-01 --name us2025")
add(
    group,
    "ingest",
    ingest,
    example="tradinggroup data ingest --symbols AAPL,MSFT --start 2024-01-01 --end 2024-12-31 --name two",
)
add(group, "extend", extend, example="tradinggroup data extend us2025 ../prices --name us2026")
add(group, "list", list_bundles, example="tradinggroup data list")
add(group, "check", check, example="tradinggroup data check demo")
add(group, "make-demo", make_demo_bundle, example="tradinggroup data make-demo --name quiet --seed 11 --no-edge")
