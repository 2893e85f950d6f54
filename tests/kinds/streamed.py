"""Readings that land, a raw log of them, and a table that a consumer keeps from it, with a bug and without."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets import build_consumer_definitions, correctable_asset, lake_resources
from backfill_assets.orchestration.consuming.jobs import consumer_job_name, consumer_op_name, consumers_in
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.consuming import Turn
from backfill_assets.runbook.replaying import open_beside
from backfill_assets.sources import ControlTotals, DeltaLog, RawLog
from backfill_assets.testing import TestCorrection, TestLake

FIRST = date(2026, 3, 2)
NOW = datetime(2026, 3, 20, 6, tzinfo=UTC)
DAYS = dg.DailyPartitionsDefinition(start_date=str(FIRST))
COLUMNS = pl.Schema({"meter": pl.String(), "hour": pl.Int64(), "kwh": pl.Decimal(12, 3)})
READINGS = RawLog(table="readings", columns=COLUMNS, key=("meter",), totals=ControlTotals(("kwh",)))
TABLE = "usage"


@dg.asset(partitions_def=DAYS)
def readings() -> None:
    """What landed; tests append to it by themselves."""


def thrice(readings: pl.LazyFrame) -> pl.LazyFrame:
    """The sums of each hour, with a bug."""
    there = READINGS.latest(readings).group_by("day", "hour").agg(pl.col("kwh").sum() * 3)
    return there.select("day", "hour", pl.col("kwh").cast(pl.Decimal(38, 3)))


def usage_with(factor: int = 1, **options: Any) -> dg.Definitions:
    """A code location whose table is the sums of each hour times a factor; any other than 1 is a bug."""

    def usage(readings: pl.LazyFrame) -> pl.LazyFrame:
        there = READINGS.latest(readings).group_by("day", "hour").agg(pl.col("kwh").sum() * factor)
        return there.select("day", "hour", pl.col("kwh").cast(pl.Decimal(38, 3)))

    asset = correctable_asset(partitions_def=DAYS, keys=["hour"], measures=["kwh"], code_version=str(factor))(usage)
    made = build_consumer_definitions(asset, log=DeltaLog(READINGS), sources=[readings], **options)
    return dg.Definitions.merge(made, dg.Definitions(assets=[readings], resources=lake_resources()))


def day(offset: int) -> date:
    return FIRST + timedelta(days=offset)


@dataclass(frozen=True)
class Stream:
    """A lake with the readings, and turns of the consumer on it."""

    lake: TestLake
    landing: Path

    @classmethod
    def at(cls, folder: Path, factor: int = 1) -> "Stream":
        return cls(TestLake(folder / "home", usage_with(factor), now=NOW), folder / "landing")

    def with_code(self, factor: int) -> "Stream":
        return Stream(self.lake.with_code(usage_with(factor)), self.landing)

    def corrected_beside(self) -> "Stream":
        """The same lake, whose consumer goes on with the bug until it is switched."""
        return Stream(self.lake.with_code(usage_with(until_switched=thrice)), self.landing)

    def opens_beside(self, to: str) -> TestCorrection:
        with self.lake.entered():
            over = self.lake.definition(TABLE).slots.over(self.lake.now)
            replaces = consumers_in(self.lake.definitions)[TABLE].replaces
            plan = open_beside(self.ctx(), self.turn(), to, "the factor", over, replaces)
        return self.lake.correction(plan.correction, by="Ada")

    def lands(self, offset: int, **kwh: str) -> None:
        folder = self.landing / "readings"
        folder.mkdir(parents=True, exist_ok=True)
        rows = [{"meter": meter, "hour": len(meter), "kwh": Decimal(value)} for meter, value in kwh.items()]
        pl.DataFrame(rows, schema=COLUMNS).write_parquet(folder / f"{day(offset)}.parquet")
        done = READINGS.ingest(self.lake.records, self.landing, [day(offset)], b"", NOW)
        assert done.arrived == (day(offset),)

    def consumes(self, **config: str) -> Mapping[str, Any]:
        with self.lake.entered():
            ran = self.lake.runner.run_op(consumer_job_name(TABLE), consumer_op_name(TABLE), config)
        if not ran.success:
            raise ran.faults[0]
        return ran.output

    def turn(self, actor: str = "ada") -> Turn:
        return consumers_in(self.lake.definitions)[TABLE].turn(self.lake.lake, actor)

    def rows(self) -> list[tuple[Any, ...]]:
        return self.lake.rows(TABLE).select("day", "hour", pl.col("kwh").cast(pl.Float64)).rows()

    def ctx(self, actor: str = "ada") -> StepContext:
        return self.lake.definition(TABLE).step_context(self.lake.lake, actor)

    def asked(self) -> int:
        """How many runs the sensor asks for now."""
        (sensor,) = (one for one in self.lake.definitions.sensors or () if one.name == f"{TABLE}__news")
        with self.lake.entered():
            context = dg.build_sensor_context(self.lake.instance, resources={"lake": self.lake.lake})
            return len(sensor.evaluate_tick(context).run_requests or ())
