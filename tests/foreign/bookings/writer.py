"""What another writer has written for more than a year, by delta-rs and pyarrow alone."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

FIRST, HOTELS = date(2025, 1, 1), ("Alp", "Bay", "Cliff")
Day = Sequence[tuple[str, str, int, Decimal]]


def written(number: int) -> str:
    """How a day is spelled, by its number."""
    return str(FIRST + timedelta(days=number))


def booked(number: int, factor: int = 1) -> Day:
    """The rows of a day: date, hotel, nights and revenue; ``factor`` is a mistake."""
    nights = [(hotel, 1 + (number * 7 + place * 3) % 11) for place, hotel in enumerate(HOTELS)]
    return [(written(number), hotel, stay, factor * stay * Decimal("79.90")) for hotel, stay in nights]


def write(root: Path, days: Sequence[Day]) -> None:
    """Append days, as a job does that runs every night."""
    dates, hotels, nights, revenue = zip(*(row for day in days for row in day), strict=True)
    columns = {
        "date": pa.array(dates, pa.string()),
        "hotel": pa.array(hotels, pa.string()),
        "nights": pa.array(nights, pa.int64()),
        "revenue": pa.array(revenue, pa.decimal128(18, 2)),
    }
    write_deltalake(root, pa.table(columns), partition_by=["date"], mode="append")


def write_history(root: Path, days: Sequence[Day]) -> None:
    """A year and more of it: fifty days a commit, checkpoints, a compacted month, a day that was written again."""
    for start in range(0, len(days), 50):
        write(root, days[start : start + 50])
        DeltaTable(root).create_checkpoint()
    handle = DeltaTable(root)
    handle.delete(f"date = '{days[3][0][0]}'")
    write(root, [days[3]])
    DeltaTable(root).optimize.compact()
