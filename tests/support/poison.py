"""A bundle whose future is absurd: everything known after a moment is replaced, and corporate actions are inserted.

If a decision line at or before the moment differs between the two bundles, something looked ahead.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd

from tradinggroup.data.bundle import Bundle, write_bundle
from tradinggroup.data.bundle_format import BundleFrames

POISON_TEXT = "POISONED: the price multiplied by a thousand, guidance raised, record beat, bankruptcy, fraud, recall, upgrade. "
SPLIT_RATIO = 7.0
DIVIDEND_FRACTION = 0.05


def poisoned(bundle: Bundle, *, after: date, folder: Path, moment: datetime | None = None) -> Bundle:
    """A copy of `bundle` in `folder` in which every record known after `moment` is absurd; by default the close of session `after`.

    On an as-traded bundle a 7:1 split and a 5 % dividend per symbol are inserted on the second and third session after it,
    and the adjusted column is recomputed over the whole span, as a data vendor would.
    """
    clock = pd.Timestamp(moment or bundle.calendar.close_at(after))
    frames = bundle.frames()
    prices = _poison_prices(frames.prices.copy(), clock)
    actions = frames.actions
    if not bundle.levels_unsafe:
        actions = _with_actions(bundle, actions, after)
        prices = _recompute_adjusted(prices, actions)
    changed = BundleFrames(
        prices=prices,
        actions=actions,
        news=_poison_news(frames.news.copy(), clock),
        filings=_poison_filings(frames.filings.copy(), clock),
        fundamentals=_poison_fundamentals(frames.fundamentals.copy(), clock),
    )
    return write_bundle(folder, changed, name=bundle.name, basis=bundle.basis, sources=[{"name": "poison test"}])


def _poison_prices(prices: pd.DataFrame, clock: pd.Timestamp) -> pd.DataFrame:
    later = (prices["known_at"] > clock).to_numpy()
    wild = 1000.0 * (1 + np.arange(int(later.sum())) % 7)
    for column, factor in (("open_usd", 1.0), ("high_usd", 1.5), ("low_usd", 0.5), ("close_usd", 1.2)):
        prices.loc[later, column] = wild * factor
    prices.loc[later, "volume_shares"] = 1.0
    return prices


def _with_actions(bundle: Bundle, actions: pd.DataFrame, after: date) -> pd.DataFrame:
    split_day = bundle.calendar.next_session(bundle.calendar.next_session(after))
    dividend_day = bundle.calendar.next_session(split_day)
    clock = pd.Timestamp(bundle.calendar.close_at(after))
    rows = []
    for symbol in bundle.symbols:
        for kind, day, ratio, cash in (("split", split_day, SPLIT_RATIO, None), ("dividend", dividend_day, None, 50.0)):
            moment = bundle.calendar.open_at(day)
            rows.append(
                {
                    "symbol": symbol,
                    "kind": kind,
                    "ex_session": day,
                    "ratio": ratio,
                    "cash_usd": cash,
                    "event_at": moment,
                    "known_at": moment,
                }
            )
    kept = actions[actions["known_at"] <= clock]
    added = pd.DataFrame(rows, columns=list(actions.columns))
    return added if kept.empty else pd.concat([kept, added], ignore_index=True)


def _recompute_adjusted(prices: pd.DataFrame, actions: pd.DataFrame) -> pd.DataFrame:
    """What a vendor's adjusted close becomes: every earlier price knows of the later actions."""
    adjusted = prices["close_usd"].copy()
    for action in actions.itertuples():
        earlier = (prices["symbol"] == action.symbol) & (prices["session"] < action.ex_session)
        factor = 1 / action.ratio if action.kind == "split" else 1 - DIVIDEND_FRACTION
        adjusted[earlier] *= factor
    prices["adjusted_close_usd"] = adjusted
    return prices


def _poison_news(news: pd.DataFrame, clock: pd.Timestamp) -> pd.DataFrame:
    later = news["known_at"] > clock
    news.loc[later, "title"] = POISON_TEXT
    news.loc[later, "summary"] = POISON_TEXT * 3
    news.loc[later, "title_kind"] = "publisher"
    news.loc[later, "summary_kind"] = "publisher"
    return news


def _poison_filings(filings: pd.DataFrame, clock: pd.Timestamp) -> pd.DataFrame:
    later = filings["known_at"] > clock
    filings.loc[later, "text"] = POISON_TEXT * 400
    filings.loc[later, "text_kind"] = "filer"
    return filings


def _poison_fundamentals(fundamentals: pd.DataFrame, clock: pd.Timestamp) -> pd.DataFrame:
    fundamentals.loc[fundamentals["known_at"] > clock, "figures"] = '{"income_statement.revenues": 1e15}'
    return fundamentals
