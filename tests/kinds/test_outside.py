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
import duckdb
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
from backfill_assets.errors.failure import failure_of
from backfill_assets.errors.lake import TableMissing
from backfill_assets.errors.outside import OutsideColumnMissing, VariableMissing
from backfill_assets.errors.partition_column import ColumnHoldsNoSlots
from backfill_assets.errors.transform import TransformUnusable
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


@dataclass(frozen=True)
class Database:
    """How a database of another kind keeps orders, and what is asked of it."""

    connect: Callable[[str], Any]
    day: str
    spelled: Callable[[date], Any]
    query: str = "select * from orders"

    def set(self, place: Path, days: list[date], price: int) -> None:
        """Make days, and their price, what the table has of them."""
        with closing(self.connect(str(place))) as connection:
            connection.execute(
                f"create table if not exists orders (order_date {self.day}, market varchar, price bigint)"
            )
            for day in days:
                connection.execute("delete from orders where order_date = ?", (self.spelled(day),))
                for market in MARKETS:
                    connection.execute("insert into orders values (?, ?, ?)", (self.spelled(day), market, price))
            connection.commit()

    def source(self, place: Path) -> QuerySource:
        return QuerySource(self.query, day="order_date", connection=lambda: self.connect(str(place)))


def at_midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - as databases keep it


RENAMED = (
    "select ordered as order_date, market, price from (select order_date as ordered, * from orders) where price > 0"
)
QUERIES = {
    "ISO text of SQLite": Database(sqlite3.connect, "text", str),
    "eight digits of SQLite": Database(sqlite3.connect, "text", lambda day: f"{day:%Y%m%d}"),
    "dates of DuckDB": Database(duckdb.connect, "date", lambda day: day),
    "timestamps of DuckDB": Database(duckdb.connect, "timestamp", at_midnight),
    "text of DuckDB": Database(duckdb.connect, "varchar", str),
    "a query that renames and filters": Database(duckdb.connect, "date", lambda day: day, RENAMED),
}


@pytest.mark.dagster
@pytest.mark.parametrize("name", QUERIES)
def test_a_query_is_read_and_named_as_not_pinned(name: str, lake: LakeResource, tmp_path: Path) -> None:
    database, place = QUERIES[name], tmp_path / "orders.db"
    database.set(place, ALL, 100)
    defs, definition = location(database.source(place))
    ctx = definition.step_context(lake, "ada")
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        assert runner.run_keys([dg.AssetKey("revenue")], str(ALL[0]), str(ALL[-1]), MARKED).success
        database.set(place, list(WRONG), 101)
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
    assert all("**Sources not pinned:** `orders`" in body for body in told)


def at_nowhere() -> Any:
    message = "no such host: warehouse"
    raise ConnectionError(message)


def of_orders(query: str, day: str = "order_date") -> Callable[[Path], QuerySource]:
    return lambda place: QuerySource(query, day, lambda: sqlite3.connect(place))


# By what is wrong, the query, the error, and words of the reason that the run or each of its days has.
FAILING: dict[str, tuple[Callable[[Path], QuerySource], str, str]] = {
    "no such table": (of_orders("select * from gone"), "QueryFailed", "no such table, gone"),
    "no query at all": (of_orders("order me a pizza"), "QueryFailed", "syntax error"),
    "no such column": (of_orders("select * from orders", "at"), "OutsideColumnMissing", "market, order_date, price"),
    "a column of markets": (of_orders("select * from orders", "market"), "ColumnHoldsNoSlots", "market"),
    "a column of prices": (of_orders("select * from orders", "price"), "ColumnHoldsNoSlots", "price"),
    "no connection": (lambda _: QuerySource("select 1", "order_date", at_nowhere), "QueryFailed", "no such host"),
    "a URI that is not set": (
        lambda _: QuerySource("select 1", "order_date", dg.EnvVar("NO_SUCH_URI")), "VariableMissing", "NO_SUCH_URI",
    ),
    "a URI that nothing reads": (
        lambda _: QuerySource("select 1", "order_date", dg.EnvVar("STRANGE_URI")), "QueryFailed", "orders",
    ),
}  # fmt: skip


@pytest.mark.dagster
@pytest.mark.parametrize("name", FAILING)
def test_a_query_that_fails_fails_the_days_with_the_reason(
    name: str, lake: LakeResource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRANGE_URI", "warehouse://user:hush@nowhere/orders")
    made, error, told = FAILING[name]
    QUERIES["ISO text of SQLite"].set(tmp_path / "orders.db", ALL, 100)
    defs, _ = location(made(tmp_path / "orders.db"))
    with dg.DagsterInstance.ephemeral() as instance:
        ran = Runner(defs, instance).run_keys([dg.AssetKey("revenue")], str(ALL[0]), str(ALL[1]), MARKED)
    days = ran.failed_days or dict.fromkeys(ALL[:2], failure_of(ran.faults[0], "The run"))
    assert {day: why.error for day, why in days.items()} == dict.fromkeys(ALL[:2], error)
    assert told in str(days[ALL[0]])
    assert "hush" not in str(days[ALL[0]])
    assert_in_three_sentences(days[ALL[0]].message)
    assert not lake.records().exists("revenue")


# What a source outside the lake is declared with that it cannot be, and what the sentence names.
DECLARED_WRONGLY: dict[str, tuple[Callable[[], OutsideSource], str]] = {
    "a connection as text": (lambda: QuerySource("select 1", "day", "sqlite:///x"), "connection"),  # pyright: ignore[reportArgumentType]
    "an open connection": (lambda: QuerySource("select 1", "day", sqlite3.connect(":memory:")), "connection"),  # pyright: ignore[reportArgumentType]
    "a query that is a path": (lambda: QuerySource(Path("orders.sql"), "day", at_nowhere), "query"),  # pyright: ignore[reportArgumentType]
    "an empty query": (lambda: QuerySource(" ", "day", at_nowhere), "query"),
    "a table that is a path object": (lambda: DeltaSource(Path("orders"), "day"), "uri"),  # pyright: ignore[reportArgumentType]
    "a list of files": (lambda: ParquetSource(["a.parquet"], "day"), "files"),  # pyright: ignore[reportArgumentType]
    "a table that a variable names": (lambda: DeltaSource(dg.EnvVar("ORDERS"), "day"), "uri"),
    "no column": (lambda: DeltaSource("orders", ""), "day"),
    "options as text": (lambda: DeltaSource("orders", "day", "key=value"), "storage_options"),  # pyright: ignore[reportArgumentType]
}


@pytest.mark.parametrize("name", DECLARED_WRONGLY)
def test_a_source_outside_that_cannot_be_is_refused_at_load_by_name(name: str) -> None:
    made, culprit = DECLARED_WRONGLY[name]
    with pytest.raises(TransformUnusable) as refused:
        location(made())
    assert_in_three_sentences(str(refused.value))
    assert f"{culprit} of its source orders" in str(refused.value)
