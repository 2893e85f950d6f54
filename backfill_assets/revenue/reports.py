"""What people read: computations of the three reports, each from the fact.

A published day may have no row in the fact, because nothing was sold; so the days that are published are an argument.
"""

import calendar
from collections.abc import Collection
from dataclasses import replace
from datetime import date
from enum import StrEnum

import polars as pl

from backfill_assets.revenue.against_ledger import beside
from backfill_assets.revenue.landing import FinanceLedger
from backfill_assets.revenue.schemas import schema_of
from backfill_assets.revenue.transforms import divided_half_even

TRAILING_DAYS = 7


class Reason(StrEnum):
    """How our revenue of a day and currency stands to finance's."""

    EQUAL = "equal"
    MISSING_IN_LEDGER = "missing_in_ledger"
    MISSING_IN_FACT = "missing_in_fact"
    AMOUNT_DIFFERS = "amount_differs"
    COUNT_DIFFERS = "count_differs"
    LEDGER_INCOMPLETE = "ledger_incomplete"


def executive_dashboard(
    fct: pl.LazyFrame | pl.DataFrame, published: Collection[date], days: Collection[date]
) -> pl.DataFrame:
    """One row for each of the ``days`` that is published, with the mean of its trailing seven days.

    ``fct`` and ``published`` must reach six days before the first of ``days``. The mean is over those of the seven days
    that are published, exact, rounded half to even at four decimals. Nothing here reaches further back than that: a
    corrected day changes its own row and the six after it.
    """
    sold = fct.lazy().group_by("day").agg(pl.col("transactions").sum(), pl.col("revenue_usd").to_physical().sum())
    calendar_days = pl.LazyFrame({"day": sorted(set(published))}, schema={"day": pl.Date})
    daily = calendar_days.join(sold, on="day", how="left").fill_null(0).sort("day")
    trailing = daily.rolling("day", period=f"{TRAILING_DAYS}d").agg(
        pl.col("transactions", "revenue_usd").last(),
        total=pl.col("revenue_usd").sum(),
        days_in_mean=pl.len().cast(pl.Int64),
    )
    mean = divided_half_even(pl.col("total"), pl.col("days_in_mean").cast(pl.Int128))
    rows = trailing.with_columns(
        pl.col("revenue_usd").reinterpret(dtype=pl.Decimal(38, 4)),
        trailing_mean_7d_usd=mean.reinterpret(dtype=pl.Decimal(38, 4)),
    ).filter(pl.col("day").is_in(list(days)))
    return rows.select(list(schema_of("executive_dashboard"))).sort("day").collect()


def finance_reconciliation_export(
    fct: pl.LazyFrame | pl.DataFrame, ledger: FinanceLedger, days: Collection[date]
) -> pl.DataFrame:
    """Ours beside finance's, for every currency that either has on one of the ``days``, with the reason they differ.

    Amounts that differ by no more than the ledger's own rounding are equal; the difference is told all the same.
    """
    wanted = pl.col("day").is_in(list(days))
    rows = beside(fct.lazy().filter(wanted), replace(ledger, frame=ledger.frame.filter(wanted)))
    told = rows.with_columns(reason=_reason(ledger.incomplete_days))
    return told.select(list(schema_of("finance_reconciliation_export"))).sort("day", "currency")


def board_pack(fct: pl.LazyFrame | pl.DataFrame, published: Collection[date], months: Collection[date]) -> pl.DataFrame:
    """Per month and currency: the sums of its published days, and how many of its days are published.

    ``months`` are their first days; ``fct`` and ``published`` must hold them whole.
    """
    present = {month: sum(day.replace(day=1) == month for day in set(published)) for month in months}
    counts = pl.LazyFrame(
        {
            "day": list(present),
            "days_present": list(present.values()),
            "days_expected": [calendar.monthrange(month.year, month.month)[1] for month in present],
        },
        schema={"day": pl.Date, "days_present": pl.Int64, "days_expected": pl.Int64},
    )
    sums = fct.lazy().group_by(pl.col("day").dt.truncate("1mo"), "currency")
    rows = sums.agg(pl.col("transactions", "amount", "revenue_usd").sum()).join(counts, on="day")
    return rows.select(list(schema_of("board_pack"))).sort("day", "currency").collect()


def _reason(incomplete: Collection[date]) -> pl.Expr:
    """Counts before amounts: another number of transactions explains another sum."""
    is_incomplete = pl.col("day").is_in(list(incomplete))
    absent = pl.col("ledger_transactions").is_null()
    count_differs = pl.col("transactions") != pl.col("ledger_transactions")
    amount_differs = ~pl.col("agrees")
    return (
        pl.when(pl.col("transactions").is_null())
        .then(pl.lit(Reason.MISSING_IN_FACT.value))
        .when(is_incomplete & (absent | count_differs | amount_differs))
        .then(pl.lit(Reason.LEDGER_INCOMPLETE.value))
        .when(absent)
        .then(pl.lit(Reason.MISSING_IN_LEDGER.value))
        .when(count_differs)
        .then(pl.lit(Reason.COUNT_DIFFERS.value))
        .when(amount_differs)
        .then(pl.lit(Reason.AMOUNT_DIFFERS.value))
        .otherwise(pl.lit(Reason.EQUAL.value))
    )
