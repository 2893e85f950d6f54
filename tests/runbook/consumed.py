"""Readings that land, and a consumer of them that needs no Dagster: the sums of each hour."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.core.partition_column import BY_DAY
from backfill_assets.core.position import Position
from backfill_assets.core.slots import Slot
from backfill_assets.errors.failure import Failure
from backfill_assets.runbook.consuming import Computed, Consumer, Turn
from backfill_assets.sources import ControlTotals, RawLog
from backfill_assets.sources.delta_log import DeltaLog
from backfill_assets.storage.records import Records
from tests.landings import LandingAndLake

FIRST = date(2026, 3, 2)
AT = datetime(2026, 3, 9, 6, tzinfo=UTC)
COLUMNS = pl.Schema({"meter": pl.String(), "hour": pl.Int64(), "kwh": pl.Decimal(12, 3)})
READINGS = RawLog(table="readings", columns=COLUMNS, key=("meter",), totals=ControlTotals(("kwh",)))
LOG = DeltaLog(READINGS)


@dataclass(frozen=True)
class Usage(LandingAndLake):
    """A landing, a lake, and a consumer of what lands."""

    root: Path
    times: int = 1
    fails: frozenset[date] = frozenset()
    meanwhile: Callable[[], object] = lambda: None

    def lands(self, day: date, **kwh: str) -> None:
        folder = self.landing / "readings"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [{"meter": meter, "hour": len(meter), "kwh": Decimal(value)} for meter, value in kwh.items()]
        pl.DataFrame(rows, schema=COLUMNS).write_parquet(folder / f"{day}.parquet")
        assert READINGS.ingest(self.records, self.landing, [day], b"", AT).arrived == (day,)

    def compute(self, records: Records, slots: Collection[Slot], upto: Position) -> Computed:
        self.meanwhile()
        sound = [slot for slot in slots if slot not in self.fails]
        sums = LOG.rows(records, sound, upto).group_by("day", "hour").agg(pl.col("kwh").sum() * self.times).collect()
        parts = BY_DAY.split(sums.cast({"kwh": pl.Decimal(38, 3)}))
        frames = {slot: parts.get(slot, sums.clear().cast({"kwh": pl.Decimal(38, 3)})) for slot in sound}
        reasons = {slot: Failure("NoRate", "There is no rate.") for slot in slots if slot in self.fails}
        return Computed(frames, reasons, {slot: {"readings": str(upto.numbers)} for slot in sound}, "1", ("kwh",))

    @property
    def turn(self) -> Turn:
        return self.turn_of("ada")

    def turn_of(self, actor: str) -> Turn:
        return Turn(Consumer("usage", "usage", LOG, self.compute), self.records, actor, AT)

    def output(self) -> list[tuple[Any, ...]]:
        rows = self.records.snapshot("usage").scan().sort("day", "hour").collect()
        return rows.select("day", "hour", pl.col("kwh").cast(pl.Float64)).rows()


def day(offset: int) -> date:
    return FIRST + timedelta(days=offset)
