"""A correction that is killed at any of its writes, before or after, and run again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backfill_assets.core.next_step import Finished, WaitForPerson, WaitUntil
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.runbook import approve, roll_back
from backfill_assets.storage import table as table_module
from tests.runbook.world import World, day, world_at


class KilledError(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(number: int, *, after: bool) -> Iterator[list[str]]:
    """Die at the n-th commit to any table, just before or just after it. Yields the tables that were written."""
    written: list[str] = []
    real = table_module.attempt

    def attempt(snapshot, change):
        written.append(snapshot.handle.table_uri)
        if len(written) == number and not after:
            raise KilledError
        at = real(snapshot, change)
        if len(written) == number:
            raise KilledError
        return at

    table_module.attempt = attempt
    try:
        yield written
    finally:
        table_module.attempt = real


def correct(world: World) -> str:
    """Open (once), stage, approve (once), cut over and rebuild."""
    histories = world.records.ledger.histories()
    correction = next(iter(histories), None) or world.open(4, 9).correction
    if isinstance(world.drive(correction), WaitForPerson):
        approve(world.desk(), correction, "looked")
        world.drive(correction)
    return correction


def corrected_and_rolled_back(world: World) -> str:
    """As ``correct``, then everything back."""
    correction = correct(world)
    if world.progress(correction).version == 1:
        roll_back(world.desk(), correction)
    world.drive(correction)
    return correction


def to_the_end(world: World) -> str:
    """As ``correct``, then the rollback window passes."""
    correction = correct(world)
    world.later(20)
    world.drive(correction)
    return correction


def count_writes(root: Path, story: Callable[[World], str]) -> int:
    world = world_at(root)
    with killed_at(0, after=False) as written:
        story(world)
    return len(written)


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_a_correction_killed_at_any_write_ends_with_the_right_numbers_and_one_swap(tmp_path: Path, after: bool):
    writes = count_writes(tmp_path / "whole", correct)
    assert writes > 15
    for number in range(1, writes + 1):
        world = world_at(tmp_path / f"lake-{number}")
        with pytest.raises(KilledError), killed_at(number, after=after):
            correct(world)

        correction = correct(world)

        assert isinstance(world.drive(correction), WaitUntil), number
        assert world.content() == {of: value + 100 if of.day == 10 else value for of, value in world.right.items()} | {
            day(10): 10
        }, number
        assert len(world.swaps()) == 1, number
        assert len(world.events(correction, Step.CUT_OVER)) == 1, number
        assert {str(day(n)) for n in (6, 7, 8, 9)} <= set(world.built), number
        assert [notice.name for notice in world.told] == [f"{correction}-published-finance"], number
        assert world.progress(correction).owed == frozenset(), number


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_a_roll_back_killed_at_any_write_ends_with_the_planted_numbers(tmp_path: Path, after: bool):
    whole = world_at(tmp_path / "whole")
    before = whole.content()
    first = count_writes(tmp_path / "first", correct)
    writes = count_writes(tmp_path / "both", corrected_and_rolled_back)
    assert writes > first
    for number in range(first + 1, writes + 1):
        world = world_at(tmp_path / f"lake-{number}")
        with pytest.raises(KilledError), killed_at(number, after=after):
            corrected_and_rolled_back(world)

        correction = corrected_and_rolled_back(world)

        assert world.content() == before, number
        assert len(world.swaps()) == 2, number
        assert len(world.events(correction, Step.ROLL_BACK)) == 1, number
        assert {notice.event for notice in world.told} == {"published", "rolled_back"}, number
        assert isinstance(world.drive(correction), WaitForPerson), number


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_a_decommission_killed_at_any_write_is_taken_up_again(tmp_path: Path, after: bool):
    first = count_writes(tmp_path / "first", correct)
    writes = count_writes(tmp_path / "both", to_the_end)
    for number in range(first + 1, writes + 1):
        world = world_at(tmp_path / f"lake-{number}")
        with pytest.raises(KilledError), killed_at(number, after=after):
            to_the_end(world)

        correction = to_the_end(world)

        assert world.drive(correction) == Finished("decommissioned"), number
        assert world.content() == world.right, number
        assert len(world.events(correction, Step.DECOMMISSION, Outcome.DONE)) == 1, number
