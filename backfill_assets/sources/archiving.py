"""How landed files get into the archive: rows with tokens for what is personal, or the very bytes where nothing is.

A file is archived before anything speaks of it, under the SHA-256 of what is archived. So after a crash it is there
again, or it is a file that no record names, and the next ingestion of the same content uses it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import PurePosixPath

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.failure import Failure, failure_of
from backfill_assets.sources.arrivals import Arrival
from backfill_assets.sources.log_rows import ARRIVAL, LogRows
from backfill_assets.storage.archive import AS_LANDED, ROWS, Archive, digest, packed, rows_packed
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.files import in_threads
from backfill_assets.storage.layout import DAY, Lake
from backfill_assets.storage.records import Records
from backfill_assets.storage.row_table import RowTable, values_of


def archived(records: Records, taken: Mapping[date, Arrival]) -> tuple[dict[date, str], dict[date, Failure]]:
    """Where what landed is archived, by day, and why those that could not be are not."""
    archive = Archive(records.lake)

    def keep(one: Arrival) -> str | Failure:
        try:
            return archive.keep(one.log.table, rows_packed(as_archived(one.log, one)), ROWS)
        except FAULTS as error:
            return failure_of(error, "The day")

    kept = dict(zip(taken, in_threads(keep, [*taken.values()]), strict=True))
    there = {day: one for day, one in kept.items() if isinstance(one, str)}
    return there, {day: one for day, one in kept.items() if isinstance(one, Failure)}


def as_archived(log: LogRows, arrival: Arrival) -> pl.DataFrame:
    """The rows as they landed, in their order, under the names and with the tokens of the log."""
    return arrival.frame.head(arrival.landed.rows).select(archived_columns(log))


def archived_columns(log: LogRows) -> list[str]:
    """The columns of an archived file: those of the log, without the number of the arrival and a day of our own."""
    return [name for name in log.schema if name != ARRIVAL and (name != DAY or DAY in log.columns)]


def keep_as_landed(records: Records, source: str, path: str, content: bytes) -> str:
    """Archive a file without personal data as it landed, compressed; returns where in the lake it is.

    Raises:
        LakeUnreachable: when it cannot be archived.
    """
    ending = PurePosixPath(path).suffix + AS_LANDED
    return Archive(records.lake).keep(source, packed(content), ending)


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file of a source without raw log that is archived; ``sha256`` is that of the file as it landed."""

    source: str
    path: str
    sha256: str
    archive: str
    at: datetime


class ArchivedFiles:
    """The archived files of sources that have no raw log, in ``_control/archived_files``."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "archived_files", ArchivedFile)

    def all(self) -> list[ArchivedFile]:
        """All of them, in the order in which they came."""
        return values_of(ArchivedFile, self._rows.rows())

    def keep(self, records: Records, source: str, path: str, content: bytes, at: datetime) -> None:
        """Archive a file as it landed, once for each content, and write down that it is.

        Raises:
            LakeUnreachable: when it cannot be archived.
        """
        known = {(one.source, one.path, one.sha256) for one in self.all()}
        key = (source, path, digest(content))
        if key in known:
            return
        new = ArchivedFile(*key, keep_as_landed(records, source, path, content), at)
        same = pl.col("sha256").eq(new.sha256) & pl.col("source").eq(source) & pl.col("path").eq(path)
        self._rows.append_decided(lambda rows: Decision([] if rows.filter(same).height else [new], None))
