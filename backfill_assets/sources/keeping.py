"""What is kept of the sources of a table: how long and why, which raw logs there are, and where their files land."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from backfill_assets.core.retention import Kept, Retention
from backfill_assets.errors.base import counted
from backfill_assets.errors.keeping import LandingUnknown, RawLogUnknown, RetentionDeclaredWrongly
from backfill_assets.sources.raw_log import RawLog


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How long what corrections of a table are made of is kept, in one place.

    What is not named is kept for ever.

    Args:
        retention: how long, and by what duty.
        logs: the raw logs, which can be restored and whose landing can be purged.
        landing: where their files land; asked whenever it is needed.

    Raises:
        RetentionDeclaredWrongly: when a duty is missing, a number of days cannot be, or a thing is named twice.
    """

    retention: tuple[Retention, ...] = ()
    logs: tuple[RawLog, ...] = ()
    landing: Callable[[], Path] | None = None

    def __post_init__(self) -> None:
        for one, fault in self._faults():
            raise RetentionDeclaredWrongly(one.source, one.what.value, fault)

    def _faults(self) -> Iterator[tuple[Retention, str]]:
        named = Counter((one.source, one.what) for one in self.retention)
        for one in self.retention:
            if named[one.source, one.what] > 1:
                yield one, "twice"
            if not one.duty.strip():
                yield one, "without a duty"
            if one.days is not None and one.days < 1:
                yield one, f"for {counted(one.days, 'day')}"
            if one.warn_days < 0 or (one.days is not None and one.warn_days >= one.days):
                yield one, f"for {one.told} with a warning {counted(one.warn_days, 'day')} before its end"

    def of(self, what: Kept) -> dict[str, Retention]:
        """What is said of one kind of thing, by source."""
        return {one.source: one for one in self.retention if one.what is what}

    def days_of(self, *kinds: Kept) -> dict[str, int]:
        """How many days sources are kept that are not for ever."""
        return {one.source: one.days for one in self.retention if one.what in kinds and one.days is not None}

    def log(self, table: str) -> RawLog:
        """A raw log by its table.

        Raises:
            RawLogUnknown: when none is declared by that name.
        """
        known = {one.table: one for one in self.logs}
        if table not in known:
            raise RawLogUnknown(table, known)
        return known[table]

    def landing_root(self) -> Path:
        """Where files land.

        Raises:
            LandingUnknown: when it was not said.
        """
        if self.landing is None:
            raise LandingUnknown
        return self.landing()
