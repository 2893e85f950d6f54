"""Slots that are computed from other slots than their own: finer ones of a source, and those before.

The next reading is one line.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import (
    DeltaLakeIOManager,
    LakeResource,
    NightlySpec,
    Source,
    build_correction_definitions,
    correctable_asset,
)
from backfill_assets.core.facts import SourceVerified
from backfill_assets.core.plan import Request
from backfill_assets.core.reads import Reads
from backfill_assets.core.slots import Grain, Hour, Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.correction import SourceUnfit
from backfill_assets.errors.failure import DaysFailed
from backfill_assets.errors.setup import LookBackInvalid, OwnTableRead
from backfill_assets.orchestration.asset.lateness import stale_days
from backfill_assets.orchestration.asset.table_definition import TableDefinition, tables_in
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.orchestration.instance.slots import TableSlots, grain_of
from backfill_assets.orchestration.nightly.jobs import nightlies_in
from backfill_assets.orchestration.nightly.publish import NightlyRun
from backfill_assets.runbook import approve, open_correction, verify_source
from backfill_assets.storage.table import Change
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.test_partitions import at, daily, entered, monthly, weekly

DAYS = dg.DailyPartitionsDefinition("2026-01-05")
MARKED = {tags.PUBLISH: tags.PUBLISH_LIVE}


def day(text: str) -> date:
    return date.fromisoformat(text)


def hours(first: str, count: int) -> list[Slot]:
    return [Hour.of(Hour.fromisoformat(first) + timedelta(hours=number)) for number in range(count)]


def dates(first: str, last: str) -> list[Slot]:
    return list(Window(day(first), day(last)))


BERLIN = {"timezone": "Europe/Berlin"}
HOURS = dg.HourlyPartitionsDefinition(at(2026, 1, 1))
WITHIN = {
    "days of a month": (monthly(), daily(), day("2026-02-01"), dates("2026-02-01", "2026-02-28")),
    "days of a month from the fifteenth": (
        monthly(day_offset=15), daily(), day("2026-02-15"), dates("2026-02-15", "2026-03-14"),
    ),
    "days of a week": (weekly(), daily(), day("2026-02-02"), dates("2026-02-02", "2026-02-08")),
    "days of Berlin in a month of Berlin": (
        monthly(**BERLIN), daily(**BERLIN), day("2026-03-01"), dates("2026-03-01", "2026-03-31"),
    ),
    "hours of a day": (daily(), HOURS, day("2026-02-02"), hours("2026-02-02T00:00+00:00", 24)),
    "hours of a week": (weekly(), HOURS, day("2026-02-02"), hours("2026-02-02T00:00+00:00", 168)),
    "hours of a long day": (
        daily(**BERLIN), dg.HourlyPartitionsDefinition(at(2026, 1, 1), **BERLIN),
        day("2026-10-25"), hours("2026-10-24T22:00+00:00", 25),
    ),
    "hours of a short day": (daily(**BERLIN), HOURS, day("2026-03-29"), hours("2026-03-28T23:00+00:00", 23)),
    "the same day": (daily(), daily(), day("2026-02-02"), [day("2026-02-02")]),
}  # fmt: skip


@pytest.mark.parametrize("name", WITHIN)
def test_a_slot_reads_every_slot_of_a_finer_source_that_lies_in_its_time(name: str) -> None:
    table, source, slot, read = WITHIN[name]
    grain = grain_of(table)
    assert grain is not None
    slots = TableSlots("any", table, grain)
    assert slots.hold(source)
    assert list(slots.within(slot, source)) == read


BACK = {
    "nothing": (Reads(), "2026-01-20", ["2026-01-20"], ["2026-01-20"]),
    "two days": (Reads(look_back=2), "2026-01-20", [f"2026-01-{n}" for n in (18, 19, 20)], None),
    "two days from before the first": (
        Reads(look_back=2, first=day("2026-01-20")), "2026-01-21", ["2026-01-19", "2026-01-20", "2026-01-21"],
        ["2026-01-20", "2026-01-21"],
    ),
    "a month": (Reads(Grain.MONTH, 1), "2026-01-01", ["2025-12-01", "2026-01-01"], None),
}  # fmt: skip


@pytest.mark.parametrize("name", BACK)
def test_a_slot_reads_those_before_it_and_needs_those_that_the_table_can_have(name: str) -> None:
    reads, slot, read, needed = BACK[name]
    assert [str(one) for one in reads.of([day(slot)])] == read
    assert [str(one) for one in reads.needed(day(slot))] == (needed or read)


NOW = "2026-03-10T06:00:00+00:00"
LOG = {"day": pl.Date, "price": pl.Int64}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[LakeResource]:
    with entered(tmp_path) as resource:
        yield resource


def location(partitions: dg.TimeWindowPartitionsDefinition, compute, **options) -> TableDefinition:
    """A table of prices over a daily log that others write."""

    @dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run(), io_manager_key="lake_io_manager")
    def orders_log() -> None: ...

    made = correctable_asset(
        partitions_def=partitions, keys=["day"], measures=["price"], name="prices", code_version="v1", **options
    )(compute)
    lake = LakeResource()
    resources = {"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)}
    defs = dg.Definitions.merge(
        dg.Definitions(assets=[orders_log], resources=resources),
        build_correction_definitions(made, sources=[orders_log], nightly=NightlySpec()),
    )
    DEFINED["prices"] = defs
    return tables_in(defs)["prices"]


DEFINED: dict[str, dg.Definitions] = {}
FACTOR = [1]


def by_month(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    return orders_log.group_by(pl.col("day").dt.month_start()).agg(pl.col("price").sum() * FACTOR[0])


def rolling(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    """The sum of a day and the two before it."""
    return orders_log.sort("day").rolling("day", period="3d").agg((pl.col("price") * FACTOR[0]).sum())


def land(lake: LakeResource, first: str, last: str, price: int = 100) -> None:
    days = Window(day(first), day(last)).days
    table = lake.records().table("orders_log", pl.Schema(LOG))
    table.create()
    table.replace_days({one: pl.DataFrame({"day": [one], "price": [price]}, schema=LOG) for one in days})


def published(runner: Runner, first: str, last: str) -> RunResult:
    return runner.run_keys([dg.AssetKey("prices")], first, last, MARKED)


def prices(lake: LakeResource) -> dict[str, int]:
    rows = lake.records().snapshot("prices").scan().collect()
    return {str(one): price for one, price in rows.select("day", "price").sort("day").iter_rows()}


def corrected(definition: TableDefinition, runner: Runner, lake: LakeResource, window: Window) -> str:
    opened = open_correction(definition.step_context(lake, "ada"), Request("prices", window, "Wrong.")).correction
    driver = Driver(definition, runner, lake, "ada", lambda _step, _ctx: None)
    driver.drive(opened)
    approve(definition.step_context(lake, "ada"), opened, "looked")
    driver.drive(opened)
    return opened


@pytest.mark.dagster
def test_months_over_a_daily_log_are_published_corrected_and_found_late(lake: LakeResource) -> None:
    definition = location(dg.MonthlyPartitionsDefinition("2026-02-01"), by_month)
    land(lake, "2026-02-01", "2026-02-28")
    FACTOR[0] = 1
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(DEFINED["prices"], instance)
        done = NightlyRun(nightlies_in(DEFINED["prices"])["prices"], runner, lake).publish()
        assert [str(one) for one in done.published] == ["2026-02-01"]
        assert prices(lake) == {"2026-02-01": 2800}
        land(lake, "2026-02-17", "2026-02-17", price=150)
        assert stale_days(definition, lake.records(), [day("2026-02-01")]) == [day("2026-02-01")]
        month = Window(day("2026-02-01"), day("2026-02-01"), Grain.MONTH)
        correction = corrected(definition, runner, lake, month)
        assert prices(lake) == {"2026-02-01": 2850}
        assert not stale_days(definition, lake.records(), [day("2026-02-01")])
    facts = [event.fact for event in lake.records().ledger.events(correction)]
    assert [fact.source_files for fact in facts if isinstance(fact, SourceVerified)] == [28]


@pytest.mark.dagster
def test_a_month_whose_log_lacks_a_day_is_not_published(lake: LakeResource) -> None:
    location(dg.MonthlyPartitionsDefinition("2026-02-01"), by_month)
    land(lake, "2026-02-01", "2026-02-27")
    with dg.DagsterInstance.ephemeral() as instance:
        ran = published(Runner(DEFINED["prices"], instance), "2026-02-01", "2026-02-01")
    assert isinstance(ran.refusal, DaysFailed)
    assert "orders_log has no 2026-02-28" in str(ran.failed_days[day("2026-02-01")])


@pytest.mark.dagster
def test_days_that_look_back_are_given_those_days_and_late_with_them(lake: LakeResource) -> None:
    definition = location(DAYS, rolling, sources={"orders_log": Source("orders_log", look_back=2)})
    land(lake, "2026-01-05", "2026-01-20")
    FACTOR[0] = 1
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(DEFINED["prices"], instance)
        assert published(runner, "2026-01-05", "2026-01-12").success
        assert published(runner, "2026-01-13", "2026-01-20").success
        got = prices(lake)
        assert [got[f"2026-01-{n:02}"] for n in (5, 6, 7, 12, 13, 20)] == [100, 200, 300, 300, 300, 300]
        land(lake, "2026-01-12", "2026-01-12", price=150)
        live = lake.records().days("prices")
        assert [str(one) for one in stale_days(definition, lake.records(), live)] == [
            "2026-01-12", "2026-01-13", "2026-01-14",
        ]  # fmt: skip
        corrected(definition, runner, lake, Window(day("2026-01-12"), day("2026-01-14")))
        assert not stale_days(definition, lake.records(), live)
        assert {prices(lake)[f"2026-01-{n}"] for n in (12, 13, 14)} == {350}


@pytest.mark.dagster
def test_a_hole_that_is_looked_back_at_stops_the_days_after_it(lake: LakeResource) -> None:
    definition = location(DAYS, rolling, sources={"orders_log": Source("orders_log", look_back=2)})
    land(lake, "2026-01-05", "2026-01-20")
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(DEFINED["prices"], instance)
        assert published(runner, "2026-01-05", "2026-01-09").success
        log = lake.records().table("orders_log")
        log.commit(lambda there: _without(there, day("2026-01-12")))
        ran = published(runner, "2026-01-10", "2026-01-20")
        assert sorted(map(str, ran.failed_days)) == ["2026-01-12", "2026-01-13", "2026-01-14"]
    ctx = definition.step_context(lake, "ada")
    opened = open_correction(ctx, Request("prices", Window(day("2026-01-13"), day("2026-01-16")), "Wrong."))
    with pytest.raises(SourceUnfit, match="lacks 1 day") as refused:
        verify_source(ctx, opened.correction)
    assert "2026-01-15..2026-01-16" in str(refused.value)
    assert_in_three_sentences(str(refused.value))


def _without(there, gone: date):
    return Change((), there.files_of([gone])[gone])


REFUSED: dict[str, tuple[Source, type[BackfillAssetsError]]] = {
    "fewer than none": (Source("orders_log", look_back=-1), LookBackInvalid),
    "half a day": (Source("orders_log", look_back=0.5), LookBackInvalid),  # type: ignore[arg-type]
    "itself": (Source("prices"), OwnTableRead),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_at_load(name: str) -> None:
    source, error = REFUSED[name]
    with pytest.raises(error) as refused:
        location(DAYS, rolling, sources={"orders_log": source})
    assert_in_three_sentences(str(refused.value))
