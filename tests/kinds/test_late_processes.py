"""A process that stops between what it did and the ledger, and goes on when others have brought the correction on."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from backfill_assets.core.steps import Ending, Step
from backfill_assets.errors.correction import NothingToRollBack
from backfill_assets.runbook import abandon, approve, cut_over, decommission, reset_watermarks, roll_back
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.watermark_steps import note_advanced
from tests.faults import KilledError
from tests.kinds.taking_turns import Worker, commits_of, taking_turns
from tests.runbook.world import TABLE, World, copy_of, world_at


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """A correction that waits for its approval."""
    world = world_at(tmp_path_factory.mktemp("opened") / "lake")
    correction = world.open(4, 10).correction
    world.drive(correction)
    return world, correction


def until_its_end(world: World, correction: str) -> None:
    """Rebuilt and told, and then final."""
    world.drive(correction)
    decommission(world.step_context("grace"), correction, now=True)


def rolled_back_and_abandoned(world: World, correction: str) -> None:
    world.drive(correction)
    if world.progress(correction).publication.swapped:
        roll_back(world.step_context("grace"), correction, all_days=True)
        world.drive(correction)
    abandon(world.step_context("grace"), correction, "never mind")


def abandoned(world: World, correction: str) -> None:
    abandon(world.step_context("grace"), correction, "never mind")


def swap(world: World, correction: str) -> None:
    cut_over(world.step_context(), correction)


def reset(world: World, correction: str) -> None:
    reset_watermarks(world.step_context(), correction)


Act = Callable[[World, str], None]
LATE: list[tuple[Act, Step, Act]] = [
    (swap, Step.CUT_OVER, until_its_end),
    (swap, Step.CUT_OVER, rolled_back_and_abandoned),
    (reset, Step.RESET_WATERMARKS, abandoned),
    (reset, Step.RESET_WATERMARKS, until_its_end),
]
"""What the late process does, the step whose fact it is late with, and what the others do meanwhile."""


@pytest.mark.parametrize(("act", "step", "meanwhile"), LATE)
@pytest.mark.parametrize("wakes_up", [True, False], ids=["wakes up", "is killed"])
def test_no_hold_is_left_of_a_process_that_came_too_late(
    opened: tuple[World, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    act: Act,
    step: Step,
    meanwhile: Act,
    *,
    wakes_up: bool,
):
    world, correction = copy_of(opened[0], tmp_path / "lake"), opened[1]
    approve(world.step_context(), correction, "looked")
    real, stopped = StepContext.event, []

    def event(ctx: StepContext, of: str, fact):
        if fact.step is step and type(fact).__name__ in {"Swapped", "WatermarksReset"} and not stopped:
            stopped.append(fact)
            meanwhile(world, correction)
            held(world, correction)  # what the process did before it stopped, once more after all the others
            if not wakes_up:
                raise KilledError
        return real(ctx, of, fact)

    monkeypatch.setattr(StepContext, "event", event)
    if wakes_up:
        act(world, correction)
    else:
        with pytest.raises(KilledError):
            act(world, correction)
        note_advanced(world.step_context())

    assert stopped
    assert not [name for name, holder in world.records.watermarks.holders(TABLE).items() if holder.holds]
    assert world.progress(correction).publication.ending in {Ending.DECOMMISSIONED, Ending.ABANDONED}


def held(world: World, correction: str) -> None:
    watermarks, plan = world.records.watermarks, world.progress(correction).plan
    watermarks.hold(correction, TABLE, ["nightly", "page"], plan.window, by="ada", at=world.now)


# ---- two at once, each of which stands still before any of its commits


def approved(world: World, correction: str) -> None:
    approve(world.step_context(), correction, "looked")


def cut_over_and_rebuilt(world: World, correction: str) -> None:
    if not world.progress(correction).is_approved:
        approved(world, correction)
    world.drive(correction)


def rolled_back(world: World, correction: str) -> None:
    with suppress(NothingToRollBack):
        roll_back(world.step_context("grace"), correction, all_days=True)
    world.drive(correction)


def roll_back_alone(world: World, correction: str) -> None:
    with suppress(NothingToRollBack):
        roll_back(world.step_context(), correction, all_days=True)


def is_of_marks(uri: str) -> bool:
    return uri.rstrip("/").endswith("watermarks")


AT_ONCE: dict[str, tuple[Act, Act, Act]] = {
    "cut over beside a driver": (swap, cut_over_and_rebuilt, approved),
    "roll back beside a driver": (roll_back_alone, rolled_back, cut_over_and_rebuilt),
    "watermarks beside who abandons": (reset, abandoned, approved),
}
"""What the one does that stands still and goes on later, what the other does meanwhile, and what was done before."""


@pytest.mark.parametrize("what", AT_ONCE)
def test_nobody_is_left_held_by_one_that_goes_on_while_another_is_half_through(
    opened: tuple[World, str], tmp_path: Path, what: str
):
    slow, quick, before = AT_ONCE[what]
    begin, correction = copy_of(opened[0], tmp_path / "begin"), opened[1]
    before(begin, correction)
    slow_ones, quick_ones = (
        commits_of(partial(act, copy_of(begin, tmp_path / act.__name__), correction)) for act in (slow, quick)
    )
    of_marks = sum(is_of_marks(uri) for uri in quick_ones)
    left: dict[tuple[int, int], list[str]] = {}

    for first, second in product(range(len(slow_ones)), range(1, of_marks + 1)):
        world = copy_of(begin, tmp_path / f"{first}-{second}")
        one, two = Worker(partial(slow, replace(world), correction)), Worker(partial(quick, world, correction))
        with taking_turns(one, two):
            one.commits_often(first)
            two.goes_on_until(lambda commits: sum(map(is_of_marks, commits)) == second)  # noqa: B023 - asked here
            one.comes_to_its_end()
            two.comes_to_its_end()
        holders = world.records.watermarks.holders(TABLE).items()
        if held_back := sorted(name for name, holder in holders if holder.holds):
            left[first, second] = held_back

    assert of_marks
    assert not left
