"""Compare 20 million rows a side, beside a bare Polars join and, on 2 million, beside datacompy.

Every figure comes from a process of its own, so that peak memory is that of one way alone:

    python scripts/bench_comparison.py                       # 20,000,000 rows a side
    python scripts/bench_comparison.py --rows 2000000 --peer path/to/python   # a Python that has datacompy

datacompy pins an older Polars, so it is run by a Python of another environment and is skipped without one.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

import polars as pl

DAYS = 90
KEYS = ["day", "transaction_id"]
PEER_ROWS = 2_000_000


def write(root: Path, rows: int) -> None:
    """Payments in one Parquet file a day and side, in different orders; revenue differs in two rows of three."""
    for number in range(DAYS):
        row = pl.int_range(rows // DAYS, eager=True).alias("row").to_frame()
        day = date(2025, 10, 1) + timedelta(days=number)
        base = row.select(
            day=pl.lit(day),
            transaction_id=pl.format("{}-{}", pl.lit(number), "row"),
            currency=pl.lit(pl.Series(["USD", "EUR", "GBP"])).gather(pl.col("row") % 3),
            country=pl.lit(pl.Series(["US", "DE", "FR", "GB", "IE"])).gather(pl.col("row") % 5),
            customer=pl.col("row") * 7919 % 100_003,
            amount=(pl.col("row") * 37 % 100_000).cast(pl.Decimal(18, 4)),
        )
        for side, added in (("old", 0), ("new", 1)):
            revenue = (pl.col("amount") + (pl.col("currency") != "USD").cast(pl.Int32) * added).cast(pl.Decimal(38, 4))
            folder = root / side
            folder.mkdir(exist_ok=True)
            shuffled = base.with_columns(revenue_usd=revenue).sample(fraction=1, shuffle=True, seed=number + added)
            shuffled.write_parquet(folder / f"{day}.parquet")


def ours(root: Path) -> int:
    """Rows that differ, by this package."""
    from backfill_assets.core.comparison import compare

    sides = (pl.scan_parquet(root / side / "*.parquet") for side in ("old", "new"))
    return compare(*sides, keys=["transaction_id"], measures=["amount", "revenue_usd"]).differing


def join(root: Path) -> int:
    """Rows of a bare full join with all columns, streaming."""
    old, new = (pl.scan_parquet(root / side / "*.parquet") for side in ("old", "new"))
    return old.join(new, on=KEYS, how="full").collect(engine="streaming").height


def inner(root: Path) -> int:
    """Rows of a bare inner join with all columns, streaming."""
    old, new = (pl.scan_parquet(root / side / "*.parquet") for side in ("old", "new"))
    return old.join(new, on=KEYS, how="inner").collect(engine="streaming").height


def datacompy(root: Path) -> int:
    """Rows that differ, by datacompy's Polars comparison."""
    from datacompy import PolarsCompare  # pyright: ignore[reportMissingImports] - installed to measure only

    old, new = (pl.read_parquet(root / side / "*.parquet") for side in ("old", "new"))
    found = PolarsCompare(old, new, join_columns=KEYS)
    return found.intersect_rows.height - found.count_matching_rows()


WAYS = {way.__name__: way for way in (ours, join, inner, datacompy)}


def measured(way: str, root: Path, python: str = sys.executable) -> dict[str, float]:
    """Seconds, peak GiB and rows found, of one way in a process of its own."""
    command = [python, __file__, "--way", way, "--root", str(root)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(ran.stdout)


def report(ways: list[tuple[str, str]], root: Path, rows: int) -> None:
    """Run each way and print its figures beside ours."""
    found = {way: measured(way, root, python) for way, python in ways}
    print(f"{rows:,} rows a side, {DAYS} days")
    for way, figures in found.items():
        ratio = figures["seconds"] / found["ours"]["seconds"]
        print(
            f"  {way:<10}{figures['seconds']:8.2f} s  {ratio:6.2f} x ours{figures['gib']:8.2f} GiB"
            f"{int(figures['rows']):>14,} rows"
        )


def main() -> None:
    """Parse the options, or, as a child, run one way."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rows", type=int, default=20_000_000)
    options.add_argument("--peer", default="", help="a Python that has datacompy")
    options.add_argument("--way", choices=WAYS)
    options.add_argument("--root", type=Path)
    asked = options.parse_args()
    if asked.way:
        began = time.perf_counter()
        rows = WAYS[asked.way](asked.root)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(json.dumps({"seconds": time.perf_counter() - began, "gib": peak, "rows": rows}))
        return
    here = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), asked.rows)
        report([("ours", here), ("join", here), ("inner", here)], Path(folder), asked.rows)
    if asked.peer:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), PEER_ROWS)
            report([("ours", here), ("join", here), ("datacompy", asked.peer)], Path(folder), PEER_ROWS)


if __name__ == "__main__":
    main()
