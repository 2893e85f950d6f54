"""The cab company's code location."""

from pathlib import Path

import dagster as dg
import polars as pl

import backfill_assets as ba
from tests.foreign.cabs.exports import exported

DAYS = dg.DailyPartitionsDefinition("2026-02-01", timezone="Europe/Berlin")
MONTHS = dg.MonthlyPartitionsDefinition("2026-02-01", timezone="Europe/Berlin")
ONE_RUN = dg.BackfillPolicy.single_run()
DAILY_FARES = Path(__file__).with_name("daily_fares.sql")


RIDES = ba.ParquetSource(exported(), day="day")
SLOTS = {"partitions_def": DAYS, "keys": ["zone"], "measures": ["rides", "fares"]}
daily_fares = ba.correctable_sql(DAILY_FARES, name="daily_fares", sources={"rides": RIDES}, **SLOTS)


@dg.asset(partitions_def=MONTHS, backfill_policy=ONE_RUN)
def monthly_fares(daily_fares: pl.DataFrame) -> pl.DataFrame:
    monthly = daily_fares.group_by(pl.col("day").dt.truncate("1mo"), "zone")
    return monthly.agg(pl.col("rides", "night_rides", "fares").sum(), pl.col("highest_fare").max())


@dg.asset(partitions_def=MONTHS, backfill_policy=ONE_RUN)
def shares_of_zones(monthly_fares: pl.DataFrame) -> pl.DataFrame:
    share = pl.col("fares").cast(pl.Float64) / pl.col("fares").cast(pl.Float64).sum().over("day")
    return monthly_fares.select("day", "zone", "fares", share=share.round(6))


defs = dg.Definitions(
    assets=[daily_fares, monthly_fares, shares_of_zones],
    resources=ba.lake_resources("io_manager"),
)
defs = dg.Definitions.merge(
    defs,
    ba.build_correction_definitions(daily_fares, reports=[monthly_fares, shares_of_zones], nightly=ba.NightlySpec()),
)
