"""A table of any grain that keeps its partitions in a column of any name and spelling: published and corrected.

Through Dagster in process, with a source and a report of the same column. The next table is one line.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from deltalake import DeltaTable

from backfill_assets import (
    DeltaLakeIOManager,
    LakeResource,
    NightlySpec,
    build_correction_definitions,
    correctable_asset,
)
from backfill_assets.command_line.preview_text import details, lead
from backfill_assets.core.plan import Request
from backfill_assets.core.slots import Grain
from backfill_assets.core.window import Window
from backfill_assets.orchestration.asset.scratch import scratch_of
from backfill_assets.orchestration.asset.siblings import declaration_of
from backfill_assets.orchestration.asset.table_definition import TableDefinition, tables_in
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.instance.slots import TableSlots
from backfill_assets.orchestration.nightly.jobs import nightlies_in
from backfill_assets.orchestration.nightly.publish import NightlyRun
from backfill_assets.orchestration.watching.watches import Watch
from backfill_assets.runbook import approve, open_correction, roll_back
from backfill_assets.runbook.previewing import Asked, preview
from backfill_assets.watch import audit, freshness

NOW = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
DAILY = dg.DailyPartitionsDefinition("2026-11-10")
HOURLY = dg.HourlyPartitionsDefinition("2026-11-19-12:00")


@dataclass(frozen=True)
class Kind:
    """Partitions, the column that keeps them, and how the column is made of the start of each, which is in UTC."""

    partitions: dg.TimeWindowPartitionsDefinition
    column: str
    spelled: pl.Expr


START = pl.col("start")
LOCAL = START.dt.convert_time_zone("Europe/Berlin").dt.replace_time_zone(None)
KINDS = {
    "days as dates": Kind(DAILY, "order_date", START.dt.date()),
    "days as ISO text": Kind(DAILY, "date", START.dt.strftime("%Y-%m-%d")),
    "days as compact text": Kind(DAILY, "ds", START.dt.strftime("%Y%m%d")),
    "days as timestamps": Kind(DAILY, "at", START),
    "days as naive timestamps": Kind(DAILY, "at", START.dt.replace_time_zone(None)),
    "days of Berlin as timestamps": Kind(
        dg.DailyPartitionsDefinition("2026-11-10", timezone="Europe/Berlin"), "at", START
    ),
    "days of Berlin from six as dates": Kind(
        dg.DailyPartitionsDefinition("2026-11-10", timezone="Europe/Berlin", hour_offset=6), "day", LOCAL.dt.date()
    ),
    "days with keys of their own": Kind(
        dg.DailyPartitionsDefinition("20261110", fmt="%Y%m%d"), "day", START.dt.strftime("%Y%m%d")
    ),
    "hours as timestamps": Kind(HOURLY, "hour", START),
    "hours as text": Kind(HOURLY, "hour", START.dt.strftime("%Y-%m-%d-%H:%M")),
    "hours of an autumn night in Berlin": Kind(
        dg.HourlyPartitionsDefinition("2026-10-24-22:00", end_date="2026-10-25-08:00", timezone="Europe/Berlin"),
        "hour",
        START,
    ),
    "weeks as dates": Kind(dg.WeeklyPartitionsDefinition("2026-08-03", day_offset=1), "week", START.dt.date()),
    "months as dates": Kind(dg.MonthlyPartitionsDefinition("2026-01-01"), "month", START.dt.date()),
    "months of Berlin as text": Kind(
        dg.MonthlyPartitionsDefinition("2026-01-01", timezone="Europe/Berlin"), "month", LOCAL.dt.strftime("%Y-%m-%d")
    ),
}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LakeResource:
    monkeypatch.setenv("BACKFILL_LAKE", str(tmp_path / "lake"))
    monkeypatch.setenv("BACKFILL_PUBLISHED", str(tmp_path / "published"))
    monkeypatch.setenv("BACKFILL_NOW", NOW.isoformat())
    return LakeResource()


def location(kind: Kind, *watch: Watch) -> dg.Definitions:
    lake = LakeResource()
    told: dict[str, Any] = {
        "partitions_def": kind.partitions,
        "metadata": {"backfill_assets/day": kind.column},
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "io_manager_key": "lake_io_manager",
    }

    @dg.asset(**told)
    def orders_log(context: dg.AssetExecutionContext) -> pl.DataFrame:
        starts = [kind.partitions.start_time_for_partition_key(key).astimezone(UTC) for key in context.partition_keys]
        rows = pl.DataFrame({"start": starts}, schema={"start": pl.Datetime("us", "UTC")})
        return rows.select(kind.spelled.alias(kind.column), price=100).join(pl.DataFrame({"n": [1, 2]}), how="cross")

    @correctable_asset(
        partitions_def=kind.partitions, keys=[], measures=["revenue"], day=kind.column, code_version="v1"
    )
    def orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log.group_by(kind.column).agg(revenue=pl.col("price").sum().cast(pl.Int64))

    @dg.asset(**told)
    def report(orders: pl.LazyFrame) -> pl.LazyFrame:
        return orders.with_columns(pl.col("revenue") * 2)

    return dg.Definitions.merge(
        dg.Definitions(
            assets=[orders_log, report],
            resources={"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)},
        ),
        build_correction_definitions(
            orders,
            sources=[orders_log],
            reports=[report],
            nightly=NightlySpec(),
            watch=[*watch] or [audit(), freshness()],
        ),
    )


def rows_of(lake: LakeResource, table: str, kind: Kind) -> pl.DataFrame:
    """As any other reader has them."""
    uri = lake.lake().table_uri(table)
    return pl.DataFrame(DeltaTable(uri).to_pyarrow_table()).sort(kind.column)


def plant(lake: LakeResource, definition: TableDefinition, window: Window) -> None:
    records = definition.knowing(lake.records())
    rows = records.snapshot("orders").scan(window.days).collect().with_columns(pl.col("revenue") + 1)
    parts = records.partition_of("orders").split(rows)
    records.table("orders").replace_days({slot: part for slot, part in parts.items() if slot is not None})


def assert_previewed(definition: TableDefinition, lake: LakeResource, window: Window) -> None:
    """A preview computes slots of any column, and calls them what they are."""
    ctx = definition.step_context(lake, "Ada")
    with scratch_of(definition.compute_spec, ctx.records, {}) as scratch:
        few, whole = (preview(ctx, scratch, Asked(window.days, count=count)) for count in (2, len(window)))
    assert (len(few.changed), len(whole.changed)) == (2, len(window))
    assert whole.main.net.total == -len(window)
    told = " ".join([*lead(few), *details(few)])
    assert f"2 of {len(window)} {window.grain.value}s of orders" in told
    assert window.grain is Grain.DAY or not re.search(r"\bdays?\b", told)


@pytest.mark.dagster
@pytest.mark.parametrize("name", KINDS)
def test_a_table_of_any_column_is_published_corrected_and_taken_back(name: str, lake: LakeResource) -> None:
    kind = KINDS[name]
    defs = location(kind)
    (definition,) = tables_in(defs).values()
    slots: TableSlots = definition.slots
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        pipeline = nightlies_in(defs)["orders"]
        done = NightlyRun(pipeline, runner, lake).publish()
        assert done.failures == ()
        assert list(done.published) == slots.over(NOW)
        right, reported = rows_of(lake, "orders", kind), rows_of(lake, "report", kind)
        assert len(right) == len(done.published)
        assert right["revenue"].unique().to_list() == [200]
        window = Window(done.published[2], done.published[5], slots.grain)
        plant(lake, definition, window)
        wrong = rows_of(lake, "orders", kind)
        assert wrong.schema == right.schema
        assert not wrong.equals(right)
        assert_previewed(definition, lake, window)
        ctx = definition.step_context(lake, "Ada")
        plan = open_correction(ctx, Request("orders", window, "One too much."))
        driver = Driver(definition, runner, lake, "Ada", lambda _step, _ctx: None)
        driver.drive(plan.correction)
        approve(definition.step_context(lake, "Grace"), plan.correction, "compared")
        driver.drive(plan.correction)
        assert rows_of(lake, "orders", kind).equals(right)
        assert rows_of(lake, "report", kind).equals(reported)
        assert definition.knowing(lake.records()).snapshot("orders").days == set(done.published)
        roll_back(definition.step_context(lake, "Grace"), plan.correction, all_days=True)
        assert rows_of(lake, "orders", kind).equals(wrong)


@pytest.mark.parametrize("told", ["backfill_assets/day", "partition_expr"])
def test_the_column_may_be_told_as_other_io_managers_are_told_it(told: str) -> None:
    def orders(log: pl.LazyFrame) -> pl.LazyFrame:
        return log

    declared = {"partitions_def": DAILY, "keys": ["order_date", "shop"], "measures": ["revenue"]}
    by_metadata = correctable_asset(**declared, metadata={told: "order_date"})(orders)
    by_name = correctable_asset(**declared, metadata={told: "order_date"}, day="paid_on")(orders)

    found = [declaration_of(asset) for asset in (by_metadata, by_name)]
    assert [one.compute_spec.columns.partition.name for one in found] == ["order_date", "paid_on"]
    assert [one.keys for one in found] == [("shop",), ("order_date", "shop")]
