"""What cannot be foreseen by slices is drawn by what live has: days that are worth more are drawn more often."""

from backfill_assets.runbook.previewing import drawing_of
from tests.runbook.world import World, day, days
from tests.stores import Root


def test_a_day_that_is_worth_more_is_drawn_more_often(root: Root) -> None:
    world = World(root, {day(1): 1, day(2): 1, day(3): 1_000_000})
    world.land(world.right)
    world.publish_live(world.right)
    # Without slices nothing is computed, so there is nothing to compute with.
    drawing = drawing_of(world.step_context(), None, days(1, 3), sliced=False)  # pyright: ignore[reportArgumentType]
    assert drawing.sizes[day(1)] == drawing.sizes[day(2)] > 0
    assert drawing.sizes[day(3)] > 3 * drawing.sizes[day(1)]
    assert drawing.foreseen == {}
