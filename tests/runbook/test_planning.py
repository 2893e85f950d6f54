"""What a plan says before anything happens, and what the first three steps write down."""

from dataclasses import replace

import pytest

from backfill_assets.core.plan import Request
from backfill_assets.core.waves import WavePolicy
from backfill_assets.core.window import Window
from backfill_assets.errors.request import CorrectedFirst, WindowOverlaps
from backfill_assets.runbook import abandon, freeze_reports, open_correction, plan_correction, reset_watermarks
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.correctable_table import Consumers, Sources
from backfill_assets.storage.builds import Build
from tests.runbook.world import REPORT, SCHEMA, SOURCE, TABLE, World, day, days, world_at, worth
from tests.stores import files_below

SUMMARY = "sales_summary"


def request(first: int = 5, last: int = 9, table: str = TABLE, **fields) -> Request:
    return Request(table, Window(day(first), day(last)), "wrong", **fields)


def summary_context(world: World) -> StepContext:
    """A correctable table that is computed from the world's own."""
    table = world.records.table(SUMMARY, SCHEMA)
    table.create()
    table.replace_days({of: worth(1) for of in days(1, 10)})
    summary = replace(world.table, name=SUMMARY, sources=Sources((TABLE,)), consumers=Consumers())
    return replace(world.step_context(), table=summary, surroundings=replace(world.surroundings, reports=()))


def measured(world: World, seconds: float) -> None:
    """As if a run had computed every live day in so many seconds each."""
    live = world.live.snapshot()
    builds = [
        (file, Build(TABLE, of, {}, "v1", "", "measured", "", world.now, seconds))
        for of in live.days
        for file in live.files_of([of])[of]
    ]
    world.records.builds.record(builds)


def test_a_plan_knows_how_long_it_takes_from_runs_of_the_past_and_says_when_it_guesses(root):
    world = world_at(root)
    assert plan_correction(world.step_context(), request()).cost.runs_seen == 0
    measured(world, 60.0)
    plan = plan_correction(world.step_context(), request(waves=WavePolicy(max_days=2, at_once=1)))
    assert (plan.cost.runs_seen, plan.cost.seconds_per_day) == (1, 60.0)
    assert plan.cost.seconds == plan.cost.run_seconds > 5 * 60


def test_a_plan_has_no_side_effect(root):
    world = world_at(root)
    before = files_below(root)
    plan_correction(world.step_context(), request())
    assert files_below(root) == before


def test_a_plan_keeps_below_what_the_slowest_source_bears(root):
    world = world_at(root)
    ctx = world.step_context()
    slow = replace(ctx, table=replace(ctx.table, sources=replace(ctx.table.sources, rates={SOURCE: 2.0})))
    plan = open_correction(slow, request(waves=WavePolicy(max_days=15, at_once=4)))
    policy = world.progress(plan.correction).plan.request.waves
    assert (policy.max_days, policy.at_once, policy.days_per_minute) == (2, 1, 2.0)
    assert plan.cost.seconds >= 5 * 30


def test_a_table_is_corrected_after_the_one_it_reads(root):
    world = world_at(root)
    ctx = summary_context(world)
    first = open_correction(world.step_context(), request(5, 9))
    wanted = request(8, 10, SUMMARY)
    assert plan_correction(ctx, wanted).inputs.after == (first.correction,)
    with pytest.raises(CorrectedFirst, match=first.correction):
        open_correction(ctx, wanted)
    assert set(world.records.ledger.histories()) == {first.correction}
    assert plan_correction(ctx, request(10, 10, SUMMARY)).inputs.after == ()


@pytest.mark.parametrize("ending", ["cut over", "abandoned"])
def test_and_may_be_opened_once_that_one_is_live_or_given_up(root, ending):
    world = world_at(root)
    ctx = summary_context(world)
    first = open_correction(world.step_context(), request(5, 9))
    if ending == "cut over":
        world.through(first.correction)
    else:
        abandon(world.step_context(), first.correction, "no")
    plan = open_correction(ctx, request(8, 10, SUMMARY))
    assert plan.pins == {TABLE: world.live.snapshot().commit}


def test_freezing_says_as_of_which_day_and_until_when(root):
    world = world_at(root)
    plan = open_correction(world.step_context(), request())
    told = freeze_reports(world.step_context(), plan.correction).detail
    assert (told["reports"], told["as_of"]) == ([REPORT], str(day(10)))
    assert told["until"] > world.now.isoformat()


def test_steps_one_and_three_taken_twice_change_nothing_more(root):
    world = world_at(root)
    name = open_correction(world.step_context(), request()).correction
    for step in (freeze_reports, reset_watermarks):
        step(world.step_context(), name)
    before = world.progress(name), world.records.watermarks.holders(TABLE)
    for step in (freeze_reports, reset_watermarks):
        step(world.step_context(), name)
    after = world.progress(name), world.records.watermarks.holders(TABLE)
    assert replace(after[0], sequence=0) == replace(before[0], sequence=0)
    assert after[1] == before[1]


def test_two_runs_of_one_launch_that_open_at_once_are_given_one_correction(root):
    """Both have looked, and found none to join, before the first has opened it."""
    world = world_at(root)
    first = open_correction(world.step_context(), request(origin="a-backfill"))
    second = open_correction(world.step_context(), request(origin="a-backfill"))
    assert (second.correction, second.days) == (first.correction, first.days)
    assert list(world.records.ledger.histories()) == [first.correction]
    with pytest.raises(WindowOverlaps):
        open_correction(world.step_context(), request(origin="another"))
