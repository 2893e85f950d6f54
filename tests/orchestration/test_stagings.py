"""Stagings that come in pieces: by different code, or from a backfill that somebody stopped."""

from dataclasses import replace
from datetime import UTC, datetime

import dagster as dg
import polars as pl
import pytest

from backfill_assets.core.events import fact_of
from backfill_assets.core.next_step import Stuck, next_step
from backfill_assets.core.plan import Request
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.runs import StagedByOtherCode
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.revenue.definitions import defs
from backfill_assets.runbook import open_correction
from backfill_assets.runbook import stage as stage_step
from tests.composed import DAILY_REVENUE
from tests.e2e import small_lake
from tests.e2e.small_lake import FACT
from tests.orchestration.daemon import NOW, by_hand, stage_by_hand
from tests.orchestration.worlds import WRONG

pytestmark = pytest.mark.dagster


def staged_by(lake, plan, days, version):
    """Days staged by some version of the code."""
    compute_spec = replace(DAILY_REVENUE.compute_spec, code_version=version)
    wave = compute_spec.wave(lake.records, days, correction=plan.correction, pins=plan.pins)
    small_lake._write_built(lake, wave, pl.concat(wave.frames.values()), plan.correction)
    told = {"days": [str(day) for day in days], "code_version": version}
    lake.step_context(NOW).record(plan.correction, fact_of(Step.STAGE, Outcome.PROGRESSED, told))


def test_waves_that_other_code_built_are_named_and_staged_again(daemon):
    lake, ctx = daemon.lake, daemon.lake.step_context(NOW)
    plan = open_correction(ctx, Request(FACT, WRONG, "Wrong rates."))
    current = DAILY_REVENUE.compute_spec.code_version
    staged_by(lake, plan, WRONG.days[:4], "older")
    staged_by(lake, plan, WRONG.days[4:], current)
    with pytest.raises(StagedByOtherCode, match="older"):
        stage_step(ctx, plan.correction)
    assert ctx.progress(plan.correction).missing == set(WRONG.days[:4])
    staged_by(lake, plan, WRONG.days[:4], current)
    assert stage_step(ctx, plan.correction).detail["code_versions"] == [current]


def test_a_correction_that_one_other_version_built_as_a_whole_is_all_of_a_piece(daemon):
    plan = open_correction(daemon.lake.step_context(NOW), Request(FACT, WRONG, "Wrong rates."))
    staged_by(daemon.lake, plan, WRONG.days, "older")
    assert stage_step(daemon.lake.step_context(NOW), plan.correction).outcome is Outcome.DONE


def test_a_cancelled_backfill_is_not_carried_on_until_somebody_says_so(daemon):
    from dagster._core.execution.backfill import BulkActionStatus

    backfill = _backfill(daemon)
    daemon.instance.add_backfill(backfill)
    days = [str(day) for day in WRONG.days]
    assert stage_by_hand(daemon, days[0], days[3], dagster__backfill=backfill.backfill_id).success
    assert daemon.progress().plan.window == WRONG
    daemon.instance.update_backfill(backfill.with_status(BulkActionStatus.CANCELED))
    progress = daemon.go_on()
    decided = next_step(progress, NOW)
    assert isinstance(decided, Stuck)
    assert "was cancelled with 6 days not staged" in decided.reason
    correction = progress.plan.correction
    assert by_hand(daemon, "try_again", correction, by="Ada").success
    assert not isinstance(next_step(daemon.progress(), NOW), Stuck)
    assert daemon.go_on().staging.staged == set(WRONG.days)
    assert list(daemon.lake.records.ledger.histories()) == [correction]


def test_a_part_of_a_backfill_opens_the_whole_of_it_and_the_other_part_joins(daemon):
    backfill = _backfill(daemon)
    daemon.instance.add_backfill(backfill)
    days = [str(day) for day in WRONG.days]
    for first, last in ((days[5], days[9]), (days[0], days[4])):
        assert stage_by_hand(daemon, first, last, dagster__backfill=backfill.backfill_id).success
    assert len(daemon.lake.records.ledger.histories()) == 1
    assert daemon.progress().plan.window == WRONG
    assert daemon.progress().staging.staged == set(WRONG.days)


def test_a_launch_that_is_executed_again_keeps_its_correction_until_that_is_live(daemon):
    days = [str(day) for day in WRONG.days]
    first = stage_by_hand(daemon, days[0], days[-1])
    correction = daemon.progress().plan.correction

    again = _executed_again(daemon, first.run_id)

    assert again.success
    assert list(daemon.lake.records.ledger.histories()) == [correction]
    run = daemon.instance.get_run_by_id(again.run_id)
    assert run.tags[tags.CORRECTION] == correction
    assert run.tags[tags.PROCESS].startswith(again.run_id)
    daemon.go_on()
    assert by_hand(daemon, "approve", correction, by="Ada", note="looked").success
    assert Step.CUT_OVER in daemon.go_on().done
    before = daemon.lake.live()
    late = _executed_again(daemon, first.run_id)
    assert not late.success
    assert correction in late.errors[0]
    assert daemon.lake.live().equals(before)
    assert list(daemon.lake.records.ledger.histories()) == [correction]


def test_the_failed_part_of_a_backfill_that_is_executed_again_joins_what_the_other_part_opened(daemon):
    backfill = _backfill(daemon)
    daemon.instance.add_backfill(backfill)
    days = [str(day) for day in WRONG.days]
    part = stage_by_hand(daemon, days[0], days[4], dagster__backfill=backfill.backfill_id)
    lost = daemon.instance.create_run_for_job(
        defs.resolve_implicit_global_asset_job_def(),
        tags={tags.BACKFILL: backfill.backfill_id, tags.RANGE_START: days[5], tags.RANGE_END: days[9]},
        asset_selection=frozenset({dg.AssetKey(["backfill", FACT])}),
        status=dg.DagsterRunStatus.FAILURE,
    )

    assert _executed_again(daemon, lost.run_id).success

    assert part.success
    assert len(daemon.lake.records.ledger.histories()) == 1
    assert daemon.progress().staging.staged == set(WRONG.days)


def _executed_again(daemon, run_id):
    """What the UI's re-execution launches: the same days under the tags of the run before."""
    run = daemon.instance.get_run_by_id(run_id)
    told = {**run.tags, "dagster/parent_run_id": run_id, "dagster/root_run_id": run_id}
    job = defs.resolve_implicit_global_asset_job_def()
    return Runner(defs, daemon.instance).execute(job, told, assets=[dg.AssetKey(["backfill", FACT])])


def _backfill(daemon):
    """A backfill of the whole window, as the UI requests one."""
    from dagster._core.execution.backfill import PartitionBackfill

    return PartitionBackfill.from_asset_partitions(
        backfill_id="abcdefgh",
        asset_graph=defs.resolve_asset_graph(),
        partition_names=[str(day) for day in WRONG.days],
        asset_selection=[dg.AssetKey(["backfill", FACT])],
        backfill_timestamp=datetime(2026, 1, 23, tzinfo=UTC).timestamp(),
        tags={},
        dynamic_partitions_store=daemon.instance,
        all_partitions=False,
        title=None,
        description=None,
        run_config=None,
    )
