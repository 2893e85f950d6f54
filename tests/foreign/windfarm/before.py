"""The wind farm's code location."""

import dagster as dg
import polars as pl

from tests.foreign.windfarm.database import Database
from tests.foreign.windfarm.turbines import measured

HOURS = dg.HourlyPartitionsDefinition("2026-03-02-00:00")
DAYS = dg.DailyPartitionsDefinition("2026-03-02")
WEEKS = dg.WeeklyPartitionsDefinition("2026-03-02", day_offset=1)


@dg.asset(partitions_def=HOURS, metadata={"partition_expr": "hour"})
def readings(context: dg.AssetExecutionContext) -> pl.DataFrame:
    return measured(*context.partition_time_window)


@dg.asset(partitions_def=HOURS, metadata={"partition_expr": "hour"})
def hourly_kwh(readings: pl.DataFrame) -> pl.DataFrame:
    return readings.group_by("hour", "turbine").agg(
        energy=pl.col("kilowatts").mean().round(3),
        strongest_wind=pl.col("wind").max(),
        readings=pl.len(),
    )


@dg.asset(partitions_def=DAYS, metadata={"partition_expr": "day"})
def peak_hours(hourly_kwh: pl.DataFrame) -> pl.DataFrame:
    farm = hourly_kwh.group_by("hour").agg(pl.col("energy").sum())
    return farm.sort("energy", "hour").group_by(day=pl.col("hour").dt.date()).last()


@dg.asset(partitions_def=DAYS, metadata={"partition_expr": "day"})
def daily_kwh(hourly_kwh: pl.DataFrame) -> pl.DataFrame:
    daily = hourly_kwh.group_by("turbine", day=pl.col("hour").dt.date())
    return daily.agg(pl.col("energy").sum(), pl.col("strongest_wind").max(), hours=pl.len())


@dg.asset(partitions_def=WEEKS, metadata={"partition_expr": "week"})
def weekly_kwh(daily_kwh: pl.DataFrame) -> pl.DataFrame:
    weekly = daily_kwh.group_by("turbine", week=pl.col("day").dt.truncate("1w"))
    return weekly.agg(pl.col("energy", "hours").sum(), pl.col("strongest_wind").max())


@dg.asset(partitions_def=WEEKS, metadata={"partition_expr": "week"})
def ranking(weekly_kwh: pl.DataFrame) -> pl.DataFrame:
    rank = pl.col("energy").rank("ordinal", descending=True).over("week")
    return weekly_kwh.select("week", "turbine", "energy", rank=rank)


defs = dg.Definitions(
    assets=[readings, hourly_kwh, peak_hours, daily_kwh, weekly_kwh, ranking],
    resources={"io_manager": Database(path=dg.EnvVar("FARM_DATABASE"))},
)
