"""From what the fills earned to what is left: gross, commission, slippage, the model's bill, net.

Gross is what the same fills, share for share, would have brought at the quoted prices and without commission: the net profit with
its costs added back. Interest that the saved costs would have earned is left out. The identity holds by construction, so the
lines add up exactly:

    gross - commission - slippage = net before the model's bill;  less the model's bill = net
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tradinggroup.backtest.metrics import ALL
from tradinggroup.backtest.sink import Row

BPS = 10_000
NO_TURNOVER = "nothing was traded"
A_LOSS = "there is no profit that costs could use up"
BILL_UNKNOWN = "the model's bill is not known; net is before it"
BILL_OF_THE_RUN = "the model's bill is known for the run, not by symbol; net is before it"


@dataclass(frozen=True, slots=True)
class CostWaterfall:
    """Profits and costs of one account, or of ALL, in USD. Costs positive."""

    gross_usd: float
    commission_usd: float
    slippage_usd: float
    net_before_model_usd: float
    """Last equity less the opening cash."""
    model_bill_usd: float | None
    """None where it is unknown, and for a symbol: calls are not billed by symbol."""
    net_usd: float
    """After the model's bill, where that is known."""
    traded_usd: float
    """Value bought plus value sold, at the prices of the fills."""
    break_even_bps: float | None
    """Additional cost of each purchase and each sale, in bps of its value, at which `net_usd` would be zero; share counts as they are."""
    undefined: Mapping[str, str]
    """Why which field is None."""

    def to_plain(self) -> dict[str, Any]:
        """All fields by name, for JSON."""
        return {**asdict(self), "undefined": dict(self.undefined)}


def waterfalls(
    equity: Mapping[str, Sequence[Row]],
    fills: Mapping[str, Sequence[Row]],
    *,
    cash_usd: float,
    model_bill_usd: float | None,
) -> dict[str, CostWaterfall]:
    """The waterfall of each account and, last, of ALL, whose lines are the sums of the accounts' and which pays the model's bill.

    Args:
        equity: symbol -> rows of `equity.csv`, by session, one at least.
        fills: symbol -> rows of `fills.csv`; a symbol without a fill may be missing.
        cash_usd: opening cash of each account.
        model_bill_usd: what the model calls of the run cost; None where that is not known.
    """
    parts = {symbol: _Parts.of(rows, fills.get(symbol, ()), cash_usd) for symbol, rows in equity.items()}
    found = {symbol: each.waterfall(None, BILL_OF_THE_RUN) for symbol, each in parts.items()}
    summed = _Parts(*(math.fsum(column) for column in zip(*(each.columns() for each in parts.values()), strict=True)))
    return {**found, ALL: summed.waterfall(model_bill_usd, BILL_UNKNOWN)}


@dataclass(frozen=True, slots=True)
class _Parts:
    net_usd: float
    commission_usd: float
    slippage_usd: float
    traded_usd: float

    @classmethod
    def of(cls, rows: Sequence[Row], fills: Sequence[Row], cash_usd: float) -> _Parts:
        return cls(
            net_usd=rows[-1]["equity_usd"] - cash_usd,
            commission_usd=math.fsum(fill["commission_usd"] for fill in fills),
            slippage_usd=math.fsum(fill.get("slippage_usd", 0.0) for fill in fills),
            traded_usd=math.fsum(abs(fill["shares"]) * fill["price_usd"] for fill in fills),
        )

    def columns(self) -> tuple[float, float, float, float]:
        return (self.net_usd, self.commission_usd, self.slippage_usd, self.traded_usd)

    def waterfall(self, model_bill_usd: float | None, unknown: str) -> CostWaterfall:
        undefined = {} if model_bill_usd is not None else {"model_bill_usd": unknown}
        net_usd = self.net_usd - (model_bill_usd or 0.0)
        reason = NO_TURNOVER if self.traded_usd == 0 else A_LOSS if net_usd <= 0 else None
        if reason is not None:
            undefined["break_even_bps"] = reason
        return CostWaterfall(
            gross_usd=math.fsum((self.net_usd, self.commission_usd, self.slippage_usd)),
            commission_usd=self.commission_usd,
            slippage_usd=self.slippage_usd,
            net_before_model_usd=self.net_usd,
            model_bill_usd=model_bill_usd,
            net_usd=net_usd,
            traded_usd=self.traded_usd,
            break_even_bps=None if reason is not None else net_usd / self.traded_usd * BPS,
            undefined=undefined,
        )
