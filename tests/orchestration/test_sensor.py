"""The driver takes a correction forward whatever happens to its runs, its partitions and itself."""

import dagster as dg
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from backfill_assets import runbook
from backfill_assets.core.events import fact_of
from backfill_assets.core.holders import Reading
from backfill_assets.core.next_step import Stuck, WaitForPerson, next_step
from backfill_assets.core.plan import Request
from backfill_assets.core.steps import Outcome, Step, WorkItem
from backfill_assets.core.waves import WavePolicy
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.instance import tags
from backfill_assets.runbook import open_correction
from backfill_assets.runbook import requesting as work_items
from backfill_assets.runbook.watermark_steps import advance_holder, register_holder
from backfill_assets.storage import opening
from tests.composed import DAILY_REVENUE
from tests.e2e.small_lake import FACT, TABLE_KEYS, prepared
from tests.orchestration.daemon import NOW, by_hand, stage_by_hand
from tests.orchestration.worlds import HISTORY, WRONG, later

pytestmark = pytest.mark.dagster

FIRST, LAST = str(WRONG.first), str(WRONG.last)
PARTITIONS = partitions_name(FACT)
EXPECTED = {"columns": ["revenue_usd", "rate_usd", "rate_currency", "fixing_day"], "same_rows": True}


def opened(daemon, **fields):
    request = Request(FACT, WRONG, "The FX join used the rate of the previous day.", **fields)
    return open_correction(daemon.lake.step_context(NOW), request).correction


def is_right(daemon):
    compute_spec = DAILY_REVENUE.compute_spec
    right = pl.concat(compute_spec.wave(daemon.lake.records, HISTORY.days).frames.values()).sort(TABLE_KEYS)
    assert_frame_equal(daemon.lake.live(), right)


def waits_for_approval(progress):
    return isinstance(next_step(progress, NOW), WaitForPerson)


def events(daemon, step, outcome):
    found = daemon.lake.records.ledger.events(daemon.progress().plan.correction)
    return [event for event in found if event.step is step and event.outcome is outcome]


def test_a_launch_without_a_request_goes_all_the_way_to_the_gate_and_after_approval_to_the_end(daemon):
    assert stage_by_hand(daemon, FIRST, LAST, user="ada").success
    progress = daemon.go_on()
    assert waits_for_approval(progress)
    assert daemon.launched == [
        f"{progress.plan.correction}/verify_source+reset_watermarks+stage+validate/1",
        f"{progress.plan.correction}/freeze_reports/1",
    ]
    assert by_hand(daemon, "approve", progress.plan.correction, by="Ada", note="looked").success
    progress = daemon.go_on()
    assert progress.done >= {Step.CUT_OVER, Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE}
    is_right(daemon)
    told = [event.detail["event"] for event in events(daemon, Step.COMMUNICATE, Outcome.DONE)]
    assert told == ["published"]


def test_a_request_is_staged_canary_first_and_in_waves_side_by_side(daemon):
    opened(daemon, waves=WavePolicy(max_days=3, at_once=2))
    keys = []
    while requests := daemon.tick().run_requests:
        keys.append([request.run_key.partition("/")[2] for request in requests])
        for request in requests:
            daemon.launch(request)
    assert keys == [
        ["freeze_reports+verify_source+reset_watermarks/1"],
        [f"wave/{LAST}..{LAST}/1"],
        ["wave/2026-01-08..2026-01-10/1", "wave/2026-01-11..2026-01-13/1"],
        ["wave/2026-01-14..2026-01-16/1"],
        ["stage+validate/1"],
    ]
    assert waits_for_approval(daemon.progress())


def test_a_met_expectation_lets_an_automatic_correction_through_in_the_run_that_validates_it(daemon):
    from backfill_assets.core.expectation import Expectation

    opened(daemon, approval="automatic", expectation=Expectation.from_request(EXPECTED))
    progress = daemon.go_on()
    assert next(key for key in daemon.launched if "validate" in key).endswith("/stage+validate+cut_over/1")
    assert progress.done >= {Step.CUT_OVER, Step.COMMUNICATE}
    is_right(daemon)


def test_a_failed_check_stops_the_cut_over_of_the_same_run_and_the_driver(daemon):
    from backfill_assets.core.expectation import Expectation

    opened(daemon, approval="automatic", expectation=Expectation.from_request({"columns": ["rate_usd"]}))
    before = daemon.lake.live()
    progress = daemon.go_on()
    decided = next_step(progress, NOW)
    assert isinstance(decided, Stuck)
    assert decided.step is Step.VALIDATE
    assert "revenue_usd" in decided.reason
    assert_frame_equal(daemon.lake.live(), before)
    assert not daemon.tick().run_requests


def test_two_ticks_before_any_run_started_ask_for_the_same_run(daemon):
    opened(daemon)
    first, second = daemon.tick().run_requests, daemon.tick().run_requests
    assert [request.run_key for request in first] == [request.run_key for request in second]
    assert daemon.launch(first[0]) is not None
    assert daemon.launch(second[0]) is None


def test_two_drivers_that_want_the_same_at_once_get_one_run(daemon):
    correction = opened(daemon)
    ctx = daemon.lake.step_context(NOW)
    progress = ctx.progress(correction)
    work_item = WorkItem(steps=(Step.FREEZE_REPORTS,))
    assert work_items.ask(ctx, progress, work_item) is not None
    assert work_items.ask(ctx, progress, work_item) is None


def test_a_run_that_was_deleted_is_launched_again(daemon):
    opened(daemon)
    request = daemon.tick().run_requests[0]
    run_id = _queued(daemon, request)
    assert not daemon.tick().run_requests
    daemon.instance.delete_run(run_id)
    assert [again.run_key for again in daemon.tick().run_requests] == [request.run_key]
    assert waits_for_approval(daemon.go_on())


def test_a_run_whose_process_was_killed_is_buried_and_asked_for_again(daemon):
    opened(daemon)
    request = daemon.tick().run_requests[0]
    run_id = _queued(daemon, request)
    daemon.instance.add_run_tags(run_id, {tags.PROCESS: f"{run_id} {_dead_process()}"})
    again = daemon.tick().run_requests
    assert daemon.instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.FAILURE
    assert [one.run_key[-2:] for one in again] == ["/2"]
    daemon.launch(again[0])
    assert waits_for_approval(daemon.go_on())


def test_a_run_that_is_executed_again_is_not_buried_for_the_process_of_the_first(daemon):
    opened(daemon)
    request = daemon.tick().run_requests[0]
    run_id = _queued(daemon, request)
    daemon.instance.add_run_tags(run_id, {tags.PROCESS: f"some-other-run {_dead_process()}"})
    assert not daemon.tick().run_requests
    assert daemon.instance.get_run_by_id(run_id).status is dg.DagsterRunStatus.STARTING


def test_a_cancelled_run_waits_for_somebody_to_try_again(daemon):
    correction = opened(daemon)
    request = daemon.tick().run_requests[0]
    run_id = _queued(daemon, request)
    daemon.instance.report_run_canceled(daemon.instance.get_run_by_id(run_id))
    assert not daemon.tick().run_requests
    decided = next_step(daemon.progress(), NOW)
    assert isinstance(decided, Stuck)
    assert "was cancelled" in decided.reason
    assert by_hand(daemon, "try_again", correction, by="Ada").success
    assert waits_for_approval(daemon.go_on())


def test_a_run_that_dies_every_time_is_not_asked_for_for_ever(daemon):
    opened(daemon, waves=WavePolicy(attempts=2))
    for _ in range(2):
        request = daemon.tick().run_requests[0]
        daemon.instance.report_run_failed(daemon.instance.get_run_by_id(_queued(daemon, request)), "It was lost.")
    assert not daemon.tick().run_requests
    decided = next_step(daemon.progress(), NOW)
    assert isinstance(decided, Stuck)
    assert "It was lost." in decided.reason


def test_a_day_whose_run_dies_every_time_stops_no_other_day(daemon):
    deadly, done = FIRST, []
    opened(daemon, waves=WavePolicy(max_days=3, at_once=2))
    while requests := daemon.tick().run_requests:
        for request in requests:
            wave = request.run_key.partition("/wave/")[2].rpartition("/")[0]
            if wave and wave.partition("..")[0] <= deadly <= wave.partition("..")[2]:
                daemon.instance.report_run_failed(
                    daemon.instance.get_run_by_id(_queued(daemon, request)), "It is lost."
                )
                done.append(wave)
            else:
                daemon.launch(request)
    progress = daemon.progress()
    whole = f"{FIRST}..{WRONG.days[2]}"
    assert done == [whole, whole, f"{FIRST}..{FIRST}", f"{FIRST}..{FIRST}"]
    assert progress.missing == {WRONG.first}
    assert next_step(progress, NOW) == Stuck(Step.STAGE, progress.staging.reasons_of([WRONG.first]))
    assert "It is lost." in progress.staging.reasons[WRONG.first]


def test_a_requested_run_writes_down_itself_why_its_step_failed(daemon, monkeypatch):
    def broken(ctx, correction):
        raise ZeroDivisionError("by nothing")

    opened(daemon)
    request = daemon.tick().run_requests[0]
    monkeypatch.setattr(runbook, "verify_source", broken)
    ran = daemon.launch(request)

    assert not ran.success
    (failed,) = events(daemon, Step.VERIFY_SOURCE, Outcome.FAILED)
    assert (failed.fact.request, failed.fact.run) == (request.run_key, ran.run_id)
    assert failed.fact.reason == "ZeroDivisionError: by nothing"
    assert not daemon.tick().run_requests
    assert events(daemon, Step.VERIFY_SOURCE, Outcome.FAILED) == [failed]


def test_a_deleted_partition_comes_back_with_the_next_tick(daemon):
    correction = opened(daemon)
    daemon.tick()
    assert daemon.instance.get_dynamic_partitions(PARTITIONS) == [correction]
    daemon.instance.delete_dynamic_partition(PARTITIONS, correction)
    daemon.tick()
    assert daemon.instance.get_dynamic_partitions(PARTITIONS) == [correction]


def test_a_launch_that_names_its_correction_stages_for_that_one(daemon):
    correction = opened(daemon)
    assert stage_by_hand(daemon, FIRST, LAST, backfill_assets__correction=correction).success
    assert waits_for_approval(daemon.go_on())
    assert list(daemon.lake.records.ledger.histories()) == [correction]


@pytest.mark.parametrize("named", ["20991231", ""])
def test_single_days_join_the_open_correction_or_are_refused_for_an_unknown_one(daemon, named):
    correction = opened(daemon)
    tagged = {"backfill_assets__correction": named} if named else {}
    ran = stage_by_hand(daemon, FIRST, FIRST, **tagged)
    assert ran.success is not bool(named)
    assert list(daemon.lake.records.ledger.histories()) == [correction]
    if named:
        assert named in ran.errors[0]
    else:
        assert daemon.progress().staging.staged == {WRONG.first}


def test_a_launch_that_names_a_closed_correction_is_refused_and_live_is_untouched(daemon):
    correction = opened(daemon)
    daemon.tick()
    assert by_hand(daemon, "abandon", correction, by="Ada", note="wrong analysis").success
    before = daemon.lake.live()
    ran = stage_by_hand(daemon, FIRST, LAST, backfill_assets__correction=correction)
    assert not ran.success
    assert "abandoned" in ran.errors[0]
    assert_frame_equal(daemon.lake.live(), before)


def test_days_that_somebody_is_staging_are_not_staged_beside_him(daemon):
    correction = opened(daemon, waves=WavePolicy(order="oldest"))
    daemon.launch(daemon.tick().run_requests[0])
    run_id = _running_backfill(daemon, correction)
    assert not daemon.tick().run_requests
    daemon.instance.report_run_canceled(daemon.instance.get_run_by_id(run_id))
    assert [request.run_key.partition("/")[2] for request in daemon.tick().run_requests] == [f"wave/{WRONG}/1"]


def test_an_approval_is_worth_nothing_when_live_moved_and_drifted_days_are_staged_again(daemon):
    from tests.e2e.small_lake import publish

    assert stage_by_hand(daemon, FIRST, LAST).success
    correction = daemon.go_on().plan.correction
    assert by_hand(daemon, "approve", correction, by="Ada", note="looked").success
    publish(daemon.lake, [WRONG.days[1]])
    progress = daemon.go_on()
    restaged = [key for key in daemon.launched if "/wave/" in key]
    assert restaged == [f"{correction}/wave/{WRONG.days[1]}..{WRONG.days[1]}/1"]
    assert Step.CUT_OVER in progress.done
    is_right(daemon)


def test_what_is_due_is_left_to_the_sweep(daemon):
    assert stage_by_hand(daemon, FIRST, LAST).success
    correction = daemon.go_on().plan.correction
    assert by_hand(daemon, "approve", correction, by="Ada", note="looked").success
    daemon.go_on()
    later(400)
    assert not daemon.tick().run_requests


def test_a_tick_notes_readers_that_have_read_again_though_nobody_said_so(daemon):
    ctx = daemon.lake.step_context(NOW)
    register_holder(ctx, "billing")
    advance_holder(ctx, "billing", HISTORY.last)
    correction = cut_over_without_dagster(daemon.lake, ctx)
    assert daemon.progress(correction).downstream.awaited_holders == {"billing"}
    reading = Reading(daemon.lake.records.snapshot(FACT).commit)
    daemon.lake.records.watermarks.advance("billing", FACT, HISTORY.last, by="billing", at=NOW, reading=reading)
    daemon.tick()
    assert daemon.progress(correction).downstream.awaited_holders == frozenset()


def test_a_tick_with_many_closed_and_three_open_corrections_opens_the_ledger_once_a_commit(daemon, monkeypatch):
    ctx = daemon.lake.step_context(NOW)
    for number in range(12):
        plan = open_correction(ctx, Request(FACT, WRONG, "Tried.", correction=f"closed_{number:02}"))
        for step in (Step.ABANDON, Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE):
            ctx.record(plan.correction, fact_of(step, Outcome.DONE, {"note": ""}))
    for number, day in enumerate(WRONG.days[:3]):
        open_correction(ctx, Request(FACT, type(WRONG)(day, day), "Open.", correction=f"open_{number}"))
    daemon.tick()
    opened_tables: list[str] = []
    real = opening.open_table
    monkeypatch.setattr(opening, "open_table", lambda folder: opened_tables.append(folder.uri) or real(folder))
    daemon.tick()
    assert opened_tables == []


def cut_over_without_dagster(lake, ctx):
    """A correction that is live, by the runbook alone."""
    plan = prepared(lake, Request(FACT, WRONG, "Wrong rates."), at=NOW)
    runbook.validate(ctx, plan.correction)
    runbook.approve(ctx, plan.correction, "looked")
    runbook.cut_over(ctx, plan.correction)
    return plan.correction


def _queued(daemon, request):
    """A run as it is before its process begins."""
    from backfill_assets.revenue.definitions import defs

    job = defs.resolve_job_def(request.job_name)
    run = daemon.instance.create_run_for_job(
        job,
        tags={**request.tags, "dagster/run_key": request.run_key},
        asset_selection=frozenset(request.asset_selection) if request.asset_selection else None,
        status=dg.DagsterRunStatus.STARTING,
    )
    return run.run_id


def _running_backfill(daemon, correction):
    from backfill_assets.revenue.definitions import defs

    job = defs.resolve_implicit_global_asset_job_def()
    ends = {tags.RANGE_START: FIRST, tags.RANGE_END: LAST, tags.CORRECTION: correction}
    staged = frozenset([dg.AssetKey(["backfill", FACT])])
    run = daemon.instance.create_run_for_job(job, tags=ends, asset_selection=staged, status=dg.DagsterRunStatus.STARTED)
    return run.run_id


def _dead_process():
    import socket
    import subprocess
    import sys

    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return f"{socket.gethostname()}:{ended.pid}:1"
