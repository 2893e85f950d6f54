"""What follows of the constants for a lake: its logs, its nights, its ledger, and its price."""

import math
from dataclasses import dataclass
from decimal import Decimal

from backfill_assets.core.plan import Plan
from backfill_assets.core.storage_cost import DAYS_A_MONTH, DAYS_A_YEAR, GB, Prices, cost_a_year, hot_of, rounded
from scripts.scaling.constants import Constants

HOUR = 3_600
ROLLBACK_DAYS = int(Plan.__dataclass_fields__["rollback_days"].default)
PETABYTE = 10**15


@dataclass(frozen=True)
class Lake:
    """So many tables for so many years, and the bytes of raw that they hold together by then."""

    name: str
    tables: int
    years: int
    raw: int

    @property
    def days(self) -> int:
        """How many days a table has."""
        return self.years * DAYS_A_YEAR


LAKES = (
    Lake("a terabyte, 1 table", 1, 1, 10**12),
    Lake("10 TB, 10 tables", 10, 10, 10**13),
    Lake("100 TB, 100 tables", 100, 10, 10**14),
    Lake("a petabyte, 1,000 tables", 1_000, 10, PETABYTE),
    Lake("a petabyte, one table", 1, 10, PETABYTE),
)
BIG = LAKES[3]
LONE = LAKES[4]


def files_a_day(lake: Lake, given: Constants, share: float = 1.0) -> int:
    """Data files of a day of a table whose size is a share of the raw it is made of: at least one."""
    return max(1, math.ceil(lake.raw * share / lake.tables / lake.days / given["file_bytes"]))


@dataclass(frozen=True)
class Logs:
    """What the log of one table of a lake has come to, if it is never cleaned."""

    lake: Lake
    given: Constants

    @property
    def files(self) -> int:
        """Data files of the table."""
        return self.lake.days * files_a_day(self.lake, self.given)

    @property
    def entries(self) -> float:
        """Bytes of all entries: each night adds the files of a day."""
        given = self.given
        return self.files * given["log_bytes_per_add"] + self.lake.days * given["log_bytes_per_commit"]

    @property
    def checkpoint(self) -> float:
        """Bytes of the newest checkpoint."""
        return self.files * self.given["checkpoint_bytes_per_file"]

    @property
    def checkpoints(self) -> float:
        """Bytes of all of them: each holds all files that there were."""
        number = self.lake.days // int(self.given["commits_per_checkpoint"])
        return self.checkpoint * (number + 1) / 2 if number else 0.0

    @property
    def seconds(self) -> float:
        """Seconds to open it cold, just before the next checkpoint."""
        given = self.given
        after = min(self.lake.days, given["commits_per_checkpoint"] - 1)
        by_files = self.files * given["open_seconds_per_file"]
        return given["open_seconds"] + by_files + after * given["open_seconds_per_entry"]

    @property
    def memory(self) -> float:
        """Bytes of memory of whoever has it open."""
        return self.files * self.given["open_memory_bytes_per_file"]


@dataclass(frozen=True)
class Nights:
    """What the nights of all tables ask of what they share."""

    lake: Lake
    given: Constants

    @property
    def rows(self) -> int:
        """Rows of ``_control/builds``: one a file that was built, days that were corrected once more."""
        corrected = self.lake.years * self.given["corrections_a_year"] * self.given["correction_days"]
        return round(self.lake.tables * (self.lake.days + corrected))

    @property
    def size(self) -> float:
        """Their bytes on disk."""
        return self.rows * self.given["control_bytes_per_row"]

    @property
    def append(self) -> float:
        """Seconds of an append by a process that has just begun, the mean of those that fold and the others."""
        a_row = self.given["append_seconds_per_row"] + self.given["fold_seconds_per_row"] / self.appends_a_fold
        return self.given["append_seconds"] + self.rows * a_row

    @property
    def appends_a_fold(self) -> float:
        """How many appends come to as many files as there may be."""
        return self.given["most_files"] - 1

    @property
    def rewritten(self) -> float:
        """Bytes that a night's folds write, of an append a table."""
        return self.lake.tables / self.appends_a_fold * self.size

    @property
    def replaced(self) -> float:
        """Bytes of files that were replaced by folds and are kept for a while."""
        return self.rewritten * self.given["kept_days"]

    @property
    def memory(self) -> float:
        """Bytes of memory of whoever appends."""
        return self.rows * self.given["append_memory_bytes_per_row"]

    @property
    def commits(self) -> float:
        """Commits into control tables in a night."""
        return self.lake.tables * self.given["night_control_commits"]

    @property
    def hours(self) -> float:
        """Hours of the appends to ``_control/builds`` alone, which go one after the other: one a table."""
        return self.lake.tables * self.append / HOUR

    @property
    def alone(self) -> float:
        """Seconds of the nights of all tables, one after the other in a process that keeps what it has read."""
        return self.lake.tables * self.given["night_seconds"]

    @property
    def launching(self) -> float:
        """Hours that Dagster takes to launch a run a table."""
        return self.lake.tables * self.given["run_launch_seconds"] / self.given["launches_at_once"] / HOUR

    @property
    def cores(self) -> float:
        """Cores that are busy with drivers that have nothing to do."""
        return self.lake.tables * self.given["tick_seconds"] / self.given["seconds_between_ticks"]


@dataclass(frozen=True)
class Ledgers:
    """What the ledger of a lake has come to, when a correction has so many events."""

    lake: Lake
    given: Constants
    events_a_correction: int

    @property
    def corrections(self) -> int:
        """All that there were, those that are closed too."""
        return round(self.lake.tables * self.lake.years * self.given["corrections_a_year"])

    @property
    def events(self) -> int:
        """All events."""
        return self.corrections * self.events_a_correction

    @property
    def size(self) -> float:
        """Bytes of the rows, swaps aside."""
        return self.events * self.given["ledger_bytes_per_event"]

    @property
    def log(self) -> float:
        """Bytes of its own log, if it is never cleaned."""
        return self.events * self.given["ledger_log_bytes_per_event"]

    @property
    def seconds(self) -> float:
        """Seconds of a process that has just begun to know where every correction stands."""
        return self.events * self.given["history_seconds_per_event"]

    @property
    def memory(self) -> float:
        """Bytes of memory of such a process, and of the manifests of all swaps, which whoever appends has read too."""
        return self.events * self.given["history_memory_bytes_per_event"] + self.manifests

    @property
    def manifests(self) -> float:
        """Bytes of the manifests of all swaps."""
        return self.corrections * Swap(self.lake, self.given, int(self.given["correction_days"])).manifest


@dataclass(frozen=True)
class Swap:
    """The cut over of so many days of a table of a lake."""

    lake: Lake
    given: Constants
    days: int

    @property
    def files(self) -> int:
        """Files of one side."""
        return self.days * files_a_day(self.lake, self.given, self.given["derived_share"])

    @property
    def entry(self) -> float:
        """Bytes of its entry in the log."""
        return self.files * (self.given["log_bytes_per_add"] + self.given["log_bytes_per_remove"])

    @property
    def manifest(self) -> float:
        """Bytes of its manifest in the ledger."""
        return self.files * 2 * self.given["ledger_bytes_per_swapped_file"]

    @property
    def seconds(self) -> float:
        """Seconds of the commit, with all that is looked at before and after it."""
        return self.files * self.given["swap_seconds_per_file"]


@dataclass(frozen=True)
class Bill:
    """What a correction of so many days costs in a lake, and keeping the raw that it is made of."""

    lake: Lake
    given: Constants
    prices: Prices

    def staging(self, slot_hours: float) -> Decimal:
        """The price of its runs."""
        return rounded(Decimal(str(slot_hours)) * Decimal(str(self.given["slot_usd_an_hour"])))

    @property
    def twice(self) -> Decimal:
        """The price of what one correction of a table keeps beside live until it may be deleted."""
        days = Decimal(str(self.given["correction_days"])) / self.lake.days / self.lake.tables
        size = self.lake.raw * days * Decimal(str(self.given["derived_share"]))
        return rounded(size / GB * self.prices.tiers[hot_of(self.prices)] * ROLLBACK_DAYS / DAYS_A_MONTH)

    def raw(self, tier: str) -> Decimal:
        """The price of keeping all raw for a year."""
        return cost_a_year(self.lake.raw, self.prices.tiers[tier])

    def raw_as_it_grows(self, tier: str) -> Decimal:
        """The price of all years together, where each brings the same and nothing is deleted."""
        a_year = self.lake.raw // self.lake.years
        return sum(
            (cost_a_year(a_year * year, self.prices.tiers[tier]) for year in range(1, self.lake.years + 1)), Decimal()
        )
