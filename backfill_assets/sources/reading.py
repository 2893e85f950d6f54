"""A landed file as bytes: whole, at rest, of bounded size, and what its name says it is; or a sentence why it is not.

What lies in a landing was put there by others: a pipe of a file's name would never end, a link may lead anywhere, a
file may still be written, and its name promises nothing about what is in it.
"""

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from backfill_assets.errors.landing import DeclarationUnknown, NotRead

SETTING, LARGEST = "BACKFILL_LARGEST_FILE", "2 GB"
SIZE = re.compile(r"([1-9][0-9]{0,11}) ?([kMGT]?B)")
UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
PARQUET, ENCRYPTED = "Parquet", "encrypted Parquet"
FORMATS = {".parquet": PARQUET, ".csv": "CSV", ".ndjson": "NDJSON"}
KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
BEGINNINGS = {
    b"PAR1": PARQUET,
    b"PARE": ENCRYPTED,
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"BZh": "bzip2",
    b"\xfd7zXZ\0": "xz",
    b"\x04\x22\x4d\x18": "LZ4",
    b"PK\x03\x04": "a zip archive or a workbook",
    b"\xd0\xcf\x11\xe0": "a workbook",
    b"ARROW1": "Arrow",
    b"\xff\xff\xff\xff": "a stream of Arrow",
    b"Obj\x01": "Avro",
    b"ORC": "ORC",
    b"SQLite format 3\0": "a database",
    b"%PDF": "PDF",
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}
"""What files of other formats begin with; no text does, but for the few that are letters."""
LETTERS = frozenset({"bzip2", "ORC", "Arrow", "PDF"})


def largest_read() -> int:
    """How many bytes a landed file may have, as it lies there and as the rows in it.

    Raises:
        DeclarationUnknown: when ``BACKFILL_LARGEST_FILE`` is no size.
    """
    told = os.environ.get(SETTING) or LARGEST
    found = SIZE.fullmatch(told.strip())
    if found is None:
        raise DeclarationUnknown(SETTING, told, f"a size such as {LARGEST}")
    return int(found[1]) * UNITS[found[2]]


def read_whole(landing: Path, file: Path) -> tuple[bytes, str]:
    """The bytes of a landed file, and what the file system said of it when they were read.

    Raises:
        NotRead: when it is no file, is being written, leads out of the landing, or is too large.
    """
    path, wanted = named_in(landing, file), FORMATS.get(file.suffix)
    if wanted is None:
        raise NotRead(path, f"is of a format that is not read, other than {', '.join(FORMATS)}")
    try:
        _refuse_kind(file.stat(), path)
        _refuse_leading_out(landing, file, path)
        # A pipe that has taken its place since must not be waited for.
        with open(file, "rb", opener=_without_waiting, buffering=0) as opened:
            content, stamp = _read(opened, path)
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise NotRead(path, f"cannot be read ({why})") from error
    if other := _other_kind(content, wanted):
        raise NotRead(path, f"is {other} and no {wanted}")
    return content, stamp


def named_in(landing: Path, file: Path) -> str:
    """A file as it is called within its landing; bytes that are no text are question marks."""
    return file.relative_to(landing).as_posix().encode(errors="surrogateescape").decode(errors="replace")


def stamp_of(status: os.stat_result) -> str:
    """What the file system says of a file: its size, and its times to the nanosecond."""
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


def _other_kind(content: bytes, wanted: str) -> str:
    """What a file is by its first bytes, where that is not what its name promises; nothing where it may be."""
    found = next((name for start, name in BEGINNINGS.items() if content.startswith(start)), "")
    if wanted == PARQUET:
        is_text = content[:64].isascii() and bool(content[:64].strip(b"\0"))
        return "text" if is_text and found not in {PARQUET, ENCRYPTED} else found.removeprefix(PARQUET)
    if found in {PARQUET, ENCRYPTED}:
        return found if content.endswith(content[:4]) else ""
    return "" if found in LETTERS else found


def _read(opened: BinaryIO, path: str) -> tuple[bytes, str]:
    before, most = os.fstat(opened.fileno()), largest_read()
    _refuse_kind(before, path)
    if before.st_size > most:
        raise NotRead(path, f"has {before.st_size:,} bytes, more than the {most:,} that are read")
    content = bytearray()
    while len(content) <= before.st_size and (part := opened.read(before.st_size + 1 - len(content))):
        content += part
    after = os.fstat(opened.fileno())
    if len(content) != before.st_size or stamp_of(after) != stamp_of(before):
        raise NotRead(path, "was being written while it was read")
    return bytes(content), stamp_of(before)


def _refuse_kind(status: os.stat_result, path: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise NotRead(path, f"is {KINDS.get(stat.S_IFMT(status.st_mode), 'something else')} and no file")


def _refuse_leading_out(landing: Path, file: Path, path: str) -> None:
    """Refuse a link to a file that is not in the landing, which whoever wrote it may not even be allowed to read."""
    if file.is_symlink():
        target, homes = file.resolve(strict=True), (landing.resolve(), file.parent.resolve())
        if not any(target.is_relative_to(home) for home in homes):
            raise NotRead(path, "is a link that leads out of the landing")


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
