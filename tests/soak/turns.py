"""What one real process does of a correction, whose clock may be off, or that stops itself just before its commit."""

import os
import signal
from datetime import timedelta
from pathlib import Path

from backfill_assets.core.next_step import WaitForPerson, next_step
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.runbook import approve, cut_over, roll_back
from backfill_assets.storage import table as table_module
from tests.runbook.world import START, World, right_at


def take_turn(root: str, correction: str, hours: int) -> None:
    """Take what is next, by a clock that is so many hours off; a person approves in passing. Prints what it was."""
    world = World(Path(root), right_at(), START + timedelta(hours=hours))
    decided = next_step(world.step_context().progress(correction), world.now)
    print(type(decided).__name__, flush=True)  # noqa: T201
    if isinstance(decided, WaitForPerson):
        approve(world.step_context(), correction, "looked")
    world.take(correction, decided)


def take_back(root: str, correction: str, hours: int) -> None:
    """Roll all of it back, by a clock that is so many hours off."""
    world = World(Path(root), right_at(), START + timedelta(hours=hours))
    roll_back(world.step_context(), correction, all_days=True)


def stop_before_swap(root: str, correction: str) -> None:
    """Cut over, and stop between the plan and the commit until somebody wakes it up. Prints how it ended."""
    real = table_module.attempt

    def attempt(snapshot, change):
        if "backfill_assets/swap" in change.metadata:
            table_module.attempt = real
            os.kill(os.getpid(), signal.SIGSTOP)
        return real(snapshot, change)

    table_module.attempt = attempt
    try:
        cut_over(World(Path(root), right_at()).step_context("stalled"), correction)
        print("swapped", flush=True)  # noqa: T201
    except BackfillAssetsError as error:
        print(type(error).__name__, error, flush=True)  # noqa: T201
