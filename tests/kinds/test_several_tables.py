"""Commands that are about one table, in a code location that has several.

Each takes the table's name; what can be done to every table is done to each, after those that it is computed from.
The next command is one line.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import NightlySpec, build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.errors.request import SlotsOfOtherGrain
from backfill_assets.errors.setup import NotOfTable, TableUnclear
from backfill_assets.testing import TestLake
from backfill_assets.watch import audit
from tests.e2e.house import House
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.stranger import stranger_at

pytestmark = pytest.mark.dagster

NOW = "2026-03-03T02:00:00+00:00"
HOURS = dg.HourlyPartitionsDefinition("2026-03-02-00:00")
DAYS = dg.DailyPartitionsDefinition("2026-03-02")


def location() -> dg.Definitions:
    """Hours, and days over them that are built first, so that their order is not that of the definitions."""

    @dg.asset(partitions_def=HOURS, io_manager_key="lake_io_manager", metadata={"partition_expr": "hour"})
    def log(context: dg.AssetExecutionContext) -> pl.DataFrame:
        hours = [datetime.strptime(key, "%Y-%m-%d-%H:%M").replace(tzinfo=UTC) for key in context.partition_keys]
        return pl.DataFrame({"hour": hours, "price": 10})

    @correctable_asset(partitions_def=HOURS, day="hour", keys=[], measures=["price"])
    def sold(log: pl.LazyFrame) -> pl.LazyFrame:
        return log

    @correctable_asset(partitions_def=DAYS, keys=[], measures=["price"])
    def a_day(sold: pl.LazyFrame) -> pl.LazyFrame:
        return sold.group_by(day=pl.col("hour").dt.date()).agg(pl.col("price").sum())

    looked_at = {"nightly": NightlySpec(), "watch": [audit()]}
    return dg.Definitions.merge(
        dg.Definitions(assets=[log], resources=lake_resources()),
        build_correction_definitions(a_day, sources=[sold], **looked_at),
        build_correction_definitions(sold, sources=[log], **looked_at),
    )


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A house in which the hours and the days are published."""
    with stranger_at(tmp_path_factory.mktemp("several"), location()) as stranger:
        house = House(stranger.house.root, stranger.house.home, NOW)
        with house.entered():
            yield house


def test_nightly_takes_every_table_after_those_that_it_reads(house: House) -> None:
    done = house.run("nightly")

    assert done.code == 0, done.text
    assert {table: len(told["published"]) for table, told in done.told.items()} == {"sold": 26, "a_day": 1}


@dataclass(frozen=True)
class Asked:
    """A command and how it ends: refused by an error, or about one table."""

    command: tuple[str, ...]
    error: type[Exception] | None = None


COMMANDS = {
    "nightly of one": Asked(("nightly", "--table", "a_day")),
    "nightly of one, until": Asked(("nightly", "--table", "sold", "--through", "2026-03-03T01:00Z")),
    "nightly of hours until a day": Asked(("nightly", "--table", "sold", "--through", "2026-03-02"), SlotsOfOtherGrain),
    "nightly of days until an hour": Asked(
        ("nightly", "--table", "a_day", "--through", "2026-03-02T01:00Z"), SlotsOfOtherGrain
    ),
    "nightly until a slot of neither in particular": Asked(("nightly", "--through", "2026-03-02"), TableUnclear),
    "nightly of what has none": Asked(("nightly", "--table", "log"), NotOfTable),
    "an audit of one": Asked(("audit", "--table", "a_day", "--days", "1")),
    "an audit of neither in particular": Asked(("audit",), TableUnclear),
    "an audit of what has none": Asked(("audit", "--table", "log"), NotOfTable),
    "a reconciliation where there is none": Asked(("reconcile", "--table", "sold"), TableUnclear),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_about_the_table_that_it_names(name: str, house: House) -> None:
    asked = COMMANDS[name]
    answered = house.run(*asked.command)

    assert answered.code == (2 if asked.error else 0), answered.text
    if asked.error:
        assert answered.told["error"] == asked.error.__name__
        assert_in_three_sentences(answered.told["message"])


def test_the_testing_kit_takes_the_nightly_of_one(tmp_path: Path) -> None:
    lake = TestLake(tmp_path / "lake", location(), now=NOW)

    with pytest.raises(SlotsOfOtherGrain):
        lake.publish("2026-03-02", "2026-03-02", table="sold")
    for told, error in (({}, TableUnclear), ({"table": "log"}, NotOfTable)):
        with pytest.raises(error):
            lake.nightly(**told)
    assert len(lake.nightly(table="sold").published) == 26


def test_every_table_has_its_nightly_by_the_clock_of_its_slots_and_each_tick_a_run_of_its_own() -> None:
    schedules = {schedule.name: schedule for schedule in location().schedules or ()}
    told = {name: schedules[f"{name}__nightly_schedule"] for name in ("sold", "a_day")}

    assert {name: one.cron_schedule for name, one in told.items()} == {"sold": "15 * * * *", "a_day": "15 2 * * *"}
    ticks = [datetime(2026, 3, 3, hour, 15, tzinfo=UTC) for hour in (1, 2)]
    keys = {told["sold"](dg.build_schedule_context(scheduled_execution_time=tick)).run_key for tick in ticks}
    assert len(keys) == len(ticks)
