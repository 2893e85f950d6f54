"""Staging a table by hour beside one of the same rows by day, both through Dagster, in the lake of bench_parts.py.

All seconds are of the processor, which other work on the machine changes little. Two of them are the floor: those of
Dagster for as many partitions of an asset that does nothing, and those of delta-rs for as many of a table.
"""

import os
import time
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
from deltalake import write_deltalake

from backfill_assets import DeltaLakeIOManager, LakeResource, build_correction_definitions, correctable_asset, runbook
from backfill_assets.command_line.session import prepare_home
from backfill_assets.core.plan import Request
from backfill_assets.core.window import Window
from backfill_assets.orchestration.asset.table_definition import TableDefinition, tables_in
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import Runner

FIRST, DAYS, DAYS_A_WAVE, HOURS_A_DAY = date(2026, 1, 1), 90, 15, 24
ROWS_AN_HOUR = 500
SLOTS_A_DAY = {"days": 1, "hours": HOURS_A_DAY}
PARTITIONS = {
    "days": dg.DailyPartitionsDefinition(str(FIRST)),
    "hours": dg.HourlyPartitionsDefinition(f"{FIRST}-00:00"),
}


class Nothing(dg.ConfigurableIOManager):
    """Keeps nothing."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Do nothing."""

    def load_input(self, context: dg.InputContext) -> None:
        """Do nothing."""


def seconds_of_dagster(by: str) -> float:
    """Seconds of Dagster alone, for an asset of the same partitions that does nothing, in as many runs."""

    @dg.asset(partitions_def=PARTITIONS[by])
    def nothing() -> None: ...

    prepare_home()
    runner = Runner(dg.Definitions([nothing], resources={"io_manager": Nothing()}), dg.DagsterInstance.get())
    keys, each = PARTITIONS[by].get_partition_keys(), SLOTS_A_DAY[by] * DAYS_A_WAVE
    started = time.process_time()
    for start in range(0, SLOTS_A_DAY[by] * DAYS, each):
        runner.run_keys([nothing.key], keys[start], keys[start + each - 1])
    return time.process_time() - started


def seconds_of_delta(by: str) -> float:
    """Seconds of delta-rs alone, for a table of what is staged, appended wave by wave."""
    rows = _rows(by).group_by("at", "shop").agg(pl.col("price").sum()).sort("at")
    slots, each = rows["at"].unique(maintain_order=True), SLOTS_A_DAY[by] * DAYS_A_WAVE
    waves = [rows.filter(pl.col("at").is_in(slots[start : start + each])) for start in range(0, len(slots), each)]
    started = time.process_time()
    for wave in waves:
        write_deltalake(f"{os.environ['BACKFILL_LAKE']}/floor-{by}", wave, mode="append", partition_by=["at"])
    return time.process_time() - started


def seconds_of_staging(by: str) -> float:
    """Seconds for every slot of ninety days of a table by day or by hour, fifteen days of slots a wave."""
    os.environ["BACKFILL_LAKE"] += f"-{by}"
    definitions = location(by)
    (definition,) = tables_in(definitions).values()
    prepare_home()
    _publish(definition, by)
    instance, each = dg.DagsterInstance.get(), SLOTS_A_DAY[by] * DAYS_A_WAVE
    slots = definition.slots.over(datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(days=DAYS))
    window = Window(slots[0], slots[-1], definition.slots.grain)
    ctx = definition.step_context(LakeResource(), "bench")
    plan = runbook.open_correction(ctx, Request(definition.table, window, "bench", correction=f"bench_{by}"))
    runner = Runner(definitions, instance)
    started = time.process_time()
    for start in range(0, len(slots), each):
        wave = Window(slots[start], slots[start + each - 1], window.grain)
        ran = runner.run_days([definition.staged_key], wave, {tags.CORRECTION: plan.correction})
        if not ran.success:
            raise SystemExit(str(ran.errors))
    return time.process_time() - started


def location(by: str) -> dg.Definitions:
    """A table of orders by day or hour, and the log that it adds up."""
    lake, partitions = LakeResource(), PARTITIONS[by]

    @dg.asset(partitions_def=partitions, metadata={"backfill_assets/day": "at"}, io_manager_key="lake_io_manager")
    def orders_log() -> None:
        """Written beforehand."""

    @correctable_asset(
        partitions_def=partitions,
        keys=["shop"],
        measures=["revenue"],
        day="at",
        code_version="v1",
    )
    def orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log.group_by("at", "shop").agg(revenue=pl.col("price").sum())

    resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
    return dg.Definitions.merge(
        dg.Definitions(assets=[orders_log], resources=resources),
        build_correction_definitions(orders, sources=[orders_log]),
    )


def _publish(definition: TableDefinition, by: str) -> None:
    """The same rows under days or under hours, with a live table that is wrong."""
    records, rows = definition.knowing(LakeResource().records()), _rows(by)
    live = rows.group_by("at", "shop").agg(revenue=pl.col("price").sum() + 1)
    for name, frame in (("orders_log", rows), (definition.table, live)):
        table = records.table(name, frame.schema)
        table.create()
        parts = records.partition_of(name).split(frame)
        table.replace_days({slot: part for slot, part in parts.items() if slot is not None})


def _rows(by: str) -> pl.DataFrame:
    begin = datetime.combine(FIRST, datetime.min.time(), UTC)
    hours = pl.DataFrame({"at": [begin + timedelta(hours=number) for number in range(DAYS * HOURS_A_DAY)]})
    at = pl.col("at").cast(pl.Datetime("us", "UTC"))
    return hours.select(at if by == "hours" else at.dt.date()).join(
        pl.DataFrame({"shop": [number % 8 for number in range(ROWS_AN_HOUR)], "price": range(ROWS_AN_HOUR)}),
        how="cross",
    )
