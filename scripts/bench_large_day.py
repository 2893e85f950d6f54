"""One day of fifty million transactions, corrected from its request to its cut over, and the most memory that took."""

import json
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from benchmark.made import COUNTRIES, CURRENCIES, LAST, Scale, environment_of, make
from rich.console import Console

ROWS, AT_ONCE = 50_000_000, 2_000_000
CORRECTED = """
import resource, runpy
runpy.run_module("benchmark.correction", run_name="__main__")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
"""


def main() -> None:
    """Make the day, correct it in a process of its own, and print what it took."""
    with tempfile.TemporaryDirectory(prefix="backfill-bench-") as place:
        environment = environment_of(Path(place), 30)
        make(Scale(1, 1_000), environment)
        enlarge()
        command = [sys.executable, "-W", "ignore", "-c", CORRECTED]
        began = environment | {"BENCH_BEGAN": str(time.time())}
        ran = subprocess.run(command, env=began, capture_output=True, text=True, check=True)
    seconds, most = ran.stdout.splitlines()[-2:]
    taken = json.loads(seconds)
    staged, validated = taken["staged"] - taken["staging"], taken["validate"] - taken["pages"]
    Console().print(
        f"A day of {ROWS:,} transactions: staged in {staged:.1f} s, validated in {validated:.1f} s; at most "
        f"{int(most) / 2**20:,.0f} MiB of memory in the whole process, of 2,048.",
        highlight=False,
    )


def enlarge() -> None:
    """Put the large day in the place of the small one, as if it had arrived like that."""
    from backfill_assets.revenue.definitions import LAKE
    from backfill_assets.revenue.raw_log import TRANSACTIONS
    from backfill_assets.sources.arrivals import MANIFEST, raw_manifest
    from backfill_assets.storage.actions import DataFile
    from backfill_assets.storage.commits import Change

    records = LAKE.records()
    raw, path = records.table(TRANSACTIONS.table, TRANSACTIONS.schema), f"day={LAST}/part-large.parquet"
    written(Path(raw.uri, path), TRANSACTIONS.schema)
    sums = TRANSACTIONS.added_up(pl.scan_parquet(Path(raw.uri, path)))
    rows, amounts = (dict(sums.select(TRANSACTIONS.group, name).iter_rows()) for name in ("rows", "amount"))
    known = raw_manifest(records).rows().filter(pl.col("source") == TRANSACTIONS.table)
    told = {
        "rows": ROWS,
        "standing": ROWS,
        "file": path,
        "file_sha256": raw.folder.sha256(path),
        "counts": json.dumps(rows),
        "totals": json.dumps({group: str(amount) for group, amount in amounts.items()}),
    }
    arrival = known.with_columns(pl.lit(value, MANIFEST[name]).alias(name) for name, value in told.items())
    raw_manifest(records).append(lambda _: arrival.select(list(MANIFEST)))
    size, stats = Path(raw.uri, path).stat().st_size, json.dumps({"numRecords": ROWS})
    large = DataFile(path, size, LAST, int(time.time() * 1000), ROWS, stats)
    raw.commit(lambda there: Change((large,), tuple(there.files[LAST])))


def written(file: Path, schema: pl.Schema) -> None:
    """The day's rows as one file, some at a time."""
    import pyarrow.parquet as pq

    types = transactions(ROWS, schema).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    with pq.ParquetWriter(file, types, compression="zstd") as writer:
        for first in range(0, ROWS, AT_ONCE):
            rows = transactions(first, schema).to_arrow(compat_level=pl.CompatLevel.oldest())
            writer.write_table(rows, row_group_size=1 << 18)


def transactions(first: int, schema: pl.Schema) -> pl.DataFrame:
    """Some rows from a number on, as the raw log keeps them."""
    number = pl.DataFrame({"number": pl.int_range(first, min(first + AT_ONCE, ROWS), eager=True)})
    chance, noon = pl.col("number").hash(7), datetime(LAST.year, LAST.month, LAST.day, 12, tzinfo=UTC)
    made = number.select(
        transaction_id=pl.format("{}-{}", pl.lit(str(LAST)), pl.col("number")),
        occurred_at=pl.lit(noon),
        customer=pl.lit(None, pl.String),
        country=pl.lit(pl.Series(COUNTRIES)).gather(chance % len(COUNTRIES)),
        currency=pl.lit(pl.Series(CURRENCIES)).gather(chance // 8 % len(CURRENCIES)),
        amount=((pl.col("number").hash(3) % 5_200_000).cast(pl.Int64) - 200_000).cast(pl.Decimal(38, 4)) / 10_000,
        arrival=pl.lit(1, pl.Int64),
    )
    return made.cast({name: kind for name, kind in schema.items() if name in made.columns}).select(
        name for name in schema if name != "day"
    )


if __name__ == "__main__":
    main()
