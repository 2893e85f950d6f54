"""Control tables: small append-only Delta tables under ``_control/``, appended by compare and swap.

Rows are numbered by the commits that wrote them, and read in that order: which of two facts is the newer one must not
depend on the clocks of two hosts.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import polars as pl

from backfill_assets.errors.lake import LakeUnreachable
from backfill_assets.storage.commits import Change, Decision
from backfill_assets.storage.entries import reaching
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.opening import Latest, latest, latest_is
from backfill_assets.storage.table import PROPERTIES, Snapshot, Table

MOST_FILES = 24
# Many small commits: without a checkpoint every few, opening the table takes longer than anything else.
COMMITS_PER_CHECKPOINT = "10"
# The number of a row in its table, from 1. Rows of before there were numbers have none: they are older than all others,
# and among themselves in the order of the clocks that wrote them.
ROW_NUMBER = "row_number"

Made = TypeVar("Made")
Result = TypeVar("Result")


class ControlTable:
    """An append-only table of facts.

    An append reads the newest rows, decides on them, and commits from the handle it read. When the table has
    come to ``MOST_FILES`` files the same commit folds them into one, so that reading stays quick; no row is lost.
    """

    def __init__(self, lake: Lake, name: str, schema: pl.Schema) -> None:
        self.schema = schema
        self._order = [ROW_NUMBER, *(name for name, kind in schema.items() if isinstance(kind, pl.Datetime))]
        self._table = Table(
            lake.control_uri(name),
            pl.Schema({**schema, ROW_NUMBER: pl.Int64()}),
            partition=None,
            storage_options=lake.storage_options,
            properties={**PROPERTIES, "delta.checkpointInterval": COMMITS_PER_CHECKPOINT},
        )

    def rows(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """All rows, in the order in which they were written; none when nothing was ever written."""
        return self._rows_of(self._latest(), columns or [*self.schema])

    def made_of_rows(self, columns: Sequence[str], make: Callable[[pl.DataFrame], Made]) -> Made:
        """What a function makes of all rows: made once for as long as no row comes, shared, and not to be changed."""
        found = self._latest()
        rows = self._rows_of(found, columns)
        return make(rows) if found is None else found.once((make, *columns), lambda _: make(rows))

    def append(self, make: Callable[[pl.DataFrame], pl.DataFrame | None]) -> pl.DataFrame | None:
        """Add the rows that ``make`` makes of the newest rows, and return them; it may raise to refuse, or return None.

        ``make`` is called again when another writer came first.
        """

        def decide(known: pl.DataFrame) -> Decision[pl.DataFrame | None, pl.DataFrame | None]:
            rows = make(known)
            return Decision(rows, rows)

        return self.append_decided(decide)

    def append_decided(self, decide: Callable[[pl.DataFrame], Decision[pl.DataFrame | None, Result]]) -> Result:
        """Add the rows that are decided on over the newest ones; returns the result of that decision.

        ``decide`` may raise to refuse, and is called again when another writer came first.
        """
        self._table.create()
        # Every attempt writes a file of its own; those of refused attempts go.
        done = self._table.commit_written(lambda snapshot: self._change(snapshot, decide))
        result, all_rows = done.result
        if done.commit is not None and all_rows is not None:
            self._keep(done.commit.number, all_rows)
        return result

    def _change(
        self, snapshot: Snapshot, decide: Callable[[pl.DataFrame], Decision[pl.DataFrame | None, Result]]
    ) -> Decision[Change | None, tuple[Result, pl.DataFrame | None]]:
        """The commit of what is decided on; with the result all rows after it, where they are known to be readable."""
        rows = self._rows_at(snapshot)
        decision = decide(rows)
        new = decision.write
        if new is None or new.is_empty():
            return Decision(None, (decision.result, None))
        all_rows = pl.concat([rows, new.select(rows.columns)], how="vertical_relaxed")
        folds = len(snapshot.names(None)) >= MOST_FILES
        numbered = all_rows.with_row_index(ROW_NUMBER, offset=1).cast({ROW_NUMBER: pl.Int64})
        written = numbered.slice(0 if folds else rows.height)
        adds = tuple(self._table.write_files({None: written}).values())
        change = Change(adds, removes=snapshot.files.get(None, ()) if folds else ())
        return Decision(change, (decision.result, all_rows if all_rows.schema == self.schema else None))

    def _keep(self, commit: int, rows: pl.DataFrame) -> None:
        """What is known to be all rows at a commit need not be read back, unless another one came already."""
        # The rows are written, whether or not they can be read back.
        with suppress(LakeUnreachable):
            found = latest_is(self._table.folder, commit)
            if found is not None:
                found.keep(self._whole, rows)

    def _rows_at(self, snapshot: Snapshot) -> pl.DataFrame:
        """All rows at a commit that is about to be built upon; those that were read before, when it is the same."""
        found = self._latest()
        if found is None or found.commit != snapshot.commit:
            return self._read(snapshot, [*self.schema])
        return self._rows_of(found, [*self.schema])

    def _rows_of(self, found: Latest | None, columns: Sequence[str]) -> pl.DataFrame:
        if found is None:
            return pl.DataFrame(schema=self.schema).select(columns)
        if [*columns] == [*self.schema]:
            return found.once(self._whole, lambda snapshot: self._read(snapshot, columns))
        if found.has(self._whole):
            whole = self._rows_of(found, [*self.schema])
            return found.once((self._whole, *columns), lambda _: whole[[*columns]])
        return found.once((self._whole, *columns), lambda snapshot: self._read(snapshot, columns))

    @property
    def _whole(self) -> tuple[tuple[str, pl.DataType], ...]:
        """Under which name all rows are kept: code of another schema reads them otherwise."""
        return tuple(self.schema.items())

    def _latest(self) -> Latest | None:
        return latest(self._table.uri, self._table.folder.storage_options)

    def _read(self, snapshot: Snapshot, columns: Sequence[str]) -> pl.DataFrame:
        # With the code's schema: a column that the table does not have yet reads as null.
        read = replace(snapshot, schema=self._table.schema).scan().select([*dict.fromkeys([*columns, *self._order])])
        with reaching(snapshot.folder):
            frame: pl.DataFrame = read.sort(self._order, nulls_last=False, maintain_order=True).collect()
        return frame.select(columns)
