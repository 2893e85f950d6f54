"""Parquet files of others, read as one table: what they were is written down, so that a correction can pin them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import polars as pl

from backfill_assets.core.partition_column import PartitionColumn
from backfill_assets.core.slots import Slot
from backfill_assets.errors.lake import CommitGone
from backfill_assets.errors.outside import OutsideColumnMissing, OutsideFilesChanged, OutsideFilesMissing
from backfill_assets.storage.actions import fingerprint_of
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.files import Folder, Found, in_threads
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.options import of_polars
from backfill_assets.storage.outside import HIGH, LOW, SIZE, OutsideSnapshot, options_of, spelled
from backfill_assets.storage.row_table import RowTable, values_of
from backfill_assets.storage.snapshot import PATH

WILD = re.compile(r"[*?\[]")
HIVE = re.compile(r"(?:^|/)([^/=]+)=([^/]*)(?=/)")
_hashes: dict[tuple[str, Found], str] = {}
_ends: dict[tuple[str, str, str], tuple[Any, Any]] = {}


@dataclass(frozen=True, slots=True)
class OutsideFile:
    """One row of ``_control/outside_files``: a file of an outside source as it was at one edition of the source."""

    source: str
    edition: int
    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OutsideFiles:
    """Parquet files that a pattern names, where ``*`` stands for any part of a name and ``**`` for any folders.

    Values in the names of folders, such as ``order_date=2026-01-05``, are columns of text.
    """

    pattern: str
    column: PartitionColumn
    storage_options: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    from_environment: Mapping[str, str] = field(default_factory=dict[str, str])
    is_pinned: bool = True

    def snapshot(self, lake: Lake, name: str, commit: int | None = None) -> OutsideSnapshot:
        """The files as they are, or as they were at an edition; a new edition is written down.

        Raises:
            VariableMissing: when an option is not in the environment.
            OutsideFilesMissing: when there are none.
            CommitGone: when the edition was never written down.
            OutsideColumnMissing: when they lack the column that tells slots apart.
            ColumnHoldsNoSlots: when the column's values are of no slot.
        """
        root, rest = self._parts
        folder = Folder(root, options_of(self.pattern, self.storage_options, self.from_environment))
        known = RowTable(lake, "outside_files", OutsideFile)
        files = self._newest(known, name, folder, rest) if commit is None else _edition(known.rows(), name, commit)
        if not files:
            raise CommitGone(self.pattern, commit) if commit is not None else OutsideFilesMissing(self.pattern)
        schema, hive = _schema(folder, files)
        if self.column.name not in schema:
            raise OutsideColumnMissing(self.pattern, self.column.name, schema.names())
        spans = _spans(folder, files, self.column.name, schema)
        partition = spelled(self.column, schema[self.column.name], spans[LOW])
        # Nothing is ever committed to files of others, so there is no handle to commit from.
        return FilesSnapshot(cast("Any", None), folder, schema, partition, spans, tuple(files), hive)

    @property
    def _parts(self) -> tuple[str, str]:
        """The folder without any pattern, and the pattern below it."""
        found = WILD.search(self.pattern)
        end = found.start() if found else len(self.pattern)
        root, _, _ = self.pattern[:end].rpartition("/")
        return root or "/", self.pattern[len(root) :].lstrip("/")

    def _newest(self, known: RowTable[OutsideFile], name: str, folder: Folder, rest: str) -> list[OutsideFile]:
        fits = re.compile(_regular(rest))
        found = sorted((one for one in folder.listing() if fits.fullmatch(one.path)), key=lambda one: one.path)
        told = list(zip(found, in_threads(lambda one: _sha256(folder, one), found), strict=True))

        def decide(rows: pl.DataFrame) -> Decision[list[OutsideFile], list[OutsideFile]]:
            last = rows.filter(pl.col("source") == name)["edition"].max()
            edition = int(cast("int", last or 0))
            before = _edition(rows, name, edition)
            now = [OutsideFile(name, edition, one.path, one.size, sha) for one, sha in told]
            if before == now or not now:
                return Decision([], now)
            new = [OutsideFile(name, edition + 1, one.path, one.size, sha) for one, sha in told]
            return Decision(new, new)

        return known.append_decided(decide)


@dataclass(frozen=True)
class FilesSnapshot(OutsideSnapshot):
    """One edition of Parquet files of others; a file that is read is what it was, or nothing is read."""

    files_then: tuple[OutsideFile, ...] = ()
    folders: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    @property
    def commit(self) -> int:
        """The number of the edition, from 1."""
        return self.files_then[0].edition

    @cached_property
    def partition_columns(self) -> tuple[str, ...]:
        """The columns that the names of folders tell."""
        return tuple(dict.fromkeys(name for told in self.folders.values() for name in told))

    def scan(self, days: Collection[Slot] | None = None) -> pl.LazyFrame:
        """The rows of all or some slots.

        Raises:
            OutsideFilesChanged: naming the files that are gone or are not what they were.
        """
        wanted = self.spans if days is None else self.files_read(days)
        self._refuse_changed(set(wanted[PATH]))
        return super().scan(days)

    def fingerprint_over(self, slots: Collection[Slot]) -> str:
        """SHA-256 over path, content and size of the files that may have rows of some slots."""
        contents = {one.path: one.sha256 for one in self.files_then}
        read = self.files_read(slots).select(PATH, SIZE).iter_rows()
        return fingerprint_of((f"{path}\x00{contents[path]}", size) for path, size in read)

    def _refuse_changed(self, paths: Collection[str]) -> None:
        then = {one.path: one.sha256 for one in self.files_then if one.path in paths}
        there = {one.path: one for one in self.folder.find(list(then))}
        changed = [path for path, sha in then.items() if path not in there or _sha256(self.folder, there[path]) != sha]
        if changed:
            raise OutsideFilesChanged(self.folder.uri, sorted(changed))

    @cached_property
    def _files(self) -> pl.DataFrame:
        told = [{PATH: path, **values} for path, values in self.folders.items()]
        return pl.DataFrame(told, schema=dict.fromkeys((PATH, *self.partition_columns), pl.String))

    @cached_property
    def _names(self) -> dict[Slot | None, frozenset[tuple[str, int]]]:
        return {None: frozenset((one.path, one.size) for one in self.files_then)}


def _edition(rows: pl.DataFrame, name: str, edition: int) -> list[OutsideFile]:
    wanted = rows.filter((pl.col("source") == name) & (pl.col("edition") == edition))
    return sorted(values_of(OutsideFile, wanted), key=lambda one: one.path)


def _sha256(folder: Folder, file: Found) -> str:
    """The SHA-256 of a file's bytes, read once as long as its size and time stay."""
    key = (folder.uri, file)
    if key not in _hashes:
        _hashes[key] = folder.sha256(file.path)
    return _hashes[key]


def _schema(folder: Folder, files: Collection[OutsideFile]) -> tuple[pl.Schema, dict[str, dict[str, str]]]:
    """The columns of the files and of the names of their folders, and those by file."""
    folders = {one.path: dict(HIVE.findall(one.path)) for one in files}
    last = max(files, key=lambda one: one.path).path
    name = f"{folder.local or folder.uri}/{last}"
    own = pl.scan_parquet(
        name, glob=False, hive_partitioning=False, storage_options=of_polars(folder.storage_options)
    ).collect_schema()
    told = dict.fromkeys(folders[last], pl.String())
    return pl.Schema({**own, **told}), folders


def _spans(folder: Folder, files: Collection[OutsideFile], column: str, schema: pl.Schema) -> pl.DataFrame:
    ends = in_threads(lambda one: _span(folder, one, column, schema), files)
    return pl.DataFrame(
        {
            PATH: [one.path for one in files],
            SIZE: [one.size for one in files],
            LOW: [low for low, _ in ends],
            HIGH: [high for _, high in ends],
        },
        schema={PATH: pl.String, SIZE: pl.Int64, LOW: schema[column], HIGH: schema[column]},
    )


def _span(folder: Folder, file: OutsideFile, column: str, schema: pl.Schema) -> tuple[Any, Any]:
    """The least and greatest value of a column in a file; unknown where the file cannot be read any more."""
    if (told := dict(HIVE.findall(file.path)).get(column)) is not None:
        return told, told
    key = (file.sha256, column, folder.uri)
    if key not in _ends:
        own = pl.col(column)
        try:
            rows = folder.scan([file.path], pl.Schema({column: schema[column]}))
            _ends[key] = rows.select(low=own.min(), high=own.max()).collect().row(0)
        except (OSError, pl.exceptions.PolarsError):
            return None, None
    return _ends[key]


def _regular(pattern: str) -> str:
    """A pattern of paths as a regular expression."""
    parts = re.split(r"(\*\*/|\*|\?)", pattern)
    means = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return "".join(means.get(part) or re.escape(part) for part in parts)
