"""Readers outside: a sensor's cursor, the command's advance and waive, and a correction that waits for them."""

from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from backfill_assets.core.holders import Reading
from backfill_assets.core.next_step import WaitUntil, next_step
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.correction import RetirementPremature
from backfill_assets.errors.watermarks import HolderInternal, HolderNotAwaited, MarkBackwards, WaiverUnsigned
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.watching.cursors import CursorMark, _fields
from backfill_assets.runbook import StepContext, decommission, reset_watermarks, roll_back
from backfill_assets.runbook.watermark_steps import advance_holder, note_advanced, register_holder, waive_holder
from tests.runbook.world import REPORT, TABLE, World, day, world_at

BILLING = "billing"


def with_billing(world: World, mark: int = 10) -> StepContext:
    register_holder(world.step_context(), BILLING)
    read_through(world, mark)
    return world.step_context()


def read_through(world: World, last: int) -> None:
    """What billing does: it reads the newest commit, then tells how far it has come."""
    advance_holder(world.step_context(), BILLING, day(last), Reading(world.live.snapshot().commit))


def effective(world: World, holder: str = BILLING):
    return world.records.watermarks.holders(TABLE)[holder].effective


def corrected(world: World, first: int = 6, last: int = 8, name: str = "a") -> str:
    world.open(first, last, name)
    world.through(name)
    return name


def test_an_external_reader_is_set_back_by_the_cut_over_and_not_before(tmp_path):
    world = world_at(tmp_path)
    with_billing(world)
    world.open(6, 8, "a")
    assert reset_watermarks(world.step_context(), "a").detail["external"] == [BILLING]
    assert effective(world) == day(10)
    world.through("a")
    assert effective(world) == day(5)
    assert world.progress("a").downstream.awaited_holders == {BILLING}


def test_thaw_does_not_wait_for_readers_but_closing_does(tmp_path):
    world = world_at(tmp_path)
    with_billing(world)
    name = corrected(world)
    assert Step.REBUILD_DOWNSTREAM in world.progress(name).done
    world.now = (world.progress(name).publication.swapped_at or world.now) + timedelta(days=15)
    waiting = next_step(world.progress(name), world.now)
    assert isinstance(waiting, WaitUntil)
    assert waiting.holders == {BILLING}
    with pytest.raises(RetirementPremature, match=BILLING):
        decommission(world.step_context(), name, now=True)
    read_through(world, 8)
    world.drive(name)
    assert world.progress(name).publication.ending == "decommissioned"


def test_a_reader_counts_only_once_it_has_read_through_what_changed(tmp_path):
    world = world_at(tmp_path)
    with_billing(world)
    name = corrected(world)
    read_through(world, 7)
    assert world.progress(name).downstream.awaited_holders == {BILLING}
    read_through(world, 8)
    assert world.progress(name).downstream.awaited_holders == frozenset()


def test_a_roll_back_makes_readers_read_again(tmp_path):
    world = world_at(tmp_path)
    with_billing(world)
    name = corrected(world)
    read_through(world, 10)
    roll_back(world.step_context(), name, [day(7)])
    assert effective(world) == day(6)
    assert world.progress(name).downstream.awaited_holders == {BILLING}


def test_a_reader_whose_advance_was_not_noted_before_a_crash_is_noted_later(tmp_path):
    world = world_at(tmp_path)
    with_billing(world)
    name = corrected(world)
    reading = Reading(world.live.snapshot().commit)
    world.records.watermarks.advance(BILLING, TABLE, day(10), by=BILLING, at=world.now, reading=reading)
    assert world.progress(name).downstream.awaited_holders == {BILLING}
    note_advanced(world.step_context())
    note_advanced(world.step_context())
    assert world.progress(name).downstream.awaited_holders == frozenset()
    assert len(world.events(name, Step.RESET_WATERMARKS, Outcome.PROGRESSED)) == 1


def test_a_waiver_needs_a_name_and_a_reason_and_both_are_in_the_ledger(tmp_path):
    world = world_at(tmp_path)
    with_billing(world)
    name = corrected(world)
    for ctx, note in ((world.step_context(" "), "switched off"), (world.step_context(), " ")):
        with pytest.raises(WaiverUnsigned):
            waive_holder(ctx, name, BILLING, note)
    waive_holder(world.step_context("grace"), name, BILLING, "switched off")
    told = world.events(name, Step.RESET_WATERMARKS, Outcome.WAIVED)[0]
    assert (told.actor, told.detail) == ("grace", {"holder": BILLING, "note": "switched off"})
    assert world.progress(name).downstream.awaited_holders == frozenset()
    with pytest.raises(HolderNotAwaited):
        waive_holder(world.step_context(), name, BILLING, "again")


def test_our_own_holders_are_neither_registered_nor_advanced_by_hand(tmp_path):
    world = world_at(tmp_path)
    for name in ("nightly", REPORT):
        with pytest.raises(HolderInternal):
            register_holder(world.step_context(), name)
        with pytest.raises(HolderInternal):
            advance_holder(world.step_context(), name, day(3))


def test_a_reader_declared_in_code_is_waited_for_though_it_never_said_anything(tmp_path):
    world = world_at(tmp_path)
    declared = replace(world.table, consumers=replace(world.table.consumers, holders=(BILLING,)))
    world.__class__ = type("Declared", (World,), {"table": declared})
    name = corrected(world)
    assert world.progress(name).downstream.awaited_holders == {BILLING}
    read_through(world, 9)
    with pytest.raises(MarkBackwards):
        read_through(world, 2)
    assert world.progress(name).downstream.awaited_holders == frozenset()


def sensor_at(world: World, cursor: str | None = None):
    return dg.build_sensor_context(cursor=cursor), CursorMark(BILLING, TABLE, LakeResource(root=str(world.root)))


def test_a_sensor_reads_what_is_new_and_again_what_a_correction_changed(tmp_path):
    world = world_at(tmp_path)
    context, mark = sensor_at(world)
    assert str(mark.pending(context)) == "2026-01-01..2026-01-10"
    mark.read(context)
    assert mark.pending(context) is None
    corrected(world)
    assert str(mark.pending(context)) == "2026-01-06..2026-01-10"
    mark.read(context)
    note_advanced(world.step_context())
    assert world.progress("a").downstream.awaited_holders == frozenset()
    assert mark.pending(context) is None


def test_a_sensor_that_had_a_cursor_before_goes_on_from_it_and_keeps_its_other_fields(tmp_path):
    world = world_at(tmp_path)
    context, mark = sensor_at(world, "2026-01-07")
    assert str(mark.pending(context)) == "2026-01-08..2026-01-10"
    other, same = sensor_at(world, '{"day": "2026-01-07", "file": "x"}')
    same.read(other, day(9))
    assert other.cursor == '{"day": "2026-01-09", "file": "x"}'
    assert str(same.pending(other)) == "2026-01-10..2026-01-10"


@pytest.mark.parametrize("cursor", ["[" * 100_000, "{" * 50, "9" * 5_000, "null", "\0"], ids=lambda text: text[:5])
def test_a_cursor_that_says_nothing_is_none(cursor: str):
    assert _fields(cursor) == {}


def test_two_days_of_patience_are_not_shortened_by_readers(tmp_path):
    world = world_at(tmp_path)
    name = corrected(world)
    waiting = next_step(world.progress(name), world.now)
    assert isinstance(waiting, WaitUntil)
    assert waiting.deadline > world.now + timedelta(days=13)
