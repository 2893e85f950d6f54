"""Everything that the tables of ``docs/scale.md`` are computed from, each with where it is from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


class Given(NamedTuple):
    """A constant: what it is, its value unless it is measured, and where it is from."""

    what: str
    source: str
    value: float = 0.0


MEASURED: Mapping[str, Given] = {
    "log_bytes_per_add": Given("bytes of a log entry per file that it adds", "an entry of 2,000 files"),
    "log_bytes_per_remove": Given("bytes of a log entry per file that it removes", "an entry of 2,000 files"),
    "log_bytes_per_commit": Given("bytes of a log entry beside its files", "an entry of one file"),
    "checkpoint_bytes_per_file": Given("bytes of a checkpoint per file", "a checkpoint of 2,000 files"),
    "open_seconds": Given("seconds to open a table and know its days", "a table of 20 files, cold"),
    "open_seconds_per_file": Given("more of them per file", "40,000 files beside 20, cold"),
    "open_seconds_per_entry": Given("more of them per entry after the checkpoint", "90 entries beside none, cold"),
    "open_memory_bytes_per_file": Given("bytes of memory per file of an open table", "40,000 files beside 20, cold"),
    "memory_bytes_per_row": Given("bytes of memory of a computed row of six columns", "100,000 rows"),
    "file_bytes_per_row": Given("bytes of such a row in a data file", "100,000 rows"),
    "append_seconds": Given("seconds of an append to a control table", "`_control/builds` of 20 rows, cold"),
    "append_seconds_per_row": Given("more of them per row that it has", "200,000 rows beside 20, cold"),
    "fold_seconds_per_row": Given("more of them where it folds all its files into one", "200,000 rows beside 20, cold"),
    "append_memory_bytes_per_row": Given("bytes of memory of whoever appends, per row", "200,000 rows beside 20"),
    "control_bytes_per_row": Given("bytes of a row on disk", "`_control/builds` of 200,000 rows"),
    "ledger_bytes_per_event": Given("bytes of an event on disk, swaps aside", "40 corrections of 364 events"),
    "ledger_log_bytes_per_event": Given("bytes of the ledger's own log per event", "72 events, one by one"),
    "ledger_bytes_per_swapped_file": Given("bytes in an event of a swap per file of either side", "4,000 files"),
    "history_seconds_per_event": Given(
        "seconds to read and add up an event", "40 corrections of 364 events beside 1, cold"
    ),
    "history_memory_bytes_per_event": Given(
        "bytes of memory of whoever has, per event", "40 corrections of 364 events beside 1, cold"
    ),
    "night_control_commits": Given("commits into control tables of a table's night", "the README's shop, one night"),
    "night_seconds": Given("seconds of that night, in one process", "the README's shop, one night"),
    "tick_seconds": Given("seconds of a tick of a driver with nothing to do", "the README's shop"),
}

TAKEN: Mapping[str, Given] = {
    "seconds_between_ticks": Given("seconds from one tick of a driver to the next", "`driving/sensor.py`", 10),
    "run_launch_seconds": Given("seconds that Dagster's queue takes to launch a run", "measured once, 90 runs", 3.3),
    "launches_at_once": Given("runs that it launches side by side", "`dagster.yaml`", 4),
    "swap_seconds_per_file": Given("seconds of a cut over per file", "measured once, 3,650 in 0.97 s", 0.97 / 3_650),
    "most_files": Given("files of a control table before they are folded", "`storage/control.py`", 24),
    "kept_days": Given("days that maintenance keeps what was replaced", "`runbook/maintaining.py`", 30),
    "commits_per_checkpoint": Given("commits between two checkpoints of a table", "`storage/table.py`", 100),
}

ASSUMED: Mapping[str, Given] = {
    "file_bytes": Given("bytes of a data file, at least one a day", "assumed", 256e6),
    "corrections_a_year": Given("corrections of a table in a year", "assumed", 1),
    "correction_days": Given("days of a correction", "assumed, as the 180 days above", 180),
    "slot_usd_an_hour": Given("USD of a slot for an hour: 4 cores, 16 GiB, on demand", "assumed, rounded", 0.20),
    "slot_memory_bytes": Given("bytes of memory of a slot", "assumed", 16e9),
    "night_hours": Given("hours that a night has for all tables", "assumed", 8),
    "patience_seconds": Given("seconds that whoever opens a table or a ledger may wait", "assumed", 10),
    "derived_share": Given("size of a corrected table, by that of the raw it is made of", "assumed", 0.1),
}


@dataclass(frozen=True)
class Constants:
    """All of them by name, the measured ones as they were measured."""

    measured: Mapping[str, float]

    def __getitem__(self, name: str) -> float:
        given = {**TAKEN, **ASSUMED}.get(name)
        return self.measured[name] if given is None else given.value
