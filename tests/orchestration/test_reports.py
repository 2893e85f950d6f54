"""Freeze, tolerate, hand over and completeness, without a Dagster run except where Dagster has to be asked."""

from dataclasses import replace

import pytest

from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.correction import RebuildIncomplete, ReportFrozen
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.reports.freeze import Freezer
from backfill_assets.runbook import approve, rebuild_downstream, reset_watermarks
from backfill_assets.runbook.opening import abandon
from backfill_assets.runbook.watermark_steps import move_own_marks
from backfill_assets.storage.completeness import Basis, measure
from tests.runbook.world import REPORT, TABLE, World, day, days, world_at

KEYS = [str(day(number)) for number in range(1, 11)]


def freezer(world: World, **run_tags: str) -> Freezer:
    return Freezer(world.records, run_tags, world.now)


def built(world: World, keys=tuple(KEYS)) -> None:
    """Build the report from what is live, and say so."""
    of = {key: [day(int(key[-2:]))] for key in keys}
    live = world.records.snapshot(TABLE)
    told = measure(REPORT, of, TABLE, live, world.records.builds, run_id="r", at=world.now)
    world.records.completeness.record(told)
    world.later(0.001)


def frozen(world: World, first: int, last: int, name: str) -> str:
    """A correction that has frozen, verified and reset."""
    world.open(first, last, name)
    world.stage_wave(name, days(first, last))
    world.drive(name)
    return name


def live_correction(world: World, first: int, last: int, name: str) -> str:
    """One that is cut over and still owes its reports."""
    frozen(world, first, last, name)
    approve(world.step_context(), name, "looked")
    from backfill_assets.runbook import cut_over

    cut_over(world.step_context(), name)
    return name


def test_a_frozen_report_is_refused_and_what_was_refused_is_owed_after_abandon(tmp_path):
    world = world_at(tmp_path)
    name = frozen(world, 5, 6, "a")
    with pytest.raises(ReportFrozen, match="last good state"):
        freezer(world).refuse(REPORT, [KEYS[9]])
    abandon(world.step_context(), name, "wrong analysis")
    assert world.progress(name).downstream.owed == {(REPORT, KEYS[9])}
    freezer(world).refuse(REPORT, [KEYS[9]])


def test_the_run_of_the_correction_itself_may_build(tmp_path):
    world = world_at(tmp_path)
    frozen(world, 5, 6, "a")
    freezer(world, **{tags.REBUILD_FOR: "a"}).refuse(REPORT, [KEYS[5]])


def test_a_partition_refused_again_after_it_was_built_is_owed_again(tmp_path):
    world = world_at(tmp_path)
    name = live_correction(world, 6, 7, "a")
    mine = freezer(world, **{tags.REBUILD_FOR: name})
    for _ in range(2):
        mine.tell_built(REPORT, KEYS[5:7], "r")
        with pytest.raises(ReportFrozen):
            freezer(world).refuse(REPORT, [KEYS[5]])
    assert world.progress(name).downstream.owed == {(REPORT, KEYS[5])}


def test_of_two_corrections_the_report_thaws_when_the_last_lets_go(tmp_path):
    world = world_at(tmp_path)
    frozen(world, 9, 10, "b")
    live_correction(world, 6, 7, "a")
    assert freezer(world).hand_over("a", REPORT, KEYS[5:7])
    rebuild_downstream(world.step_context(), "a")
    assert list(freezer(world).held_by(REPORT)) == ["b"]
    assert {(REPORT, key) for key in KEYS[5:7]} <= world.progress("b").downstream.owed
    abandon(world.step_context(), "b", "no")
    assert not freezer(world).held_by(REPORT)
    assert {(REPORT, key) for key in KEYS[5:7]} <= world.progress("b").downstream.owed


def test_two_corrections_that_end_at_once_never_hand_the_same_partitions_to_each_other(tmp_path):
    world = world_at(tmp_path)
    live_correction(world, 6, 7, "a")
    live_correction(world, 8, 9, "b")
    assert freezer(world).hand_over("a", REPORT, KEYS[5:7])
    assert not freezer(world).hand_over("b", REPORT, KEYS[5:9])
    assert {(REPORT, key) for key in KEYS[5:9]} <= world.progress("b").downstream.owed


def test_a_report_built_from_what_is_live_no_more_is_owed_again(tmp_path):
    world = world_at(tmp_path)
    name = live_correction(world, 6, 7, "a")
    built(world, KEYS[5:7])
    world.publish_live({day(7): 7, day(1): 1})
    freezer(world, **{tags.REBUILD_FOR: name}).tell_built(REPORT, KEYS[5:7], "r")
    with pytest.raises(RebuildIncomplete, match=KEYS[6]):
        rebuild_downstream(world.step_context(), name)
    assert world.progress(name).downstream.owed == {(REPORT, KEYS[6])}
    built(world, KEYS[6:7])
    freezer(world, **{tags.REBUILD_FOR: name}).tell_built(REPORT, KEYS[6:7], "r")
    assert rebuild_downstream(world.step_context(), name).outcome is Outcome.DONE


def test_a_tolerant_report_is_not_held(tmp_path):
    world = world_at(tmp_path)
    world.open(5, 6, "a")
    ctx = world.step_context()
    tolerant = replace(ctx, table=replace(ctx.table, consumers=replace(ctx.table.consumers, tolerant=(REPORT,))))
    from backfill_assets.runbook import freeze_reports

    event = freeze_reports(tolerant, "a")
    assert (event.detail["reports"], event.detail["tolerated"]) == ([], [REPORT])
    freezer(world).refuse(REPORT, [KEYS[4]])


def test_completeness_tells_original_from_corrected_and_mixed(tmp_path):
    world = world_at(tmp_path)
    live_correction(world, 6, 7, "a")
    live = world.records.snapshot(TABLE)
    of = {"early": days(1, 3), "late": days(6, 7), "all": days(5, 12)}
    told = {
        one.partition: one for one in measure(REPORT, of, TABLE, live, world.records.builds, run_id="r", at=world.now)
    }
    assert [told[name].basis for name in ("early", "late", "all")] == [Basis.ORIGINAL, Basis.CORRECTED, Basis.MIXED]
    assert told["all"].corrections == ("a",)
    assert (told["all"].present_days, len(told["all"].expected), told["all"].missing) == (6, 8, (day(11), day(12)))
    assert told["all"].code_versions == ("v1", "v2")
    world.records.completeness.record(told.values())
    assert world.records.completeness.of_report(REPORT) == told


def test_a_reports_mark_moves_only_as_far_as_every_partition_is_of_what_is_live(tmp_path):
    world = world_at(tmp_path)
    built(world)
    world.step_context().records.watermarks.advance("nightly", TABLE, day(10), by="n", at=world.now)
    live_correction(world, 6, 7, "a")
    assert move_own_marks(world.step_context(), "a")[REPORT] == day(5)
    built(world, KEYS[5:6])
    assert move_own_marks(world.step_context(), "a")[REPORT] == day(6)
    built(world, KEYS[6:7])
    assert move_own_marks(world.step_context(), "a") == {REPORT: day(10), "nightly": day(10)}


def test_a_second_cut_over_holds_the_reports_again(tmp_path):
    world = world_at(tmp_path)
    world.step_context().records.watermarks.advance(REPORT, TABLE, day(10), by="n", at=world.now)
    world.open(6, 7, "a")
    world.through("a")
    assert world.records.watermarks.holders(TABLE)[REPORT].effective == day(10)
    from backfill_assets.runbook import roll_back

    roll_back(world.step_context(), "a", all_days=True)
    assert world.records.watermarks.holders(TABLE)[REPORT].effective == day(5)
    world.drive("a")
    assert world.records.watermarks.holders(TABLE)[REPORT].effective == day(10)


def test_reset_places_holds_and_keeps_the_marks(tmp_path):
    world = world_at(tmp_path)
    world.records.watermarks.advance("nightly", TABLE, day(10), by="n", at=world.now)
    world.open(5, 6, "a")
    told = reset_watermarks(world.step_context(), "a").detail
    assert told["marks"]["nightly"] == str(day(10))
    assert told["effective"]["nightly"] == str(day(4))
    assert world.progress("a").done == {Step.RESET_WATERMARKS}
