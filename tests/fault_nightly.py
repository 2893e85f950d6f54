"""A nightly with reports while storage fails: days that are over, a day that was rewritten upstream, two reports."""

import os
import shutil
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import polars as pl

from backfill_assets import NightlySpec, build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.orchestration.instance.runs import begin_again
from backfill_assets.testing import TestLake
from backfill_assets.testing.killing import EVENTS
from tests.faults import KilledError, astray

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
WEEKS = dg.WeeklyPartitionsDefinition("2026-01-05", day_offset=1)
TABLE, SOURCE, REPORTS = "daily_orders", "orders_log", ("weekly_orders", "orders_of_days")
BEFORE, NIGHT = "2026-01-09T06:00:00+00:00", "2026-01-12T06:00:00+00:00"
IN_LAKE: Mapping[str, Any] = {"backfill_policy": dg.BackfillPolicy.single_run(), "io_manager_key": "lake_io_manager"}


def orders(numbers: Mapping[int, int]) -> pl.DataFrame:
    """An order a day of January 2026, by its price."""
    rows = [(date(2026, 1, number), price) for number, price in numbers.items()]
    return pl.DataFrame(rows, schema={"day": pl.Date, "price": pl.Int64}, orient="row")


@cache
def location() -> dg.Definitions:
    @dg.asset(partitions_def=DAYS, **IN_LAKE)
    def orders_log(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return orders({int(key[-2:]): int(key[-2:]) for key in context.partition_keys})

    @correctable_asset(partitions_def=DAYS, keys=[], measures=["revenue"], code_version="v1")
    def daily_orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log.group_by("day").agg(revenue=pl.col("price").sum())

    @dg.asset(partitions_def=WEEKS, **IN_LAKE)
    def weekly_orders(daily_orders: pl.LazyFrame) -> pl.LazyFrame:
        return daily_orders.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("revenue").sum())

    @dg.asset(partitions_def=DAYS, **IN_LAKE)
    def orders_of_days(daily_orders: pl.LazyFrame) -> pl.LazyFrame:
        return daily_orders.select("day", "revenue")

    reports = [weekly_orders, orders_of_days]
    return dg.Definitions.merge(
        dg.Definitions(assets=[orders_log, *reports], resources=lake_resources()),
        build_correction_definitions(daily_orders, sources=[orders_log], reports=reports, nightly=NightlySpec()),
    )


def before_night(root: Path) -> TestLake:
    """Four published days, the last of them rewritten upstream since, and three that are to be published."""
    lake = TestLake(root, location(), now=BEFORE)
    lake.publish("2026-01-05", "2026-01-08")
    lake.write(SOURCE, orders({8: 80}))
    lake.now = TestLake(root, location(), now=NIGHT).now
    return lake


def linked(lake: TestLake, root: Path) -> TestLake:
    """The same lake elsewhere; its files are never written again, so they are hard links."""
    shutil.copytree(lake_of(lake), root / "lake", copy_function=os.link)
    return moved(lake, root / "lake")


def moved(lake: TestLake, there: Path) -> TestLake:
    """A lake that lies elsewhere, by a Dagster that knows nothing of it: nothing rests on what Dagster has kept."""
    found = TestLake(there.parent, lake.definitions, now=lake.now)
    vars(found)["instance"] = dg.DagsterInstance.ephemeral()
    return found


def lake_of(lake: TestLake) -> Path:
    return lake.folder / "lake"


def told(lake: TestLake) -> None:
    """The nightly; what fails in it is data, and has to be a sentence."""
    done = lake.nightly()
    assert not (raw := [one for one in done.failures if "unexpected error" in str(one)]), raw


def stopped(lake: TestLake) -> None:
    """Dagster writes down how a run ends, also of one that is interrupted; a process that is killed cannot."""

    def killed(*_event: object, **_options: object) -> NoReturn:
        raise KilledError

    vars(lake.instance)[EVENTS] = killed


def begun_again(lake: TestLake) -> None:
    """What comes now is another process."""
    vars(lake.instance).pop(EVENTS, None)
    begin_again()


def seen(lake: TestLake) -> dict[str, int]:
    return {str(day): revenue for day, revenue in lake.rows(TABLE).select("day", "revenue").iter_rows()}


def standing(lake: TestLake) -> dict[str, Any]:
    """What readers see, that each report is of it, and that a further nightly finds nothing to do."""
    records, live = lake.records, lake.snapshot(TABLE)
    built = {report: records.completeness.of_report(report, TABLE) for report in REPORTS}
    again = lake.nightly()
    return {
        "content": seen(lake),
        "tables": {name: lake.rows(name).rows() for name in (SOURCE, *REPORTS)},
        "files a day": {str(of): len(files) for of, files in lake.snapshot(TABLE).files.items()},
        "built": {report: {key: one.is_of(live) for key, one in sorted(of.items())} for report, of in built.items()},
        "holders": {
            one.name: (one.mark, one.holds, one.effective) for one in records.watermarks.holders(TABLE).values()
        },
        "again": (again.published, again.rebuilt, again.failures, again.late),
        "same commit": lake.snapshot(TABLE).commit == live.commit,
        "astray": astray(lake.folder / "lake"),
    }
