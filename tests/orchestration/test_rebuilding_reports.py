"""Step 7 in few runs, and what of it fails: a report half-way through, a refresh that hangs."""

import time
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets import (
    LakeResource,
    OutsideReport,
    begin_report,
    build_correction_definitions,
    correctable_asset,
    lake_resources,
)
from backfill_assets.core.facts import ReportsRebuilt
from backfill_assets.core.next_step import Stuck
from backfill_assets.core.sentences import sentence_of
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.reports.building import runs_of_keys
from backfill_assets.orchestration.reports.reach import Report
from backfill_assets.testing import TestLake
from tests.e2e.test_bad_input import assert_in_three_sentences

FIRST = date(2026, 1, 5)
DAYS = dg.DailyPartitionsDefinition(str(FIRST))
WEEKS = dg.WeeklyPartitionsDefinition(str(FIRST), day_offset=1)
IN_ONE_RUN = dg.BackfillPolicy.single_run()


def day(number: int) -> str:
    return str(FIRST + timedelta(days=number))


def runs(wanted: Collection[int], built: Collection[int] = (), policy: dg.BackfillPolicy | None = IN_ONE_RUN):
    """The runs of some days, numbered from the first, as first and last."""

    @dg.asset(partitions_def=DAYS, backfill_policy=policy)
    def report() -> None: ...

    made = runs_of_keys(Report(report.key, report), [*map(day, wanted)], {*map(day, built)})
    return [tuple((date.fromisoformat(key) - FIRST).days for key in ends) for ends in made]


FEW: dict[str, tuple[Sequence[int], Sequence[int], dg.BackfillPolicy | None, Sequence[tuple[int, int]]]] = {
    "nothing": ([], [], IN_ONE_RUN, []),
    "one stretch": ([1, 2, 3], [], IN_ONE_RUN, [(1, 3)]),
    "a gap that was never built": ([1, 2, 4, 5], [], IN_ONE_RUN, [(1, 2), (4, 5)]),
    "a gap that is built": ([1, 2, 4, 5], [3], IN_ONE_RUN, [(1, 5)]),
    "a gap of which one was never built": ([1, 2, 3, 6, 7], [4], IN_ONE_RUN, [(1, 3), (6, 7)]),
    "more built than asked for": ([1, 9], range(20), IN_ONE_RUN, [(1, 1), (9, 9)]),
    "the shortest gaps first": ([1, 3, 6], range(20), IN_ONE_RUN, [(1, 6)]),
    "the longer gap too much": ([1, 3, 7], range(20), IN_ONE_RUN, [(1, 3), (7, 7)]),
    "one a run by default": ([1, 2, 4], range(20), None, [(1, 1), (2, 2), (4, 4)]),
    "two a run": ([1, 2, 3, 5], range(20), dg.BackfillPolicy.multi_run(2), [(1, 2), (3, 3), (5, 5)]),
    "three a run, with a gap": ([1, 3, 4, 6], range(20), dg.BackfillPolicy.multi_run(3), [(1, 3), (4, 6)]),
}  # fmt: skip


@pytest.mark.parametrize("name", FEW)
def test_partitions_are_built_in_as_few_runs_as_the_policy_allows(name: str) -> None:
    wanted, built, policy, expected = FEW[name]
    assert runs(wanted, built, policy) == expected


def location(*reports: dg.AssetsDefinition | OutsideReport) -> dg.Definitions:
    @dg.asset(partitions_def=DAYS, backfill_policy=IN_ONE_RUN, io_manager_key="lake_io_manager")
    def orders_log(context: dg.AssetExecutionContext) -> pl.DataFrame:
        days = pl.Series("day", context.partition_keys).str.to_date()
        return pl.DataFrame({"day": days, "price": 100}, schema_overrides={"price": pl.Int64})

    @correctable_asset(partitions_def=DAYS, keys=[], measures=["revenue"], code_version="v1", days_per_run=90)
    def daily_orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        return orders_log.group_by("day").agg(revenue=pl.col("price").sum())

    assets = [one for one in reports if isinstance(one, dg.AssetsDefinition)]
    return dg.Definitions.merge(
        dg.Definitions(assets=[orders_log, *assets], resources=lake_resources("io_manager")),
        build_correction_definitions(daily_orders, sources=[orders_log], reports=reports),
    )


@dg.asset(partitions_def=DAYS, backfill_policy=IN_ONE_RUN)
def day_by_day(daily_orders: pl.DataFrame) -> pl.DataFrame:
    return daily_orders


def rebuilt_by(lake: TestLake, correction: str) -> dict[str, list[tuple[str, str]]]:
    """The runs in which each report was rebuilt for a correction, oldest first, as first and last partition."""
    wanted = dg.RunsFilter(tags={tags.REBUILD_FOR: correction})
    told: dict[str, list[tuple[str, str]]] = {}
    for run in reversed(lake.instance.get_runs(wanted)):
        first = run.tags.get(tags.RANGE_START) or run.tags.get(tags.PARTITION, "")
        for key in run.asset_selection or ():
            told.setdefault(key.to_user_string(), []).append((first, run.tags.get(tags.RANGE_END) or first))
    return told


@pytest.mark.dagster
@pytest.mark.slow
def test_a_hundred_and_fifty_three_partitions_with_thirty_gaps_are_rebuilt_in_one_run(tmp_path: Path) -> None:
    lake = TestLake(tmp_path, location(day_by_day), now="2026-09-01T06:00:00+00:00")
    first, last = day(0), day(212)
    lake.publish(first, last)
    right = lake.rows("day_by_day")
    is_working_day = pl.col("day").dt.weekday() <= 5
    doubled = pl.when(is_working_day).then(pl.col("revenue") * 2).otherwise(pl.col("revenue"))
    lake.plant(first, last, lambda rows: rows.with_columns(revenue=doubled))
    planted = lake.snapshot("day_by_day")
    correction = lake.correct(first, last, reason="Counted twice.", by="Ada", waves={"max_days": 90})
    correction.through()

    told = (event.fact for event in lake.records.ledger.events(correction.id))
    (done,) = (fact for fact in told if isinstance(fact, ReportsRebuilt))
    assert len(done.rebuilt["day_by_day"]) == 153
    assert lake.rows("day_by_day").equals(right)
    assert len(rebuilt_by(lake, correction.id)["day_by_day"]) <= 8
    untouched = [one for one in lake.snapshot("day_by_day").days if one.weekday() > 4]
    now = lake.snapshot("day_by_day")
    assert all(now.fingerprint(one) == planted.fingerprint(one) for one in untouched)


BROKEN = set[str]()


@dg.asset(partitions_def=DAYS)
def one_by_one(context: dg.AssetExecutionContext, daily_orders: pl.DataFrame) -> pl.DataFrame:
    if context.partition_key in BROKEN:
        message = "The disk is full."
        raise OSError(message)
    return daily_orders


@dg.asset(partitions_def=WEEKS)
def weekly(one_by_one: pl.DataFrame) -> pl.DataFrame:
    return one_by_one.group_by(pl.col("day").dt.truncate("1w")).agg(pl.col("revenue").sum())


@pytest.mark.dagster
def test_a_report_that_fails_half_way_is_named_and_the_next_try_builds_only_what_is_left(tmp_path: Path) -> None:
    lake = TestLake(tmp_path, location(one_by_one, weekly, day_by_day), now="2026-01-20T06:00:00+00:00")
    lake.publish(day(0), day(13))
    right = lake.rows("weekly")
    lake.plant(day(1), day(4), lambda rows: rows.with_columns(pl.col("revenue") * 2))
    planted = lake.rows("weekly")
    correction = lake.correct(day(1), day(4), reason="Counted twice.", by="Ada")
    correction.to_gate()
    correction.approve()
    BROKEN.update([day(2), day(3)])
    stuck = correction.drive()
    BROKEN.clear()

    assert isinstance(stuck, Stuck)
    assert_in_three_sentences(stuck.reason.partition(" OSError")[0])
    assert "could not rebuild 2 partitions of one_by_one, 1 partition of weekly" in stuck.reason
    assert "6 other partitions are rebuilt" in stuck.reason
    assert "OSError The disk is full." in stuck.reason
    assert "builds only what is left" in sentence_of(correction.id, stuck)
    assert correction.progress.downstream.owed == {("one_by_one", day(2)), ("one_by_one", day(3)), ("weekly", day(0))}
    assert lake.rows("weekly").equals(planted)
    assert correction.progress.downstream.frozen == {"one_by_one", "weekly", "day_by_day"}
    before = rebuilt_by(lake, correction.id)
    correction.cut_over()

    after = {name: made[len(before.get(name, ())) :] for name, made in rebuilt_by(lake, correction.id).items()}
    assert after == {"one_by_one": [(day(2),) * 2, (day(3),) * 2], "weekly": [(day(0),) * 2], "day_by_day": []}
    assert lake.rows("weekly").equals(right)
    assert not correction.progress.downstream.frozen


WRITTEN: dict[str, int] = {}


@dg.asset(partitions_def=DAYS, backfill_policy=IN_ONE_RUN, deps=["daily_orders"])
def written_one_by_one(context: dg.AssetExecutionContext, lake: LakeResource) -> None:
    run = begin_report(context, lake)
    revenue = dict(run.records.snapshot("daily_orders").scan().select("day", "revenue").collect().iter_rows())
    for key in sorted(context.partition_keys):
        if key in BROKEN:
            message = "The disk is full."
            raise OSError(message)
        WRITTEN[key] = revenue[date.fromisoformat(key)]
        run.built(key)


@pytest.mark.dagster
def test_a_report_that_says_what_it_has_built_keeps_that_when_its_range_fails_half_way(tmp_path: Path) -> None:
    lake = TestLake(tmp_path, location(written_one_by_one), now="2026-01-20T06:00:00+00:00")
    lake.publish(day(0), day(13))
    right = dict(WRITTEN)
    lake.plant(day(1), day(4), lambda rows: rows.with_columns(pl.col("revenue") * 2))
    correction = lake.correct(day(1), day(4), reason="Counted twice.", by="Ada")
    correction.to_gate()
    correction.approve()
    BROKEN.add(day(3))
    assert isinstance(correction.drive(), Stuck)
    BROKEN.clear()

    assert correction.progress.downstream.owed == {("written_one_by_one", day(3)), ("written_one_by_one", day(4))}
    correction.cut_over()
    assert rebuilt_by(lake, correction.id)["written_one_by_one"] == [(day(1), day(4)), (day(3), day(4))]
    assert right == WRITTEN


def test_a_report_is_called_as_ever_where_there_is_no_lake() -> None:
    location(day_by_day)
    rows = pl.DataFrame({"day": [FIRST], "revenue": [100]})
    assert day_by_day(rows).equals(rows)


HANGS = [False]
REFRESHED: list[float] = []


def dashboard() -> None:
    """The dashboard of a BI tool."""
    while HANGS[0]:
        time.sleep(0.01)
    REFRESHED.append(time.monotonic())


@pytest.mark.dagster
def test_a_refresh_that_hangs_is_left_to_itself_and_the_correction_says_what_it_waits_for(tmp_path: Path) -> None:
    lake = TestLake(
        tmp_path, location(day_by_day, OutsideReport(dashboard, minutes=0.01)), now="2026-01-20T06:00:00+00:00"
    )
    lake.publish(day(0), day(13))
    right = lake.rows("day_by_day")
    lake.plant(day(1), day(4), lambda rows: rows.with_columns(pl.col("revenue") * 2))
    correction = lake.correct(day(1), day(4), reason="Counted twice.", by="Ada")
    correction.to_gate()
    correction.approve()
    HANGS[0] = True
    stuck = correction.drive()
    HANGS[0] = False

    assert isinstance(stuck, Stuck)
    assert_in_three_sentences(stuck.reason)
    assert "The refresh of dashboard has not returned within 0.01 minutes." in stuck.reason
    assert lake.rows("day_by_day").equals(right)
    assert correction.progress.downstream.owed == {("dashboard", "all of it")}
    assert correction.progress.downstream.frozen == {"day_by_day", "dashboard"}
    time.sleep(0.1)
    seen = len(REFRESHED)
    correction.cut_over()
    assert len(REFRESHED) == seen + 1
    assert not correction.progress.downstream.owed
