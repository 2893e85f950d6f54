"""Sources that lie outside the lake, however they are partitioned and whatever tells their days apart.

The next shape is one line.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from backfill_assets import (
    DeltaLakeIOManager,
    DeltaSource,
    LakeResource,
    ParquetSource,
    QuerySource,
    build_correction_definitions,
    correctable_asset,
)
from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.lake import TableMissing
from backfill_assets.errors.outside import OutsideColumnMissing, VariableMissing
from backfill_assets.errors.partition_column import ColumnHoldsNoSlots
from backfill_assets.orchestration.asset.lateness import stale_days
from backfill_assets.orchestration.asset.source import OutsideSource
from backfill_assets.orchestration.asset.table_definition import TableDefinition, tables_in
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.nightly.publish import MARKED
from backfill_assets.runbook import approve, open_correction
from backfill_assets.runbook.maintaining import maintain_all
from backfill_assets.runbook.opening import forget_failures
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.test_partitions import entered

FIRST = date(2026, 1, 5)
ALL = [FIRST + timedelta(days=number) for number in range(20)]
ENDS = ("2026-01-10", "2026-01-12")
MARKETS = ("EU", "US")
WRONG = Window(date(2026, 1, 10), date(2026, 1, 12))


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[LakeResource]:
    with entered(tmp_path) as resource:
        yield resource


@dataclass(frozen=True)
class Shape:
    """How another writer keeps orders: what it partitions by, and what it makes of a day."""

    by: tuple[str, ...] = ()
    spelled: Callable[[date], Any] = lambda day: day

    def rows(self, days: list[date], price: int = 100) -> pl.DataFrame:
        rows = [
            {"order_date": self.spelled(day), "market": market, "price": price}
            for day in days
            for market in ("EU", "US")
        ]
        return pl.DataFrame(rows, schema_overrides={"price": pl.Int64})

    def write(self, place: Path, days: list[date], price: int = 100, mode: Any = "append") -> None:
        write_deltalake(place, self.rows(days, price), mode=mode, partition_by=[*self.by] or None)


SHAPES = {
    "by its date": Shape(("order_date",)),
    "by market and date": Shape(("market", "order_date")),
    "by market alone": Shape(("market",)),
    "not at all": Shape(),
    "by ISO text": Shape(("order_date",), str),
    "by eight digits": Shape(("order_date",), lambda day: f"{day:%Y%m%d}"),
    "not at all, with times": Shape((), lambda day: datetime.fromisoformat(f"{day}T15:30:00+00:00")),
}


def revenue(orders: pl.LazyFrame) -> pl.LazyFrame:
    """The price of each day, whatever tells it."""
    spelled = orders.collect_schema()["order_date"]
    own = pl.col("order_date")
    day = own.str.replace_all("-", "").str.to_date("%Y%m%d") if spelled == pl.String else own.cast(pl.Date)
    return orders.group_by(day.alias("day"), "market").agg(pl.col("price").sum())


def location(source: OutsideSource) -> tuple[dg.Definitions, TableDefinition]:
    made = correctable_asset(
        partitions_def=dg.DailyPartitionsDefinition(str(FIRST)),
        keys=["market"],
        measures=["price"],
        name="revenue",
        sources={"orders": source},
    )(revenue)
    lake = LakeResource()
    resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
    defs = dg.Definitions.merge(dg.Definitions(resources=resources), build_correction_definitions(made))
    return defs, tables_in(defs)["revenue"]


def total(lake: LakeResource, days: Window) -> int:
    return lake.records().snapshot("revenue").scan(days.days).select(pl.col("price").sum()).collect().item()


@pytest.mark.dagster
@pytest.mark.parametrize("name", SHAPES)
def test_a_table_outside_is_read_by_its_days_pinned_and_found_late(
    name: str, lake: LakeResource, tmp_path: Path
) -> None:
    shape, place = SHAPES[name], tmp_path / "others" / "orders"
    for day in ALL:
        shape.write(place, [day])
    defs, definition = location(DeltaSource(str(place), day="order_date"))
    ctx = definition.step_context(lake, "ada")
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        assert runner.run_keys([dg.AssetKey("revenue")], str(ALL[0]), str(ALL[-1]), MARKED).success
        shape.write(place, list(WRONG), price=1)
        assert stale_days(definition, lake.records(), ALL) == list(WRONG)
        opened = open_correction(ctx, Request("revenue", WRONG, "Late."))
        assert opened.pins == {"orders": DeltaTable(place).version()}
        shape.write(place, list(WRONG), price=7)  # after the plan, before the staging
        driver = Driver(definition, runner, lake, "ada", lambda _step, _ctx: None)
        driver.drive(opened.correction)
        approve(ctx, opened.correction, "looked")
        driver.drive(opened.correction)
    assert total(lake, WRONG) == 3 * 2 * 101
    assert stale_days(definition, lake.records(), ALL) == list(WRONG)
    files = {path.relative_to(place) for path in place.rglob("*")}
    maintain_all(ctx)
    assert {path.relative_to(place) for path in place.rglob("*")} == files


@pytest.mark.dagster
def test_a_day_that_an_outside_table_by_days_lacks_is_named(lake: LakeResource, tmp_path: Path) -> None:
    shape, place = SHAPES["by market and date"], tmp_path / "orders"
    shape.write(place, ALL[:-1])
    defs, _ = location(DeltaSource(str(place), day="order_date"))
    with dg.DagsterInstance.ephemeral() as instance:
        ran = Runner(defs, instance).run_keys([dg.AssetKey("revenue")], str(ALL[0]), str(ALL[-1]), MARKED)
    assert [*ran.failed_days] == [ALL[-1]]
    assert lake.records().days("revenue") == {*ALL[:-1]}


REFUSED: dict[str, tuple[DeltaSource, type[BackfillAssetsError]]] = {
    "no such table": (DeltaSource("nowhere", day="order_date"), TableMissing),
    "no such column": (DeltaSource("orders", day="at"), OutsideColumnMissing),
    "a column of markets": (DeltaSource("orders", day="market"), ColumnHoldsNoSlots),
    "a column of prices": (DeltaSource("orders", day="price"), ColumnHoldsNoSlots),
    "a secret that is not set": (
        DeltaSource("orders", day="order_date", storage_options={"KEY": dg.EnvVar("NO_SUCH_SECRET")}), VariableMissing,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_outside_is_refused_by_name(name: str, lake: LakeResource, tmp_path: Path) -> None:
    source, error = REFUSED[name]
    SHAPES["not at all"].write(tmp_path / "orders", ALL)
    placed = DeltaSource(str(tmp_path / source.uri), source.day, source.storage_options)
    _, definition = location(placed)
    with pytest.raises(error) as refused:
        stale_source(definition, lake)
    assert_in_three_sentences(str(refused.value))


def stale_source(definition: TableDefinition, lake: LakeResource) -> None:
    definition.step_context(lake, "ada").records.snapshot("orders")


def test_secrets_are_no_part_of_what_is_printed() -> None:
    source = DeltaSource("s3://elsewhere/orders", day="day", storage_options={"AWS_SECRET_ACCESS_KEY": "hush"})
    assert "hush" not in repr(source)


FILES = {
    "a file a day": ("*.parquet", lambda day: f"{day}.parquet"),
    "files in folders of months": ("**/*.parquet", lambda day: f"{day:%Y/%m}/{day}.parquet"),
    "folders that tell the day": ("**/*.parquet", lambda day: f"order_date={day}/part-0.parquet"),
    "one file of all days": ("orders.parquet", lambda _day: "orders.parquet"),
}


def write_files(place: Path, named: Callable[[date], str], days: list[date], prices: dict[date, int]) -> None:
    """A file of orders for each name that days have."""
    shape, by_name = SHAPES["not at all"], dict[str, list[date]]()
    for day in days:
        by_name.setdefault(named(day), []).append(day)
    for name, of_file in by_name.items():
        target = place / name
        target.parent.mkdir(parents=True, exist_ok=True)
        rows = pl.concat([shape.rows([day], prices.get(day, 100)) for day in of_file])
        (rows.drop("order_date") if "order_date=" in name else rows).write_parquet(target)


@pytest.mark.dagster
@pytest.mark.parametrize("name", FILES)
def test_files_of_others_are_pinned_by_their_content(name: str, lake: LakeResource, tmp_path: Path) -> None:
    pattern, named = FILES[name]
    place = tmp_path / "others"
    write_files(place, named, ALL, {})
    defs, definition = location(ParquetSource(str(place / pattern), day="order_date"))
    ctx = definition.step_context(lake, "ada")
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        assert runner.run_keys([dg.AssetKey("revenue")], str(ALL[0]), str(ALL[-1]), MARKED).success
        assert not stale_days(definition, lake.records(), ALL)
        late = dict.fromkeys(WRONG, 101)
        write_files(place, named, ALL, late)
        stale = stale_days(definition, lake.records(), ALL)
        assert stale == (list(WRONG) if "one file" not in name else ALL)
        opened = open_correction(ctx, Request("revenue", WRONG, "Late."))
        assert opened.pins == {"orders": 2}
        write_files(place, named, ALL, late | {WRONG.last: 7})  # after the plan, before the staging
        driver = Driver(definition, runner, lake, "ada", lambda _step, _ctx: None)
        driver.drive(opened.correction)
        failed = lake.records().ledger.progress(opened.correction).staging.reasons
        assert WRONG.last in failed
        assert "gone or changed since" in str(failed[WRONG.last])
        assert named(WRONG.last) in str(failed[WRONG.last])
        write_files(place, named, ALL, late)  # as they were
        forget_failures(ctx, opened.correction)
        driver.drive(opened.correction)
        approve(ctx, opened.correction, "looked")
        driver.drive(opened.correction)
    assert total(lake, WRONG) == 3 * 2 * 101
    assert not [day for day in stale_days(definition, lake.records(), ALL) if day in WRONG]


@pytest.mark.dagster
def test_a_query_is_read_and_named_as_not_pinned(lake: LakeResource, tmp_path: Path) -> None:
    database = tmp_path / "orders.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("create table orders (order_date text, market text, price integer)")
        rows = [(str(day), market, 100) for day in ALL for market in MARKETS]
        connection.executemany("insert into orders values (?, ?, ?)", rows)
        connection.commit()
    query = QuerySource("select * from orders", day="order_date", connection=lambda: sqlite3.connect(database))
    defs, definition = location(query)
    ctx = definition.step_context(lake, "ada")
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        assert runner.run_keys([dg.AssetKey("revenue")], str(ALL[0]), str(ALL[-1]), MARKED).success
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(
                "update orders set price = 101 where order_date between ? and ?", (str(WRONG.first), str(WRONG.last))
            )
            connection.commit()
        opened = open_correction(ctx, Request("revenue", WRONG, "Late."))
        assert (opened.pins, opened.inputs.unpinned) == ({}, ("orders",))
        assert Plan.from_json(opened.as_json()).inputs == opened.inputs
        driver = Driver(definition, runner, lake, "ada", lambda _step, _ctx: None)
        driver.drive(opened.correction)
        approve(ctx, opened.correction, "looked")
        driver.drive(opened.correction)
    assert total(lake, WRONG) == 3 * 2 * 101
    progress = lake.records().ledger.progress(opened.correction)
    certificate = lake.records().certificates.find(progress.gate.certificate)
    assert {told["orders"] for told in certificate.inputs.values()} == {"not pinned"}
    told = [sent.notice.body for sent in lake.records().outbox.deliveries()]
    assert told
    assert all("**Sources not pinned:** orders" in body for body in told)


@pytest.mark.dagster
def test_a_query_that_fails_fails_the_days_with_the_reason(lake: LakeResource, tmp_path: Path) -> None:
    query = QuerySource("select * from gone", "order_date", lambda: sqlite3.connect(tmp_path / "empty.db"))
    defs, _ = location(query)
    with dg.DagsterInstance.ephemeral() as instance:
        ran = Runner(defs, instance).run_keys([dg.AssetKey("revenue")], str(ALL[0]), str(ALL[1]), MARKED)
    assert {*ran.failed_days} == {*ALL[:2]}
    assert "no such table, gone" in str(ran.failed_days[ALL[0]])
