"""Ours beside finance's ledger, at the precision at which the ledger states its figures.

``BACKFILL_LEDGER_SCALE`` says how many decimals hold, where the print misleads: ``2``, or ``JPY=0,*=2``.
``BACKFILL_LEDGER_ROUNDS`` says what finance rounds before it adds up: the ``sum`` itself (default), the sum of each
``country``, or every ``transaction``; a sum of n rounded figures may lie n half units away.
"""

import os
import re
from collections.abc import Mapping
from enum import StrEnum

import polars as pl

from backfill_assets.checks import Precision, half_unit
from backfill_assets.revenue.errors import SettingUnreadable
from backfill_assets.revenue.landing import LEDGER, FinanceLedger

SCALE, ROUNDS = "BACKFILL_LEDGER_SCALE", "BACKFILL_LEDGER_ROUNDS"
ONE_SCALE = re.compile(r"(?:([A-Z]{3}|\*)=)?(-?[0-9])")
OUR_SCALE = 4
FINE = pl.Decimal(38, 8)
RATED = ("amount", "rate_usd", "rate_currency")


class Rounds(StrEnum):
    """What finance rounds before it adds up."""

    SUM = "sum"
    COUNTRY = "country"
    TRANSACTION = "transaction"


def precision() -> Precision:
    """What the environment says of the ledger's figures.

    Raises:
        SettingUnreadable: when that is no number of decimals.
    """
    told = os.environ.get(SCALE, "").replace(" ", "")
    found = [ONE_SCALE.fullmatch(one) for one in told.split(",") if one]
    scales = {one[1] or "*": int(one[2]) for one in found if one}
    if len(scales) < len(found):
        raise SettingUnreadable(SCALE, told, "decimals such as 2, or JPY=0,*=2, each currency once")
    return Precision(scales)


def rounds() -> Rounds:
    """What the environment says of how the ledger is added up.

    Raises:
        SettingUnreadable: when that is none of the three.
    """
    told = os.environ.get(ROUNDS, Rounds.SUM).strip().casefold() or Rounds.SUM
    if told not in {*Rounds}:
        raise SettingUnreadable(ROUNDS, told, f"one of {', '.join(Rounds)}")
    return Rounds(told)


def summed(fact: pl.LazyFrame | pl.DataFrame) -> pl.LazyFrame:
    """Ours per day and currency: transactions, revenue, lines, and by how much rounding each transaction moved it.

    ``rounding`` is the sum of the lines at their rates less ours: finance may round that sum once. It is never more
    than half of our last digit for each transaction.
    """
    rows = fact.lazy()
    there = rows.collect_schema().names()
    exact = pl.col("amount").cast(pl.Float64) * pl.col("rate_usd") / pl.col("rate_currency")
    moved = (exact - pl.col("revenue_usd").cast(pl.Float64)).sum()
    rounding = moved if all(name in there for name in RATED) else pl.lit(0.0)
    sums = rows.group_by("day", "currency").agg(
        pl.col("transactions", "revenue_usd").sum(), lines=pl.len().cast(pl.Int64), rounding=rounding
    )
    most = pl.col("transactions") * float(half_unit(OUR_SCALE))
    possible = pl.when(pl.col("rounding").abs() <= most).then("rounding").otherwise(0.0)
    return sums.with_columns(rounding=possible.cast(FINE))


def beside(fact: pl.LazyFrame | pl.DataFrame, ledger: FinanceLedger) -> pl.DataFrame:
    """Every day and currency of either side: both sums, ``difference_usd`` (absent as zero), and how far they may lie.

    ``within`` is what the ledger's rounding explains, ``agrees`` whether the amounts do: by our sum, or by that of the
    transactions before each was rounded.
    """
    theirs = _stated(ledger, precision())
    both = summed(fact).join(theirs.lazy(), on=["day", "currency"], how="full", coalesce=True)
    figures = {Rounds.SUM: pl.lit(1), Rounds.COUNTRY: pl.col("lines"), Rounds.TRANSACTION: pl.col("transactions")}
    most = pl.max_horizontal(figures[rounds()].fill_null(1), pl.lit(1))
    difference = pl.col("revenue_usd").fill_null(0) - pl.col("ledger_revenue_usd").fill_null(0)
    within = (pl.col("half").fill_null(0) * most).cast(FINE)
    rows = both.with_columns(difference_usd=difference, within=within, rounding=pl.col("rounding").fill_null(0))
    fine = pl.col("difference_usd").cast(FINE)
    by_ours = fine.abs() <= pl.col("within")
    by_exact = (fine + pl.col("rounding")).abs() <= pl.col("within")
    return rows.with_columns(agrees=by_ours | by_exact).collect()


def stated_to(ledger: FinanceLedger) -> Mapping[int, int]:
    """How many figures of the ledger have each number of decimals."""
    scales = _stated(ledger, precision())["scale"].value_counts().sort("scale")
    return dict(scales.iter_rows())


def _stated(ledger: FinanceLedger, known: Precision) -> pl.DataFrame:
    """The ledger with the scale of each figure, and half a unit of it."""
    keys = ledger.frame.select("day", "currency").iter_rows()
    scales = [known.scale(currency, ledger.scales.get((day, currency), OUR_SCALE)) for day, currency in keys]
    halves = [half_unit(scale) for scale in scales]
    names = {"transactions": "ledger_transactions", "revenue_usd": "ledger_revenue_usd"}
    return (
        ledger.frame.select(list(LEDGER))
        .rename(names)
        .with_columns(
            pl.Series("scale", scales, pl.Int64),
            pl.Series("half", [f"{half:f}" for half in halves], pl.String).cast(FINE),
        )
    )
