"""The cab company's code location."""

from pathlib import Path

import dagster as dg
import duckdb
import polars as pl

from tests.foreign.cabs.exports import exported
from tests.foreign.cabs.parquet import ParquetFiles

DAYS = dg.DailyPartitionsDefinition("2026-02-01", timezone="Europe/Berlin")
MONTHS = dg.MonthlyPartitionsDefinition("2026-02-01", timezone="Europe/Berlin")
ONE_RUN = dg.BackfillPolicy.single_run()
DAILY_FARES = Path(__file__).with_name("daily_fares.sql")


@dg.asset(partitions_def=DAYS, backfill_policy=ONE_RUN)
def daily_fares(context: dg.AssetExecutionContext) -> pl.DataFrame:
    keys = context.partition_keys
    query = "select * from read_parquet($files) where day between cast($first as date) and cast($last as date)"
    rides = duckdb.sql(query, params={"files": exported(), "first": keys[0], "last": keys[-1]})
    return rides.query("rides", DAILY_FARES.read_text()).pl()


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
    resources={"io_manager": ParquetFiles(root=dg.EnvVar("CAB_FILES"))},
)
