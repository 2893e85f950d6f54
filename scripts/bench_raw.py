"""Raw logs: taking files in with tokens beside reading and writing them, and a replay beside the bare aggregation.

Processor seconds of this process, so that a busy machine tells the same; each figure is the median of five rounds.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from statistics import median

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parent.parent))
ROUNDS, DAYS, ROWS_A_DAY, CUSTOMERS = 5, 6, 200_000, 50_000


def cpu(work: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def ingestion(root: Path) -> None:
    """Files of transactions with customers, into an empty lake each round."""
    from benchmark.made import LAST, transactions

    from backfill_assets.revenue.raw_log import TRANSACTIONS
    from backfill_assets.sources import TokenKeys
    from backfill_assets.storage.layout import Lake
    from backfill_assets.storage.records import Records
    from scripts.bench_parts import _say

    keys = TokenKeys((b"a key of the bench of sixteen bytes",))
    chance, folder = np.random.default_rng(7), root / "landing" / "transactions"
    folder.mkdir(parents=True)
    days = [LAST + timedelta(days=number) for number in range(DAYS)]
    for of in days:
        customers = pl.Series(chance.integers(0, CUSTOMERS, ROWS_A_DAY)).cast(pl.String)
        transactions(of, ROWS_A_DAY, chance).with_columns(customer_id=customers).write_parquet(folder / f"{of}.parquet")
    now = datetime(LAST.year + 1, 1, 20, tzinfo=UTC)

    def ours(number: int) -> None:
        TRANSACTIONS.ingest(Records(Lake(str(root / f"lake-{number}"))), root / "landing", days, keys, now)

    def floor(number: int) -> None:
        for of in days:
            pl.read_parquet(folder / f"{of}.parquet").write_parquet(root / f"copy-{number}-{of}.parquet")

    times = [(cpu(lambda n=number: ours(n)), cpu(lambda n=number: floor(n))) for number in range(ROUNDS)]
    taken, bare = (median(one) for one in zip(*times, strict=True))
    _say(
        f"Taking in {DAYS} days of {ROWS_A_DAY:,} transactions with tokens, vault and archive",
        ("ours", f"{taken:.2f} CPU-s, {DAYS * ROWS_A_DAY / taken * 60 / 1e6:.1f} M a minute and core"),
        ("read and written by Polars", f"{bare:.2f} CPU-s"),
        ("ratio", f"{taken / bare:.1f}"),
    )


def replay(root: Path) -> None:
    """Read six days again, and ask whether there is anything to read."""
    from scripts.bench_parts import _say
    from tests.kinds.streamed import COLUMNS, NOW, READINGS, Stream, day

    stream, folder = Stream.at(root / "stream"), root / "stream" / "landing" / "readings"
    stream.lands(DAYS, a="1")  # a commit to go back to
    for offset in range(DAYS):
        rows = {"meter": [f"m{number}" for number in range(ROWS_A_DAY)], "hour": [n % 24 for n in range(ROWS_A_DAY)]}
        frame = pl.DataFrame({**rows, "kwh": [Decimal("1.5")] * ROWS_A_DAY}, schema=COLUMNS)
        frame.write_parquet(folder / f"{day(offset)}.parquet")
    READINGS.ingest(stream.lake.records, folder.parent, [day(offset) for offset in range(DAYS)], b"", NOW)
    stream.consumes()

    def floor() -> None:
        for offset in range(DAYS):
            pl.scan_parquet(folder / f"{day(offset)}.parquet").group_by("hour").agg(pl.col("kwh").sum()).collect()

    # What comes to the same is not written: each round has another factor than the one before.
    codes = [stream.with_code(2 + number) for number in range(ROUNDS)]

    def ours(corrected: Stream) -> None:
        if len(corrected.consumes(rewind_to="commit 1", by="bench", reason="measured")["written"]) != DAYS:
            sys.exit("Not all days were read again.")

    times = [(cpu(lambda one=one: ours(one)), cpu(floor), cpu(one.asked)) for one in codes]
    taken, bare, tick = (median(one) for one in zip(*times, strict=True))
    _say(
        f"Reading {DAYS} days of {ROWS_A_DAY:,} readings again",
        ("ours, Dagster's run included", f"{taken:.2f} CPU-s"),
        ("aggregated by Polars", f"{bare:.2f} CPU-s"),
        ("ratio", f"{taken / bare:.1f}"),
        ("a tick without news", f"{tick * 1000:.0f} ms"),
    )


def main() -> None:
    """Both, in a folder of their own."""
    with tempfile.TemporaryDirectory(prefix="backfill-bench-") as place:
        ingestion(Path(place) / "ingestion")
        replay(Path(place))


if __name__ == "__main__":
    main()
