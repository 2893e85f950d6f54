"""Parquet files below one root: written, scanned, looked for, listed and deleted, on disk or in an object store."""

import os
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import file_digest, sha256
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.core.slots import Slot
from backfill_assets.errors.answers import said
from backfill_assets.errors.lake import LakeUnreachable
from backfill_assets.errors.setup import needs_extra
from backfill_assets.errors.store import FilesUndeleted
from backfill_assets.storage.operations import Operation, perform
from backfill_assets.storage.options import of_polars
from backfill_assets.storage.scanning import DayFiles, rows_of_files

FILE_URI = "file://"
READ_AT_ONCE = 1 << 23
MOST_THREADS = 8
# An object store answers one listing faster than this many single questions.
MOST_QUESTIONS = 16
Given = TypeVar("Given")
Got = TypeVar("Got")


@dataclass(frozen=True, slots=True)
class Found:
    """One file below the root: unquoted relative path, bytes, time of its last change in UTC."""

    path: str
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder or object-store prefix whose files are named by relative, unquoted paths; the options are delta-rs's."""

    uri: str
    storage_options: dict[str, str] = field(default_factory=dict[str, str], repr=False)

    @property
    def local(self) -> Path | None:
        """The folder on disk, None in an object store."""
        if self.uri.startswith(FILE_URI):
            return Path(self.uri.removeprefix(FILE_URI))
        return None if "://" in self.uri else Path(self.uri)

    def write(self, path: str, frame: pl.DataFrame) -> int:
        """Write one Parquet file and return its size in bytes."""

        def put() -> int:
            if self.local is None:
                target = f"{self.uri}/{path}"
                frame.write_parquet(target, compression="zstd", storage_options=of_polars(self.storage_options))
                return self._find([path])[0].size
            place = self.local / path
            place.parent.mkdir(parents=True, exist_ok=True)
            frame.write_parquet(place, compression="zstd")
            return place.stat().st_size

        return self._reached(Operation.PUT, path, put)

    def scan(self, paths: Sequence[str], schema: pl.Schema, partitions: pl.DataFrame | None = None) -> pl.LazyFrame:
        """Read files as one frame of the schema; ``partitions`` has a row for each file, a column for each of them.

        See :func:`~backfill_assets.storage.scanning.rows_of_files`.
        """
        files = DayFiles(f"{self.local or self.uri}", paths, partitions)
        options = of_polars(self.storage_options)
        with self._told(Operation.READ):
            return rows_of_files(files, schema, options)

    def scan_days(
        self, files: Sequence[tuple[str, Slot | None]], schema: pl.Schema, column: PartitionColumn = BY_DAY
    ) -> pl.LazyFrame:
        """Read files of a table by day, given as path and day, as :meth:`scan` does."""
        days = column.values([day for _, day in files]).to_frame()
        return self.scan([path for path, _ in files], schema, days)

    def read(self, path: str) -> bytes:
        """One file's bytes.

        Raises:
            FileNotFoundError: when there is no such file.
        """

        def read() -> bytes:
            if self.local is not None:
                return (self.local / path).read_bytes()
            with self.store().open_input_file(path) as stream:
                return stream.read()

        return self._reached(Operation.READ, path, read)

    def sha256(self, path: str) -> str:
        """The SHA-256 of one file's bytes, which are not held in memory together.

        Raises:
            FileNotFoundError: when there is no such file.
        """

        def digest() -> str:
            if self.local is not None:
                with (self.local / path).open("rb") as file:
                    return file_digest(file, "sha256").hexdigest()
            found = sha256()
            with self.store().open_input_file(path) as stream:
                while part := stream.read(READ_AT_ONCE):
                    found.update(part)
            return found.hexdigest()

        return self._reached(Operation.READ, path, digest)

    def find(self, paths: Collection[str]) -> list[Found]:
        """Those of the files that exist."""
        return self._reached(Operation.LIST, "", lambda: self._find(paths))

    def _find(self, paths: Collection[str]) -> list[Found]:
        local = self.local
        if local is None and len(paths) > MOST_QUESTIONS:
            below = os.path.commonpath([os.path.dirname(path) for path in paths])  # noqa: PTH120 - an object store's path is no Path
            there = {found.path: found for found in self._listing(below)}
            return [there[path] for path in paths if path in there]
        if local is None:
            return _found(self.store().get_file_info(list(paths)))
        return [found for path in paths if (found := _on_disk(local, path))]

    def missing(self, paths: Iterable[str]) -> frozenset[str]:
        """Those of the files that do not exist."""
        wanted = frozenset(paths)
        return wanted - {found.path for found in self.find(wanted)}

    def listing(self, below: str = "") -> list[Found]:
        """Every file below a path, however deep; none when there is no such path."""
        return self._reached(Operation.LIST, below, lambda: self._listing(below))

    def _listing(self, below: str) -> list[Found]:
        local = self.local
        if local is None:
            store = self.store()
            from pyarrow.fs import FileSelector  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType]

            return _found(store.get_file_info_selector(FileSelector(below, allow_not_found=True, recursive=True)))
        return [found for path in _below(local, below) if (found := _on_disk(local, path))]

    def names(self, below: str) -> list[str]:
        """The names of the files and folders directly in a folder on disk; none when there is no such folder."""
        return self._reached(Operation.LIST, below, lambda: _names(f"{self.local}/{below}"))

    def holds_public_files(self) -> bool:
        """Whether a file lies below the root that is hidden by no leading underscore or dot."""

        def look() -> bool:
            paths = _below(self.local, "") if self.local is not None else (found.path for found in self._listing(""))
            return any(not path.startswith(("_", ".")) for path in paths)

        return self._reached(Operation.LIST, "", look)

    def newest(self, below: str, ending: str) -> Found | None:
        """The last by name of the files directly in a folder with this ending; None when there is none.

        Names that do not begin with a digit are left out.
        """

        def look() -> Found | None:
            if self.local is None:
                files = [found for found in self._listing(below) if found.path.endswith(ending)]
                numbered = [found for found in files if found.path.removeprefix(f"{below}/")[:1].isdigit()]
                return max(numbered, key=lambda found: found.path, default=None)
            there = _names(f"{self.local}/{below}")
            names = [name for name in there if name.endswith(ending) and name[0].isdigit()]
            return _on_disk(self.local, f"{below}/{max(names)}") if names else None

        return self._reached(Operation.LIST, below, look)

    def delete(self, paths: Collection[str]) -> None:
        """Delete the files; one that is gone already is no error."""
        store = None if self.local is not None else self.store()

        def delete_one(path: str) -> None:
            if self.local is not None:
                (self.local / path).unlink(missing_ok=True)
            elif store is not None:
                store.delete_file(path)

        in_threads(lambda path: self._reached(Operation.DELETE, path, lambda: delete_one(path)), [*paths])

    def move(self, path: str, to: str) -> None:
        """Give a file another place; on disk in one step."""

        def move() -> None:
            if self.local is None:
                self.store().move(path, to)
                return
            target = self.local / to
            target.parent.mkdir(parents=True, exist_ok=True)
            (self.local / path).rename(target)

        self._reached(Operation.MOVE, path, move)

    def prune(self, below: str) -> None:
        """Remove folders on disk that hold nothing, below a path and that path itself."""
        if (root := self.local) is None:
            return

        def remove() -> None:
            for folder, _, _ in os.walk(root / below, topdown=False):
                with suppress(OSError):
                    Path(folder).rmdir()

        self._reached(Operation.DELETE, below, remove)

    def _reached(self, operation: Operation, path: str, work: Callable[[], Got]) -> Got:
        """Do an operation on a path below the folder, and say what could not be reached, and why.

        Raises:
            FileNotFoundError: when something is not there.
            LakeUnreachable, FilesUndeleted: instead of any other ``OSError``.
        """
        with self._told(operation):
            return perform(operation, f"{self.uri}/{path}", work)

    @contextmanager
    def _told(self, operation: Operation) -> Generator[None]:
        """Say what of the folder could not be reached, and why."""
        try:
            yield
        except FileNotFoundError:
            raise
        except (OSError, pl.exceptions.ComputeError) as error:
            refused = FilesUndeleted if operation is Operation.DELETE else LakeUnreachable
            raise refused(self.uri, said(error)) from error

    def store(self) -> Any:
        """The object store behind it."""
        # It imports pyarrow, a third of a second that no process of a lake on disk has to wait for.
        with needs_extra("object-store", "A lake in an object store"):
            import_module("pyarrow.fs")
        from deltalake.fs import DeltaStorageHandler

        return DeltaStorageHandler(self.uri, self.storage_options)


def _below(root: Path, below: str) -> Iterator[str]:
    """The relative paths of all files below a folder on disk; one that cannot be looked into is an error."""

    def refused(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            raise error

    for folder, _, names in os.walk(root / below, onerror=refused):
        inside = Path(folder).relative_to(root).as_posix()
        yield from (name if inside == "." else f"{inside}/{name}" for name in names)


def _names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _on_disk(root: Path, path: str) -> Found | None:
    try:
        # A swap of ten years looks for thousands of files, and joining paths with pathlib doubles what that takes.
        stat = os.stat(f"{root}/{path}")  # noqa: PTH116 - a path of the table's log, as it is
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Found(path, stat.st_size, datetime.fromtimestamp(stat.st_mtime, UTC))


def _found(infos: Iterable[Any]) -> list[Found]:
    """The files among pyarrow's answers; folders and absent paths are not."""
    return [Found(info.path, info.size, info.mtime) for info in infos if info.is_file]


def in_threads(work: Callable[[Given], Got], items: Collection[Given]) -> list[Got]:
    """Do the same to every item, a few at a time; the results in order."""
    if len(items) <= 1:
        return [work(item) for item in items]
    with ThreadPoolExecutor(max_workers=MOST_THREADS) as pool:
        return list(pool.map(work, items))
