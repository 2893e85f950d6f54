"""What forcing to disk costs: the same work with the switch off and on, in turn, beside a bare sync of this disk."""

import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table as Shown

sys.path.insert(0, str(Path(__file__).parent.parent))
warnings.simplefilter("ignore")
SWITCH, STATES = "BACKFILL_SYNC", ("off", "on")
DAYS, ROUNDS, SWAPS = 60, 3, 15
Seconds = dict[str, dict[str, float]]


def main() -> None:
    """Measure each part in both states, in turn, and say the quickest of each; of swaps the middle one."""
    os.environ |= {"BACKFILL_FIRST_DAY": "2010-12-01", "BACKFILL_STORAGES": "reusing"}
    shown = Shown(title="Forcing to disk, beside the switch turned off", title_justify="left", min_width=70)
    for column in ("", "off", "on", "more"):
        shown.add_column(column)
    with tempfile.TemporaryDirectory(prefix="backfill-bench-") as place:
        for part, seconds in stories(Path(place)).items():
            off, on = (seconds[state] for state in STATES)
            shown.add_row(part, f"{off:.2f} s", f"{on:.2f} s", f"{(on / off - 1) * 100:+.1f} % of 10")
        bare, swaps = bare_sync(Path(place)), swaps_of(Path(place))
        off, on = (swaps[state] for state in STATES)
        told = f"{(on - off) / bare:+.1f} bare syncs of 2"
        shown.add_row(f"a swap of {DAYS} days", f"{off * 1000:.1f} ms", f"{on * 1000:.1f} ms", told)
        shown.add_row("a bare sync of a new file and its folder", "", f"{bare * 1000:.2f} ms", "")
    Console().print(shown)


def stories(place: Path) -> Seconds:
    """Nightly of all days, and a correction of most of them to the gate and through."""
    from backfill_assets.testing import TestLake
    from tests.kinds.stranger import FIRST, days, location, orders

    definitions, wanted = location(), [str(day) for day in days(DAYS)]
    now = f"{FIRST + timedelta(days=DAYS)}T06:00:00+00:00"
    taken: dict[str, dict[str, list[float]]] = {}

    def measured(part: str, work: Callable[[], object]) -> None:
        started = time.monotonic()
        work()
        taken.setdefault(part, {}).setdefault(os.environ[SWITCH], []).append(time.monotonic() - started)

    for turn in range(ROUNDS):
        for state in STATES:
            os.environ[SWITCH] = state
            lake = TestLake(place / f"{state}-{turn}", definitions, now=now)
            lake.write("orders_log", orders(days(DAYS)))
            measured(f"publishing {DAYS} days and their reports", lambda lake=lake: lake.publish(wanted[0], wanted[-1]))
            lake.plant(wanted[1], wanted[-2], lambda rows: rows.with_columns(pl.col("revenue") * 2))
            correction = lake.correct(wanted[1], wanted[-2], reason="Counted twice.", waves={"max_days": 10})
            measured(f"staging and validating {DAYS - 2} days", correction.to_gate)
            measured("approval, swap, rebuilding, notices", correction.through)
    best = {part: {state: min(seconds) for state, seconds in of.items()} for part, of in taken.items()}
    staged, rest = [*best][1:]
    return best | {"the whole correction": {state: best[staged][state] + best[rest][state] for state in STATES}}


def swaps_of(place: Path) -> dict[str, float]:
    """One swap after the other on a table of each state."""
    from backfill_assets.storage.swap import cut_over
    from tests.storage.lakes import days, live_with, planned_cut_over, staged_with

    wanted, taken = days(DAYS), dict[str, list[float]]()
    lives = {state: live_with(place / f"swapped-{state}", dict.fromkeys(wanted, (1,))) for state in STATES}
    for number in range(SWAPS):
        for state, live in lives.items():
            os.environ[SWITCH] = state
            staged = staged_with(live, f"c{number}", dict.fromkeys(wanted, (number,)))
            manifest = planned_cut_over(live, staged, f"c{number}")
            started = time.monotonic()
            cut_over(live, manifest)
            taken.setdefault(state, []).append(time.monotonic() - started)
    return {state: statistics.median(seconds) for state, seconds in taken.items()}


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
