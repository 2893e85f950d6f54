"""Storage fails, answers too late, loses its answer, is full, or the process is killed: the same again ends the same.

Here before every commit and at a drawn few of all other points; ``scripts/soak --only "fault points"`` takes them all.
"""

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from backfill_assets.storage.operations import Operation
from tests.fault_stories import STORIES, Expected, Point, Story
from tests.faults import Fault
from tests.power_cuts import Cuts, violations

SEED = 20260123
# One in so many of all points, beside the commits; a nightly takes ten times as long as anything else.
DRAWN = {"correction": 40, "roll back": 30, "decommission": 20, "nightly": 80}
CUTS = {"correction": 16, "roll back": 8, "decommission": 8, "nightly": 40}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Story], Expected]:
    """Each story without a fault, told once."""
    return cache(lambda story: Expected.of(story, tmp_path_factory.mktemp(story.name.replace(" ", "-"))))


def is_kill_at_commit(point: Point) -> bool:
    return point.fault is Fault.KILLED_BEFORE and point.operation is Operation.COMMIT


def drawn(of: Expected) -> list[Point]:
    """Of the points of a story those that the suite takes."""
    commits = [point for point in of.points if is_kill_at_commit(point)]
    rest = [point for point in of.points if not is_kill_at_commit(point)]
    few = random.Random(f"{SEED} {of.story.name}").sample(rest, len(rest) // DRAWN[of.story.name])
    return [*(commits if of.story.whole else commits[::4]), *few]


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_after_a_fault_the_same_again_ends_as_without_it(
    story: Story, expected: Callable[[Story], Expected], tmp_path: Path
):
    points = drawn(expected(story))
    found = [f"{point}: {told}" for point in points for told in point.violations(tmp_path / "there")]
    assert not found, "\n".join(found)
    assert len(points) > 5


@pytest.mark.slow
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_what_was_declared_outlives_a_power_cut_and_the_rest_is_carried_on(
    story: Story, expected: Callable[[Story], Expected], tmp_path: Path
):
    of, every = expected(story), CUTS[story.name]
    cuts = Cuts(story, tmp_path, lambda number: number % every == SEED % every)
    cuts.record(of.before)
    found = [f"{cut}: {told}" for cut in cuts.kept for told in violations(cut, of)]
    assert not found, "\n".join(found)
    assert len(cuts.kept) > 3
