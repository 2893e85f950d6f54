"""The raw log: what landed is appended and kept for ever, with a manifest of control totals.

The row of the manifest is written before the data it speaks of becomes visible, and counts only when it is; so a
crash between the two, and two runs at once, neither lose nor double an arrival.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.base import BadInput, fault_told
from backfill_assets.errors.source import SeveralFixings, StaleFixings, UnusableFixings
from backfill_assets.revenue.fixings import new_fixings, read_fixings
from backfill_assets.revenue.landing import Arrival, files_of, fixing_files
from backfill_assets.revenue.raw_files import frames_of, read_days, written
from backfill_assets.revenue.schemas import RawFixings, schema_of
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.files import Folder, in_threads
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Change

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
    }
)


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingestion did: days that brought an arrival, days whose file was known already, and failures."""

    arrived: tuple[date, ...]
    known: tuple[date, ...]
    reasons: Mapping[date, str]
    rows: int


def raw_manifest(records: Records) -> ControlTable:
    """``_control/raw_manifest``: a row for each arrival of each source."""
    return ControlTable(records.lake, "raw_manifest", MANIFEST)


def arrivals(records: Records, commit: int | None = None) -> pl.DataFrame:
    """The manifest's rows of transactions whose data is in the raw log, in order of day and arrival.

    With a commit of the raw log, those that had arrived by then.
    """
    if not records.exists(RAW):
        return pl.DataFrame(schema=MANIFEST)
    return _visible(records, records.snapshot(RAW, commit), RAW).sort("day", "arrival")


def days_with_rows(records: Records) -> frozenset[date]:
    """The days on which anything was traded, by the manifest."""
    known = arrivals(records)
    return frozenset(known.filter(pl.col("rows") > 0)["day"])


def ingest_days(records: Records, landing: Path, days: Collection[date], key: bytes, at: datetime) -> Ingested:
    """Append what landed for the days. The same file again is a no-op, a changed one a new arrival.

    A day that cannot be read is left out and its reason returned; the others are appended in one commit.
    """
    raw = records.table(RAW, schema_of(RAW))
    raw.create()
    read, reasons = read_days(landing, days)
    while True:
        before = raw.snapshot()
        known = _visible(records, before, RAW)
        latest = {row["day"]: row for row in known.sort("arrival").iter_rows(named=True)}
        sound = [arrival for arrival in read if arrival.day not in reasons]
        new = [arrival for arrival in sound if latest.get(arrival.day, {}).get("sha256") != arrival.sha256]
        numbers = {arrival.day: latest.get(arrival.day, {"arrival": 0})["arrival"] + 1 for arrival in new}
        frames, unfit = frames_of(new, numbers, key) if new else ({}, {})
        reasons |= unfit
        new = [arrival for arrival in new if arrival.day in frames]
        if not new:
            return Ingested((), tuple(arrival.day for arrival in read if arrival.day not in reasons), reasons, 0)
        files, unfit = written(raw, frames, new)
        reasons |= unfit
        new = [arrival for arrival in new if arrival.day in files]
        if not new:
            continue
        hashes = file_hashes(raw.folder, [file.path for file in files.values()])
        rows = [_manifest_row(arrival, numbers[arrival.day], files[arrival.day], hashes, at) for arrival in new]
        raw_manifest(records).append(lambda _, rows=rows: pl.DataFrame(rows, schema=MANIFEST))
        touched = frozenset(arrival.day for arrival in new)

        def decide(
            now: Snapshot, before: Snapshot = before, files: Any = files, touched: Any = touched
        ) -> Change | None:
            moved = any(now.names(day) != before.names(day) for day in touched)
            return None if moved else Change(tuple(files.values()))

        if raw.commit(decide) is not None:
            arrived = tuple(sorted(touched))
            rest = tuple(arrival.day for arrival in read if arrival.day not in touched | reasons.keys())
            return Ingested(arrived, rest, reasons, sum(arrival.rows for arrival in new))


def ingest_fixings(records: Records, landing: Path, at: datetime) -> int:
    """Append what the ECB's files say anew, an arrival a file that changed; returns the rows appended.

    Raises:
        UnusableFixings: or another refusal of the one file that cannot be used, after all others were taken in.
        SeveralFixings: several cannot.
    """
    records.table(FIXINGS, schema_of(FIXINGS)).create()
    appended = 0
    problems: dict[str, BadInput] = {}
    for file in fixing_files(landing):
        path = file.relative_to(landing).as_posix()
        try:
            appended += _ingest_fixing_file(records, landing, file, at)
        except StaleFixings as error:
            problems[path] = StaleFixings(error.arrived, error.known, path)
        except BadInput as error:
            problems[path] = error
        except FAULTS as error:
            problems[path] = UnusableFixings(path, [f"the whole file, {fault_told(error)}"])
    if len(problems) > 1:
        raise SeveralFixings(problems)
    for problem in problems.values():
        raise problem
    return appended


def _ingest_fixing_file(records: Records, landing: Path, file: Path, at: datetime) -> int:
    content = file.read_bytes()
    sha256, path = hashlib.sha256(content).hexdigest(), file.relative_to(landing).as_posix()
    table = records.table(FIXINGS, schema_of(FIXINGS))
    published: pl.DataFrame | None = None
    while True:
        before = table.snapshot()
        known = _visible(records, before, FIXINGS).sort("arrival")
        of_file = known.filter(pl.col("path") == path)
        if len(of_file) and of_file["sha256"][-1] == sha256:
            return 0
        published = read_fixings(content, path) if published is None else published
        number = int(known["arrival"].max() or 0) + 1  # pyright: ignore[reportArgumentType]
        rows = RawFixings.validate(new_fixings(before.scan().collect(), published, number))
        files = table.write_files({None: rows})
        row = {
            "source": FIXINGS,
            "day": published["fixing_day"].max(),
            "arrival": number,
            "path": path,
            "sha256": sha256,
            "rows": len(rows),
            "totals": "{}",
            "file": files[None].path,
            "file_sha256": file_hashes(table.folder, [files[None].path])[files[None].path],
            "at": at,
        }
        raw_manifest(records).append(lambda _, row=row: pl.DataFrame([row], schema=MANIFEST))

        def decide(now: Snapshot, before: Snapshot = before, files: Any = files) -> Change | None:
            return Change(tuple(files.values())) if now.commit == before.commit else None

        if table.commit(decide) is not None:
            return len(rows)


def changed_days(records: Records, landing: Path, days: Collection[date]) -> frozenset[date]:
    """Those of the days whose landed file is not the one that arrived last.

    A file is read only when it was touched since its arrival.
    """
    known = {row["day"]: row for row in arrivals(records).iter_rows(named=True)}
    changed: set[date] = set()
    for day in sorted(set(days) & known.keys()):
        for file in files_of(landing, day):
            try:
                if _is_changed(file, known[day]):
                    changed.add(day)
            except OSError:  # whoever takes it in names it
                changed.add(day)
    return frozenset(changed)


def _is_changed(file: Path, known: Mapping[str, Any]) -> bool:
    stat = file.stat()
    touched = max(stat.st_mtime, stat.st_ctime) > known["at"].timestamp()
    return touched and hashlib.sha256(file.read_bytes()).hexdigest() != known["sha256"]


def _visible(records: Records, snapshot: Snapshot, source: str) -> pl.DataFrame:
    """The manifest's rows of a source whose data files are in the snapshot."""
    days = snapshot.days or (None,)
    names = {path for day in days for path, _ in snapshot.names(day)}
    rows = raw_manifest(records).rows().filter(pl.col("source") == source)
    return rows.filter(pl.col("file").is_in(list(names)))


def file_hashes(folder: Folder, paths: Collection[str]) -> dict[str, str]:
    """The SHA-256 of data files as they lie in the lake, by path."""
    return dict(in_threads(lambda path: (path, hashlib.sha256(folder.read(path)).hexdigest()), list(paths)))


def _manifest_row(
    arrival: Arrival, number: int, file: DataFile, hashes: Mapping[str, str], at: datetime
) -> dict[str, Any]:
    return {
        "source": RAW,
        "day": arrival.day,
        "arrival": number,
        "path": arrival.path,
        "sha256": arrival.sha256,
        "rows": arrival.rows,
        "totals": json.dumps({currency: str(total) for currency, total in arrival.totals.items()}),
        "file": file.path,
        "file_sha256": hashes[file.path],
        "at": at,
    }
