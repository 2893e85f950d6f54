"""A stranger's code location around a table of orders, driven by the command line and by runs in this process."""

import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import dagster as dg
import polars as pl
import pytest

from backfill_assets import DeltaLakeIOManager, LakeResource, build_correction_definitions, correctable_asset
from backfill_assets.command_line.session import Session
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.orchestration.nightly.publish import MARKED
from backfill_assets.storage.snapshot import Snapshot
from tests.e2e.house import Answered, House, new_house

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
TABLE, SOURCE, REPORT = "daily_orders", "orders_log", "weekly_orders"
FIRST = date(2026, 1, 5)
NOW = "2026-01-20T06:00:00+00:00"
ORDERS: dict[str, Any] = {"day": pl.Date, "market": pl.String, "price": pl.Int64, "note": pl.String}
FACTOR = [1]
"""What the code makes of a price: the code of yesterday and of today."""


def orders(days: Collection[date], markets: Sequence[str | None] = ("EU", "US")) -> pl.DataFrame:
    """An order of 100 in each market and day."""
    rows = [{"day": day, "market": market, "price": 100, "note": "plain"} for day in days for market in markets]
    return pl.DataFrame(rows, schema=ORDERS)


def location(
    keys: Sequence[str] = ("day", "market"),
    measures: Sequence[str] = ("revenue",),
    schema: type[Any] | None = None,
    **options: Any,
) -> dg.Definitions:
    """The code location; ``reports``, ``sources`` and whatever else the builder takes as they are given."""
    weeks = dg.WeeklyPartitionsDefinition("2026-01-05", day_offset=1)
    lake = LakeResource()

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), io_manager_key="lake_io_manager")
    def orders_log() -> pl.DataFrame:
        raise NotImplementedError

    @correctable_asset(partitions_def=DAYS, keys=keys, measures=measures, schema=schema)
    def daily_orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        grouped = orders_log.group_by("day", *[key for key in keys if key != "day"])
        return grouped.agg(revenue=pl.col("price").sum() * FACTOR[0], note=pl.col("note").first())

    @dg.asset(partitions_def=weeks, backfill_policy=dg.BackfillPolicy.single_run(), io_manager_key="lake_io_manager")
    def weekly_orders(daily_orders: pl.LazyFrame) -> pl.LazyFrame:
        return daily_orders.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("revenue").sum())

    given = {"sources": [orders_log], "reports": [weekly_orders], **options}
    return dg.Definitions.merge(
        dg.Definitions(
            assets=[orders_log, weekly_orders],
            resources={"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)},
        ),
        build_correction_definitions(daily_orders, **given),
    )


@dataclass(frozen=True)
class Stranger:
    """A house in which the stranger's code location is the one that the commands drive."""

    house: House

    @property
    def live(self) -> Snapshot:
        return self.house.records.snapshot(TABLE)

    def land(self, frame: pl.DataFrame, days: Collection[date]) -> None:
        """Make the rows the whole content of some days of the log."""
        table = self.house.records.table(SOURCE, frame.schema)
        table.create()
        table.replace_days({day: frame.filter(pl.col("day") == day) for day in days})

    def overwrite_live(self, frame: pl.DataFrame, days: Collection[date]) -> None:
        """What another writer does to live."""
        table = self.house.records.table(TABLE, frame.schema)
        table.create()
        table.replace_days({day: frame.filter(pl.col("day") == day) for day in days})

    def runner(self) -> Runner:
        return Session().runner

    def publish(self, days: Sequence[date]) -> None:
        """Publish days, and the weeks that they are in."""
        ran = self.runner().run_keys([dg.AssetKey(TABLE)], str(days[0]), str(days[-1]), MARKED)
        assert ran.success, ran.errors

    def job(self, name: str, config: dict[str, object] | None = None) -> RunResult:
        """A job without partitions."""
        runner = self.runner()
        return runner.execute(runner.definitions.resolve_job_def(name), {}, config=config)

    def launchpad(self, **fields: object) -> RunResult:
        """Open a correction as the UI's launchpad does."""
        runner = self.runner()
        key = dg.AssetKey([f"{TABLE}__correction", "open_correction"])
        told = {"ops": {key.to_python_identifier(): {"config": {"reason": "wrong", **fields}}}}
        job = runner.definitions.resolve_implicit_global_asset_job_def()
        return runner.execute(job, {}, assets=[key], config=told)

    def ask(self, command: str, first: date, last: date, **fields: object) -> Answered:
        """Plan or open a request."""
        return self.house.run(command, str(self.house.request(first, last, table=TABLE, **fields)))

    def through(self, first: date, last: date, **fields: object) -> str:
        """Open, run, approve and run a correction; returns its id."""
        opened = self.ask("open", first, last, **fields)
        assert opened.code == 0, opened.text
        name = str(opened.told["correction"])
        ran = self.house.run("run", name)
        assert ran.told["waits_for"] in {"person", "time"}, ran.text
        if ran.told["waits_for"] == "person":
            approved = self.house.run("approve", name, "--by", "Ada", "--note", "looked")
            assert approved.code == 0, approved.text
            ran = self.house.run("run", name)
        assert ran.told["waits_for"] == "time", ran.text
        return name

    def checks(self, correction: str) -> dict[str, dict[str, Any]]:
        """The checks of the last validation, by name."""
        return {check["name"]: check for check in self.house.run("status", correction).told["checks"]}


@contextmanager
def stranger_at(root: Path, definitions: dg.Definitions, lake: str = "") -> Iterator[Stranger]:
    """A stranger's empty house; the commands of this process drive these definitions meanwhile."""
    module = ModuleType("strangers_location")
    module.defs = definitions  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, module.__name__, module)
        patch.setenv("BACKFILL_DEFINITIONS", module.__name__)
        house = replace(new_house(root / "house", NOW), lake=lake)
        with house.entered():
            yield Stranger(house)


def days(count: int) -> list[date]:
    """The first days of the table."""
    return [FIRST + timedelta(days=number) for number in range(count)]
