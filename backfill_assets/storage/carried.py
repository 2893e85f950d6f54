"""The rows of the slot before, of a table that carries state: computed just now, staged, or live."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import polars as pl

from backfill_assets.core.carried import NOTHING_BEFORE, CarriedState, Link
from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.slots import Slot, calendar_day
from backfill_assets.errors.state import StateFailed, StateMissing
from backfill_assets.errors.transform import ColumnsNotReturned
from backfill_assets.storage.builds import Build
from backfill_assets.storage.layout import staged_name
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot


@dataclass
class SlotsBefore:
    """Where the slots of one wave find the rows of those before them.

    Without a ``correction`` these are live. With one they are staged, and before its first day live at the commit that
    it has pinned. ``computed`` are rows that are there already; each slot that is made comes to them, as None where it
    could not be. ``links`` are what each was made from. ``read`` are the files that were read of the table that the
    wave goes to.
    """

    records: Records
    table: str
    carried: CarriedState
    by: PartitionColumn
    correction: str = ""
    pins: Mapping[str, int] = field(default_factory=dict[str, int])
    computed: dict[Slot, pl.DataFrame | None] = field(default_factory=dict[Slot, pl.DataFrame | None])
    links: dict[Slot, Link] = field(default_factory=dict[Slot, Link])
    read: dict[Slot, frozenset[tuple[str, int]]] = field(default_factory=dict[Slot, frozenset[tuple[str, int]]])

    def __post_init__(self) -> None:
        self._begins = begins(self.records, self.table)

    def rows(self, slot: Slot) -> pl.DataFrame:
        """The rows that a slot is computed from.

        Raises:
            StateFailed: when the slot before was to be computed and could not be.
            StateMissing: when it is not there.
        """
        before = self.carried.before(slot, self._begins)
        if before is None:
            self.links[slot] = Link("", NOTHING_BEFORE)
            return self.carried.nothing(self.by)
        found = self.computed[before] if before in self.computed else self._stored(slot, before)
        if found is None:
            raise StateFailed(self.table, slot, before)
        self.links[slot] = Link("", self.carried.digest(found))
        return self.carried.rows(found, self.by)

    def made(self, slot: Slot, rows: pl.DataFrame) -> None:
        """Take the rows of a slot for the one after it.

        Raises:
            ColumnsNotReturned: when they lack columns that it is given.
        """
        if missing := [name for name in self.carried.columns if name not in rows.columns]:
            raise ColumnsNotReturned(self.table, missing, rows.columns)
        self.links[slot] = replace(self.links[slot], content=self.carried.digest(rows))
        self.computed.setdefault(slot, rows)

    def failed(self, slot: Slot) -> None:
        """Let the slots after one fail as well."""
        self.computed[slot] = None

    def _stored(self, slot: Slot, before: Slot) -> pl.DataFrame:
        is_staged = False
        if self.correction:
            progress = self.records.ledger.progress(self.correction)
            is_staged = before in progress.plan.days
            if is_staged and before not in progress.staging.staged:
                raise StateMissing(staged_name(self.table, self.correction), slot, before)
        there = self._snapshot(is_staged=is_staged)
        if there is None or before not in there.days:
            name = staged_name(self.table, self.correction) if is_staged else self.table
            raise StateMissing(name, slot, before)
        if is_staged or not self.correction:
            self.read[before] = there.names(before)
        return there.scan([before]).collect()

    def _snapshot(self, *, is_staged: bool) -> Snapshot | None:
        if is_staged:
            return self.records.staged(self.table, self.correction).snapshot()
        pin = self.pins.get(self.table) if self.correction else None
        return self.records.newest(self.table) if pin is None else self.records.snapshot(self.table, pin)


def begins(records: Records, table: str) -> Slot | None:
    """The slot with which the history of an adopted table begins; None of any other table."""
    known = records.first_days.known(table)
    first = min(records.days(table), default=None) if known is not None else None
    return first if first is not None and calendar_day(first) == known else None


def contents(
    records: Records, table: str, carried: CarriedState, slots: Collection[Slot], there: Snapshot
) -> dict[Slot, str]:
    """The content of some slots at one commit: as lineage has it, else read; of a slot that is not there nothing's."""
    files = there.files_of([slot for slot in slots if slot in there.days])
    builds = records.builds.of_days(table, files)
    found = dict.fromkeys(slots, NOTHING_BEFORE)
    for slot in files:
        known = builds[slot].content if slot in builds else ""
        found[slot] = known or carried.digest(there.scan([slot]).collect())
    return found


def computed_from_others(
    records: Records, table: str, carried: CarriedState, live: Snapshot, builds: Mapping[Slot, Build]
) -> set[Slot]:
    """Those of some live slots whose slot before holds something else now than they were computed from.

    What lineage says of the slot before is believed, and read where it says so: a declaration that names other columns
    now is no reason.
    """
    begun = begins(records, table)
    before = {slot: carried.before(slot, begun) for slot, build in builds.items() if table in build.inputs}
    known = contents(records, table, carried, {one for one in before.values() if one is not None}, live)
    found: set[Slot] = set()
    for slot, one in before.items():
        taken = builds[slot].inputs[table]
        if taken == (NOTHING_BEFORE if one is None else known[one]):
            continue
        if one is None or one not in live.days or taken != carried.digest(live.scan([one]).collect()):
            found.add(slot)
    return found
