"""Tables of others in one code location: a key of several parts, by hour, and a name that is no prefix of ours."""

import dagster as dg
import polars as pl

from backfill_assets import LakeResource, NightlySpec, build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.watch import audit, freshness

DAYS, HOURS = dg.DailyPartitionsDefinition("2026-01-05"), dg.HourlyPartitionsDefinition("2026-01-05-00:00")
SINGLE = dg.BackfillPolicy.single_run()


@dg.asset(partitions_def=DAYS, backfill_policy=SINGLE, io_manager_key="lake_io_manager")
def sold(context: dg.AssetExecutionContext) -> pl.DataFrame:
    """What was sold."""
    return pl.DataFrame({"day": pl.Series(context.partition_keys).str.to_date(), "price": 1})


@dg.asset(partitions_def=HOURS, backfill_policy=SINGLE, io_manager_key="lake_io_manager")
def metered(context: dg.AssetExecutionContext, lake: LakeResource) -> pl.DataFrame:
    """What was metered."""
    return pl.DataFrame({"hour": context.partition_keys, "price": 1})


@correctable_asset(name="sales", partitions_def=DAYS, keys=["day"], measures=["price"])
def sales(sold: pl.LazyFrame) -> pl.LazyFrame:
    """By day."""
    return sold.group_by("day").agg(pl.col("price").sum())


@correctable_asset(key=["Finance", "eu", "by_hour"], partitions_def=HOURS, keys=["hour"], measures=["price"])
def by_hour(metered: pl.LazyFrame) -> pl.LazyFrame:
    """By hour."""
    return metered.group_by("hour").agg(pl.col("price").sum())


defs = dg.Definitions.merge(
    dg.Definitions(assets=[sold, metered], resources=lake_resources()),
    build_correction_definitions(sales, sources=[sold], nightly=NightlySpec(), watch=[audit(), freshness()]),
    build_correction_definitions(by_hour, sources=[metered], watch=[audit()]),
)
