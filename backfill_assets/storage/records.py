"""The records of one lake: its ledger, watermarks, builds and certificates, and a way to its tables."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Self, TypeVar

import polars as pl

from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.core.slots import Slot
from backfill_assets.errors.lake import TableMissing
from backfill_assets.errors.partition_column import ColumnHoldsNoSlots
from backfill_assets.storage.adoptions import Adoptions
from backfill_assets.storage.builds import Builds
from backfill_assets.storage.calendar import ClosedMonths, FirstDays
from backfill_assets.storage.completeness import BuiltReports
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.ledger import Ledger
from backfill_assets.storage.opening import Latest, latest
from backfill_assets.storage.outbox import Outbox
from backfill_assets.storage.outside import Outside
from backfill_assets.storage.overlaid import Overlaid, Overlay
from backfill_assets.storage.proofs import Certificates
from backfill_assets.storage.publications import Publications
from backfill_assets.storage.reported import Reported
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Table
from backfill_assets.storage.watermarks import Watermarks

Made = TypeVar("Made")


@dataclass(frozen=True)
class Records:
    """Everything that is written down about a lake.

    ``partitions`` say of some tables how they keep their slots; all others are by ``day``, a date. ``outside`` are
    those that lie elsewhere, by the names they are read by. ``overlays`` are staged slots that are read in the place of
    live ones when a source is, by table.
    """

    lake: Lake
    partitions: Mapping[str, PartitionColumn] = field(default_factory=dict[str, PartitionColumn])
    outside: Mapping[str, Outside] = field(default_factory=dict[str, Outside])
    overlays: Mapping[str, Overlay] = field(default_factory=dict[str, Overlay])

    def knowing(self, partitions: Mapping[str, PartitionColumn]) -> Self:
        """The same records, which know of some more tables how they keep their slots."""
        new = {table: column for table, column in partitions.items() if column != self.partition_of(table)}
        return replace(self, partitions={**self.partitions, **new}) if new else self

    def reading(self, outside: Mapping[str, Outside]) -> Self:
        """The same records, which know where some more tables lie that are read and never written."""
        return replace(self, outside={**self.outside, **outside}) if outside else self

    def staged_over(self, overlays: Mapping[str, Overlay]) -> Self:
        """The same records, in which some slots of some tables are read from staged versions."""
        return replace(self, overlays={**self.overlays, **overlays}) if overlays else self

    def partition_of(self, table: str) -> PartitionColumn:
        """How a table keeps its slots."""
        return self.partitions.get(table, BY_DAY)

    @cached_property
    def ledger(self) -> Ledger:
        """What happened in every correction."""
        return Ledger(self.lake)

    @cached_property
    def watermarks(self) -> Watermarks:
        """How far each holder has come."""
        return Watermarks(self.lake)

    @cached_property
    def builds(self) -> Builds:
        """What each file was computed from."""
        return Builds(self.lake)

    @cached_property
    def completeness(self) -> BuiltReports:
        """Of which days each report partition was built."""
        return BuiltReports(self.lake)

    @cached_property
    def reported(self) -> Reported:
        """What each state of each table was."""
        return Reported(self.lake)

    @cached_property
    def certificates(self) -> Certificates:
        """What validation proved."""
        return Certificates(self.lake)

    @cached_property
    def closed_months(self) -> ClosedMonths:
        """Which months are closed."""
        return ClosedMonths(self.lake)

    @cached_property
    def first_days(self) -> FirstDays:
        """Where the history of each table begins."""
        return FirstDays(self.lake)

    @cached_property
    def adoptions(self) -> Adoptions:
        """Which tables of other writers were adopted."""
        return Adoptions(self.lake)

    @cached_property
    def published(self) -> Publications:
        """What each published file was made of, whenever it was replaced."""
        return Publications(self.lake)

    @cached_property
    def outbox(self) -> Outbox:
        """Every notice, and whom it reached."""
        return Outbox(self.lake)

    def table(self, name: str, schema: pl.Schema | None = None) -> Table:
        """A live table; without a schema of the code's, with the one it is stored with.

        Raises:
            TableMissing: when no schema is given and the table was never created.
        """
        return self._table(name, self.lake.table_uri(name), schema)

    def staged(self, name: str, correction: str, schema: pl.Schema | None = None) -> Table:
        """The staged version of a table, as :meth:`table`."""
        return self._table(name, self.lake.staged_uri(name, correction), schema)

    def control_tables(self) -> tuple[str, ...]:
        """The names of the control tables that were ever written."""
        found = Folder(self.lake.root, dict(self.lake.storage_options)).listing("_control")
        return tuple(sorted({file.path.split("/")[1] for file in found if file.path.count("/") > 1}))

    def control_table(self, name: str) -> Table:
        """A control table as a table, for maintenance."""
        uri, options = self.lake.control_uri(name), self.lake.storage_options
        return Table(uri, self._found(uri).snapshot.schema, partition=None, storage_options=options)

    def exists(self, name: str) -> bool:
        """Whether a live table was ever created."""
        return name not in self.outside and self._latest(self.lake.table_uri(name)) is not None

    def staged_exists(self, name: str, correction: str) -> bool:
        """Whether the staged version of a table was ever created."""
        return self._latest(self.lake.staged_uri(name, correction)) is not None

    def newest(self, name: str) -> Snapshot | None:
        """The newest commit of a live table, to read from; None when the table was never created."""
        found = self._latest(self.lake.table_uri(name))
        return None if found is None else self._read(name, found)

    def days(self, name: str) -> frozenset[Slot]:
        """The days that a live table has; none when the table was never created."""
        found = self.newest(name)
        return frozenset() if found is None else found.days

    def snapshot(self, name: str, commit: int | None = None) -> Snapshot:
        """The newest commit of a live table, or an earlier one, to read from; also of a table outside the lake.

        Where slots of it are read from a staged version, as it will be once they are swapped in.

        Raises:
            TableMissing: when the table was never created.
        """
        if name in self.outside:
            return self.outside[name].snapshot(self.lake, name, commit)
        uri = self.lake.table_uri(name)
        found = self._stored(name, uri)
        if commit not in {None, found.commit}:  # the newest is there already, with all that was made of it
            found = self.table(name).snapshot(commit)
        if (overlay := self.overlays.get(name)) is None:
            return found
        return Overlaid.of(found, self.staged(name, overlay.correction).snapshot(), overlay)

    def spelling_of(self, table: str, column: PartitionColumn) -> PartitionColumn:
        """A column as a live table spells its slots in it; as it is given where there is no such table or column.

        Raises:
            ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous: when the table's column cannot be that.
        """
        return self.made_of(table, ("spelling", column), lambda snapshot: snapshot.spelling_of(column)) or column

    def made_of(self, name: str, what: object, make: Callable[[Snapshot], Made]) -> Made | None:
        """What is made of the newest commit of a live table, made once a commit; None when there is no such table."""
        found = self._latest(self.lake.table_uri(name))
        if found is None:
            return None
        column = self.partition_of(name)
        return found.once((what, column), lambda snapshot: make(_by(snapshot, column)))

    def _latest(self, uri: str) -> Latest | None:
        return latest(uri, self.lake.storage_options)

    def _table(self, name: str, uri: str, schema: pl.Schema | None) -> Table:
        column = self.partition_of(name)
        if schema is not None:
            by_day = column.name in schema
        else:
            stored = self._stored(name, uri)
            schema, by_day = stored.schema, stored.by_day
        return Table(uri, schema, partition=column if by_day else None, storage_options=self.lake.storage_options)

    def _stored(self, name: str, uri: str) -> Snapshot:
        return self._read(name, self._found(uri))

    def _read(self, name: str, found: Latest) -> Snapshot:
        column = self.partition_of(name)
        return found.once(column, lambda snapshot: _by(snapshot, column))

    def _found(self, uri: str) -> Latest:
        found = self._latest(uri)
        if found is None:
            raise TableMissing(uri)
        return found


def _by(snapshot: Snapshot, column: PartitionColumn) -> Snapshot:
    """The snapshot by its column, as it spells slots now: a table may have been created since one was told of it."""
    # One that can spell no slots is told of when somebody asks for days.
    with suppress(ColumnHoldsNoSlots):
        column = snapshot.spelling_of(column)
    return snapshot if column == snapshot.partition else replace(snapshot, partition=column)
