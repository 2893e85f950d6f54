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
MOST_LISTED = 20_000
"""Transactions that are listed: rows with more behind them are derived, and listed by nobody."""
STRATA = ("currency", "has_refund")

Key = tuple[date, str, str]


def key_of(row: Mapping[str, Any]) -> Key:
    """The key of a row."""
    return (row["day"], row["currency"], row["country"])


def all_rows(raw: pl.LazyFrame, staged: pl.DataFrame) -> pl.DataFrame:
    """Every key of the raw rows that count or of the staged version, with how many rows are behind it."""
    from_raw = raw.group_by(FACT_KEY).agg(lines=pl.len().cast(pl.Int64))
    there = staged.select(FACT_KEY).unique()
    both = from_raw.collect(engine="streaming").join(there, on=FACT_KEY, how="full", coalesce=True)
    return both.with_columns(pl.col("lines").fill_null(0)).sort(FACT_KEY)


def staged_rows(staged: pl.DataFrame) -> pl.DataFrame:
    """Every key of the staged version, with the number of rows that it says are behind it."""
    lines = pl.col("transactions").fill_null(0).cast(pl.Int64)
    return staged.select(*FACT_KEY, lines=lines).unique(FACT_KEY, keep="last").sort(FACT_KEY)


@dataclass
class Transactions:
    """The transactions that count behind some rows, which have a number of ``lines``; ``count`` have been read."""

    effective: pl.LazyFrame
    rows: pl.DataFrame
    count: int = 0
    _refunds: list[pl.DataFrame] = field(default_factory=list[pl.DataFrame])

    def in_parts(self) -> Iterator[pl.DataFrame]:
        """How often each amount, in units of the fourth decimal, is behind each row; whole rows together.

        As many transactions at once as memory is for. Columns are the key of a row, ``amount`` and ``len``.
        """
        parts = self.rows.with_columns(_part=pl.col("lines").cum_sum() // MOST_AT_ONCE).partition_by("_part")
        units = pl.col("amount").to_physical().cast(pl.Int64)
        for part in parts:
            amounts = self._behind(part).select(*FACT_KEY, units)
            counted = amounts.group_by(*FACT_KEY, "amount").agg(pl.len()).collect(engine="streaming")
            self.count += int(counted["len"].sum())
            self._refunds.append(counted.filter(pl.col("amount") < 0).select(FACT_KEY).unique())
            yield counted

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
        return chosen, self._behind(chosen).collect(engine="streaming")

    def _behind(self, rows: pl.DataFrame) -> pl.LazyFrame:
        of_days = self.effective.filter(pl.col("day").is_in(rows["day"].unique().implode()))
        return of_days.join(rows.lazy().select(FACT_KEY), on=FACT_KEY, how="semi")
