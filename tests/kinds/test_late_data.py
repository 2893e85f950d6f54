"""Late data of a table of one's own, from every kind of source: rebuilt inside the look-back, named beyond it.

By the command ``nightly`` where the builder makes one, and by a schedule of one's own where it does not. The next
source is one line.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from deltalake import write_deltalake
from typer.testing import CliRunner

from backfill_assets import (
    DeltaSource,
    NightlySpec,
    ParquetSource,
    QuerySource,
    Source,
    build_correction_definitions,
    correctable_asset,
    lake_resources,
)
from backfill_assets.command_line import app
from backfill_assets.errors.correction import LiveWriteRefused
from backfill_assets.orchestration.instance.runner import RunResult
from backfill_assets.testing import TestLake
from tests.e2e.house import House
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.stranger import stranger_at

pytestmark = pytest.mark.dagster

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
HOURS = dg.HourlyPartitionsDefinition("2026-01-05-00:00")
ALL = [date(2026, 1, 5) + timedelta(days=number) for number in range(15)]
INSIDE, BEYOND = date(2026, 1, 18), date(2026, 1, 10)
"""The clock says the 20th of January, and nightly looks back three days."""
ROOT = Path(__file__).parents[2]
IN_A_BACKFILL = {"dagster/backfill": "abcdefgh"}
KEPT: dict[str, Any] = {"io_manager_key": "lake_io_manager", "backfill_policy": dg.BackfillPolicy.single_run()}


def priced(days: list[date], price: int) -> pl.DataFrame:
    return pl.DataFrame({"day": days, "price": price}, schema={"day": pl.Date, "price": pl.Int64})


@dg.asset(partitions_def=DAYS, **KEPT)
def log(context: dg.AssetExecutionContext) -> pl.DataFrame:
    return priced([date.fromisoformat(key) for key in context.partition_keys], 100)


@dg.asset(partitions_def=HOURS, metadata={"partition_expr": "hour"}, **KEPT)
def hours() -> pl.DataFrame:
    raise NotImplementedError  # it has a schedule of its own


@dg.asset(**KEPT)
def whole() -> pl.DataFrame:
    raise NotImplementedError


@dataclass(frozen=True)
class Kind:
    """A source: how it is declared, how days of it are written, and which days are late when one of its days is."""

    declared: Callable[[Path], Any]
    write: Callable[[House, Path, list[date], int], None]
    asset: dg.AssetsDefinition | None = None
    late: Callable[[date], list[date]] = lambda day: [day]


def in_lake(house: House, _place: Path, days: list[date], price: int) -> None:
    rows = priced(days, price)
    table = house.records.table("log", rows.schema)
    table.create()
    table.replace_days({day: rows.filter(pl.col("day") == day) for day in days})


def by_hour(house: House, _place: Path, days: list[date], price: int) -> None:
    lake = TestLake(house.root, dg.Definitions(assets=[hours], resources=lake_resources()), now=house.now)
    starts = pl.col("day").cast(pl.Datetime("us", "UTC")) + pl.duration(hours=pl.col("h"))
    rows = priced(days, price).join(pl.DataFrame({"h": range(24)}), how="cross")
    lake.write("hours", rows.select(hour=starts, price="price"))


def delta(_house: House, place: Path, days: list[date], price: int) -> None:
    options = {"mode": "append"} if not (place / "orders").exists() else overwriting(days)
    write_deltalake(str(place / "orders"), priced(days, price), partition_by=["day"], **options)


def overwriting(days: list[date]) -> dict[str, Any]:
    named = ", ".join(f"'{day}'" for day in days)
    return {"mode": "overwrite", "predicate": f"day in ({named})"}


def parquet(_house: House, place: Path, days: list[date], price: int) -> None:
    for day in days:
        priced([day], price).write_parquet(place / f"{day}.parquet")


def database(_house: House, place: Path, days: list[date], price: int) -> None:
    with closing(sqlite3.connect(place / "orders.db")) as connection:
        connection.execute("create table if not exists orders (day text, price integer)")
        connection.executemany("delete from orders where day = ?", [(str(day),) for day in days])
        connection.executemany("insert into orders values (?, ?)", [(str(day), price) for day in days])
        connection.commit()


def queried(place: Path) -> QuerySource:
    return QuerySource("select * from orders", "day", lambda: sqlite3.connect(place / "orders.db"))


KINDS = {
    "an asset of the same days": Kind(lambda _: "log", in_lake, log),
    "an asset of finer slots": Kind(lambda _: "hours", by_hour, hours),
    "an asset that is looked back at": Kind(
        lambda _: Source("log", look_back=1), in_lake, log, lambda day: [day, day + timedelta(days=1)]
    ),
    "a Delta table": Kind(lambda place: DeltaSource(str(place / "orders"), day="day"), delta),
    "Parquet files": Kind(lambda place: ParquetSource(f"{place}/*.parquet", day="day"), parquet),
    "a query, which cannot tell": Kind(queried, database, late=lambda _: []),
}


def location(declared: Any, asset: dg.AssetsDefinition | None, *jobs: Any, **options: Any) -> dg.Definitions:
    @correctable_asset(
        partitions_def=DAYS, keys=[], measures=["revenue"], sources={"orders": declared}, code_version="1"
    )
    def daily(orders: pl.LazyFrame) -> pl.LazyFrame:
        names = orders.collect_schema()
        own = pl.col("hour").dt.date() if "hour" in names else pl.col("day")
        day = own.str.to_date() if names.get("day") == pl.String else own
        return orders.group_by(day.alias("day")).agg(revenue=pl.col("price").max())

    assets = [asset] if asset else []
    built = build_correction_definitions(daily, sources=assets, **options)
    there = dg.Definitions(assets=assets, resources=lake_resources(), jobs=jobs, executor=dg.in_process_executor)
    return dg.Definitions.merge(there, built)


def revenue(house: House) -> dict[date, int]:
    rows = house.records.snapshot("daily").scan().select("day", "revenue").collect().rows()
    return dict(rows)


@pytest.mark.parametrize("name", KINDS)
def test_late_data_inside_the_look_back_is_published_and_beyond_it_named_with_what_corrects_it(
    name: str, tmp_path: Path
) -> None:
    kind, place = KINDS[name], tmp_path / "others"
    place.mkdir()
    if kind.asset is None:
        kind.write(None, place, ALL, 100)
    with stranger_at(tmp_path, location(kind.declared(place), kind.asset, nightly=NightlySpec())) as stranger:
        house = stranger.house
        if kind.asset is not None:
            kind.write(house, place, ALL, 100)
        first = house.run("nightly")
        assert first.told["published"] == [str(day) for day in ALL], first.text
        kind.write(house, place, [INSIDE, BEYOND], 101)
        rebuilt, late = kind.late(INSIDE), kind.late(BEYOND)

        second = house.run("nightly")

        assert (second.told["rebuilt"], second.told["late"]) == ([*map(str, rebuilt)], [*map(str, late)]), second.text
        assert {day for day, now in revenue(house).items() if now != 100} == ({INSIDE} if rebuilt else set())
        proposed = house.run("plan", "--stale", "daily")
        assert proposed.told.get("days", []) == [*map(str, late)]
        assert proposed.code == (0 if late else 2)
        if late:
            assert "backfill-assets plan --stale daily" in CliRunner().invoke(app, ["nightly"]).stdout


MARKED = {"backfill_assets/publish": "live"}
PUBLISHED = dg.define_asset_job("publish_daily", selection=[dg.AssetKey("daily")], tags=MARKED)
UNMARKED = dg.define_asset_job("recompute_daily", selection=[dg.AssetKey("daily")])


@dg.schedule(job=PUBLISHED, cron_schedule="0 3 * * *")
def every_night(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest]:
    """A schedule of one's own: the days that nightly would look back at."""
    today = context.scheduled_execution_time.date()
    return [dg.RunRequest(partition_key=str(today - timedelta(days=back))) for back in (1, 2)]


def test_a_schedule_of_ones_own_publishes_by_the_tag_that_is_documented(tmp_path: Path) -> None:
    assert 'tags={"backfill_assets/publish": "live"}' in (ROOT / "docs/your-own-asset.md").read_text("utf-8")
    with stranger_at(tmp_path, location("log", log, PUBLISHED, UNMARKED)) as stranger:
        house = stranger.house
        in_lake(house, tmp_path, ALL, 100)
        runner = stranger.runner()

        def run(job: Any, day: date, **more: str) -> RunResult:
            return runner.execute(runner.definitions.resolve_job_def(job.name), {**job.tags, **more}, key=str(day))

        assert all(run(UNMARKED, day).success for day in ALL[3:])  # days that were never published need no tag
        in_lake(house, tmp_path, [INSIDE, BEYOND], 101)
        asked = every_night(dg.build_schedule_context(scheduled_execution_time=datetime(2026, 1, 20, 3, tzinfo=UTC)))
        assert {one.partition_key for one in asked} == {"2026-01-19", "2026-01-18"}

        assert run(PUBLISHED, INSIDE).success
        for refused in (run(UNMARKED, INSIDE), run(PUBLISHED, BEYOND), run(PUBLISHED, INSIDE, **IN_A_BACKFILL)):
            assert isinstance(refused.refusal, LiveWriteRefused)
            assert_in_three_sentences(str(refused.refusal))

        assert {day for day, now in revenue(house).items() if now != 100} == {INSIDE}
        assert house.run("plan", "--stale", "daily").told["days"] == [str(BEYOND)]


@pytest.mark.parametrize(
    ("command", "said"),
    [("nightly", "nightly=NightlySpec()"), ("audit", "watch=[audit()]"), ("reconcile", "reconcile(against(")],
)
def test_a_location_without_it_says_what_to_write(command: str, said: str, tmp_path: Path) -> None:
    with stranger_at(tmp_path, location("log", log)) as stranger:
        answered = stranger.house.run(command)

    assert (answered.code, answered.told["error"]) == (2, "TableUnclear")
    assert said in answered.told["message"]
    assert_in_three_sentences(answered.told["message"])
