"""Purging a landing: landed files go once their time is over, if what they held is in the raw log and archived, whole.

That a file is purged is written down before it is deleted. A file that was never taken in is never deleted.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.core.retention import Retention
from backfill_assets.errors.landing import NotRead
from backfill_assets.sources.arrivals import arrived
from backfill_assets.sources.landed import files_of, landed_days
from backfill_assets.sources.log_rows import LogRows
from backfill_assets.sources.reading import named_in, read_whole, stamp_of
from backfill_assets.storage.archive import Archive, digest, named_digest
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.row_table import RowTable, values_of
from backfill_assets.storage.syncing import force

NEVER = "was never taken in"
LINK = "is a link, and what it leads to would stay"
UNARCHIVED = "is not archived"
EARLIER = "is not the edition that arrived last"


@dataclass(frozen=True, slots=True)
class PurgedFile:
    """A landed file that was deleted when its time was over; ``archive`` is where its rows are."""

    source: str
    day: date
    path: str
    sha256: str
    archive: str
    arrived_at: datetime
    at: datetime
    by: str


class PurgedFiles:
    """What was purged of the landing, in ``_control/purged_files``: written before a file is deleted."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "purged_files", PurgedFile)

    def days(self, source: str) -> frozenset[date]:
        """The days of a source of which a file was purged."""
        rows = self._rows.rows(["source", "day"])
        return frozenset(rows.filter(pl.col("source") == source)["day"])

    def all(self) -> list[PurgedFile]:
        """All of them, in order."""
        return values_of(PurgedFile, self._rows.rows())

    def record(self, files: Collection[PurgedFile]) -> None:
        """Write down what is about to be deleted."""
        self._rows.append(files)


@dataclass(frozen=True, slots=True)
class Due:
    """A landed file whose time is over, what it was when it was looked at, and what is written down of it."""

    file: Path
    stamp: str
    record: PurgedFile


@dataclass(frozen=True, slots=True)
class Purge:
    """What goes, what has to stay although it should go or nobody knows it, and how many files are not due yet."""

    source: str
    due: tuple[Due, ...]
    stays: Mapping[str, str] = field(default_factory=dict[str, str])
    later: int = 0

    def as_json(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        gone = [
            {"path": one.record.path, "day": str(one.record.day), "archive": one.record.archive} for one in self.due
        ]
        return {"source": self.source, "purged": gone, "stays": dict(self.stays), "not_due": self.later}


def purgeable(log: LogRows, records: Records, landing: Path, retention: Retention | None, now: datetime) -> Purge:
    """Judge every file in the landing of a raw log; changes nothing."""
    known = arrived(records, records.snapshot(log.table), log.table) if records.exists(log.table) else None
    found: list[Due] = []
    stays: dict[str, str] = {}
    later = 0
    for day, file in _files(log, landing):
        path = named_in(landing, file)
        judged = _judged(landing, file, known, day)
        if isinstance(judged, str):
            stays[path] = judged
            continue
        row, stamp = judged
        if retention is None or retention.days is None or row["at"] + timedelta(days=retention.days) > now:
            later += 1
        elif why := _unproven(Archive(records.lake), row["archive"]):
            stays[path] = why
        else:
            record = PurgedFile(log.table, row["day"], path, row["sha256"], row["archive"], row["at"], now, "")
            found.append(Due(file, stamp, record))
    return Purge(log.table, tuple(found), stays, later)


def _files(log: LogRows, landing: Path) -> list[tuple[date | None, Path]]:
    """Every file in the folder of a raw log, with the day that its name says."""
    folder = log.folder or log.table
    of_days = {file: day for day in landed_days(landing, folder) for file in files_of(landing, folder, day)}
    there = sorted(file for file in (landing / folder).rglob("*") if file.is_symlink() or not file.is_dir())
    return [(of_days.get(file), file) for file in there]


def _judged(
    landing: Path, file: Path, known: pl.DataFrame | None, day: date | None
) -> tuple[dict[str, Any], str] | str:
    """The arrival that brought a file and what the file system says of it, or why it has to stay."""
    if known is None or day is None:
        return NEVER
    if file.is_symlink():
        return LINK
    try:
        content, stamp = read_whole(landing, file)
    except NotRead as error:
        return error.finding
    of_day = known.filter(pl.col("day") == day).sort("arrival")
    mine = of_day.filter(pl.col("sha256") == digest(content))
    if mine.is_empty():
        return NEVER
    last = mine.row(-1, named=True)
    return (last, stamp) if last["arrival"] == of_day["arrival"].max() else EARLIER


def _unproven(archive: Archive, path: str | None) -> str:
    """Why a file cannot go yet: what it held is not proven to be in the archive."""
    if not path:
        return UNARCHIVED
    try:
        content = archive.read(path)
    except FileNotFoundError:
        return f"is archived in {path}, which is missing"
    return "" if digest(content) == named_digest(path) else f"is archived in {path}, which is not what it was"


def purge(records: Records, found: Purge, by: str) -> Purge:
    """Delete what was found to be due, and has not changed since; returns what was deleted and what stays."""
    PurgedFiles(records.lake).record([replace(one.record, by=by) for one in found.due])
    gone: list[Due] = []
    stays = dict(found.stays)
    for one in found.due:
        try:
            if stamp_of(one.file.stat()) != one.stamp:
                stays[one.record.path] = "has changed since it was looked at"
                continue
            one.file.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            stays[one.record.path] = f"cannot be deleted ({(error.strerror or type(error).__name__).lower()})"
            continue
        gone.append(one)
    force({one.file.parent for one in gone})
    return Purge(found.source, tuple(gone), stays, found.later)
