"""Stories that are killed at any of their commits, and told again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from backfill_assets.core.next_step import WaitForPerson
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.runbook import approve, roll_back
from backfill_assets.storage import table as table_module
from tests.faults import KilledError
from tests.runbook.world import World, copy_of


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
