"""What forcing to disk costs: the same work with the switch off and on, in turn, beside a bare sync of this disk.

Beside the difference of the two stands the time that was spent in forcing, which a busy machine disturbs less.
"""

import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table as Shown

sys.path.insert(0, str(Path(__file__).parent.parent))
warnings.simplefilter("ignore")
SWITCH, STATES = "BACKFILL_SYNC", ("off", "on")
DAYS, ROUNDS, SWAPS = 60, 3, 15
# What forces, inside of storage/syncing.py.
SEAM = "_force_all"


@dataclass
class Taken:
    """Seconds of each time that something was done, by state of the switch, and how many of them went into forcing."""

    all: dict[str, list[float]] = field(default_factory=lambda: {state: [] for state in STATES})
    forcing: list[float] = field(default_factory=list[float])

    def measure(self, work: Callable[[], object]) -> None:
        """Do it once, in the state that the switch is in."""
        before, started = FORCING.seconds, time.monotonic()
        work()
        self.all[os.environ[SWITCH]].append(time.monotonic() - started)
        if os.environ[SWITCH] == "on":
            self.forcing.append(FORCING.seconds - before)

    def row(self, name: str) -> tuple[str, ...]:
        """The quickest of each, and the middle share."""
        off, on = (min(self.all[state]) for state in STATES)
        share = statistics.median(one / (of - one) for one, of in zip(self.forcing, self.all["on"], strict=True))
        return name, f"{off:.2f} s", f"{on:.2f} s", f"{(on / off - 1) * 100:+.1f} %", f"{share * 100:.1f} % of 10"


@dataclass
class Forcing:
    """How long this process has been forcing."""

    seconds: float = 0.0

    def counted(self, force_all: Callable[..., None]) -> Callable[..., None]:
        """What forces, with its time counted."""

        def force(*given: Any) -> None:
            started = time.monotonic()
            try:
                force_all(*given)
            finally:
                self.seconds += time.monotonic() - started

        return force


FORCING = Forcing()


def main() -> None:
    """Measure each part in both states, in turn; of swaps the middle one is said."""
    from backfill_assets.storage import syncing

    setattr(syncing, SEAM, FORCING.counted(getattr(syncing, SEAM)))
    os.environ |= {"BACKFILL_FIRST_DAY": "2010-12-01", "BACKFILL_STORAGES": "reusing"}
    shown = Shown(title="Forcing to disk, beside the switch turned off", title_justify="left", min_width=70)
    for column in ("", "off", "on", "more", "in forcing"):
        shown.add_column(column)
    with tempfile.TemporaryDirectory(prefix="backfill-bench-") as place:
        for part, taken in stories(Path(place)).items():
            shown.add_row(*taken.row(part))
        bare, swaps = bare_sync(Path(place)), swaps_of(Path(place))
        off, on = (f"{statistics.median(swaps.all[state]) * 1000:.1f} ms" for state in STATES)
        shown.add_row(f"a swap of {DAYS} days", off, on, "", f"{statistics.median(swaps.forcing) * 1000:.1f} ms")
        shown.add_row("two bare syncs of a new file and its folder", "", "", "", f"{2 * bare * 1000:.1f} ms")
    Console().print(shown)


def stories(place: Path) -> dict[str, Taken]:
    """Nightly of all days, and a correction of most of them to the gate and through."""
    from backfill_assets.testing import TestLake
    from tests.kinds.stranger import FIRST, days, location, orders

    definitions, wanted = location(), [str(day) for day in days(DAYS)]
    now = f"{FIRST + timedelta(days=DAYS)}T06:00:00+00:00"
    publishing, staging, rest = (Taken() for _ in range(3))
    for turn in range(ROUNDS):
        for state in STATES:
            os.environ[SWITCH] = state
            lake = TestLake(place / f"{state}-{turn}", definitions, now=now)
            lake.write("orders_log", orders(days(DAYS)))
            publishing.measure(lambda lake=lake: lake.publish(wanted[0], wanted[-1]))
            lake.plant(wanted[1], wanted[-2], lambda rows: rows.with_columns(pl.col("revenue") * 2))
            correction = lake.correct(wanted[1], wanted[-2], reason="Counted twice.", waves={"max_days": 10})
            staging.measure(correction.to_gate)
            rest.measure(correction.through)
    whole = Taken(
        {state: [sum(both) for both in zip(staging.all[state], rest.all[state], strict=True)] for state in STATES},
        [sum(both) for both in zip(staging.forcing, rest.forcing, strict=True)],
    )
    return {
        f"publishing {DAYS} days and their reports": publishing,
        f"staging and validating {DAYS - 2} days": staging,
        "approval, swap, rebuilding, notices": rest,
        "the whole correction": whole,
    }


def swaps_of(place: Path) -> Taken:
    """One swap after the other on a table of each state."""
    from backfill_assets.storage.swap import cut_over
    from tests.storage.lakes import days, live_with, planned_cut_over, staged_with

    wanted, taken = days(DAYS), Taken()
    lives = {state: live_with(place / f"swapped-{state}", dict.fromkeys(wanted, (1,))) for state in STATES}
    for number in range(SWAPS):
        for state, live in lives.items():
            os.environ[SWITCH] = state
            staged = staged_with(live, f"c{number}", dict.fromkeys(wanted, (number,)))
            manifest = planned_cut_over(live, staged, f"c{number}")
            taken.measure(lambda live=live, manifest=manifest: cut_over(live, manifest))
    return taken


def bare_sync(place: Path) -> float:
    """A new file of the size of such an entry of a log, forced together with its folder."""
    folder, taken = place / "bare", list[float]()
    folder.mkdir()
    for number in range(SWAPS):
        file = folder / str(number)
        file.write_bytes(os.urandom(40_000))
        started = time.monotonic()
        for path, force in ((file, os.fdatasync), (folder, os.fsync)):
            descriptor = os.open(path, os.O_RDONLY)
            force(descriptor)
            os.close(descriptor)
        taken.append(time.monotonic() - started)
    return statistics.median(taken)


if __name__ == "__main__":
    main()
