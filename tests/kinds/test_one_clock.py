"""One clock: what the ledger keeps and people read goes by the clock that is told, whatever that of the machine shows.

The next way to a swap is one line of ``WAYS``, the next module that needs the machine's clock one of ``MACHINES``.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from backfill_assets import clock_told
from backfill_assets.errors.given import TimeUnreadable
from backfill_assets.runbook import approve, cut_over, roll_back
from tests.runbook.test_swapping import cut_over_but_not_told, prepared
from tests.runbook.world import START, World

PACKAGE = Path(__file__).parents[2] / "backfill_assets"
MACHINES = {
    "orchestration/instance/clock.py",  # where no clock is told
    "runbook/context.py",  # what the machine's clock showed at the time that is told
    "storage/commits.py",  # logs of tables go by the machine's clock
    "storage/table.py",
    "command_line/consumers.py",  # how long a consumer is behind a log, whose commits go by it
    "revenue/partitions.py",  # Dagster's partitions go by it, and are moved by how far the clock that is told is away
    "testing/place.py",  # the time of a test that tells none
}
NOON = "2026-01-23T12:00:00+00:00"


def there_and_back(world: World, correction: str) -> None:
    cut_over(world.step_context(), correction)
    roll_back(world.step_context("grace"), correction, all_days=True)
    approve(world.step_context("grace"), correction, "again")
    cut_over(world.step_context(), correction)


def settled(world: World, correction: str) -> None:
    cut_over_but_not_told(world, correction)
    cut_over(world.step_context(), correction)


WAYS: dict[str, Callable[[World, str], object]] = {
    "cut over": lambda world, correction: cut_over(world.step_context(), correction),
    "there and back": there_and_back,
    "committed by a process that died": settled,
}


@pytest.mark.parametrize("way", WAYS)
def test_the_rollback_window_goes_by_the_clock_that_is_told(way: str, tmp_path: Path) -> None:
    world, correction = prepared(tmp_path)

    WAYS[way](world, correction)

    progress = world.progress(correction)
    assert progress.publication.swapped_at is not None
    assert abs(progress.publication.swapped_at - START) < timedelta(minutes=10)


def test_where_none_is_told_the_window_goes_by_the_log_of_the_table(tmp_path: Path) -> None:
    world, correction = prepared(tmp_path)
    world.now = datetime.now(UTC)
    ctx = world.step_context()

    cut_over(ctx, correction)

    logged = world.live.snapshot().handle.history(1)[0]["timestamp"] / 1000
    swapped = world.progress(correction).publication.swapped_at
    assert swapped is not None
    assert abs(swapped.timestamp() - logged) < 0.1


def test_nothing_else_asks_the_machine_what_time_it_is() -> None:
    asks = re.compile(r"datetime\.now\(|time\.time\(|date\.today\(|\.utcnow\(")
    found = {str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py") if asks.search(file.read_text())}

    assert found == MACHINES


def told(ago: timedelta, pace: str = "") -> str:
    return f"{NOON} since {(datetime.now(UTC) - ago).isoformat()}{pace}"


RUNNING = {
    "stands": (lambda: NOON, 0),
    "runs": (lambda: told(timedelta(minutes=10)), 10),
    "runs sixty times as fast": (lambda: told(timedelta(minutes=1), " x60"), 60),
}


@pytest.mark.parametrize("name", RUNNING)
def test_a_clock_that_is_told_stands_or_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, minutes = RUNNING[name]
    monkeypatch.setenv("BACKFILL_NOW", text())

    shown = clock_told()

    assert shown is not None
    assert abs(shown - datetime.fromisoformat(NOON) - timedelta(minutes=minutes)) < timedelta(minutes=1)


@pytest.mark.parametrize("text", [f"{NOON} since", f"{NOON} x60", f"{NOON} since noon", f"{NOON} since {NOON} x-1"])
def test_a_clock_that_is_none_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACKFILL_NOW", text)

    with pytest.raises(TimeUnreadable):
        clock_told()
