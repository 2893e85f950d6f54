"""A Delta table of any shape, as another writer made it: what its log says, and those of its rows that one asks for."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import polars as pl
from deltalake import DeltaTable

from backfill_assets.core.adoption import Column, Size
from backfill_assets.errors.adoption import NoDeltaTable, RowsUnreadable
from backfill_assets.errors.base import in_one_line
from backfill_assets.errors.lake import TableMissing
from backfill_assets.storage.actions import unquoted
from backfill_assets.storage.entries import reaching
from backfill_assets.storage.features import misread
from backfill_assets.storage.files import Folder
from backfill_assets.storage.opening import open_any, polars_type

PATH, ROWS = "_backfill_assets_path", "_backfill_assets_rows"


@dataclass(frozen=True)
class ForeignTable:
    """One commit of a table of any shape; no promise of this library holds for it."""

    folder: Folder
    handle: DeltaTable

    @classmethod
    def at(cls, folder: Folder, commit: int | None = None) -> "ForeignTable":
        """The newest commit of the table in a folder, or an earlier one.

        Raises:
            NoDeltaTable: when there are files, and no log.
            TableMissing, CommitGone, LogDamaged, PartitionUnfit, FeatureUnsupported, LakeUnreachable: when it cannot
                be opened.
        """
        try:
            return cls(folder, open_any(folder, commit))
        except TableMissing:
            with reaching(folder):
                if folder.holds_public_files():
                    raise NoDeltaTable(folder.uri) from None
            raise

    @cached_property
    def partition_columns(self) -> tuple[str, ...]:
        """The partition columns, as the table says."""
        return tuple(self.handle.metadata().partition_columns)

    @cached_property
    def columns(self) -> dict[str, Column]:
        """Every column, in order, with its type by its name in Delta's schema."""
        fields = self.handle.schema().fields
        types = {field.name: str(getattr(field.type, "type", field.type)) for field in fields}
        return {
            field.name: Column(types[field.name], polars_type(types[field.name]) is not None, field.nullable)
            for field in fields
        }

    @property
    def has_readable_rows(self) -> bool:
        """Whether the files say what the table says."""
        return not misread(self.handle)

    @cached_property
    def size(self) -> Size:
        """Files, bytes and rows; the rows of files without statistics are counted."""
        return Size(self.files.height, int(self._actions["size_bytes"].sum()), self.rows_of(self.files))

    @cached_property
    def files(self) -> pl.DataFrame:
        """Unquoted path and rows of every file, with its partition values."""
        values = [pl.col("partition").struct.field(name) for name in self.partition_columns]
        paths = unquoted(self._actions["path"]).alias(PATH)
        return self._actions.select(paths, pl.col("num_records").alias(ROWS), *values)

    def schema(self, columns: Collection[str] | None = None) -> pl.Schema:
        """Columns as Polars names their types; those of a type that is not known are left out."""
        types = {
            name: polars_type(column.type)
            for name, column in self.columns.items()
            if columns is None or name in columns
        }
        return pl.Schema({name: kind for name, kind in types.items() if kind is not None})

    def scan(self, columns: Collection[str] | None = None, files: pl.DataFrame | None = None) -> pl.LazyFrame:
        """The rows of all or some files, of all or some columns."""
        files = self.files if files is None else files
        partitions = files.drop(PATH, ROWS) if self.partition_columns else None
        # A column to count by, where none is asked for.
        wanted = self.schema(columns) or pl.Schema(list(self.schema().items())[:1])
        return self.folder.scan(files[PATH].to_list(), wanted, partitions)

    def rows_of(self, files: pl.DataFrame) -> int:
        """How many rows some files have; those of files without statistics are counted."""
        uncounted = files.filter(pl.col(ROWS).is_null())
        counted = self.scan([], uncounted).select(pl.len()).collect().item() if uncounted.height else 0
        return int(files[ROWS].sum()) + int(counted)

    @contextmanager
    def reading(self) -> Generator[None]:
        """Say which table has rows that cannot be read, and why.

        Raises:
            RowsUnreadable: instead of an error of Polars or of the store.
        """
        try:
            yield
        except (pl.exceptions.PolarsError, OSError) as error:
            raise RowsUnreadable(self.folder.uri, self.missing(), in_one_line(str(error))) from error

    def missing(self) -> int:
        """How many of its files are gone."""
        return len(self.folder.missing(self.files[PATH]))

    def nulls(self, column: str) -> int:
        """How many rows lack a column, by the log where it says so."""
        if column in self.partition_columns:
            return self.rows_of(self.files.filter(pl.col(column).is_null()))
        counted = self.statistic("null_count", column)
        unknown = self.files.filter(counted.is_null())
        told = int(counted.sum() or 0)
        return told + int(self.scan([column], unknown).select(pl.col(column).null_count()).collect().item() or 0)

    def statistic(self, name: str, column: str) -> pl.Series:
        """What the log says of a column, file by file; null where it says nothing."""
        kind = self._actions.schema.get(name)
        fields = {field.name for field in kind.fields} if isinstance(kind, pl.Struct) else set[str]()
        nothing = pl.Series(column, [None] * self.files.height, dtype=pl.Int64)
        return self._actions[name].struct.field(column) if column in fields else nothing

    @cached_property
    def _actions(self) -> pl.DataFrame:
        return pl.DataFrame(self.handle.get_add_actions(flatten=False))
