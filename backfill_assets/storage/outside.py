"""Tables outside the lake that transforms read: where they lie, how they are reached, and what is read of them.

Their rows are told apart by the values of one column, whether they are partitioned by it or not. Nothing is written.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import polars as pl

from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.slots import Slot
from backfill_assets.errors.outside import OutsideColumnMissing, VariableMissing
from backfill_assets.storage.actions import fingerprint_of, unquoted
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.opening import open_table, schema_of
from backfill_assets.storage.snapshot import PATH, Snapshot

LOW, HIGH, SIZE = "_backfill_assets_low", "_backfill_assets_high", "_backfill_assets_size"


def spelled(column: PartitionColumn, dtype: pl.DataType, sample: pl.Series) -> PartitionColumn:
    """The column as its values spell slots, of which there is a sample.

    Raises:
        ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous: when they do not.
    """
    return column.spelled_as(dtype, lambda: sample.drop_nulls().unique().to_list())


class Outside(Protocol):
    """Anything outside the lake that can be read by slots; ``is_pinned`` says whether a correction can pin it."""

    @property
    def is_pinned(self) -> bool:
        """Whether an earlier state of it can be read."""
        ...

    def snapshot(self, lake: Lake, name: str, commit: int | None = None) -> "OutsideSnapshot":
        """What it is now, or was at a commit."""
        ...


@dataclass(frozen=True, slots=True)
class OutsideDelta:
    """A Delta table of anybody's, at any place.

    ``storage_options`` are delta-rs's, ``from_environment`` names the variables that others of them are read from.
    """

    uri: str
    column: PartitionColumn
    storage_options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    from_environment: Mapping[str, str] = field(default_factory=dict[str, str])
    is_pinned: bool = True

    def snapshot(self, lake: Lake, name: str, commit: int | None = None) -> "OutsideSnapshot":
        """The newest commit, or an earlier one.

        Raises:
            VariableMissing: when an option is not in the environment.
            TableMissing, CommitGone, LogDamaged, LakeUnreachable, FeatureUnsupported: when it cannot be read.
            OutsideColumnMissing: when it lacks the column that tells slots apart.
            ColumnHoldsNoSlots: when the column's values are of no slot.
        """
        del lake, name  # A Delta table keeps what it was by itself.
        folder = Folder(self.uri, options_of(self.uri, self.storage_options, self.from_environment))
        handle = open_table(folder, commit)
        schema = schema_of(handle, self.uri)
        if self.column.name not in schema:
            raise OutsideColumnMissing(self.uri, self.column.name, schema.names())
        actions = pl.DataFrame(handle.get_add_actions(flatten=True))
        files = _spans(actions, self.column.name, schema[self.column.name])
        partition = spelled(self.column, schema[self.column.name], files[LOW])
        return OutsideSnapshot(handle, folder, schema, partition, files)


@dataclass(frozen=True)
class OutsideSnapshot(Snapshot):
    """One commit of a table outside the lake, of whose slots the column tells.

    ``spans`` has the path and size of each file and the least and greatest value that the column has in it; null where
    nobody wrote them down, so that it may have any.
    """

    spans: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def by_day(self) -> bool:
        """Whether every file is of one day: what files hold of a slot is told by the column's values."""
        return False

    @property
    def tells_slots(self) -> bool:
        """Whether it can be told which files may have rows of a slot."""
        return True

    def lacking(self, slots: Collection[Slot]) -> list[Slot]:
        """Those of some slots that have no file, where files are of one value of the column."""
        if self.partition.name not in self.partition_columns:
            return []
        return [slot for slot in slots if not self.files_read([slot]).height]

    def read(self, slots: Collection[Slot]) -> pl.LazyFrame:
        """The rows of some slots."""
        return self.scan(slots)

    def scan(self, days: Collection[Slot] | None = None) -> pl.LazyFrame:
        """The rows of all or some slots."""
        if days is None:
            return super().scan()
        wanted = self.files_read(days)[PATH].implode()
        rows = self._rows_of(self._files.filter(pl.col(PATH).is_in(wanted)))
        return rows.filter(self.partition.within(days))

    def fingerprint_over(self, slots: Collection[Slot]) -> str:
        """SHA-256 over path and size of the files that may have rows of some slots."""
        return fingerprint_of(self.files_read(slots).select(PATH, SIZE).iter_rows())

    def files_read(self, slots: Collection[Slot]) -> pl.DataFrame:
        """The spans of the files that may have rows of some slots."""
        unknown = pl.any_horizontal(pl.col(LOW, HIGH).is_null())
        return self.spans.filter(unknown | self.partition.overlapping(slots, pl.col(LOW), pl.col(HIGH)))

    @cached_property
    def days(self) -> frozenset[Slot]:
        """No days: a file may have rows of several."""
        return frozenset()


def options_of(uri: str, plain: Mapping[str, str], from_environment: Mapping[str, str]) -> dict[str, str]:
    """The storage options of an outside table, with what the environment has of them.

    Raises:
        VariableMissing: naming the variables that are not set.
    """
    if missing := [name for name in from_environment.values() if name not in os.environ]:
        raise VariableMissing(uri, missing)
    return {**plain, **{option: os.environ[name] for option, name in from_environment.items()}}


def _spans(actions: pl.DataFrame, column: str, dtype: pl.DataType) -> pl.DataFrame:
    """The files of a Delta table, with the span of the column in each."""
    low, high = (
        next((pl.col(name) for name in names if name in actions.columns), pl.lit(None))
        for names in ((f"partition.{column}", f"min.{column}"), (f"partition.{column}", f"max.{column}"))
    )
    return actions.select(
        unquoted(actions["path"]).alias(PATH),
        pl.col("size_bytes").alias(SIZE),
        low.cast(dtype).alias(LOW),
        high.cast(dtype).alias(HIGH),
    )
