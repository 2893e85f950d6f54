"""Looking at tables of other writers, and repartitioning one in place: time, and peak memory of the process."""

import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.transaction import AddAction, RemoveAction
from rich.console import Console
from rich.table import Table as Shown

FIRST, DAYS = date(2025, 1, 1), 400
FILES, ROWS_A_FILE = 10_000, 20
WIDE = 2_000
REWRITTEN = 5_000_000
COMMAND = "from backfill_assets.command_line import app; app()"
# What getrusage says of memory begins with what the parent had.
USED = """
import atexit, os, pathlib, re, sys
peak = lambda: re.search(r"VmHWM:\\s+(\\d+)", pathlib.Path("/proc/self/status").read_text())[1]
atexit.register(lambda: print(sum(os.times()[:2]), peak(), file=sys.stderr))
"""


def main() -> None:
    """Measure each in a process of its own, as people call it."""
    shown = Shown(title="Adopting tables of other writers", show_header=False, title_justify="left", min_width=60)
    with tempfile.TemporaryDirectory(prefix="backfill-bench-") as place:
        lake = Path(place)
        many_files(lake / "many")
        wide(lake / "wide")
        unpartitioned(lake / "whole")
        size = sum(file.stat().st_size for file in (lake / "whole").rglob("*.parquet"))
        looks = {
            f"look at {FILES:,} files": ["many", "--check"],
            f"the same, and at keys of {FILES * ROWS_A_FILE:,} rows": ["many", "--check", "--key", "id"],
            f"look at {WIDE:,} columns": ["wide", "--check", "--key", "id"],
            f"repartition {REWRITTEN:,} rows ({size / 1e6:.0f} MB) in place": ["whole", "--rewrite"],
            "take it back": ["whole", "--undo"],
        }
        for what, words in looks.items():
            seconds, computing, peak = command(lake, words)
            allowed = " of 5" if "--check" in words else ""
            shown.add_row(what, f"{seconds:.1f} s{allowed}", f"{computing:.1f} s of CPU", f"{peak:.2f} GiB")
    Console().print(shown)


def command(lake: Path, words: list[str]) -> tuple[float, float, float]:
    """Seconds, seconds of computing, and GiB of one call of ``adopt``."""
    table, *options = words
    environment = {**os.environ, "BACKFILL_LAKE": str(lake), "PYTHONWARNINGS": "ignore"}
    named = str(lake / table)
    called = [sys.executable, "-c", f"{USED}{COMMAND}", "adopt", named, *options, "--json"]
    started = time.monotonic()
    ended = subprocess.run(called, env=environment, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - started
    if ended.returncode not in {0, 5}:
        raise SystemExit(ended.stdout + ended.stderr)
    computing, peak = ended.stderr.split()[-2:]
    return seconds, float(computing), int(peak) / 2**20


def many_files(root: Path) -> None:
    """A table of many small files, by a text for a day, as years of streaming appends leave it."""
    schema = {"date": pl.String, "id": pl.Int64, "shop": pl.String, "amount": pl.Decimal(18, 4)}
    write_deltalake(root, pl.DataFrame(schema=schema), partition_by=["date"])
    adds: list[AddAction | RemoveAction] = []
    for number in range(FILES):
        day, ids = str(FIRST + timedelta(days=number % DAYS)), range(number * ROWS_A_FILE, (number + 1) * ROWS_A_FILE)
        path = f"date={day}/part-{number}.parquet"
        (root / path).parent.mkdir(exist_ok=True)
        rows = pl.DataFrame({"id": ids}).with_columns(shop=pl.lit("a"), amount=pl.lit("1.50").cast(pl.Decimal(18, 4)))
        rows.write_parquet(root / path)
        stats = {"numRecords": ROWS_A_FILE, "minValues": {"id": ids[0]}, "maxValues": {"id": ids[-1]}}
        stats["nullCount"] = {"id": 0, "shop": 0, "amount": 0}
        size = (root / path).stat().st_size
        adds.append(AddAction(path, size, {"date": day}, 1, data_change=True, stats=json.dumps(stats)))
    handle = DeltaTable(root)
    handle.create_write_transaction(
        adds,
        mode="append",
        schema=handle.schema(),
        partition_by=["date"],
        commit_properties=CommitProperties(max_commit_retries=0),
    )


def wide(root: Path) -> None:
    """A table of many columns, half of them measures."""
    rows = pl.DataFrame({"id": range(DAYS)}).with_columns(
        date=(pl.lit(FIRST) + pl.duration(days=pl.col("id"))).cast(pl.Date)
    )
    measures = [pl.col("id").cast(pl.Decimal(18, 4)).alias(f"measure_{number}") for number in range(WIDE // 2)]
    texts = [pl.lit("text").alias(f"text_{number}") for number in range(WIDE // 2)]
    # All at once a writer of each column of each day would be open.
    for part in rows.with_columns(*measures, *texts).iter_slices(10):
        write_deltalake(root, part, partition_by=["date"], mode="append")


def unpartitioned(root: Path) -> None:
    """A table that somebody appends to day after day, never partitioned."""
    step = REWRITTEN // 20
    for start in range(0, REWRITTEN, step):
        numbers = pl.int_range(start, start + step, eager=True)
        rows = pl.DataFrame({"id": numbers}).with_columns(
            date=(pl.lit(FIRST) + pl.duration(days=pl.col("id") * DAYS // REWRITTEN)).cast(pl.Date),
            shop=pl.format("shop {}", pl.col("id") % 997),
            amount=(pl.col("id") % 100_003).cast(pl.Decimal(18, 4)),
        )
        write_deltalake(root, rows, mode="append")


if __name__ == "__main__":
    main()
