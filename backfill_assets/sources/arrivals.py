"""Arrivals, and the manifest that names each with its hash and its control totals."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from backfill_assets.errors.base import counted, listed
from backfill_assets.errors.landing import ArrivalMiswritten
from backfill_assets.sources.landed import LandedFile
from backfill_assets.sources.log_rows import LogRows, totals_written
from backfill_assets.sources.read_back import FileReadBack
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.files import Folder, in_threads
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot

MANIFEST = pl.Schema(
    {
        "source": pl.String(),
        "day": pl.Date(),
        "arrival": pl.Int64(),
        "path": pl.String(),
        "sha256": pl.String(),
        "rows": pl.Int64(),
        "totals": pl.String(),
        "file": pl.String(),
        "file_sha256": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "declared": pl.String(),
        "withdrawn": pl.Int64(),
        "standing": pl.Int64(),
        "note": pl.String(),
        "stamp": pl.String(),
        "token_key": pl.String(),
        "archive": pl.String(),
        "counts": pl.String(),
    }
)
"""``rows`` and ``totals`` are what the file holds, ``withdrawn`` what it took back; ``standing`` is the number of the
day's rows that count after it, ``note`` what a person should know of it, ``stamp`` what the file system said of the
file when it was read, ``token_key`` the fingerprint of the key of its tokens, ``archive`` where in the lake the file is
archived, ``counts`` the rows of each group that were read back from the data file before it became visible. The last
eight are null in old rows. Where several rows name one arrival in one data file the last of them counts."""


def raw_manifest(records: Records) -> ControlTable:
    """``_control/raw_manifest``: a row for each arrival of each source, in the shape of ``MANIFEST``."""
    return ControlTable(records.lake, "raw_manifest", MANIFEST)


def arrived(records: Records, snapshot: Snapshot, source: str) -> pl.DataFrame:
    """The manifest's rows of a source whose data files are in the snapshot."""
    days = snapshot.days or (None,)
    names = {path for day in days for path, _ in snapshot.names(day)}
    rows = raw_manifest(records).rows().filter(pl.col("source") == source)
    return rows.filter(pl.col("file").is_in(list(names))).unique(["file", "arrival"], keep="last", maintain_order=True)


def file_hashes(folder: Folder, paths: Collection[str]) -> dict[str, str]:
    """The SHA-256 of data files as they lie in the lake, by path."""
    return dict(in_threads(lambda path: (path, folder.sha256(path)), list(paths)))


@dataclass(frozen=True, slots=True)
class Arrival:
    """An arrival as it is appended: its rows, those that it withdraws among them, and what counted before it.

    ``token_key`` names the key of its tokens, ``of_people`` tells of those whom nobody may know any more.
    """

    log: LogRows
    landed: LandedFile
    number: int
    frame: pl.DataFrame
    declared: str
    withdrawn: pl.DataFrame
    before: pl.DataFrame
    token_key: str = ""
    of_people: str = ""

    @property
    def standing(self) -> int:
        """How many rows of the day count after it."""
        new = self.landed.frame.join(self.before, on=list(self.log.key), how="anti")
        return self.before.height + new.height - self.withdrawn.height

    @property
    def note(self) -> str | None:
        """What it withdrew, by name, and what it holds of people whom nobody may know any more, without."""
        told = [self.of_people] if self.of_people else []
        if not self.withdrawn.is_empty():
            gone = f"{counted(self.withdrawn.height, self.log.noun)} of {self.landed.day}"
            told.insert(0, f"`{self.landed.path}` withdrew {gone} ({listed(self.log.names(self.withdrawn))}).")
        return " ".join(told) or None

    def manifest_row(self, file: DataFile, read: Mapping[str, FileReadBack], at: datetime) -> dict[str, Any]:
        """The row of the manifest, given data files as they were read back.

        Raises:
            ArrivalMiswritten: when the data file does not hold what landed.
        """
        totals, written = self.log.totals_of(self.landed.frame), read[file.path]
        if (counts := written.counts(self.number, totals)) is None:
            raise ArrivalMiswritten(self.landed.path, self.landed.day)
        return {
            "source": self.log.table,
            "day": self.landed.day,
            "arrival": self.number,
            "path": self.landed.path,
            "sha256": self.landed.sha256,
            "rows": self.landed.rows,
            "totals": totals_written(totals),
            "file": file.path,
            "file_sha256": written.sha256,
            "at": at,
            "declared": self.declared,
            "withdrawn": self.withdrawn.height,
            "standing": self.standing,
            "note": self.note,
            "stamp": self.landed.stamp,
            "token_key": self.token_key or None,
            "counts": counts,
        }
