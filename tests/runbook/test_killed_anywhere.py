"""A correction that is killed at any of its writes, before or after, and run again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backfill_assets.core.next_step import Finished, WaitForPerson, WaitUntil
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.runbook import approve, roll_back
from backfill_assets.storage import table as table_module
from tests.runbook.world import World, copy_of, day, world_at


class KilledError(BaseException):
    """The process is gone."""


@contextmanager
def killed_before(number: int) -> Iterator[list[str]]:
    """Die at the n-th commit to any table, before it; so everything after the one before it is done. Yields tables."""
    written: list[str] = []
    real = table_module.attempt

    def attempt(snapshot, change):
        written.append(snapshot.handle.table_uri)
        if len(written) == number:
            raise KilledError
        return real(snapshot, change)

    table_module.attempt = attempt
    try:
        yield written
    finally:
        table_module.attempt = real


def corrected(world: World) -> str:
    """Open (once), stage, approve (once), cut over and rebuild."""
    correction = next(iter(world.records.ledger.histories()), None) or world.open(4, 9).correction
    if isinstance(world.drive(correction), WaitForPerson):
        approve(world.step_context(), correction, "looked")
        world.drive(correction)
    return correction


def rolled_back(world: World) -> str:
    """Everything back (asked for once)."""
    correction = corrected_id(world)
    if not world.events(correction, Step.ROLL_BACK, Outcome.PLANNED):
        roll_back(world.step_context(), correction, all_days=True)
    world.drive(correction)
    return correction


def decommissioned(world: World) -> str:
    """The rollback window passes."""
    correction = corrected_id(world)
    world.drive(correction)
    return correction


def corrected_id(world: World) -> str:
    return next(iter(world.records.ledger.histories()))


def count_writes(world: World, story: Callable[[World], str]) -> int:
    with killed_before(0) as written:
        story(world)
    return len(written)


def killed_everywhere(world: World, folder: Path, story: Callable[[World], str]) -> Iterator[tuple[World, str]]:
    """The story in copies of the world, killed before each of its writes in turn and then told again."""
    for number in range(1, count_writes(copy_of(world, folder / "whole"), story) + 1):
        there = copy_of(world, folder / f"killed-{number}")
        with pytest.raises(KilledError), killed_before(number):
            story(there)
        yield there, story(there)


@pytest.mark.slow
def test_a_correction_killed_at_any_write_ends_with_the_right_numbers_and_one_swap(tmp_path: Path):
    tried = 0
    for world, correction in killed_everywhere(world_at(tmp_path / "lake"), tmp_path, corrected):
        tried += 1
        assert isinstance(world.drive(correction), WaitUntil), tried
        assert world.content() == world.right, tried
        assert len(world.swaps()) == 1, tried
        assert len(world.events(correction, Step.CUT_OVER)) == 1, tried
        assert {str(day(n)) for n in (6, 7, 8, 9)} <= set(world.built), tried
        assert [one.name for one in world.told if one.event == "published"] == [f"{correction}-published-finance"]
        assert world.progress(correction).downstream.owed == frozenset(), tried
    assert tried > 15


@pytest.mark.slow
def test_a_roll_back_killed_at_any_write_ends_with_the_planted_numbers(tmp_path: Path):
    world = world_at(tmp_path / "lake")
    before = world.content()
    corrected(world)
    world.publish_live({day(11): 11})

    tried = 0
    for killed, correction in killed_everywhere(world, tmp_path, rolled_back):
        tried += 1
        assert killed.content() == before | {day(11): 11}, tried
        assert len(killed.swaps()) == 2, tried
        assert len(killed.events(correction, Step.ROLL_BACK)) == 1, tried
        assert {"published", "rolled_back"} <= {notice.event for notice in killed.told}, tried
        assert isinstance(killed.drive(correction), WaitForPerson), tried
    assert tried > 5


@pytest.mark.slow
def test_a_decommission_killed_at_any_write_is_taken_up_again(tmp_path: Path):
    world = world_at(tmp_path / "lake")
    corrected(world)
    world.later(400)  # the deadline counts from the table's own log, which is written by the real clock

    tried = 0
    for killed, correction in killed_everywhere(world, tmp_path, decommissioned):
        tried += 1
        assert killed.drive(correction) == Finished("decommissioned"), tried
        assert killed.content() == world.right, tried
        assert len(killed.events(correction, Step.DECOMMISSION)) == 1, tried
    assert tried >= 2
