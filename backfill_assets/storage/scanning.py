"""Parquet files read as one frame of a schema, each row with the partition values that the log has of its file."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from backfill_assets.storage.operations import Operation, perform

FILE_COLUMN = "_backfill_assets_file"
# Polars widens milliseconds since 1.43; before that, it says so of a file that another writer kept them in.
WIDENS_MILLISECONDS = tuple(int(part) for part in pl.__version__.split(".")[:2]) >= (1, 43)
AS_OTHERS_WRITE = pl.ScanCastOptions(
    integer_cast="upcast",
    float_cast="upcast",
    datetime_cast=["nanosecond-downcast", "convert-timezone", *(["millisecond-upcast"] if WIDENS_MILLISECONDS else [])],
    categorical_to_string="allow",
)

# Roots in whose names Polars finds nothing to decode, and no partition.
PLAIN = re.compile(r"[A-Za-z0-9_./:~-]*")


@dataclass(frozen=True, slots=True)
class DayFiles:
    """Files below a root; ``partitions`` has a row for each of them, a column for each partition column."""

    root: str
    paths: Sequence[str]
    partitions: pl.DataFrame | None = None

    @property
    def names(self) -> list[str]:
        """The files as they are opened."""
        return [f"{self.root}/{path}" for path in self.paths]

    def name_their_dates(self, schema: pl.Schema) -> bool:
        """Whether the names of folders tell the one date of each file as the log does, and nothing else."""
        there = self.partitions
        if there is None or there.width != 1 or not PLAIN.fullmatch(self.root):
            return False
        name = there.columns[0]
        if schema.get(name) != pl.Date() or there[name].dtype != pl.Date():
            return False
        told = pl.Series(self.paths, dtype=pl.String).str.extract(r"^(?:[^=%]*/)?([^/=%]+=[0-9-]+)/[^/=%]+$")
        dates = there[name].dt.to_string("%Y-%m-%d")
        return bool((told == f"{name}=" + dates).fill_null(value=False).all())


def rows_of_files(files: DayFiles, schema: pl.Schema, storage_options: Mapping[str, str] | None) -> pl.LazyFrame:
    """Read files as one frame.

    A column that a file lacks is null there, because it was added to the table after the file was written; what a file
    says of a partition column does not count. Times and numbers that another writer keeps in a narrower type are
    widened. Polars' own ``scan_delta`` cannot read below a root whose name has a space or ``key=value`` in it.
    """
    there = files.partitions
    if not files.paths:
        return pl.LazyFrame(schema=schema)
    by = [name for name in there.columns if name in schema] if there is not None else []
    # By the names of folders a row's date is known in half the time that it takes to look its file's path up.
    in_names = files.name_their_dates(schema)

    def begin() -> pl.LazyFrame:
        return pl.scan_parquet(
            files.names,
            schema=pl.Schema({name: kind for name, kind in schema.items() if name not in by}),
            glob=False,
            hive_partitioning=in_names,
            hive_schema=pl.Schema({name: schema[name] for name in by}) if in_names else None,
            missing_columns="insert",
            extra_columns="ignore",
            cast_options=AS_OTHERS_WRITE,
            include_file_paths=FILE_COLUMN if by and not in_names else None,
            storage_options=dict(storage_options) if storage_options else None,
        )

    rows = perform(Operation.READ, f"{files.root}/", begin)
    if by and there is not None and not in_names:
        values = there.select(pl.col(name).cast(schema[name]) for name in by)
        of_files = values.with_columns(pl.Series(FILE_COLUMN, files.names))
        rows = rows.join(of_files.lazy(), on=FILE_COLUMN, how="inner")
    return rows.select(schema.names())
