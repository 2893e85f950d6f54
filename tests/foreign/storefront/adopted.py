"""The shop's code location."""

import dagster as dg
import polars as pl

import backfill_assets as ba
from tests.foreign.storefront.shop import ordered, registered

DAYS = dg.DailyPartitionsDefinition("2026-01-01")
WEEKS = dg.WeeklyPartitionsDefinition("2026-01-05", day_offset=1)
MONTHS = dg.MonthlyPartitionsDefinition("2026-01-01")
ONE_RUN = dg.BackfillPolicy.single_run()
SALES = {"daily_sales": dg.AssetIn(["core", "daily_sales"])}


@dg.asset(key_prefix="raw", partitions_def=DAYS, backfill_policy=ONE_RUN, metadata={"partition_expr": "snapshot_date"})
def users(context: dg.AssetExecutionContext) -> pl.DataFrame:
    start, end = context.partition_time_window
    return registered(start.date(), end.date())


@dg.asset(key_prefix="raw", partitions_def=DAYS, backfill_policy=ONE_RUN, metadata={"partition_expr": "order_date"})
def orders(context: dg.AssetExecutionContext) -> pl.DataFrame:
    start, end = context.partition_time_window
    return ordered(start.date(), end.date())


@ba.correctable_asset(
    key_prefix="core",
    partitions_def=DAYS,
    backfill_policy=ONE_RUN,
    metadata={"partition_expr": "order_date"},
    keys=["country"],
    measures=["orders", "revenue"],
    sources={"orders": "raw/orders", "users": "raw/users"},
)
def daily_sales(orders: pl.DataFrame, users: pl.DataFrame) -> pl.DataFrame:
    sold = orders.join(users, left_on=["order_date", "user_id"], right_on=["snapshot_date", "user_id"])
    return sold.group_by("order_date", "country").agg(
        buyers=pl.col("user_id").n_unique(),
        orders=pl.len(),
        revenue=pl.col("amount").cast(pl.Decimal(18, 2)).sum(),
    )


@dg.asset(
    key_prefix="marts", partitions_def=WEEKS, backfill_policy=ONE_RUN, ins=SALES, metadata={"partition_expr": "week"}
)
def weekly_sales(daily_sales: pl.DataFrame) -> pl.DataFrame:
    weekly = daily_sales.group_by("country", week=pl.col("order_date").dt.truncate("1w"))
    return weekly.agg(pl.col("orders", "revenue").sum())


@dg.asset(
    key_prefix="marts", partitions_def=MONTHS, backfill_policy=ONE_RUN, ins=SALES, metadata={"partition_expr": "month"}
)
def monthly_sales(daily_sales: pl.DataFrame) -> pl.DataFrame:
    monthly = daily_sales.group_by("country", month=pl.col("order_date").dt.truncate("1mo"))
    return monthly.agg(pl.col("orders", "revenue").sum())


defs = dg.Definitions(
    assets=[users, orders, daily_sales, weekly_sales, monthly_sales],
    resources=ba.lake_resources("io_manager"),
)
corrections = ba.build_correction_definitions(
    daily_sales, sources=[users, orders], reports=[weekly_sales, monthly_sales], nightly=ba.NightlySpec()
)
defs = dg.Definitions.merge(defs, corrections)
del corrections
