"""A search of every byte of some folders for texts that must not be there, packed bytes included.

Parquet is decompressed page by page and read row by row, archives are unpacked, databases are read and their files
looked through as well, since what was deleted from them may still stand in a page of theirs.
"""

import bz2
import gzip
import io
import lzma
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.base import fault_told
from backfill_assets.storage.files import Folder
from backfill_assets.storage.needles import Needles, Place
from backfill_assets.storage.parquet_pages import pages

PARQUET, SQLITE = b"PAR1", b"SQLite format 3\0"
GZIP, ZSTD, BZIP2, XZ, ZIP, PDF = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04", b"%PDF"
STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
DEEPEST = 4


@dataclass(frozen=True, slots=True)
class Hit:
    """A file that holds one of the texts, and where in it."""

    file: str
    place: Place


@dataclass
class Searched:
    """What a search looked through and what it found; ``unread`` are files that could not be looked into, and why."""

    files: int = 0
    size: int = 0
    hits: list[Hit] = field(default_factory=list[Hit])
    unread: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])


def search_lake(folder: Folder, needles: Needles) -> Searched:
    """Look through every file below the root of a lake."""
    found = Searched()
    for file in folder.listing():
        _look(found, f"{folder.uri}/{file.path}", needles, lambda path=file.path: folder.read(path))
    return found


def search_disk(root: Path, needles: Needles) -> Searched:
    """Look through every file below a folder."""
    found = Searched()
    for file in sorted(root.rglob("*")) if root.is_dir() else ():
        if file.is_file() and not file.is_symlink():
            _look(found, str(file), needles, file.read_bytes)
    return found


def _look(found: Searched, name: str, needles: Needles, read: Callable[[], bytes]) -> None:
    try:
        content = read()
        found.files += 1
        found.size += len(content)
        place = needles.within(name.encode(errors="surrogateescape"), "its name") or next(
            _places(content, name, needles, 0), None
        )
        if place is None and content.startswith(SQLITE):
            place = next(_in_database(Path(name), needles), None)
    except FileNotFoundError:  # it is gone meanwhile
        return
    except FAULTS as error:  # whatever is in a file of others, it is told as not looked into
        found.unread.append((name, fault_told(error)))
        return
    if place is not None:
        found.hits.append(Hit(name, place))


def _places(content: bytes, name: str, needles: Needles, depth: int) -> Iterator[Place]:
    """Where something stands in bytes, by what they are."""
    if content.startswith(PARQUET) and content.endswith(PARQUET):
        yield from _in_parquet(content, needles)
        return
    for inside in _unpacked(content) if depth < DEEPEST else ():
        yield from _places(inside, name, needles, depth + 1)
    if name.endswith((".json", ".ndjson", ".jsonl")):
        yield from _found(needles.in_text(content.decode("utf-8", errors="replace"), "its text"))
    else:
        yield from _found(needles.within(content, "its bytes"))


def _found(place: Place | None) -> Iterator[Place]:
    if place is not None:
        yield place


def _in_parquet(content: bytes, needles: Needles) -> Iterator[Place]:
    for page in pages(content):
        where = f"a page of {page.column}" if page.column else "its statistics or its footer"
        for value in page.values:
            yield from _found(needles.value(value, f"the dictionary of {page.column}"))
        yield from _found(needles.within(page.content, where))
    for name, values in pl.read_parquet(io.BytesIO(content)).to_dict().items():
        if values.dtype.is_nested():
            yield from _found(needles.in_text(repr(values.to_list()), f"column {name}"))
        elif isinstance(values.dtype, pl.String | pl.Binary | pl.Categorical | pl.Enum):
            texts = values if isinstance(values.dtype, pl.Binary) else values.cast(pl.String)
            yield from _found(needles.in_column(texts, f"column {name}"))


def _in_database(file: Path, needles: Needles) -> Iterator[Place]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        for table in tables:
            quoted = table.replace('"', '""')
            for row in database.execute("".join(("select * from ", f'"{quoted}"'))):
                for value in row:
                    if isinstance(value, str):
                        yield from _found(needles.value(value, f"table {table}") or needles.in_text(value, table))
                    elif isinstance(value, bytes):
                        yield from _found(needles.within(value, f"table {table}"))


def _unpacked(content: bytes) -> Iterator[bytes]:
    """What is packed in bytes, one layer of it."""
    if content.startswith(GZIP):
        yield gzip.decompress(content)
    elif content.startswith(BZIP2):
        yield bz2.decompress(content)
    elif content.startswith(XZ):
        yield lzma.decompress(content)
    elif content.startswith(ZSTD):
        arrow: Any = import_module("pyarrow")
        with arrow.CompressedInputStream(io.BytesIO(content), "zstd") as stream:
            yield stream.read()
    elif content.startswith(ZIP):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif content.startswith(PDF):
        for stream in STREAM.findall(content):
            try:
                yield zlib.decompress(stream)
            except zlib.error:  # of another kind, such as a picture
                continue
