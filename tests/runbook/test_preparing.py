"""A source that is unfit stops a correction, and lets it go on when it is mended."""

from backfill_assets.core.next_step import Stuck, WaitForPerson, WaitUntil
from backfill_assets.core.steps import Step
from backfill_assets.runbook import approve
from backfill_assets.runbook.opening import try_again
from backfill_assets.storage.table import Change
from tests.runbook.world import SOURCE, World, day, world_at
from tests.stores import Root


def without_source(world: World, number: int) -> None:
    source = world.records.table(SOURCE)
    source.commit(lambda now: Change(removes=now.files_of([day(number)])[day(number)]))


def test_a_source_that_is_mended_after_the_opening_is_staged_from(root: Root):
    world = world_at(root)
    without_source(world, 7)
    plan = world.open(4, 10)
    stopped = world.drive(plan.correction)
    assert isinstance(stopped, Stuck)
    assert stopped.step is Step.VERIFY_SOURCE
    assert "2026-01-07" in stopped.reason

    world.land({day(7): 7})
    try_again(world.step_context(), plan.correction)

    assert isinstance(world.drive(plan.correction), WaitForPerson)
    pins = world.progress(plan.correction).plan.pins
    assert pins == {SOURCE: world.records.snapshot(SOURCE).commit}
    approve(world.step_context(), plan.correction, "looked")
    assert isinstance(world.drive(plan.correction), WaitUntil)
    assert world.content() == world.right


def test_a_source_that_was_fit_stays_pinned_whatever_lands_later(root: Root):
    world = world_at(root)
    plan = world.open(4, 10)
    world.land({day(7): 700})

    world.drive(plan.correction)

    assert world.progress(plan.correction).plan.pins == plan.pins


def test_what_was_staged_from_the_old_source_keeps_its_pins(root: Root):
    world = world_at(root)
    without_source(world, 7)
    plan = world.open(4, 10)
    world.stage_wave(plan.correction, [day(5)])
    world.land({day(7): 7})

    assert isinstance(world.drive(plan.correction), Stuck)
