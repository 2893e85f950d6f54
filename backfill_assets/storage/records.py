"""The records of one lake: its ledger, watermarks, builds and certificates, and a way to its tables."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import polars as pl

from backfill_assets.errors.lake import TableMissing
from backfill_assets.storage.builds import Builds
from backfill_assets.storage.calendar import ClosedMonths, FirstDays
from backfill_assets.storage.completeness import BuiltReports
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import DAY, Lake
from backfill_assets.storage.ledger import Ledger
from backfill_assets.storage.opening import Latest, latest
from backfill_assets.storage.outbox import Outbox
from backfill_assets.storage.proofs import Certificates
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Table
from backfill_assets.storage.watermarks import Watermarks

Made = TypeVar("Made")


@dataclass(frozen=True)
class Records:
    """Everything that is written down about a lake."""

    lake: Lake

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
    def outbox(self) -> Outbox:
        """Every notice, and whom it reached."""
        return Outbox(self.lake)

    def table(self, name: str, schema: pl.Schema | None = None) -> Table:
        """A live table; without a schema of the code's, with the one it is stored with.

        Raises:
            TableMissing: when no schema is given and the table was never created.
        """
        return self._table(self.lake.table_uri(name), schema)

    def staged(self, name: str, correction: str, schema: pl.Schema | None = None) -> Table:
        """The staged version of a table, as :meth:`table`."""
        return self._table(self.lake.staged_uri(name, correction), schema)

    def control_tables(self) -> tuple[str, ...]:
        """The names of the control tables that were ever written."""
        found = Folder(self.lake.root, dict(self.lake.storage_options)).listing("_control")
        return tuple(sorted({file.path.split("/")[1] for file in found if file.path.count("/") > 1}))

    def control_table(self, name: str) -> Table:
        """A control table as a table, for maintenance."""
        uri, options = self.lake.control_uri(name), self.lake.storage_options
        return Table(uri, self._stored(uri).schema, by_day=False, storage_options=options)

    def exists(self, name: str) -> bool:
        """Whether a live table was ever created."""
        return self._latest(self.lake.table_uri(name)) is not None

    def staged_exists(self, name: str, correction: str) -> bool:
        """Whether the staged version of a table was ever created."""
        return self._latest(self.lake.staged_uri(name, correction)) is not None

    def snapshot(self, name: str, commit: int | None = None) -> Snapshot:
        """The newest commit of a live table, or an earlier one, to read from.

        Raises:
            TableMissing: when the table was never created.
        """
        if commit is not None:
            return self.table(name).snapshot(commit)
        return self._stored(self.lake.table_uri(name))

    def made_of(self, name: str, what: object, make: Callable[[Snapshot], Made]) -> Made | None:
        """What is made of the newest commit of a live table, made once a commit; None when there is no such table."""
        found = self._latest(self.lake.table_uri(name))
        return None if found is None else found.once(what, make)

    def _latest(self, uri: str) -> Latest | None:
        return latest(uri, self.lake.storage_options)

    def _table(self, uri: str, schema: pl.Schema | None) -> Table:
        if schema is not None:
            return Table(uri, schema, by_day=DAY in schema, storage_options=self.lake.storage_options)
        stored = self._stored(uri)
        return Table(uri, stored.schema, by_day=stored.by_day, storage_options=self.lake.storage_options)

    def _stored(self, uri: str) -> Snapshot:
        found = self._latest(uri)
        if found is None:
            raise TableMissing(uri)
        return found.snapshot
