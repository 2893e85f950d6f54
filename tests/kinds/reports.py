"""Reports of every kind around one table of orders: each is a function that makes its assets, and how they show.

A report shows the revenue of each of its partitions. What keeps its rows itself keeps a file for each of them.
"""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from backfill_assets import OutsideReport, build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.testing import TestLake

DAYS = dg.DailyPartitionsDefinition("2026-01-19")
WEEKS = dg.WeeklyPartitionsDefinition("2026-01-19", day_offset=1)
MONTHS = dg.MonthlyPartitionsDefinition("2026-01-01", end_offset=1)
TABLE = "daily_orders"
IN_ONE_RUN, TWO_A_RUN = dg.BackfillPolicy.single_run(), dg.BackfillPolicy.multi_run(2)
Given = dg.AssetsDefinition | OutsideReport


@dg.asset(partitions_def=DAYS, backfill_policy=IN_ONE_RUN, io_manager_key="lake_io_manager")
def orders_log(context: dg.AssetExecutionContext) -> pl.DataFrame:
    days = pl.Series("day", context.partition_keys).str.to_date()
    return pl.DataFrame({"day": days, "price": 100}, schema_overrides={"price": pl.Int64})


def shelf(report: str) -> Path:
    """Where a report keeps its files, beside the lake."""
    return Path(os.environ["BACKFILL_LAKE"]).parent / "reports" / report


def keep(report: str, key: str, revenue: int) -> None:
    shelf(report).mkdir(parents=True, exist_ok=True)
    (shelf(report) / f"{key}.json").write_text(json.dumps(revenue))


def revenue_between(first: date, last: date) -> int:
    """What live says of some days; read without anything of the library, as a tool outside would."""
    table = Path(os.environ["BACKFILL_LAKE"]) / TABLE
    days = pl.scan_delta(str(table)).filter(pl.col("day").is_between(first, last))
    return int(days.select(pl.col("revenue").sum()).collect().item())


def windows(context: dg.AssetExecutionContext, partitions: Any = None) -> dict[str, tuple[date, date]]:
    """First and last day of each partition of a run."""
    known = partitions or context.assets_def.partitions_def
    found = {key: known.time_window_for_partition_key(key) for key in context.partition_keys}
    return {key: (one.start.date(), one.end.date() - timedelta(days=1)) for key, one in found.items()}


def rows_of(context: dg.AssetExecutionContext, partitions: Any = None) -> pl.DataFrame:
    """A row for each partition of a run."""
    told = [(first, revenue_between(first, last)) for first, last in windows(context, partitions).values()]
    return pl.DataFrame(told, schema={"day": pl.Date, "revenue": pl.Int64}, orient="row")


def shown(report: str, lake: TestLake) -> dict[str, int]:
    """What a report shows, by the start of each partition."""
    if shelf(report).exists():
        return {file.stem: json.loads(file.read_text()) for file in sorted(shelf(report).glob("*.json"))}
    return {str(day): revenue for day, revenue in lake.rows(report).select("day", "revenue").iter_rows()}


def write_files(context: dg.AssetExecutionContext, report: str) -> None:
    for key, (first, last) in windows(context).items():
        keep(report, key, revenue_between(first, last))


class Files(dg.ConfigurableIOManager):
    """The project's own IO manager: a file for each row."""

    def handle_output(self, context: dg.OutputContext, obj: pl.DataFrame) -> None:
        for day, revenue in obj.iter_rows():
            keep(context.asset_key.path[-1], str(day), revenue)

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        found = {key: shelf(context.asset_key.path[-1]) / f"{key}.json" for key in context.asset_partition_keys}
        rows = [(date.fromisoformat(key), json.loads(file.read_text())) for key, file in found.items() if file.exists()]
        return pl.DataFrame(rows, schema={"day": pl.Date, "revenue": pl.Int64}, orient="row")


def in_lake(name: str, partitions: Any, policy: dg.BackfillPolicy | None, io: str = "lake_io_manager") -> Given:
    @dg.asset(name=name, partitions_def=partitions, backfill_policy=policy, io_manager_key=io, deps=[TABLE])
    def made(context: dg.AssetExecutionContext) -> pl.DataFrame:
        return rows_of(context)

    return made


def one_partition(name: str) -> Given:
    @dg.asset(name=name, partitions_def=DAYS, io_manager_key="lake_io_manager")
    def made(context: dg.AssetExecutionContext, daily_orders: pl.DataFrame) -> pl.DataFrame:
        assert daily_orders["day"].unique().to_list() == [date.fromisoformat(context.partition_key)]
        return daily_orders.select("day", "revenue")

    return made


def writes_and_returns_nothing(name: str) -> Given:
    @dg.asset(name=name, partitions_def=WEEKS, backfill_policy=IN_ONE_RUN, deps=[TABLE])
    def made(context: dg.AssetExecutionContext) -> None:
        write_files(context, name)

    return made


def writes_and_returns_a_result(name: str) -> Given:
    @dg.asset(name=name, partitions_def=DAYS, deps=[TABLE])
    def made(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        write_files(context, name)
        return dg.MaterializeResult(metadata={"key": context.partition_key})

    return made


def writes_and_waits(name: str) -> Given:
    @dg.asset(name=name, partitions_def=WEEKS, deps=[TABLE])
    async def made(context: dg.AssetExecutionContext) -> None:
        write_files(context, name)

    return made


def several_together(name: str) -> Given:
    specs = [dg.AssetSpec(f"{name}_{one}", deps=[TABLE], partitions_def=DAYS) for one in ("a", "b")]

    @dg.multi_asset(name=name, specs=specs, backfill_policy=IN_ONE_RUN)
    def made(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        for spec in specs:
            write_files(context, spec.key.path[0])
            yield dg.MaterializeResult(asset_key=spec.key)

    return made


def several_apart(name: str) -> Given:
    outs = {f"{name}_{one}": dg.AssetOut(io_manager_key="lake_io_manager", is_required=False) for one in ("a", "b")}

    @dg.multi_asset(name=name, outs=outs, deps=[TABLE], partitions_def=WEEKS, can_subset=True)
    def made(context: dg.AssetExecutionContext) -> Iterator[dg.Output[pl.DataFrame]]:
        for output in sorted(context.op_execution_context.selected_output_names):
            yield dg.Output(rows_of(context, WEEKS), output)

    return made


def some_of_several(name: str) -> Given:
    """Of two assets of one function only one reads the table."""
    specs = [dg.AssetSpec(f"{name}_a", deps=[TABLE]), dg.AssetSpec(f"{name}_other", deps=[orders_log])]

    @dg.multi_asset(name=name, specs=specs, partitions_def=DAYS, can_subset=True)
    def made(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        for key in sorted(context.selected_asset_keys):
            write_files(context, key.path[0])
            yield dg.MaterializeResult(asset_key=key)

    return made


def of_a_graph(name: str) -> Given:
    @dg.op(name=f"{name}_sums", out=dg.Out(io_manager_key="files_between"))
    def sums(context: dg.OpExecutionContext, orders: pl.DataFrame) -> pl.DataFrame:
        return orders.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("revenue").sum())

    @dg.op(name=f"{name}_sorted", out=dg.Out(io_manager_key="io_manager"))
    def sorted_by_day(sums: pl.DataFrame) -> pl.DataFrame:
        return sums.sort("day")

    @dg.graph_asset(name=name, partitions_def=WEEKS, ins={"orders": dg.AssetIn(TABLE)}, backfill_policy=IN_ONE_RUN)
    def made(orders: pl.DataFrame) -> pl.DataFrame:
        return sorted_by_day(sums(orders))

    return made


def months_of(report: str) -> Callable[[str], Given]:
    def months(name: str) -> Given:
        @dg.asset(name=name, partitions_def=MONTHS, deps=[report], io_manager_key="files")
        def made(context: dg.AssetExecutionContext) -> pl.DataFrame:
            return rows_of(context)

        return made

    return months


def refreshed_by_a_function(name: str) -> Given:
    def refresh() -> None:
        keep(name, "all of it", revenue_between(date.min, date.max))

    return OutsideReport(refresh, name)


def refreshed_by_an_asset(name: str) -> Given:
    @dg.asset(name=name, deps=[TABLE])
    def made() -> None:
        keep(name, "all of it", revenue_between(date.min, date.max))

    return OutsideReport(made)


@dataclass(frozen=True)
class Kind:
    """How a report is made, by which partitions it is kept, and what its assets are called beyond its own name."""

    make: Callable[[str], Given]
    partitions: Any
    policy: int | None = 1
    parts: Sequence[str] = ("",)


def kept(partitions: Any, policy: dg.BackfillPolicy | None, io: str = "lake_io_manager") -> Kind:
    most = policy.max_partitions_per_run if policy else 1
    return Kind(lambda name: in_lake(name, partitions, policy, io), partitions, most)


KINDS = {
    "days, one a run by default": kept(DAYS, None),
    "days, one a run, of a frame": Kind(one_partition, DAYS),
    "weeks, one a run by default": kept(WEEKS, None),
    "days in one run": kept(DAYS, IN_ONE_RUN),
    "weeks, two a run": kept(WEEKS, TWO_A_RUN, "files"),
    "days kept by the project's own IO manager": kept(DAYS, None, "files"),
    "weeks in one run by the project's own IO manager": kept(WEEKS, IN_ONE_RUN, "files"),
    "writes by itself, returns nothing": Kind(writes_and_returns_nothing, WEEKS, None),
    "writes by itself, returns a result": Kind(writes_and_returns_a_result, DAYS),
    "writes by itself, in a coroutine": Kind(writes_and_waits, WEEKS),
    "several of one function, all or none": Kind(several_together, DAYS, None, ("_a", "_b")),
    "several of one function, each by itself": Kind(several_apart, WEEKS, 1, ("_a", "_b")),
    "one of several of one function": Kind(some_of_several, DAYS, 1, ("_a",)),
    "a graph of ops": Kind(of_a_graph, WEEKS, None),
    "months of a report by days": Kind(months_of("days_one_a_run_by_default"), MONTHS),
    "months of a report that writes weeks by itself": Kind(
        months_of("writes_by_itself_returns_nothing"), MONTHS
    ),
    "refreshed outside by a function": Kind(refreshed_by_a_function, None, None),
    "refreshed outside by an asset": Kind(refreshed_by_an_asset, None, None),
}  # fmt: skip


def name_of(kind: str) -> str:
    """The name of a kind's report, as an asset may be called."""
    return "".join(letter for letter in kind.replace(" ", "_") if letter.isidentifier() or letter == "_")


def names_of(kind: str) -> list[str]:
    """The names of its reports."""
    return [f"{name_of(kind)}{part}" for part in KINDS[kind].parts]


def location(kinds: Sequence[str] = tuple(KINDS)) -> dg.Definitions:
    """A code location with reports of some kinds."""

    @correctable_asset(partitions_def=DAYS, keys=[], measures=["revenue"], code_version="v1")
    def daily_orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log.group_by("day").agg(revenue=pl.col("price").sum())

    reports = [KINDS[kind].make(name_of(kind)) for kind in kinds]
    assets = [one.refresh if isinstance(one, OutsideReport) else one for one in reports]
    resources = {**lake_resources(), "files": Files(), "io_manager": Files(), "files_between": dg.mem_io_manager}
    return dg.Definitions.merge(
        dg.Definitions(
            assets=[orders_log, *(one for one in assets if isinstance(one, dg.AssetsDefinition))], resources=resources
        ),
        build_correction_definitions(daily_orders, sources=[orders_log], reports=reports),
    )
