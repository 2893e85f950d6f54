"""A corner shop's code location: what was sold by day, and a weekly report of it. Small, so that its runs are quick."""

import dagster as dg
import polars as pl

from backfill_assets import build_correction_definitions, correctable_asset, lake_resources

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
WEEKS = dg.WeeklyPartitionsDefinition("2026-01-05", day_offset=1)
LAKE_IO, SINGLE = "lake_io_manager", dg.BackfillPolicy.single_run()


@dg.asset(partitions_def=DAYS, backfill_policy=SINGLE, io_manager_key=LAKE_IO)
def till(context: dg.AssetExecutionContext) -> pl.DataFrame:
    """What the till rang up: a hundred a day in each market."""
    days = pl.DataFrame({"day": pl.Series(context.partition_keys).str.to_date()})
    return days.join(pl.DataFrame({"market": ["EU", "US"], "price": [100, 100]}), how="cross")


@correctable_asset(partitions_def=DAYS, keys=["day", "market"], measures=["revenue"])
def takings(till: pl.LazyFrame) -> pl.LazyFrame:
    """What was taken, by day and market."""
    return till.group_by("day", "market").agg(revenue=pl.col("price").sum())


@dg.asset(partitions_def=WEEKS, backfill_policy=SINGLE, io_manager_key=LAKE_IO)
def weekly_takings(takings: pl.LazyFrame) -> pl.LazyFrame:
    """The week's takings."""
    return takings.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("revenue").sum())


defs = dg.Definitions.merge(
    dg.Definitions(assets=[till, weekly_takings], resources=lake_resources(), executor=dg.in_process_executor),
    build_correction_definitions(takings, sources=[till], reports=[weekly_takings]),
)
