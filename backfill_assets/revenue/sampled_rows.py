"""Which rows are derived a second time, the transactions behind them, and which rows a person gets to tick off."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from backfill_assets.checks import sample_size, sampling_order
from backfill_assets.corrections import Plan
from backfill_assets.revenue.schemas import FACT_KEY

MOST_AT_ONCE = 1_500_000
"""Transactions that are held in memory together, where no row alone has more."""
MOST_LISTED = 200_000
"""Transactions that are listed: rows with more behind them are derived, and listed by nobody."""
STRATA = ("currency", "has_refund")

Key = tuple[date, str, str]


def key_of(row: Mapping[str, Any]) -> Key:
    """The key of a row."""
    return (row["day"], row["currency"], row["country"])


def all_rows(raw: pl.LazyFrame, staged: Mapping[Key, Any]) -> pl.DataFrame:
    """Every key of the raw rows that count or of the staged version, with how many rows are behind it."""
    from_raw = raw.group_by(FACT_KEY).agg(lines=pl.len().cast(pl.Int64))
    there = pl.DataFrame(
        list(staged), schema=dict(zip(FACT_KEY, (pl.Date, pl.String, pl.String), strict=True)), orient="row"
    )
    both = from_raw.collect(engine="streaming").join(there, on=FACT_KEY, how="full", coalesce=True)
    return both.with_columns(pl.col("lines").fill_null(0)).sort(FACT_KEY)


def staged_rows(staged: Mapping[Key, Mapping[str, Any]]) -> pl.DataFrame:
    """Every key of the staged version, with the number of rows that it says are behind it."""
    rows = [(*key, row["transactions"] or 0) for key, row in staged.items()]
    schema = {"day": pl.Date, "currency": pl.String, "country": pl.String, "lines": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort(FACT_KEY)


@dataclass
class Transactions:
    """The transactions that count behind some rows, which have a number of ``lines``; ``count`` have been read."""

    effective: pl.LazyFrame
    rows: pl.DataFrame
    count: int = 0
    _refunds: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])
    _whole: pl.DataFrame | None = None

    def in_parts(self) -> Iterator[pl.DataFrame]:
        """All of them, as many at once as memory is for; whole rows together."""
        parts = self.rows.with_columns(_part=pl.col("lines").cum_sum() // MOST_AT_ONCE).partition_by("_part")
        for part in parts:
            behind = self._behind(
                part, self.effective if len(parts) == 1 else self.effective.select(*FACT_KEY, "amount")
            )
            self.count += behind.height
            self._refunds.append(behind.filter(pl.col("amount") < 0).select(FACT_KEY).unique())
            self._whole = behind if len(parts) == 1 else None
            yield behind

    def to_list(self, plan: Plan) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The rows to tick off, spread over currencies, refunds and the window, and the transactions behind them.

        Of what :meth:`in_parts` has read.
        """
        refunds = pl.concat([*self._refunds, self.rows.clear().select(FACT_KEY)]).with_columns(
            has_refund=pl.lit(value=True)
        )
        told = self.rows.join(refunds, on=FACT_KEY, how="left")
        told = told.with_columns(pl.col("has_refund").fill_null(value=False))
        order = sampling_order(told, keys=FACT_KEY, strata=STRATA, seed=plan.correction)
        wanted = order.head(sample_size(order, strata=STRATA, days=len(plan.days)))
        chosen = wanted.filter(pl.col("lines").cum_sum() <= MOST_LISTED)
        return chosen, self._behind(chosen, self.effective) if self._whole is None else self._whole

    def _behind(self, rows: pl.DataFrame, transactions: pl.LazyFrame) -> pl.DataFrame:
        wanted = rows.lazy().select(FACT_KEY)
        return transactions.join(wanted, on=FACT_KEY, how="semi").collect(engine="streaming")
