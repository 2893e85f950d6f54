"""What gives way: how much each thing that all tables share bears, and how much a lake asks of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from backfill_assets.core.waves import MOST_RUNS
from scripts.scaling.constants import Constants
from scripts.scaling.model import Lake, Ledgers, Logs, Nights


def day_in_memory(lake: Lake, given: Constants) -> float:
    """Bytes of memory of a computed day of a table, which is written as one file."""
    on_disk = lake.raw * given["derived_share"] / lake.tables / lake.days
    return on_disk / given["file_bytes_per_row"] * given["memory_bytes_per_row"]


@dataclass(frozen=True)
class Asking:
    """What a lake asks of everything, where a correction has so many events and runs on so many slots."""

    lake: Lake
    given: Constants
    events: int
    slots: int

    @property
    def logs(self) -> Logs:
        """Of the log of a table."""
        return Logs(self.lake, self.given)

    @property
    def nights(self) -> Nights:
        """Of its nights."""
        return Nights(self.lake, self.given)

    @property
    def ledgers(self) -> Ledgers:
        """Of the ledger."""
        return Ledgers(self.lake, self.given, self.events)


class Limit(NamedTuple):
    """Something that gives way: what it bears, as a constant or a number, what is asked of it, what to do then."""

    what: str
    unit: str
    bears: str | int
    asked: Callable[[Asking], float]
    then: str

    def borne(self, given: Constants) -> float:
        """How much is borne."""
        return given[self.bears] if isinstance(self.bears, str) else self.bears

    def times(self, asking: Asking) -> float:
        """What is asked, by what is borne: from 1 on it gives way."""
        return self.asked(asking) / self.borne(asking.given)


PATIENCE, MEMORY, NIGHT = "patience_seconds", "slot_memory_bytes", "night_hours"
APART = "a lake, and a code location, for each group of tables that read each other"
SPLIT = "larger files; a table for each market"
SMALLER = "slots by the hour; larger machines; a table for each market"
THREADS = "`sensors: {use_threads: true}` in `dagster.yaml`, and several code locations"
LIMITS = (
    Limit(
        "knowing where all corrections stand", "s", PATIENCE, lambda of: of.ledgers.seconds, f"longer waves; {APART}"
    ),
    Limit("memory to append to the ledger", "bytes", MEMORY, lambda of: of.ledgers.memory, f"longer waves; {APART}"),
    Limit("memory to append to `_control/builds`", "bytes", MEMORY, lambda of: of.nights.memory, APART),
    Limit(
        "a night's appends to `_control/builds`",
        "h",
        NIGHT,
        lambda of: of.nights.hours,
        f"a process for several tables; {APART}",
    ),
    Limit("launching a night's runs", "h", NIGHT, lambda of: of.nights.launching, "a run for several tables"),
    Limit("drivers with nothing to do, in one process", "cores", 1, lambda of: of.nights.cores, THREADS),
    Limit("opening a table", "s", PATIENCE, lambda of: of.logs.seconds, SPLIT),
    Limit("memory of an open table", "bytes", MEMORY, lambda of: of.logs.memory, SPLIT),
    Limit("memory of a computed day", "bytes", MEMORY, lambda of: day_in_memory(of.lake, of.given), SMALLER),
    Limit(
        "waves that `pace` can set",
        "waves",
        MOST_RUNS,
        lambda of: of.slots,
        "the request's `at_once` has no such bound",
    ),
)
