"""A code location with three correctable tables, each of which reads the one before, and reports of several of them."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets import DeltaLakeIOManager, LakeResource, Source, build_correction_definitions, correctable_asset

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
WEEKS = dg.WeeklyPartitionsDefinition("2026-01-05", day_offset=1)
NOW = "2026-02-04T06:00:00+00:00"
FIRST, DAYS_THERE = date(2026, 1, 5), 28
KEPT: dict[str, Any] = {"io_manager_key": "lake_io_manager", "backfill_policy": dg.BackfillPolicy.single_run()}
FACTOR = [1]
"""What the code of the first table makes of a price: that of yesterday and that of today."""


def day(number: int) -> date:
    """The days that are there, from 1."""
    return FIRST + timedelta(days=number - 1)


def days(first: int, last: int) -> list[date]:
    return [day(number) for number in range(first, last + 1)]


def orders(wanted: Collection[date]) -> pl.DataFrame:
    """An order a day, each of another price."""
    return pl.DataFrame(
        {"day": list(wanted), "price": [100 + (one - FIRST).days for one in wanted]},
        schema={"day": pl.Date, "price": pl.Int64},
    )


def location(**of_tables: Mapping[str, Any]) -> dg.Definitions:
    """``daily`` reads the orders, ``trailing`` three days of it, ``weekly`` a week of that."""
    lake = LakeResource()

    @dg.asset(partitions_def=DAYS, **KEPT)
    def orders_log() -> pl.DataFrame:
        raise NotImplementedError

    @correctable_asset(partitions_def=DAYS, keys=[], measures=["revenue"])
    def daily(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log.group_by("day").agg(revenue=pl.col("price").sum() * FACTOR[0])

    @correctable_asset(
        partitions_def=DAYS, keys=[], measures=["revenue"], sources={"daily": Source("daily", look_back=2)}
    )
    def trailing(daily: pl.LazyFrame) -> pl.LazyFrame:
        return daily.sort("day").with_columns(pl.col("revenue").rolling_sum(3, min_samples=1))

    @correctable_asset(partitions_def=WEEKS, keys=[], measures=["revenue"])
    def weekly(trailing: pl.LazyFrame) -> pl.LazyFrame:
        return trailing.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("revenue").sum())

    @dg.asset(partitions_def=DAYS, **KEPT)
    def both(daily: pl.LazyFrame, trailing: pl.LazyFrame) -> pl.LazyFrame:
        return daily.join(trailing, on="day", suffix="_of_three")

    @dg.asset(partitions_def=WEEKS, **KEPT)
    def by_week(weekly: pl.LazyFrame) -> pl.LazyFrame:
        return weekly

    given: dict[str, dict[str, Any]] = {
        "daily": {"sources": [orders_log], "reports": [both]},
        "trailing": {"sources": [daily], "reports": [both]},
        "weekly": {"sources": [trailing], "reports": [by_week]},
    }
    made = [
        build_correction_definitions(asset, **{**given[table], **of_tables.get(table, {})})
        for table, asset in (("daily", daily), ("trailing", trailing), ("weekly", weekly))
    ]
    return dg.Definitions.merge(
        dg.Definitions(
            assets=[orders_log, both, by_week],
            resources={"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)},
        ),
        *made,
    )


def doubled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("revenue") * 2)
