"""A shop's code location for several hosts, one of which can be made to stand still while it stages."""

import os
import time

import dagster as dg
import polars as pl

from backfill_assets import build_correction_definitions, correctable_asset, lake_resources

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
WEEKS = dg.WeeklyPartitionsDefinition("2026-01-05", day_offset=1)
LAKE_IO, SINGLE = "lake_io_manager", dg.BackfillPolicy.single_run()
STANDS_STILL = "SHOP_STANDS_STILL"
"""Where it is set, whatever is computed of more than a day takes that many seconds."""


@dg.asset(partitions_def=DAYS, backfill_policy=SINGLE, io_manager_key=LAKE_IO)
def till(context: dg.AssetExecutionContext) -> pl.DataFrame:
    days = pl.DataFrame({"day": pl.Series(context.partition_keys).str.to_date()})
    return days.join(pl.DataFrame({"market": ["EU", "US"], "price": [100, 101]}), how="cross")


@correctable_asset(partitions_def=DAYS, keys=["day", "market"], measures=["revenue"])
def takings(till: pl.DataFrame) -> pl.DataFrame:
    if till["day"].n_unique() > 1:
        time.sleep(float(os.environ.get(STANDS_STILL, "0")))
    return till.group_by("day", "market").agg(revenue=pl.col("price").sum().cast(pl.Decimal(18, 4)))


@dg.asset(partitions_def=WEEKS, backfill_policy=SINGLE, io_manager_key=LAKE_IO)
def weekly_takings(takings: pl.LazyFrame) -> pl.LazyFrame:
    return takings.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("revenue").sum())


defs = dg.Definitions.merge(
    dg.Definitions(assets=[till, weekly_takings], resources=lake_resources(), executor=dg.in_process_executor),
    build_correction_definitions(takings, sources=[till], reports=[weekly_takings]),
)
