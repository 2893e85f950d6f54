"""A table that is rolled up from finer slots: published when all of a slot is there, corrected, taken back, found late.

The finer table is one that the IO manager keeps, or correctable as well. The next grain is one line.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import NightlySpec, Source, build_correction_definitions, correctable_asset, lake_resources
from backfill_assets.orchestration.asset.lateness import stale_days
from backfill_assets.testing import TestLake


@dataclass(frozen=True)
class RolledUp:
    """Partitions over finer ones, and how the columns of both are made, of a start in UTC and of the finer column.

    ``window`` are the first and last slot to correct, ``parts`` how many finer ones lie in each, and ``late`` the slots
    that are late when the finer slot ``moved`` is another.
    """

    over: dg.TimeWindowPartitionsDefinition
    finer: dg.TimeWindowPartitionsDefinition
    columns: tuple[pl.Expr, pl.Expr]
    now: str
    window: tuple[str, str]
    parts: list[int]
    moved: str
    late: list[str]
    is_correctable: bool = False
    look_back: int = 0


START, AT = pl.col("start"), pl.col("at")
HOURS = dg.HourlyPartitionsDefinition("2026-03-02-00:00")
DAYS = dg.DailyPartitionsDefinition("2026-03-02")
DAYS_OVER_HOURS = RolledUp(
    DAYS, HOURS, (START.dt.replace_time_zone(None), AT.dt.date()),
    "2026-03-06T00:30Z", ("2026-03-03", "2026-03-04"), [24, 24], "2026-03-03T05:00Z", ["2026-03-03"],
)  # fmt: skip


def of_berlin(first: str, **told) -> RolledUp:
    """A day of Berlin on which clocks are set."""
    over, finer = (
        dg.DailyPartitionsDefinition(first, timezone="Europe/Berlin"),
        dg.HourlyPartitionsDefinition(f"{first}-00:00", timezone="Europe/Berlin"),
    )
    return RolledUp(over, finer, (START, AT.dt.convert_time_zone("Europe/Berlin").dt.date()), **told)


ROLLED_UP = {
    "days over hours": DAYS_OVER_HOURS,
    "days over hours that are correctable": replace(DAYS_OVER_HOURS, is_correctable=True),
    "days over hours, looking back a day": replace(
        DAYS_OVER_HOURS, look_back=1, late=["2026-03-03", "2026-03-04"]
    ),
    "a short day of Berlin over hours": of_berlin(
        "2026-03-28", now="2026-03-30T00:30Z", window=("2026-03-29", "2026-03-29"),
        parts=[23], moved="2026-03-29T21:00Z", late=["2026-03-29"],
    ),
    "a long day of Berlin over hours": of_berlin(
        "2026-10-24", now="2026-10-26T00:30Z", window=("2026-10-25", "2026-10-25"),
        parts=[25], moved="2026-10-25T01:00Z", late=["2026-10-25"],
    ),
    "weeks over days": RolledUp(
        dg.WeeklyPartitionsDefinition("2026-03-02", day_offset=1), DAYS, (START.dt.date(), AT.dt.truncate("1w")),
        "2026-03-17T00:30Z", ("2026-03-02", "2026-03-09"), [7, 7], "2026-03-11", ["2026-03-09"],
    ),
    "weeks over hours": RolledUp(
        dg.WeeklyPartitionsDefinition("2026-03-02", day_offset=1), HOURS, (START, AT.dt.date().dt.truncate("1w")),
        "2026-03-10T00:30Z", ("2026-03-02", "2026-03-02"), [168], "2026-03-08T23:00Z", ["2026-03-02"],
    ),
    "months over days": RolledUp(
        dg.MonthlyPartitionsDefinition("2026-02-01"), dg.DailyPartitionsDefinition("2026-02-01"),
        (START.dt.date(), AT.dt.month_start()),
        "2026-04-02T00:30Z", ("2026-02-01", "2026-03-01"), [28, 31], "2026-03-31", ["2026-03-01"],
    ),
}  # fmt: skip


def location(kind: RolledUp) -> dg.Definitions:
    """A price in each finer slot, the sums over them, and twice those as a report."""
    finer = {"partitions_def": kind.finer, "metadata": {"partition_expr": "at"}}

    @dg.asset(**finer, io_manager_key="lake_io_manager")
    def quoted(context: dg.AssetExecutionContext) -> pl.DataFrame:
        starts = [kind.finer.start_time_for_partition_key(key) for key in context.partition_keys]
        rows = pl.DataFrame({"start": pl.Series(starts, dtype=pl.Datetime("us", "UTC"))})
        return rows.select(kind.columns[0].alias("at"), price=10)

    @correctable_asset(**finer, keys=[], measures=["price"], code_version="v1")
    def prices(quoted: pl.LazyFrame) -> pl.LazyFrame:
        return quoted

    source = prices if kind.is_correctable else quoted

    @correctable_asset(
        partitions_def=kind.over,
        keys=[],
        measures=["price", "parts"],
        code_version="v1",
        sources={"finer": Source(source.key, look_back=kind.look_back)},
    )
    def rolled_up(finer: pl.LazyFrame) -> pl.LazyFrame:
        return finer.group_by(day=kind.columns[1]).agg(pl.col("price").sum(), parts=pl.len().cast(pl.Int64))

    @dg.asset(partitions_def=kind.over, io_manager_key="lake_io_manager")
    def report(rolled_up: pl.DataFrame) -> pl.DataFrame:
        return rolled_up.with_columns(pl.col("price") * 2)

    made = [
        dg.Definitions(assets=[quoted, report], resources=lake_resources()),
        build_correction_definitions(rolled_up, sources=[source], reports=[report], nightly=NightlySpec()),
    ]
    if kind.is_correctable:
        made.append(build_correction_definitions(prices, sources=[quoted], nightly=NightlySpec()))
    return dg.Definitions.merge(*made)


@pytest.mark.dagster
@pytest.mark.parametrize("name", ROLLED_UP)
def test_a_roll_up_is_published_corrected_taken_back_and_found_late(name: str, tmp_path: Path) -> None:
    kind = ROLLED_UP[name]
    source = "prices" if kind.is_correctable else "quoted"
    lake = TestLake(tmp_path / "lake", location(kind), now=kind.now)

    def tables() -> list[pl.DataFrame]:
        return [lake.rows("rolled_up"), lake.rows("report")]

    lake.publish(*kind.window, table="rolled_up")
    right = tables()
    assert right[0]["parts"].to_list() == kind.parts
    assert right[1]["price"].to_list() == [20 * parts for parts in kind.parts]
    lake.plant(*kind.window, lambda rows: rows.with_columns(pl.col("price") + 1), table="rolled_up")
    wrong = tables()
    correction = lake.correct(*kind.window, table="rolled_up", reason="One too much.")
    correction.through()
    assert all(now.equals(then) for now, then in zip(tables(), right, strict=True))
    correction.roll_back(note="Too early.")
    assert all(now.equals(then) for now, then in zip(tables(), wrong, strict=True))

    definition, live = lake.definition("rolled_up"), lake.records.days("rolled_up")
    assert not stale_days(definition, lake.records, live)
    lake.write(source, lake.rows(source, [kind.moved]).with_columns(price=11))
    assert [str(slot) for slot in stale_days(definition, lake.records, live)] == kind.late
