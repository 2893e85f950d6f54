"""Step 2 of the example: what landed is still there as it landed, and every currency that was traded has a rate."""

from collections.abc import Collection, Sequence
from datetime import date

import polars as pl

from backfill_assets.checks import Problem
from backfill_assets.corrections import Plan
from backfill_assets.lake import Records, Snapshot
from backfill_assets.revenue.raw_log import RAW, TRANSACTIONS
from backfill_assets.text import FAULTS

RATES = "fx_rates"


def verify_sources(records: Records, plan: Plan) -> Sequence[Problem]:
    """Every problem of every day of the plan, at the commits that the correction is staged from."""
    looked = TRANSACTIONS.verified(records, plan.days, plan.pins[RAW])
    days = sorted(set(plan.days) & records.snapshot(RAW, plan.pins[RAW]).days)
    rates = records.snapshot(RATES, plan.pins[RATES])
    return [*looked.problems, *_without_rate(looked.standing, rates, days)]


def _without_rate(standing: pl.DataFrame, rates: Snapshot, days: Collection[date]) -> list[Problem]:
    """Days on which a currency was traded, or any, for which there is no usable rate of it, or of the dollar."""
    traded = standing.select("day", "currency").unique()
    wanted = pl.concat([traded, traded.select("day", currency=pl.lit("USD"))]).unique()
    try:
        there = rates.scan(days).filter(pl.col("rate") > 0).select("day", "currency").collect()
    except FAULTS:
        gone = rates.folder.missing([path for day in days for path, _ in rates.names(day)])
        lost = [day for day in days if {path for path, _ in rates.names(day)} & gone] or list(days)
        return [Problem(day, f"{RATES} has a file that cannot be read") for day in sorted(lost)]
    without = wanted.filter(pl.col("day").is_in(list(rates.days))).join(there, on=["day", "currency"], how="anti")
    return [Problem(day, f"{RATES} has no rate of {currency}") for day, currency in sorted(without.iter_rows())]
