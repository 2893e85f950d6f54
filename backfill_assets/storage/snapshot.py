"""One commit of one table, with the handle it was read from."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable

from backfill_assets.errors.lake import NotByDay, PartitionUnfit
from backfill_assets.storage.actions import DataFile, files_in, fingerprint_of
from backfill_assets.storage.files import Folder, in_threads
from backfill_assets.storage.layout import DAY

# Beside the partition columns of a table, none of which has this name.
PATH = "_backfill_assets_path"


@dataclass(frozen=True)
class Snapshot:
    """One commit of one table; a decision taken on it is committed from its handle or not at all.

    ``schema`` is the code's schema: a column the table does not have yet reads as null.
    """

    handle: DeltaTable
    folder: Folder
    schema: pl.Schema

    @cached_property
    def partition_columns(self) -> tuple[str, ...]:
        """The partition columns at this commit, as the table says."""
        return tuple(self.handle.metadata().partition_columns)

    @property
    def by_day(self) -> bool:
        """Whether the table is partitioned by ``day``, alone or together with other columns."""
        return DAY in self.partition_columns

    @property
    def commit(self) -> int:
        """Delta's number of the commit, from 0."""
        return self.handle.version()

    @cached_property
    def files(self) -> Mapping[date | None, tuple[DataFile, ...]]:
        """Every file with complete statistics, by day."""
        return self._by_day(self._actions)

    @cached_property
    def days(self) -> frozenset[date]:
        """The days that have a file, with rows or without."""
        return frozenset(day for day in self._names if day is not None)

    def files_of(self, days: Collection[date]) -> dict[date, tuple[DataFile, ...]]:
        """The files of some days, with complete statistics; the empty tuple for a day without.

        Raises:
            NotByDay: when the table is not partitioned by day.
        """
        self._refuse_without_days()
        wanted = self._actions.filter(pl.col("partition").struct.field(DAY).is_in(list(days)))
        there = self._by_day(wanted)
        return {day: there.get(day, ()) for day in days}

    def names(self, day: date | None) -> frozenset[tuple[str, int]]:
        """Path and size of every file of a day."""
        return self._names.get(day, frozenset())

    def fingerprint(self, day: date | None) -> str:
        """SHA-256 over path and size of the day's files; the empty string for a day without files."""
        return fingerprint_of(self.names(day))

    def contents(self, days: Collection[date]) -> dict[date, str]:
        """SHA-256 over the bytes of each day's files; the empty string where one cannot be read or there is none."""
        return dict(zip(days, in_threads(self._content, list(days)), strict=True))

    def scan(self, days: Collection[date] | None = None) -> pl.LazyFrame:
        """The rows of all or some days, with every partition column; a day without files has none.

        Rows without a day are among all of them.

        Raises:
            NotByDay: when days are asked for of a table that is not partitioned by day.
        """
        files = self._files
        if days is not None:
            self._refuse_without_days()
            files = files.filter(pl.col(DAY).is_in(list(days)))
        return self._rows_of(files)

    def rows_without_day(self) -> int:
        """How many rows of a table by day have none: another writer's."""
        if not self.by_day or None not in self._names:
            return 0
        rows = self._rows_of(self._files.filter(pl.col(DAY).is_null()))
        return int(rows.select(pl.len()).collect().item())

    def transaction_version(self, app_id: str) -> int:
        """The highest number an application has written to this table, 0 when none."""
        return self.handle.transaction_version(app_id) or 0

    def _content(self, day: date) -> str:
        digest = hashlib.sha256()
        try:
            for path, _ in sorted(self.names(day)):
                digest.update(hashlib.sha256(self.folder.read(path)).digest())
        except OSError:
            return ""
        return digest.hexdigest() if self.names(day) else ""

    @cached_property
    def _actions(self) -> pl.DataFrame:
        """What the log says of every file.

        Raises:
            PartitionUnfit: when ``day`` is no date.
        """
        actions = pl.DataFrame(self.handle.get_add_actions(flatten=False))
        if self.by_day and (kind := actions["partition"].struct.schema[DAY]) != pl.Date:
            raise PartitionUnfit(self.folder.uri, f"{DAY} is {kind}, not a date")
        return actions

    @cached_property
    def _files(self) -> pl.DataFrame:
        """Every file's unquoted path and partition values, in the order of both."""
        partitions = [pl.col("partition").struct.field(name) for name in self.partition_columns]
        paths = pl.Series(PATH, [unquote(path) for path in self._actions["path"]], dtype=pl.String)
        return self._actions.select(paths, *partitions).sort(*self.partition_columns, PATH)

    @cached_property
    def _names(self) -> dict[date | None, frozenset[tuple[str, int]]]:
        columns = self._actions.select("path", "size_bytes", *([pl.col("partition").struct.field(DAY)] * self.by_day))
        found: dict[date | None, set[tuple[str, int]]] = {}
        for path, size, *day in columns.iter_rows():
            found.setdefault(day[0] if day else None, set()).add((unquote(path), size))
        return {day: frozenset(names) for day, names in found.items()}

    def _rows_of(self, files: pl.DataFrame) -> pl.LazyFrame:
        partitions = files.drop(PATH) if self.partition_columns else None
        return self.folder.scan(files[PATH].to_list(), self.schema, partitions)

    def _refuse_without_days(self) -> None:
        if not self.by_day:
            raise NotByDay(self.folder.uri, self.partition_columns)

    def _by_day(self, actions: pl.DataFrame) -> dict[date | None, tuple[DataFile, ...]]:
        found: dict[date | None, list[DataFile]] = {}
        for file in files_in(actions, by_day=self.by_day):
            found.setdefault(file.day, []).append(file)
        return {day: tuple(files) for day, files in found.items()}


def same_rows(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    """Whether two frames hold the same rows, as multisets."""
    if left.schema != right.schema or left.height != right.height:
        return False
    names: list[Any] = left.columns
    return left.sort(names).equals(right.sort(names), null_equal=True)
