"""One commit of one table, with the handle it was read from."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl
from deltalake import DeltaTable

from backfill_assets.core.partition_column import BY_DAY, PartitionColumn, detect, slots_in
from backfill_assets.core.slots import Slot
from backfill_assets.errors.base import BadInput
from backfill_assets.errors.lake import LakeUnreachable, NotByDay, PartitionUnfit
from backfill_assets.storage.actions import DataFile, files_in, fingerprint_of, unquoted
from backfill_assets.storage.files import Folder, in_threads
from backfill_assets.storage.layout import SLOT

# Beside the partition columns of a table, none of which has this name.
PATH = "_backfill_assets_path"


@dataclass(frozen=True)
class Snapshot:
    """One commit of one table; a decision taken on it is committed from its handle or not at all.

    ``schema`` is the code's schema: a column the table does not have yet reads as null. ``partition`` says how the
    table keeps its days. Where it is partitioned by that column, alone or together with others, its files are of days.
    """

    handle: DeltaTable
    folder: Folder
    schema: pl.Schema
    partition: PartitionColumn = BY_DAY

    @cached_property
    def partition_columns(self) -> tuple[str, ...]:
        """The partition columns at this commit, as the table says."""
        return tuple(self.handle.metadata().partition_columns)

    @property
    def by_day(self) -> bool:
        """Whether every file is of one day."""
        return self.partition.name in self.partition_columns

    @property
    def has_days(self) -> bool:
        """Whether its rows are of days, by their files or by a column that is read for it."""
        return self.by_day or self.partition.name in self.schema

    @property
    def tells_slots(self) -> bool:
        """Whether it can be told which files have rows of a slot."""
        return self.by_day

    @property
    def commit(self) -> int:
        """Delta's number of the commit, from 0."""
        return self.handle.version()

    @cached_property
    def files(self) -> Mapping[Slot | None, tuple[DataFile, ...]]:
        """Every file with complete statistics, by day."""
        return self._by_day(self._actions)

    @cached_property
    def days(self) -> frozenset[Slot]:
        """The days that have a file, with rows or without."""
        return frozenset(day for day in self._names if day is not None)

    def files_of(self, days: Collection[Slot]) -> dict[Slot, tuple[DataFile, ...]]:
        """The files of some days, with complete statistics; the empty tuple for a day without.

        Raises:
            NotByDay: when the table is not partitioned by day.
        """
        self._refuse_without_days()
        wanted = self._actions.filter(pl.col(SLOT).is_in(self._slots(days)))
        there = self._by_day(wanted)
        return {day: there.get(day, ()) for day in days}

    def names(self, day: Slot | None) -> frozenset[tuple[str, int]]:
        """Path and size of every file of a day."""
        return self._names.get(day, frozenset())

    def fingerprint(self, day: Slot | None) -> str:
        """SHA-256 over path and size of the day's files; the empty string for a day without files."""
        return fingerprint_of(self.names(day))

    def fingerprint_over(self, slots: Collection[Slot]) -> str:
        """SHA-256 over path and size of the files of some slots, or of all files where they are of none."""
        read = slots if self.by_day else (None,)
        return fingerprint_of({name for slot in read for name in self.names(slot)})

    def contents(self, days: Collection[Slot]) -> dict[Slot, str]:
        """SHA-256 over the bytes of each day's files; the empty string where one cannot be read or there is none."""
        return dict(zip(days, in_threads(self._content, list(days)), strict=True))

    def scan(self, days: Collection[Slot] | None = None) -> pl.LazyFrame:
        """The rows of all or some days, with every partition column; a day without files has none.

        Rows without a day are among all of them. Where files are not of days all of them are read for some.

        Raises:
            NotByDay: when days are asked for of a table whose rows have none.
        """
        if days is None:
            return self._rows_of(self._files)
        if self.by_day:
            return self._rows_of(self._files.filter(pl.col(SLOT).is_in(self._slots(days))))
        if not self.has_days:
            self._refuse_without_days()
        return self._rows_of(self._files).filter(self.partition.within(days))

    def read(self, slots: Collection[Slot]) -> pl.LazyFrame:
        """What is computed with for some slots: their rows, or all rows where files are not of slots."""
        return self.scan(slots if self.by_day else None)

    def lacking(self, slots: Collection[Slot]) -> list[Slot]:
        """Those of some slots that have no file; none where files are not of slots."""
        return [slot for slot in slots if self.by_day and slot not in self.days]

    def rows_without_day(self) -> int:
        """How many rows of a table by day have none: another writer's."""
        if not self.by_day or None not in self._names:
            return 0
        rows = self._rows_of(self._files.filter(pl.col(SLOT).is_null()))
        return int(rows.select(pl.len()).collect().item())

    def values_without_day(self) -> list[str]:
        """The values of the partition column that spell no day of a table by day; a null is not among them."""
        if not self.by_day or None not in self._names:
            return []
        values = self._files.filter(pl.col(SLOT).is_null())[self.partition.name].drop_nulls()
        return values.cast(pl.String).unique().sort().to_list()

    def spelling_of(self, column: PartitionColumn) -> PartitionColumn:
        """The column as the values of the table spell its slots; as it is given where there is none of its name."""
        if column.name not in self.schema:
            return column
        return column.spelled_as(self.schema[column.name], lambda: self._own_values(column.name))

    def _own_values(self, name: str) -> list[Any]:
        """The values of a partition column as the log has them; none of any other column."""
        if name not in self.partition_columns:
            return []
        return pl.DataFrame(self.handle.get_add_actions(flatten=False))["partition"].struct[name].to_list()

    def transaction_version(self, app_id: str) -> int:
        """The highest number an application has written to this table, 0 when none."""
        return self.handle.transaction_version(app_id) or 0

    def _content(self, day: Slot) -> str:
        try:
            return content_of(file_digests(self.folder, [path for path, _ in self.names(day)]))
        except LakeUnreachable:
            # On disk it is the file that cannot be read; a store that keeps silent says nothing of its files.
            if self.folder.local is None:
                raise
            return ""
        except OSError:
            return ""

    @property
    def actions(self) -> pl.DataFrame:
        """What the log says of every file, as it says it, with the slot of each."""
        return self._actions

    @cached_property
    def _actions(self) -> pl.DataFrame:
        """What the log says of every file.

        Raises:
            PartitionUnfit: when the partition column is of another type than it should be.
        """
        actions = pl.DataFrame(self.handle.get_add_actions(flatten=False))
        if not self.by_day:
            return actions
        own = self.partition
        values = actions["partition"].struct.field(own.name)
        if values.dtype != own.own_type:
            wanted = "a date" if own.is_slot else str(own.own_type)
            found = f"{own.name} is {values.dtype}, not {wanted}{_look_of(values)}"
            raise PartitionUnfit(self.folder.uri, found)
        return actions.with_columns(own.slots(pl.col("partition").struct.field(own.name)).alias(SLOT))

    @cached_property
    def _files(self) -> pl.DataFrame:
        """Every file's unquoted path and partition values, in the order of both."""
        partitions = [pl.col("partition").struct.field(name) for name in self.partition_columns]
        paths = unquoted(self._actions["path"]).alias(PATH)
        slots = [pl.col(SLOT)] * self.by_day
        return self._actions.select(paths, *partitions, *slots).sort(*self.partition_columns, PATH)

    @cached_property
    def _names(self) -> dict[Slot | None, frozenset[tuple[str, int]]]:
        days = slots_in(self._actions[SLOT]) if self.by_day else [None] * self._actions.height
        found: dict[Slot | None, set[tuple[str, int]]] = {}
        named = self._actions.select(unquoted(self._actions["path"]), "size_bytes")
        for (path, size), day in zip(named.iter_rows(), days, strict=True):
            found.setdefault(day, set()).add((path, size))
        return {day: frozenset(names) for day, names in found.items()}

    def _rows_of(self, files: pl.DataFrame) -> pl.LazyFrame:
        partitions = files.select(self.partition_columns) if self.partition_columns else None
        return self.folder.scan(files[PATH].to_list(), self.schema, partitions)

    def _slots(self, days: Collection[Slot]) -> pl.Series:
        return pl.Series(list(days), dtype=self.partition.slot_type).implode()

    def _refuse_without_days(self) -> None:
        if not self.by_day:
            raise NotByDay(self.folder.uri, self.partition_columns)

    def _by_day(self, actions: pl.DataFrame) -> dict[Slot | None, tuple[DataFile, ...]]:
        found: dict[Slot | None, list[DataFile]] = {}
        for file in files_in(actions, self.partition if self.by_day else None):
            found.setdefault(file.day, []).append(file)
        return {day: tuple(files) for day, files in found.items()}


def file_digests(folder: Folder, paths: Iterable[str]) -> dict[str, str]:
    """The SHA-256 of the bytes of files, by path.

    Raises:
        OSError: when one cannot be read.
    """
    return {path: folder.sha256(path) for path in sorted(paths)}


def content_of(digests: Mapping[str, str]) -> str:
    """The SHA-256 over those of files, in the order of their paths; the empty string where there is none."""
    digest = hashlib.sha256(b"".join(bytes.fromhex(digests[path]) for path in sorted(digests)))
    return digest.hexdigest() if digests else ""


def _look_of(values: pl.Series) -> str:
    """What the values of a partition column look like, at the end of a sentence on what they are not."""
    try:
        column = detect(values.name, values.dtype, values.to_list())
    except BadInput:
        return ""
    return f", and looks like {column.spelling.value}"


def same_rows(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    """Whether two frames hold the same rows, as multisets."""
    if left.schema != right.schema or left.height != right.height:
        return False
    names: list[Any] = left.columns
    return left.sort(names).equals(right.sort(names), null_equal=True)
