"""The raw log: what landed is appended and kept for ever, with a manifest of control totals.

The row of the manifest is written before the data it speaks of becomes visible, and counts only when it is; so a
crash between the two, and two runs at once, neither lose nor double an arrival.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets import BackfillAssetsError
from backfill_assets.checks import counted
from backfill_assets.lake import Change, ControlTable, DataFile, Folder, Records, Snapshot, in_threads
from backfill_assets.revenue.declared import WHOLE_DAY, Declaration, lost_transactions, withdrawal_rows
from backfill_assets.revenue.landing import Arrival, files_of
from backfill_assets.revenue.raw_files import frames_of, read_days, written
from backfill_assets.revenue.schemas import schema_of
from backfill_assets.revenue.transforms import latest_transactions
from backfill_assets.sources import ArrivalUnannounced, WithdrawalDecisions, WithdrawalWaits
from backfill_assets.text import Failure, listed, said

RAW = "raw_transactions"
FIXINGS = "raw_fixings"
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
    }
)
"""``rows`` and ``totals`` are what the file holds, ``withdrawn`` what it took back; ``standing`` is the number of the
day's transactions that count after it, ``note`` what a person should know of it. The last four are null in old rows."""


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingestion did: days that brought an arrival, days whose file was known already, and failures.

    ``notes`` tell what was withdrawn.
    """

    arrived: tuple[date, ...]
    known: tuple[date, ...]
    reasons: Mapping[date, Failure]
    rows: int
    notes: tuple[str, ...] = ()


def raw_manifest(records: Records) -> ControlTable:
    """``_control/raw_manifest``: a row for each arrival of each source."""
    return ControlTable(records.lake, "raw_manifest", MANIFEST)


def arrivals(records: Records, commit: int | None = None) -> pl.DataFrame:
    """The manifest's rows of transactions whose data is in the raw log, in order of day and arrival.

    With a commit of the raw log, those that had arrived by then.
    """
    if not records.exists(RAW):
        return pl.DataFrame(schema=MANIFEST)
    return visible(records, records.snapshot(RAW, commit), RAW).sort("day", "arrival")


def days_with_rows(records: Records) -> frozenset[date]:
    """The days on which anything was traded, by the manifest, as its latest arrival left it."""
    left = arrivals(records).group_by("day", maintain_order=True).agg(pl.col("standing").last(), pl.col("rows").max())
    return frozenset(left.filter(pl.coalesce("standing", "rows") > 0)["day"])


def notes(records: Records) -> Mapping[str, str]:
    """What a person should know of what arrived, by data file, oldest first."""
    there = [source for source in (RAW, FIXINGS) if records.exists(source)]
    rows = [visible(records, records.snapshot(source), source) for source in there]
    told = pl.concat([MANIFEST.to_frame(), *rows]).filter(pl.col("note").is_not_null())
    return dict(told.sort("at", "file").select("file", "note").iter_rows())


def ingest_days(
    records: Records,
    landing: Path,
    days: Collection[date],
    key: bytes,
    at: datetime,
    declaration: Declaration | None = None,
) -> Ingested:
    """Append what landed for the days. The same file again is a no-op, a changed one a new arrival.

    What a changed file of a whole day no longer holds is withdrawn. A day that cannot be read, or whose file takes
    more back than a person has allowed, is left out and its reason returned; the others are appended in one commit.
    """
    raw = records.table(RAW, schema_of(RAW))
    raw.create()
    read, reasons = read_days(landing, days)
    while True:
        before = raw.snapshot()
        sound = [arrival for arrival in read if arrival.day not in reasons]
        taken, unfit = _taken(records, before, sound, key, declaration or Declaration())
        files, unwritten = written(
            raw, {day: one.frame for day, one in taken.items()}, [one.arrival for one in taken.values()]
        )
        reasons |= unfit | unwritten
        taken = {day: one for day, one in taken.items() if day in files}
        rest = tuple(arrival.day for arrival in read if arrival.day not in taken.keys() | reasons.keys())
        if not taken:
            return Ingested((), rest, reasons, 0)
        hashes = file_hashes(raw.folder, [file.path for file in files.values()])
        rows = [one.manifest_row(files[day], hashes, at) for day, one in taken.items()]
        raw_manifest(records).append(lambda _, rows=rows: pl.DataFrame(rows, schema=MANIFEST))
        touched = frozenset(taken)

        def decide(
            now: Snapshot, before: Snapshot = before, files: Any = files, touched: Any = touched
        ) -> Change | None:
            moved = any(now.names(day) != before.names(day) for day in touched)
            return None if moved else Change(tuple(files.values()))

        if raw.commit(decide) is not None:
            told = tuple(one.note for _, one in sorted(taken.items()) if one.note)
            return Ingested(
                tuple(sorted(touched)), rest, reasons, sum(one.frame.height for one in taken.values()), told
            )


@dataclass(frozen=True, slots=True)
class _Taken:
    """An arrival as it is appended: its rows, those that it withdraws among them, and what counted before it."""

    arrival: Arrival
    number: int
    frame: pl.DataFrame
    declared: str
    withdrawn: pl.DataFrame
    before: pl.DataFrame

    @property
    def standing(self) -> int:
        """How many transactions of the day count after it."""
        new = self.arrival.frame.join(self.before, on="transaction_id", how="anti")
        return self.before.height + new.height - self.withdrawn.height

    @property
    def note(self) -> str | None:
        """What it withdrew, by name."""
        if self.withdrawn.is_empty():
            return None
        told = f"`{self.arrival.path}` withdrew {counted(self.withdrawn.height, 'transaction')} of {self.arrival.day}"
        return f"{told} ({listed(self.withdrawn['transaction_id'])})."

    def manifest_row(self, file: DataFile, hashes: Mapping[str, str], at: datetime) -> dict[str, Any]:
        """The row of the manifest."""
        totals = {currency: str(total) for currency, total in self.arrival.totals.items()}
        return {
            "source": RAW,
            "day": self.arrival.day,
            "arrival": self.number,
            "path": self.arrival.path,
            "sha256": self.arrival.sha256,
            "rows": self.arrival.rows,
            "totals": json.dumps(totals),
            "file": file.path,
            "file_sha256": hashes[file.path],
            "at": at,
            "declared": self.declared,
            "withdrawn": self.withdrawn.height,
            "standing": self.standing,
            "note": self.note,
        }


def _taken(
    records: Records, before: Snapshot, read: Collection[Arrival], key: bytes, declaration: Declaration
) -> tuple[dict[date, _Taken], dict[date, Failure]]:
    """What is new of what was read, and why that which is left out is."""
    known = visible(records, before, RAW)
    latest = {row["day"]: row for row in known.sort("arrival").iter_rows(named=True)}
    decisions = WithdrawalDecisions(records.lake).current()
    changed = [one for one in read if latest.get(one.day, {}).get("sha256") != one.sha256]
    announced = set(known["file"])
    standing = standing_on(before, [one.day for one in changed if one.day in latest])
    numbers = {one.day: latest.get(one.day, {"arrival": 0})["arrival"] + 1 for one in changed}
    withdrawn: dict[date, pl.DataFrame] = {}
    reasons: dict[date, Failure] = {}
    for one in changed:
        try:
            if {path for path, _ in before.names(one.day)} - announced:
                raise ArrivalUnannounced(one.path, one.day)
            lost = lost_by(one, standing[one.day], decisions, declaration)
        except BackfillAssetsError as error:
            reasons[one.day] = said(error)
            continue
        if decisions.get((str(one.day), one.sha256), True):
            withdrawn[one.day] = withdrawal_rows(lost, numbers[one.day])
    new = [one for one in changed if one.day in withdrawn]
    frames, unfit = frames_of(new, numbers, key, withdrawn) if new else ({}, {})
    taken = {
        one.day: _Taken(
            one, numbers[one.day], frames[one.day], declaration.files, withdrawn[one.day], standing[one.day]
        )
        for one in new
        if one.day in frames
    }
    return taken, reasons | unfit


def standing_on(raw: Snapshot, days: Collection[date]) -> Mapping[date, pl.DataFrame]:
    """The transactions that count, by day; none of a day that is not asked for, so that only known ones are read."""
    found = latest_transactions(raw.scan(days)).collect().partition_by("day", as_dict=True) if days else {}
    return defaultdict(schema_of(RAW).to_frame, {day: rows for (day,), rows in found.items()})


def lost_by(
    arrival: Arrival, standing: pl.DataFrame, decisions: Mapping[tuple[str, str], bool], declaration: Declaration
) -> pl.DataFrame:
    """The transactions of a day that a file takes back.

    Raises:
        WithdrawalWaits: when they are more than the source may take back, and nobody has said anything about it.
    """
    if declaration.files != WHOLE_DAY:
        return standing.clear()
    lost = lost_transactions(standing, arrival.frame)
    unasked = (str(arrival.day), arrival.sha256) not in decisions
    if unasked and declaration.is_too_much(lost.height, standing.height):
        raise WithdrawalWaits(arrival.path, arrival.day, lost["transaction_id"].to_list(), standing.height)
    return lost


def changed_days(records: Records, landing: Path, days: Collection[date]) -> frozenset[date]:
    """Those of the days whose landed file is not the one that arrived last, nor one that a person declined.

    A file is read only when it was touched since its arrival.
    """
    known = {row["day"]: row for row in arrivals(records).iter_rows(named=True)}
    declined = {of_file for of_file, accepted in WithdrawalDecisions(records.lake).current().items() if not accepted}
    changed: set[date] = set()
    for day in sorted(set(days) & known.keys()):
        for file in files_of(landing, day):
            try:
                found = _changed_to(file, known[day])
            except OSError:  # whoever takes it in names it
                changed.add(day)
                continue
            if found and (str(day), found) not in declined:
                changed.add(day)
    return frozenset(changed)


def visible(records: Records, snapshot: Snapshot, source: str) -> pl.DataFrame:
    """The manifest's rows of a source whose data files are in the snapshot."""
    days = snapshot.days or (None,)
    names = {path for day in days for path, _ in snapshot.names(day)}
    rows = raw_manifest(records).rows().filter(pl.col("source") == source)
    return rows.filter(pl.col("file").is_in(list(names)))


def file_hashes(folder: Folder, paths: Collection[str]) -> dict[str, str]:
    """The SHA-256 of data files as they lie in the lake, by path."""
    return dict(in_threads(lambda path: (path, hashlib.sha256(folder.read(path)).hexdigest()), list(paths)))


def _changed_to(file: Path, known: Mapping[str, Any]) -> str:
    """The SHA-256 of a file that is not the one that arrived last; nothing where it is, or was not touched since."""
    stat = file.stat()
    if max(stat.st_mtime, stat.st_ctime) <= known["at"].timestamp():
        return ""
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    return "" if found == known["sha256"] else found
