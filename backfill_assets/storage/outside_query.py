"""A query of a database as a source: read anew by each run, because nothing can pin what it returns."""

import os
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, cast

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.slots import Slot
from backfill_assets.errors.outside import OutsideColumnMissing, QueryFailed, VariableMissing
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.outside import OutsideSnapshot, spelled

NOT_PINNED = "not pinned"
"""In place of the fingerprint of what nothing can pin."""


@dataclass(frozen=True, slots=True)
class OutsideQuery:
    """A query, and how its database is reached: by a function, or by a URI that an environment variable holds."""

    name: str
    query: str
    column: PartitionColumn
    connect: Callable[[], Any] | None = None
    variable: str = ""
    is_pinned: bool = False

    def snapshot(self, lake: Lake, name: str, commit: int | None = None) -> OutsideSnapshot:
        """The query, which is run when it is read."""
        del lake, commit  # No query has commits.
        return QuerySnapshot(cast("Any", None), Folder(name), pl.Schema(), query=self)

    def rows(self) -> pl.DataFrame:
        """What the query returns now.

        Raises:
            VariableMissing: when the variable is not set.
            QueryFailed: when the database refuses.
            OutsideColumnMissing: when the column that tells slots apart is not returned.
        """
        try:
            found = self._asked()
        except VariableMissing:
            raise
        except FAULTS as error:  # what a database says may hold how it is reached
            raise QueryFailed(self.name, error) from None
        if self.column.name not in found.columns:
            raise OutsideColumnMissing(self.name, self.column.name, found.columns)
        return found

    def _asked(self) -> pl.DataFrame:
        if self.connect is not None:
            with closing(self.connect()) as connection:
                return pl.read_database(self.query, connection)
        if self.variable not in os.environ:
            raise VariableMissing(self.name, [self.variable])
        return pl.read_database_uri(self.query, os.environ[self.variable])


@dataclass(frozen=True)
class QuerySnapshot(OutsideSnapshot):
    """A query that is run when its rows are read."""

    query: OutsideQuery = field(kw_only=True)

    def lacking(self, slots: Collection[Slot]) -> list[Slot]:
        """None: a query cannot tell a missing slot from one without rows."""
        del slots
        return []

    def scan(self, days: Collection[Slot] | None = None) -> pl.LazyFrame:
        """The rows of all or some slots, as the query returns them now."""
        rows = self.query.rows()
        if days is None:
            return rows.lazy()
        own = rows[self.query.column.name]
        return rows.lazy().filter(spelled(self.query.column, own.dtype, own).within(days))

    def fingerprint_over(self, slots: Collection[Slot]) -> str:
        """That it is not pinned."""
        del slots
        return NOT_PINNED
