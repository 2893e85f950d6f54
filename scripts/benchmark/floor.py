"""The floor: a bare Polars scan, join, exact arithmetic and group-by over the same files, written, and nothing else."""

import json
import os
import sys
import time
from pathlib import Path

import deltalake
import polars as pl


def compute() -> pl.DataFrame:
    """Revenue by day, currency and country."""
    lake = os.environ["BACKFILL_LAKE"]
    raw = pl.scan_delta(deltalake.DeltaTable(f"{lake}/raw_transactions"))
    rates = pl.scan_delta(deltalake.DeltaTable(f"{lake}/fx_rates"))
    usd = rates.filter(pl.col("currency") == "USD").select("day", usd=pl.col("rate").to_physical())
    both = rates.select("day", "currency", pl.col("rate").to_physical()).join(usd, on="day")
    numerator, denominator = pl.col("amount").to_physical() * pl.col("usd"), pl.col("rate")
    # As `divided_half_even`, which cannot be had without the start of the library.
    doubled = numerator * 2 + denominator
    half_up = doubled // (denominator * 2)
    is_odd_tie = (half_up * denominator * 2 == doubled) & ((half_up & 1) == 1)
    revenue = half_up - is_odd_tie.cast(pl.Int128)
    summed = raw.join(both, on=["day", "currency"]).group_by("day", "currency", "country")
    return summed.agg(pl.len(), pl.col("amount").sum(), revenue=revenue.sum()).collect(engine="streaming")


def main() -> None:
    """Compute once, and say how long that alone took."""
    started = time.monotonic()
    compute().write_parquet(Path(sys.argv[1]) / "floor.parquet")
    print(json.dumps({"compute": time.monotonic() - started}))


if __name__ == "__main__":
    main()
