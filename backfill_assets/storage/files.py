"""Parquet files below one root: written, scanned, looked for, listed and deleted, on disk or in an object store."""

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import polars as pl
import pyarrow.fs as pafs
from deltalake.fs import DeltaStorageHandler

from backfill_assets.storage.layout import DAY

FILE_URI = "file://"
MOST_THREADS = 8

Given = TypeVar("Given")
Got = TypeVar("Got")


@dataclass(frozen=True, slots=True)
class Found:
    """One file below the root: unquoted relative path, bytes, time of its last change in UTC."""

    path: str
    size: int
    modified: datetime | None


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder or object-store prefix whose files are named by relative, unquoted paths.

    ``storage_options`` are delta-rs's; polars takes the same keys.
    """

    uri: str
    storage_options: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def local(self) -> Path | None:
        """The folder on disk, None in an object store."""
        if self.uri.startswith(FILE_URI):
            return Path(self.uri.removeprefix(FILE_URI))
        return None if "://" in self.uri else Path(self.uri)

    def write(self, path: str, frame: pl.DataFrame) -> int:
        """Write one Parquet file and return its size in bytes."""
        if self.local is None:
            target = f"{self.uri}/{path}"
            frame.write_parquet(target, compression="zstd", storage_options=self.storage_options)
            return self.find([path])[0].size
        place = self.local / path
        place.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(place, compression="zstd")
        return place.stat().st_size

    def scan(self, files: Sequence[tuple[str, date | None]], schema: pl.Schema) -> pl.LazyFrame:
        """Read files, given as path and day, as one frame of the schema; ``day`` comes from beside the path.

        A column that a file lacks is null there, because it was added to the table after the file was written.
        Polars' own ``scan_delta`` cannot read below a root whose name has a space or ``key=value`` in it.
        """
        if not files:
            return pl.LazyFrame(schema=schema)
        root = str(self.local) if self.local is not None else self.uri
        inside = pl.Schema({name: kind for name, kind in schema.items() if name != DAY or files[0][1] is None})
        names = [f"{root}/{path}" for path, _ in files]
        rows = pl.scan_parquet(
            names,
            glob=False,
            schema=inside,
            hive_partitioning=False,
            missing_columns="insert",
            extra_columns="ignore",
            cast_options=pl.ScanCastOptions(integer_cast="upcast", datetime_cast="nanosecond-downcast"),
            include_file_paths="_file",
            storage_options=self.storage_options or None,
        )
        if files[0][1] is None:
            return rows.select(schema.names())
        days = pl.LazyFrame({"_file": names, DAY: [day for _, day in files]}, schema_overrides={DAY: pl.Date})
        return rows.join(days, on="_file", how="inner").select(schema.names())

    def find(self, paths: Collection[str]) -> list[Found]:
        """Those of the files that exist."""
        if self.local is None:
            infos = in_threads(lambda path: self._files().get_file_info(path), paths)
        else:
            infos = pafs.LocalFileSystem().get_file_info([str(self.local / path) for path in paths])
        return [
            Found(path, info.size, info.mtime)
            for path, info in zip(paths, infos, strict=True)
            if info.type == pafs.FileType.File
        ]

    def missing(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of the files that do not exist."""
        wanted = frozenset(paths)
        return wanted - {found.path for found in self.find(wanted)}

    def delete(self, paths: Collection[str]) -> None:
        """Delete the files; one that is gone already is no error."""
        in_threads(self._delete, paths)

    def _delete(self, path: str) -> None:
        if self.local is not None:
            (self.local / path).unlink(missing_ok=True)
            return
        try:
            self._files().delete_file(path)
        except FileNotFoundError:
            return

    def _files(self) -> pafs.FileSystem:
        return pafs.PyFileSystem(DeltaStorageHandler(self.uri, self.storage_options))


def in_threads(work: Callable[[Given], Got], items: Collection[Given]) -> list[Got]:
    """Do the same to every item, a few at a time; the results in order."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(max_workers=MOST_THREADS) as pool:
        return list(pool.map(work, items))
