"""The clock of the demo: a minute of the story a second while it is told, and as fast as any clock from its end on.

Usage: scripts/demo_clock.py FILE    go on from the time that the file keeps, as `scripts/dev` does
"""

import os
import sys
from datetime import UTC, datetime, time
from pathlib import Path

from backfill_assets import clock_told, now_utc

DAY = datetime(2026, 1, 23, tzinfo=UTC)
EVENING = DAY.replace(hour=20)


def comes_to(hour: int, minute: int = 0, *, pace: int = 60) -> None:
    """Move the clock on to a time of the story's day, or leave it where it is if that is over; it runs from there."""
    there = clock_told() or DAY
    _run_from(max(there, datetime.combine(DAY, time(hour, minute), UTC)), pace)


def keep(file: Path) -> None:
    """Let it run like any other from now on, for whoever comes later."""
    file.write_text(f"{_run_from(now_utc(), 1)}\n", encoding="utf-8")


def _run_from(told: datetime, pace: int) -> str:
    since = datetime.now(UTC).isoformat(timespec="milliseconds")
    fast = f" x{pace}" if pace > 1 else ""
    os.environ["BACKFILL_NOW"] = f"{told.isoformat(timespec='milliseconds')} since {since}{fast}"
    return os.environ["BACKFILL_NOW"]


def go_on(file: Path) -> None:
    """Come back to the demo after a while: on the same day, at the latest in the evening."""
    os.environ["BACKFILL_NOW"] = file.read_text(encoding="utf-8").strip()
    _run_from(min(now_utc(), EVENING), 1)
    keep(file)


if __name__ == "__main__":
    go_on(Path(sys.argv[1]))
