"""Control tables: small append-only Delta tables under ``_control/``, appended by compare and swap."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import polars as pl

from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.latest import Latest, latest
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.table import PROPERTIES, Change, Snapshot, Table

MOST_FILES = 24
# Many small commits: without a checkpoint every few, opening the table takes longer than anything else.
COMMITS_PER_CHECKPOINT = "10"

Made = TypeVar("Made")


class ControlTable:
    """An append-only table of facts.

    An append reads the newest rows, decides on them, and commits from the handle it read. When the table has
    come to ``MOST_FILES`` files the same commit folds them into one, so that reading stays quick; no row is lost.
    """

    def __init__(self, lake: Lake, name: str, schema: pl.Schema) -> None:
        self.schema = schema
        self._table = Table(
            lake.control_uri(name),
            schema,
            by_day=False,
            storage_options=lake.storage_options,
            properties={**PROPERTIES, "delta.checkpointInterval": COMMITS_PER_CHECKPOINT},
        )

    def rows(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """All rows, in no order; none when nothing was ever written."""
        return self._rows_of(self._latest(), columns or [*self.schema])

    def made_of_rows(self, columns: Sequence[str], make: Callable[[pl.DataFrame], Made]) -> Made:
        """What a function makes of all rows: made once for as long as no row comes, shared, and not to be changed."""
        found = self._latest()
        rows = self._rows_of(found, columns)
        return make(rows) if found is None else found.once((make, *columns), lambda _: make(rows))

    def append(self, decide: Callable[[pl.DataFrame], pl.DataFrame | None]) -> pl.DataFrame | None:
        """Add the rows that ``decide`` makes of the newest rows; it may raise to refuse, or return None.

        ``decide`` is called again when another writer came first.
        """
        self._table.create()
        appended: list[pl.DataFrame | None] = [None]
        grown: list[pl.DataFrame] = []
        written: list[DataFile] = []

        def change(snapshot: Snapshot) -> Change | None:
            rows = self._rows_at(snapshot)
            new = decide(rows)
            appended[0] = new
            if new is None or new.is_empty():
                return None
            all_rows = pl.concat([rows, new.select(rows.columns)], how="vertical_relaxed")
            grown[:] = [all_rows] if all_rows.schema == self.schema else []
            folds = len(snapshot.names(None)) >= MOST_FILES
            adds = tuple(self._table.write_files({None: all_rows if folds else new}).values())
            written.extend(adds)
            return Change(adds=adds, removes=snapshot.files.get(None, ()) if folds else ())

        # Every attempt writes a file of its own; those of refused attempts go.
        commit = self._table.commit_written(change, lambda: written)
        if commit is not None and grown:
            self._keep(commit.number, grown[0])
        return appended[0]

    def _keep(self, commit: int, rows: pl.DataFrame) -> None:
        """What is known to be all rows at a commit need not be read back, unless another one came already."""
        found = self._latest()
        if found is not None and found.snapshot.commit == commit:
            found.keep(self._whole, rows)

    def _rows_at(self, snapshot: Snapshot) -> pl.DataFrame:
        """All rows at a commit that is about to be built upon; those that were read before, when it is the same."""
        found = self._latest()
        if found is None or found.snapshot.commit != snapshot.commit:
            return self._read(snapshot, [*self.schema])
        return self._rows_of(found, [*self.schema])

    def _rows_of(self, found: Latest | None, columns: Sequence[str]) -> pl.DataFrame:
        if found is None:
            return pl.DataFrame(schema=self.schema).select(columns)
        if [*columns] == [*self.schema]:
            return found.once(self._whole, lambda snapshot: self._read(snapshot, columns))
        if found.has(self._whole):
            return self._rows_of(found, [*self.schema]).select(columns)
        return found.once((self._whole, *columns), lambda snapshot: self._read(snapshot, columns))

    @property
    def _whole(self) -> tuple[tuple[str, pl.DataType], ...]:
        """Under which name all rows are kept: code of another schema reads them otherwise."""
        return tuple(self.schema.items())

    def _latest(self) -> Latest | None:
        return latest(self._table.uri, self._table.folder.storage_options)

    def _read(self, snapshot: Snapshot, columns: Sequence[str]) -> pl.DataFrame:
        # With the code's schema: a column that the table does not have yet reads as null.
        frame: pl.DataFrame = replace(snapshot, schema=self.schema).scan().select(columns).collect()
        return frame
