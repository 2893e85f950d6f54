"""Control tables: small append-only Delta tables under ``_control/``, appended by compare and swap."""

from collections.abc import Callable, Sequence

import polars as pl

from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.table import Change, Snapshot, Table

MOST_FILES = 24


class ControlTable:
    """An append-only table of facts.

    An append reads the newest rows, decides on them, and commits from the handle it read. When the table has
    come to ``MOST_FILES`` files the same commit folds them into one, so that reading stays quick; no row is lost.
    """

    def __init__(self, lake: Lake, name: str, schema: pl.Schema) -> None:
        self.schema = schema
        self._table = Table(lake.control_uri(name), schema, by_day=False, storage_options=lake.storage_options)

    def rows(self, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """All rows, in no order; none when nothing was ever written."""
        if not self._table.exists():
            return pl.DataFrame(schema=self.schema).select(columns or list(self.schema))
        return _read(self._table.snapshot(), columns)

    def append(self, decide: Callable[[pl.DataFrame], pl.DataFrame | None]) -> pl.DataFrame | None:
        """Add the rows that ``decide`` makes of the newest rows; it may raise to refuse, or return None.

        ``decide`` is called again when another writer came first.
        """
        self._table.create()
        appended: list[pl.DataFrame | None] = [None]
        written: list[DataFile] = []

        def change(snapshot: Snapshot) -> Change | None:
            rows = _read(snapshot)
            new = decide(rows)
            appended[0] = new
            if new is None or new.is_empty():
                return None
            old = snapshot.files.get(None, ())
            folds = len(old) >= MOST_FILES
            content = pl.concat([rows, new.select(rows.columns)]) if folds else new
            adds = tuple(self._table.write_files({None: content}).values())
            written.extend(adds)
            return Change(adds=adds, removes=old if folds else ())

        # Every attempt writes a file of its own; those of refused attempts go.
        self._table.commit_written(change, lambda: written)
        return appended[0]


def _read(snapshot: Snapshot, columns: Sequence[str] | None = None) -> pl.DataFrame:
    frame = snapshot.scan()
    return (frame.select(columns) if columns else frame).collect()
