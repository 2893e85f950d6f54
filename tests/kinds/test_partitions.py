"""Whatever a partitions definition can say: it works, exactly, or it is refused when definitions load.

A table of definitions for each role: the correctable table, its sources, its reports. The next case is one line.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets import (
    DeltaLakeIOManager,
    LakeResource,
    begin_report,
    build_correction_definitions,
    correctable_asset,
)
from backfill_assets.core.plan import Request
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.setup import (
    PartitionsApart,
    PartitionsIrregular,
    PartitionsUnusable,
    PartitionUnknown,
    ReportUnreachable,
)
from backfill_assets.orchestration.asset.options import IO_MANAGER
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.orchestration.driving.in_process import Driver
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.reports.building import runs_of_keys
from backfill_assets.orchestration.reports.reach import Report
from backfill_assets.runbook import approve, open_correction
from tests.e2e.test_bad_input import assert_in_three_sentences

NOW = "2026-03-10T06:00:00+00:00"
FIRST, LAST = date(2026, 1, 5), date(2026, 3, 9)
WRONG = Window(date(2026, 1, 28), date(2026, 2, 3))
DAYS = dg.DailyPartitionsDefinition(str(FIRST))
ALL = [FIRST + timedelta(days=offset) for offset in range((LAST - FIRST).days + 1)]
MULTI = dg.MultiPartitionsDefinition({"day": DAYS, "market": dg.StaticPartitionsDefinition(["EU", "US"])})
STATIC, DYNAMIC = dg.StaticPartitionsDefinition(["EU", "US"]), dg.DynamicPartitionsDefinition(name="markets")
BERLIN = {"timezone": "Europe/Berlin"}


def at(year: int, month: int, day: int) -> datetime:
    """A day as partitions definitions take it, which put their own time zone to it."""
    return datetime(year, month, day)  # noqa: DTZ001


def weekly(**options) -> dg.WeeklyPartitionsDefinition:
    return dg.WeeklyPartitionsDefinition(at(2026, 1, 5), day_offset=1, **options)


def daily(**options) -> dg.DailyPartitionsDefinition:
    return dg.DailyPartitionsDefinition(at(2026, 1, 5), **options)


def monthly(**options) -> dg.MonthlyPartitionsDefinition:
    return dg.MonthlyPartitionsDefinition(at(2026, 1, 1), **options)


def by_cron(cron: str, fmt: str = "%Y-%m-%d", **options) -> dg.TimeWindowPartitionsDefinition:
    return dg.TimeWindowPartitionsDefinition(**{"start": at(2026, 1, 5), "cron_schedule": cron, "fmt": fmt, **options})


def location(days=DAYS, source=DAYS, reports=None, **of_source) -> dg.Definitions:
    """A table, its source and its reports, partitioned as they say; a report adds up what each partition covers."""
    lake = LakeResource()

    @dg.asset(
        partitions_def=source,
        backfill_policy=dg.BackfillPolicy.single_run(),
        **{"io_manager_key": "lake_io_manager", **of_source},
    )
    def orders_log() -> pl.DataFrame:
        return pl.DataFrame({"day": ALL, "market": "EU", "price": 100}, schema_overrides={"price": pl.Int64})

    @correctable_asset(partitions_def=days, keys=["day", "market"], measures=["revenue"], code_version="v1")
    def daily_orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
        price = pl.col("price") * int(os.environ.get("TIMES", "1"))
        return orders_log.group_by("day", "market").agg(revenue=price.sum())

    made = [report_on(daily_orders, name, partitions) for name, partitions in (reports or {}).items()]
    return dg.Definitions.merge(
        dg.Definitions(
            assets=[orders_log, *made],
            resources={"lake": lake, "lake_io_manager": DeltaLakeIOManager(lake=lake)},
        ),
        build_correction_definitions(daily_orders, sources=[orders_log], reports=made),
    )


def report_on(live: dg.AssetsDefinition, name: str, partitions) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        io_manager_key="lake_io_manager",
        deps=[live],
    )
    def added_up(context: dg.AssetExecutionContext, lake: LakeResource) -> pl.DataFrame:
        run = begin_report(context, lake)
        windows = dict(zip(run.days, ordered(partitions, context), strict=True))
        rows = run.records.snapshot("daily_orders").scan().collect()
        covered = [rows.filter(pl.col("day").is_between(*window_of(partitions, key))) for key in windows.values()]
        sums = [part["revenue"].sum() for part in covered]
        return pl.DataFrame({"day": list(windows), "revenue": sums}, schema={"day": pl.Date, "revenue": pl.Int64})

    return added_up


def window_of(partitions, key) -> tuple[date, date]:
    """First and last day of a partition."""
    window = partitions.time_window_for_partition_key(key)
    return window.start.date(), window.end.date() - timedelta(days=1)


def ordered(partitions, context) -> list[str]:
    return sorted(context.partition_keys, key=lambda key: partitions.time_window_for_partition_key(key).start)


VARIABLES = {"BACKFILL_NOW": NOW, "DAGSTER_DISABLE_TELEMETRY": "yes", "BACKFILL_CHROMIUM": "none"}


@contextmanager
def entered(root: Path) -> Iterator[LakeResource]:
    """A lake of its own, for as long as it is needed."""
    with pytest.MonkeyPatch.context() as patched:
        for name, value in VARIABLES.items():
            patched.setenv(name, value)
        patched.setenv("BACKFILL_LAKE", str(root / "lake"))
        patched.setenv("BACKFILL_PUBLISHED", str(root / "published"))
        yield LakeResource()


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[LakeResource]:
    with entered(tmp_path) as resource:
        yield resource


REBUILT = {
    "weeks keyed by compact dates": weekly(fmt="%Y%m%d"),
    "weeks keyed with the day first": weekly(fmt="%d.%m.%Y"),
    "weeks that begin on a Wednesday": dg.WeeklyPartitionsDefinition(at(2026, 1, 1), day_offset=3),
    "days keyed by compact dates": daily(fmt="%Y%m%d"),
    "days keyed with the month first": daily(fmt="%m/%d/%Y"),
    "days keyed by the number of the day": daily(fmt="%Y-%j"),
    "months keyed without a day": monthly(fmt="%Y-%m"),
    "months keyed with the month first": monthly(fmt="%m-%Y"),
    "months from the fifteenth": monthly(fmt="%m-%Y", day_offset=15),
    "months, the running one too": monthly(end_offset=1),
    "quarters": by_cron("0 0 1 */3 *", "%m-%Y", start=at(2026, 1, 1), end_offset=1),
    "working days": by_cron("0 0 * * 1-5", "%d%m%Y"),
    "days without the weekends": daily(fmt="%d%m%Y", exclusions=["0 0 * * 6", "0 0 * * 0"]),
    "days until February": daily(fmt="%d%m%Y", end_date=at(2026, 2, 2)),
    "days since February": dg.DailyPartitionsDefinition(at(2026, 2, 1), fmt="%d%m%Y"),
    "weeks but the last": weekly(fmt="%d%m%Y", end_offset=-1),
}  # fmt: skip


@dataclass(frozen=True)
class Corrected:
    """A correction of a table with a report for each definition: the sums before and after, and what was rebuilt."""

    lake: LakeResource
    before: dict[str, dict[date, int]]
    after: dict[str, dict[date, int]]
    rebuilt: dict[str, list[str]]


def report_name(name: str) -> str:
    return re.sub(r"\W+", "_", name)


@pytest.fixture(scope="module")
def corrected_reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corrected]:
    """A week is corrected, and every report of it rebuilt."""
    reports = {report_name(name): partitions for name, partitions in REBUILT.items()}
    with entered(tmp_path_factory.mktemp("partitions")) as lake, dg.DagsterInstance.ephemeral() as instance:
        defs = location(reports=reports)
        runner = Runner(defs, instance)
        publish(runner, Window(FIRST, LAST))
        for name, partitions in reports.items():
            keys = keys_of(partitions)
            assert runner.run_keys([dg.AssetKey(name)], keys[0], keys[-1]).success
        before = {name: sums_of(lake, name) for name in reports}
        rebuilt = corrected(defs, runner, lake)
        yield Corrected(lake, before, {name: sums_of(lake, name) for name in reports}, rebuilt)


@pytest.mark.dagster
@pytest.mark.parametrize("name", REBUILT)
def test_a_report_is_rebuilt_exactly_however_its_partitions_are_keyed(name: str, corrected_reports: Corrected):
    partitions, report = REBUILT[name], report_name(name)
    keys = keys_of(partitions)
    touched = [key for key in keys if set(WRONG) & spanned(partitions, key)]
    assert corrected_reports.rebuilt[report] == touched
    days = {window_of(partitions, key)[0]: set(ALL) & spanned(partitions, key) for key in keys}
    assert corrected_reports.before[report] == {begin: 100 * len(held) for begin, held in days.items()}
    after = {begin: 100 * (len(held) + len(held & set(WRONG))) for begin, held in days.items()}
    assert corrected_reports.after[report] == after
    records = corrected_reports.lake.records()
    built = records.completeness.of_report(report, "daily_orders")
    assert all(built[key].is_of(records.snapshot("daily_orders")) for key in keys)
    assert records.watermarks.holders("daily_orders")[report].effective == max(set().union(*days.values()))


def keys_of(partitions) -> list[str]:
    return [*partitions.get_partition_keys(datetime.fromisoformat(NOW))]


def publish(runner: Runner, window: Window) -> None:
    for asset in ("orders_log", "daily_orders"):
        ran = runner.run_days([dg.AssetKey(asset)], window, {tags.PUBLISH: tags.PUBLISH_LIVE})
        assert ran.success, ran.errors


def spanned(partitions, key) -> set[date]:
    return set(Window(*window_of(partitions, key)))


def sums_of(lake: LakeResource, report: str) -> dict[date, int]:
    return dict(lake.records().snapshot(report).scan().collect().select("day", "revenue").iter_rows())


def corrected(defs: dg.Definitions, runner: Runner, lake: LakeResource) -> dict[str, list[str]]:
    """Open, stage, approve, cut over and rebuild a correction by which prices double; what was rebuilt, by report."""
    definition = tables_in(defs)["daily_orders"]
    correction = open_correction(
        definition.step_context(lake, "ada"), Request("daily_orders", WRONG, "Halved.")
    ).correction
    driver = Driver(definition, runner, lake, "ada", lambda _step, _ctx: None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("TIMES", "2")
        driver.drive(correction)
    approve(definition.step_context(lake, "ada"), correction, "looked")
    driver.drive(correction)
    told = lake.records().ledger.events(correction)
    assert not lake.records().ledger.progress(correction).downstream.owed
    return {
        one.detail["report"]: one.detail["partitions"]
        for one in told
        if one.step is Step.REBUILD_DOWNSTREAM and one.outcome is Outcome.PROGRESSED
    }


REFUSED_REPORTS = {
    "not at all": (None, ReportUnreachable),
    "by fixed names": (STATIC, PartitionsUnusable),
    "by names added as it runs": (DYNAMIC, PartitionsUnusable),
    "by day and market": (MULTI, PartitionsUnusable),
    "twice a day": (by_cron("0 */12 * * *", "%Y-%m-%d-%H"), PartitionsUnusable),
    "twice on Mondays": (by_cron("0 0,12 * * 1", "%Y-%m-%d-%H"), PartitionsUnusable),
    "in another time zone": (daily(**BERLIN), PartitionsApart),
    "by weeks of another time zone": (weekly(fmt="%Y%m%d", **BERLIN), PartitionsApart),
    "by days whose keys have no year": (daily(fmt="%m-%d"), PartitionsUnusable),
    "by days whose keys have no day": (daily(fmt="%Y-%m"), PartitionsUnusable),
    "by weeks keyed by their number alone": (weekly(fmt="%Y-%W"), PartitionsUnusable),
}


@pytest.mark.parametrize("name", REFUSED_REPORTS)
def test_a_report_that_step_seven_could_not_rebuild_is_refused_at_load(name: str):
    partitions, error = REFUSED_REPORTS[name]
    assert_refused(error, "added_up", reports={"added_up": partitions})


def assert_refused(error: type[BackfillAssetsError], culprit: str, **of_location) -> None:
    with pytest.raises(error) as refused:
        location(**of_location)
    assert culprit in str(refused.value)
    assert_in_three_sentences(str(refused.value))


TABLES = {
    "every day": (DAYS, None),
    "days that begin at six": (daily(hour_offset=6), None),
    "days that begin at half past three": (daily(hour_offset=3, minute_offset=30), None),
    "days of Berlin": (daily(**BERLIN), None),
    "days that end": (daily(end_date=at(2026, 3, 1)), None),
    "today as well": (daily(end_offset=1), None),
    "without yesterday": (daily(end_offset=-1), None),
    "compact keys": (daily(fmt="%Y%m%d"), None),
    "keys with the day first": (daily(fmt="%d.%m.%Y"), None),
    "working days": (by_cron("0 0 * * 1-5"), PartitionsIrregular),
    "without weekends": (daily(exclusions=["0 0 * * 6", "0 0 * * 0"]), PartitionsIrregular),
    "without New Year": (daily(exclusions=[at(2026, 1, 8)]), PartitionsIrregular),
    "hours from half to half": (
        dg.HourlyPartitionsDefinition(at(2026, 1, 5), minute_offset=30),
        PartitionsIrregular,
    ),
    "hours of India": (
        dg.HourlyPartitionsDefinition(at(2026, 1, 5), timezone="Asia/Kolkata"),
        PartitionsIrregular,
    ),
    "fixed names": (STATIC, PartitionsIrregular),
    "names added as it runs": (DYNAMIC, PartitionsIrregular),
    "day and market": (MULTI, PartitionsIrregular),
    "nothing": (None, PartitionsIrregular),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_partitioned_by_every_day_or_refused_at_load(name: str):
    days, error = TABLES[name]
    if error is not None:
        assert_refused(error, "daily_orders", days=days)
        return
    definition = tables_in(location(days=days, source=days, reports={"weeks": weeks_beside(days)}))["daily_orders"]
    reached = definition.reports.reach(WRONG.days, ALL, datetime.fromisoformat(NOW))
    assert reached == {"weeks": ("26.01.2026", "02.02.2026")}


def weeks_beside(days: dg.DailyPartitionsDefinition) -> dg.WeeklyPartitionsDefinition:
    offsets = {"hour_offset": days.hour_offset, "minute_offset": days.minute_offset}
    return weekly(fmt="%d.%m.%Y", timezone=days.timezone, **offsets)


@pytest.mark.dagster
@pytest.mark.parametrize("name", ["days that begin at half past three", "days of Berlin"])
def test_days_that_do_not_begin_at_midnight_of_greenwich_are_corrected_with_their_weeks(name: str, lake):
    days, _ = TABLES[name]
    defs = location(days=days, source=days, reports={"weeks": weeks_beside(days)})
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(defs, instance)
        publish(runner, Window(FIRST, LAST))
        assert corrected(defs, runner, lake) == {"weeks": ["26.01.2026", "02.02.2026"]}
    assert sums_of(lake, "weeks") == {date(2026, 1, 26): 1200, date(2026, 2, 2): 900}


SOURCES = {
    "every day": ({"source": DAYS}, None),
    "nothing": ({"source": None}, None),
    "days since before": ({"source": dg.DailyPartitionsDefinition("2025-01-01")}, None),
    "days keyed otherwise": ({"source": daily(fmt="%d.%m.%Y")}, None),
    "fixed names, kept by itself": ({"source": STATIC, "io_manager_key": "io_manager"}, None),
    "day and market, kept by itself": ({"source": MULTI, "io_manager_key": "io_manager"}, None),
    "fixed names": ({"source": STATIC}, PartitionsUnusable),
    "names added as it runs": ({"source": DYNAMIC}, PartitionsUnusable),
    "day and market": ({"source": MULTI}, PartitionsUnusable),
    "days for weeks": ({"days": weekly(), "source": DAYS}, None),
    "days for months": ({"days": monthly(), "source": DAYS}, None),
    "days since before for months": ({"days": monthly(), "source": dg.DailyPartitionsDefinition("2025-01-01")}, None),
    "days from six for months from six": (
        {"days": monthly(hour_offset=6), "source": daily(hour_offset=6)},
        None,
    ),
    "weeks": ({"source": weekly()}, PartitionsUnusable),
    "weeks for months": ({"days": monthly(), "source": weekly()}, PartitionsUnusable),
    "months for weeks": ({"days": weekly(), "source": monthly()}, PartitionsUnusable),
    "days from six for months": ({"days": monthly(), "source": daily(hour_offset=6)}, PartitionsUnusable),
    "working days for weeks": ({"days": weekly(), "source": by_cron("0 0 * * 1-5")}, PartitionsUnusable),
    "days of Berlin for months": ({"days": monthly(), "source": daily(**BERLIN)}, PartitionsApart),
    "months": ({"source": monthly()}, PartitionsUnusable),
    "hours": ({"source": dg.HourlyPartitionsDefinition(at(2026, 1, 5))}, None),
    "without weekends": ({"source": daily(exclusions=["0 0 * * 6", "0 0 * * 0"])}, PartitionsUnusable),
    "days of Berlin": ({"source": daily(**BERLIN)}, PartitionsApart),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_gives_every_day_or_is_refused_at_load(name: str):
    given, error = SOURCES[name]
    if error is None:
        assert location(**given)
    else:
        assert_refused(error, "orders_log", **given)


@pytest.mark.dagster
def test_a_source_keyed_otherwise_is_kept_by_day(lake):
    days = daily(fmt="%d.%m.%Y")
    with dg.DagsterInstance.ephemeral() as instance:
        runner = Runner(location(source=days), instance)
        assert runner.run_keys([dg.AssetKey("orders_log")], "05.01.2026", "09.03.2026").success
        ran = runner.run_days([dg.AssetKey("daily_orders")], Window(FIRST, LAST), {tags.PUBLISH: tags.PUBLISH_LIVE})
        assert ran.success, ran.errors
    assert lake.records().snapshot("daily_orders").days == set(ALL)


@pytest.mark.dagster
@pytest.mark.parametrize("partitions", [STATIC, by_cron("0 */12 * * *", "%Y-%m-%d-%H")])
def test_what_the_lake_cannot_keep_is_refused_by_name_when_it_is_written(partitions, lake):
    @dg.asset(partitions_def=partitions, io_manager_key=IO_MANAGER, backfill_policy=dg.BackfillPolicy.single_run())
    def strange() -> pl.DataFrame:
        return pl.DataFrame({"day": [FIRST], "n": [1]})

    defs = dg.Definitions([strange], resources={IO_MANAGER: DeltaLakeIOManager(lake=lake)})
    with dg.DagsterInstance.ephemeral() as instance:
        keys = partitions.get_partition_keys()
        ran = Runner(defs, instance).run_keys([strange.key], keys[0], keys[1])
    assert isinstance(ran.refusal, PartitionsUnusable), ran.errors
    assert not lake.records().exists("strange")


FORMATS = ["%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%m/%d/%Y", "%Y-%j", "%d%m%y", "%b %d %Y"]


@given(
    st.sampled_from(FORMATS),
    st.sets(st.integers(0, 120), min_size=1, max_size=30),
    st.sampled_from(["0 0 * * *", "0 0 * * 1", "30 5 * * *", "0 0 1 * *", "0 0 * * 1-5"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"]),
)
def test_runs_of_keys_are_consecutive_in_time_and_hold_exactly_what_was_asked(fmt, chosen, cron, timezone):
    partitions = dg.TimeWindowPartitionsDefinition(
        at(2025, 9, 1), cron_schedule=cron, fmt=fmt, timezone=timezone, end=at(2026, 10, 1)
    )
    keys = partitions.get_partition_keys()
    wanted = sorted({offset % len(keys) for offset in chosen})
    runs = runs_of_keys(report_of(partitions), [keys[index] for index in reversed(wanted)])
    covered = [index for first, last in runs for index in range(keys.index(first), keys.index(last) + 1)]
    assert covered == wanted


def report_of(partitions) -> Report:
    @dg.asset(partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run())
    def made() -> None: ...

    return Report(made.key, made)


def test_keys_of_a_definition_that_has_changed_meanwhile_are_named():
    with pytest.raises(PartitionUnknown, match=re.escape("2026-01-05")) as refused:
        runs_of_keys(report_of(weekly(fmt="%Y%m%d")), ["2026-01-05"])
    assert_in_three_sentences(str(refused.value))


def test_a_night_of_the_changed_clock_is_one_day_in_every_time_zone():
    partitions = daily(timezone="Europe/Berlin", end_date=at(2026, 11, 1))
    keys = [str(day) for day in Window(date(2026, 3, 28), date(2026, 3, 31))]
    assert runs_of_keys(report_of(partitions), keys) == [(keys[0], keys[-1])]
    assert datetime(2026, 3, 29, tzinfo=UTC) < partitions.time_window_for_partition_key("2026-03-29").end
