"""A landing on disk beside a lake on disk or in a bucket, of which a raw log is kept."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.sources import Ingested
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.sources.test_raw_log import COLUMNS, DAY, KEY, NEXT, READINGS, reading
from tests.stores import Root

OWNERS = ("Ada Lovelace", "Grace Hopper")
AT = datetime(2026, 3, 4, 6, tzinfo=UTC)
LOG = READINGS.table


@dataclass(frozen=True)
class Meters:
    """Readings land beside a lake."""

    landing: Path
    root: Root
    records: Records = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "records", Records(Lake(str(self.root))))

    def file(self, day: date = DAY) -> Path:
        (self.landing / LOG).mkdir(parents=True, exist_ok=True)
        return self.landing / LOG / f"{day}.parquet"

    def drops(self, rows: Collection[dict[str, Any]], day: date = DAY) -> None:
        pl.DataFrame(list(rows), schema=COLUMNS).write_parquet(self.file(day))

    def lands(self, rows: Collection[dict[str, Any]], day: date = DAY, at: datetime = AT) -> Ingested:
        self.drops(rows, day)
        return self.takes([day], at)

    def takes(self, days: Collection[date] = (DAY,), at: datetime = AT) -> Ingested:
        return READINGS.ingest(self.records, self.landing, days, KEY, at)

    def lands_usual(self) -> None:
        """Two days, of which the first landed twice and the second edition withdrew a reading."""
        self.lands(owned(12))
        self.lands(owned(2), NEXT)
        again = self.lands([*owned(11)[:10], reading("m10", "7", owner=OWNERS[0]), reading("new", owner=OWNERS[1])])
        assert again.arrived == (DAY,)

    @property
    def arrivals(self) -> list[dict[str, Any]]:
        return READINGS.arrivals(self.records).to_dicts()

    def log_file(self, number: int = 0) -> str:
        return f"{LOG}/{self.arrivals[number]['file']}"

    def archive_file(self, number: int = 0) -> str:
        return self.arrivals[number]["archive"]

    def content(self) -> pl.DataFrame:
        rows = self.records.snapshot(LOG).scan().collect()
        return rows.sort("day", "arrival", "meter", "slot")


def owned(count: int) -> list[dict[str, Any]]:
    return [reading(f"m{number:02}", owner=OWNERS[number % 2]) for number in range(count)]
