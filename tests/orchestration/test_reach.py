"""The blast radius over every kind of partition mapping, and of which days a report says that it is built."""

import os
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl
import pytest

from backfill_assets.errors.setup import HistoryPolicyUnknown, ReadersInvalid, ReportUnreachable, SourceLimitInvalid
from backfill_assets.orchestration.asset.io_manager import DeltaLakeIOManager
from backfill_assets.orchestration.asset.options import IO_MANAGER
from backfill_assets.orchestration.asset.siblings import correctable_asset
from backfill_assets.orchestration.build import build_correction_definitions, build_table_definition
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.reports.freeze import begin_report
from backfill_assets.storage.completeness import Basis
from tests.e2e.test_bad_input import assert_in_three_sentences

DAYS = dg.DailyPartitionsDefinition(start_date="2026-01-01")
WEEKS = dg.WeeklyPartitionsDefinition(start_date="2026-01-01", day_offset=1)
MONTHS = dg.MonthlyPartitionsDefinition(start_date="2026-01-01")
NOW = datetime(2026, 3, 15, 6, tzinfo=UTC)
LIVE = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(73)]
BEFORE = dg.TimeWindowPartitionMapping(start_offset=-6)


@dg.asset(partitions_def=DAYS)
def orders_log() -> None: ...


@correctable_asset(partitions_def=DAYS, keys=["day", "market"], measures=["revenue"])
def daily_orders(orders_log: pl.LazyFrame) -> pl.LazyFrame:
    """Revenue a day."""
    return orders_log


def asset_of(name: str, partitions_def, *deps, **options) -> dg.AssetsDefinition:
    """A report that is never run."""

    @dg.asset(name=name, partitions_def=partitions_def, deps=list(deps), **options)
    def made() -> None: ...

    return made


def trailing() -> dg.AssetsDefinition:
    return asset_of("trailing", DAYS, dg.AssetDep(daily_orders, partition_mapping=BEFORE))


def reached(*reports: dg.AssetsDefinition, days: list[date], live: list[date] | None = None):
    definition = build_table_definition(daily_orders, sources=[orders_log], reports=reports)
    return definition.reports.reach(days, LIVE if live is None else live, NOW)


def test_a_corrected_day_reaches_itself_and_the_six_after_it_of_a_trailing_mean_and_its_month():
    pack = asset_of("pack", MONTHS, daily_orders)
    assert reached(trailing(), pack, days=[date(2026, 1, 29)]) == {
        "trailing": tuple(str(date(2026, 1, 29) + timedelta(days=offset)) for offset in range(7)),
        "pack": ("2026-01-01",),
    }


def test_days_that_are_not_live_yet_are_not_reached():
    assert reached(trailing(), days=[LIVE[-2]]) == {"trailing": (str(LIVE[-2]), str(LIVE[-1]))}


def test_a_day_reaches_its_week_and_the_week_in_progress_counts():
    weekly = asset_of("weekly", WEEKS, daily_orders)
    assert reached(weekly, days=[date(2026, 1, 14)]) == {"weekly": ("2026-01-12",)}
    assert reached(weekly, days=[date(2026, 1, 18), date(2026, 1, 19)]) == {"weekly": ("2026-01-12", "2026-01-19")}


def test_a_report_of_a_report_is_reached_through_it():
    mean = trailing()
    pack = asset_of("pack", MONTHS, mean)
    assert reached(pack, mean, days=[date(2026, 1, 29)])["pack"] == ("2026-01-01", "2026-02-01")


def test_a_report_comes_after_every_report_it_reads_whatever_the_order_given():
    mean = trailing()
    pack = asset_of("pack", MONTHS, mean, daily_orders)
    last = asset_of("last", MONTHS, pack)
    definition = build_table_definition(daily_orders, sources=[orders_log], reports=[last, pack, mean])
    assert [report.name for report in definition.reports.assets] == ["trailing", "pack", "last"]


def two_at_once(*, can_subset: bool) -> dg.AssetsDefinition:
    if not can_subset:
        return subsets_refused()
    specs = [dg.AssetSpec(name, deps=[daily_orders], partitions_def=DAYS) for name in ("north", "south")]

    @dg.multi_asset(specs=specs, can_subset=True)
    def made(): ...

    return made


def subsets_refused() -> dg.AssetsDefinition:
    specs = [dg.AssetSpec(name, deps=[daily_orders], partitions_def=DAYS) for name in ("north", "south")]

    @dg.multi_asset(specs=specs)
    def made(): ...

    return made


def test_every_asset_of_a_multi_asset_is_a_report_of_its_own():
    assert reached(two_at_once(can_subset=True), days=LIVE[:2]) == {
        "north": (str(LIVE[0]), str(LIVE[1])),
        "south": (str(LIVE[0]), str(LIVE[1])),
    }


def test_reports_that_cannot_be_built_apart_are_selected_together():
    for can_subset, together in ((True, 1), (False, 2)):
        definition = build_table_definition(
            daily_orders, sources=[orders_log], reports=[two_at_once(can_subset=can_subset)]
        )
        assert {len(report.selection) for report in definition.reports.assets} == {together}


def test_a_report_without_partitions_or_without_the_table_is_refused_at_load():
    for report in (asset_of("all", None, daily_orders), asset_of("other", DAYS)):
        with pytest.raises(ReportUnreachable):
            build_correction_definitions(daily_orders, sources=[orders_log], reports=[report])


def test_a_report_declares_whether_it_tolerates_a_changing_history():
    tolerant = asset_of("tolerant", DAYS, daily_orders, tags={tags.HISTORY: tags.TOLERATE})
    definition = build_table_definition(daily_orders, sources=[orders_log], reports=[trailing(), tolerant])
    assert definition.reports.tolerant == ("tolerant",)
    with pytest.raises(HistoryPolicyUnknown, match="perhaps"):
        build_table_definition(
            daily_orders,
            sources=[orders_log],
            reports=[asset_of("odd", DAYS, daily_orders, tags={tags.HISTORY: "perhaps"})],
        )


def test_sources_declare_what_they_bear_and_how_long_they_keep():
    slow = asset_of("orders_log", DAYS, metadata={tags.DAYS_PER_MINUTE: 4, tags.RETENTION_DAYS: 400})
    limits = build_table_definition(daily_orders, sources=[slow], reports=[]).limits
    assert (limits.days_per_minute, limits.retention_days) == (4.0, {"orders_log": 400})
    with pytest.raises(SourceLimitInvalid, match="days_per_minute"):
        build_table_definition(
            daily_orders, sources=[asset_of("orders_log", DAYS, metadata={tags.DAYS_PER_MINUTE: -1})], reports=[]
        )


def test_sources_with_a_rate_declare_how_many_may_read_them_at_once():
    def limits(**told):
        source = asset_of("orders_log", DAYS, metadata={getattr(tags, name): value for name, value in told.items()})
        return build_table_definition(daily_orders, sources=[source], reports=[]).limits

    assert limits().most_readers is None
    assert limits(DAYS_PER_MINUTE=4).most_readers == 1
    assert limits(DAYS_PER_MINUTE=4, READERS=3).most_readers == 3
    for wrong in ({"READERS": 3}, *({"DAYS_PER_MINUTE": 4, "READERS": value} for value in (0, 1.5, True, "2"))):
        with pytest.raises(ReadersInvalid, match="orders_log declares backfill_assets/readers") as refused:
            limits(**wrong)
        assert_in_three_sentences(str(refused.value))


def running_report(name: str, partitions_def, dep) -> dg.AssetsDefinition:
    @dg.asset(
        name=name,
        partitions_def=partitions_def,
        deps=[dep],
        io_manager_key=IO_MANAGER,
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def made(context: dg.AssetExecutionContext, lake: LakeResource) -> pl.DataFrame:
        run = begin_report(context, lake)
        return pl.DataFrame({"day": list(run.days), "n": [1] * len(run.days)}, schema={"day": pl.Date, "n": pl.Int64})

    return made


@pytest.mark.dagster
def test_every_build_of_a_report_says_of_which_days_it_is_also_through_another_report(tmp_path, monkeypatch):
    monkeypatch.setenv("BACKFILL_NOW", NOW.isoformat())
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "yes")
    lake = LakeResource(root=str(tmp_path))
    live = lake.records().table("daily_orders", pl.Schema({"day": pl.Date(), "revenue": pl.Int64()}))
    live.create()
    live.replace_days({day: pl.DataFrame({"revenue": [1]}) for day in LIVE})
    mean = running_report("mean", DAYS, dg.AssetDep(daily_orders, partition_mapping=BEFORE))
    pack = running_report("pack", MONTHS, mean)
    defs = dg.Definitions(
        assets=[orders_log, daily_orders, mean, pack],
        resources={"lake": lake, IO_MANAGER: DeltaLakeIOManager(lake=lake)},
    )
    with dg.DagsterInstance.ephemeral() as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        ends = {tags.RANGE_START: "2026-03-01", tags.RANGE_END: "2026-03-12"}
        assert job.execute_in_process(instance=instance, asset_selection=[mean.key], tags=ends).success
        told = job.execute_in_process(instance=instance, asset_selection=[pack.key], partition_key="2026-03-01")
    built = lake.records().completeness.of_report("mean")
    assert {key: len(one.expected) for key, one in built.items()}["2026-03-10"] == 7
    assert built["2026-03-12"].is_of(lake.records().snapshot("daily_orders"))
    march = lake.records().completeness.of_report("pack")["2026-03-01"]
    assert (march.expected[0], march.expected[-1]) == (date(2026, 2, 23), date(2026, 3, 31))
    assert (march.present_days, march.missing[0], march.basis) == (18, date(2026, 3, 13), Basis.ORIGINAL)
    assert not march.is_of(lake.records().snapshot("daily_orders"))
    metadata = told.get_asset_materialization_events()[0].materialization.metadata
    assert metadata[tags.DAYS_PRESENT].value == 18
    assert metadata[tags.DAYS_EXPECTED].value == 37
    assert metadata[tags.COMPLETE].value is False
