"""The same days by Dagster as it comes: an asset, its Delta IO manager, one run of a partition or of several.

Run by a Python that has ``dagster-deltalake-polars``: dagster_partition.py LAKE OUTPUT FIRST_DAY [LAST_DAY]
"""

import sys
from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
from dagster_deltalake import LocalConfig, WriteMode  # pyright: ignore[reportMissingImports] - installed to measure
from dagster_deltalake_polars import (  # pyright: ignore[reportMissingImports] - installed to measure only
    DeltaLakePolarsIOManager,
)

lake, output, first, *last = sys.argv[1:]


@dg.asset(
    partitions_def=dg.DailyPartitionsDefinition(start_date="2025-01-01"),
    backfill_policy=dg.BackfillPolicy.single_run(),
    metadata={"partition_expr": "day"},
)
def daily_revenue(context: dg.AssetExecutionContext) -> pl.DataFrame:
    """Revenue by day, currency and country, in floating point."""
    days = [date.fromisoformat(key) for key in context.partition_keys]
    files = [str(file) for day in days for file in Path(lake, "raw_transactions", f"day={day}").glob("*.parquet")]
    raw = pl.scan_parquet(files, hive_partitioning=True, try_parse_hive_dates=True)
    rates = pl.scan_parquet(f"{lake}/fx_rates/day=*/*.parquet", hive_partitioning=True, try_parse_hive_dates=True)
    usd = rates.filter(pl.col("currency") == "USD").select("day", usd=pl.col("rate").cast(pl.Float64))
    both = rates.select("day", "currency", pl.col("rate").cast(pl.Float64)).join(usd, on="day")
    revenue = pl.col("amount").cast(pl.Float64) * pl.col("usd") / pl.col("rate")
    summed = raw.join(both, on=["day", "currency"]).group_by("day", "currency", "country")
    found = summed.agg(transactions=pl.len(), amount=pl.col("amount").sum().cast(pl.Float64), revenue=revenue.sum())
    return found.collect(engine="streaming")


def main() -> None:
    """Materialize the partitions in one run, on the instance of ``DAGSTER_HOME``."""
    manager = DeltaLakePolarsIOManager(
        root_uri=output, storage_options=LocalConfig(), mode=WriteMode.overwrite, schema="bench"
    )
    definitions = dg.Definitions([daily_revenue], resources={"io_manager": manager})
    job = definitions.resolve_implicit_global_asset_job_def()
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last[0]} if last else {}
    key = None if last else first
    done = job.execute_in_process(instance=dg.DagsterInstance.get(), partition_key=key, tags=tags)
    raise SystemExit(0 if done.success else 1)


if __name__ == "__main__":
    main()
