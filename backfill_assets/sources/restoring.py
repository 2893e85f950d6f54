"""Bringing files back: those of a raw log from the archive, and archived ones from the raw log.

What is made again is compared with the SHA-256 that it had. Where it has it, it is put in its place, and every commit
that names it can be read again. Where another version of Parquet's writer makes other bytes of the same rows, it enters
the log as a new file by a commit of its own.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.keeping import RawLogUnrecorded
from backfill_assets.sources.archiving import archived_columns
from backfill_assets.sources.arrivals import MANIFEST, arrived, raw_manifest
from backfill_assets.sources.log_rows import ARRIVAL, LogRows, totals_read
from backfill_assets.sources.read_back import FileReadBack, files_read_back
from backfill_assets.sources.withdrawals import WHOLE_DAY
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.archive import ROWS, Archive, digest, named_digest, rows_packed, rows_unpacked
from backfill_assets.storage.commits import Change
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot


@dataclass
class Restored:
    """What was brought back, or would be: paths below the root of the lake, and why others were not."""

    source: str
    put_back: list[str] = field(default_factory=list[str])
    replaced: list[str] = field(default_factory=list[str])
    archived: list[str] = field(default_factory=list[str])
    refused: list[str] = field(default_factory=list[str])

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        lists = {"put_back": self.put_back, "replaced": self.replaced, "archived": self.archived}
        return {"source": self.source, **lists, "refused": self.refused}


def restore(
    log: LogRows, records: Records, at: datetime, days: Collection[date] = (), *, commit: bool = True
) -> Restored:
    """Bring back what is missing or altered of a raw log and of its archive, of some days or of all.

    A table that is not there at all is made anew, arrival by arrival. Without ``commit`` it is only said what would be
    done.

    Raises:
        RawLogUnrecorded: when nothing was ever written down of the raw log.
    """
    known = _known(log, records, days)
    found = Restored(log.table)
    if not records.exists(log.table):
        _made_anew(log, records, known, at, found, commit=commit)
        return found
    for (_day,), rows in known.group_by("day", maintain_order=True):
        _restore_day(log, records, rows, at, found, commit=commit)
    return found


def _known(log: LogRows, records: Records, days: Collection[date]) -> pl.DataFrame:
    """The arrivals, in order; where the table is not there, the last that was written down of each."""
    if records.exists(log.table):
        rows = arrived(records, records.snapshot(log.table), log.table)
    else:
        rows = raw_manifest(records).rows().filter(pl.col("source") == log.table)
        rows = rows.unique(["day", "arrival"], keep="last", maintain_order=True)
    if rows.is_empty():
        raise RawLogUnrecorded(log.table)
    rows = rows.filter(pl.col("day").is_in(list(days))) if days else rows
    return rows.sort("day", "arrival")


def _restore_day(
    log: LogRows, records: Records, arrivals: pl.DataFrame, at: datetime, found: Restored, *, commit: bool
) -> None:
    archive, before = Archive(records.lake), log.schema.to_frame()
    for row in arrivals.iter_rows(named=True):
        path, stored = f"{log.table}/{row['file']}", _rows_in_log(log, archive, row)
        landed = _landed(log, archive, row)
        if stored is None and landed is None:
            found.refused.append(
                f"{path} of {row['day']}: neither it nor {row['archive'] or 'an archived file'} is whole"
            )
            return
        if stored is None and landed is not None:
            stored = with_withdrawals(log, landed, before, row)
            _bring_back(log, records, row, stored, at, found, commit=commit)
        elif landed is None and stored is not None:
            _archive_again(log, records, row, stored, found, commit=commit)
        before = pl.concat([before, stored]) if stored is not None else before


def with_withdrawals(log: LogRows, landed: pl.DataFrame, before: pl.DataFrame, row: dict[str, Any]) -> pl.DataFrame:
    """The rows of an arrival as the log has them, made of those that landed and of the arrivals before it."""
    dated = landed if DAY in landed.columns else landed.with_columns(pl.lit(row["day"]).alias(DAY))
    rows = dated.with_columns(pl.lit(row["arrival"], pl.Int64).alias(ARRIVAL)).select(list(log.schema))
    if row["declared"] != WHOLE_DAY or before.is_empty():
        return rows
    standing = log.latest(before.lazy()).collect()
    lost = standing.join(rows, on=list(log.key), how="anti").sort(log.key)
    return pl.concat([rows, log.withdrawals(lost, row["arrival"])])


def _rows_in_log(log: LogRows, archive: Archive, row: dict[str, Any]) -> pl.DataFrame | None:
    """The rows of an arrival's file in the log; None where it is gone or is not what it was."""
    content = _read(archive, f"{log.table}/{row['file']}")
    if content is None or (row["file_sha256"] and digest(content) != row["file_sha256"]):
        return None
    return rows_unpacked(content).with_columns(pl.lit(row["day"]).alias(DAY)).select(list(log.schema))


def _landed(log: LogRows, archive: Archive, row: dict[str, Any]) -> pl.DataFrame | None:
    """The rows of an arrival as they are archived; None where the file is gone or is not what it was."""
    path = row["archive"]
    content = _read(archive, path) if path else None
    if content is None or digest(content) != named_digest(path):
        return None
    return rows_unpacked(content).select(archived_columns(log))


def _read(archive: Archive, path: str) -> bytes | None:
    try:
        return archive.read(path)
    except FileNotFoundError:
        return None


def _bring_back(
    log: LogRows,
    records: Records,
    row: dict[str, Any],
    rows: pl.DataFrame,
    at: datetime,
    found: Restored,
    *,
    commit: bool,
) -> None:
    path, content = f"{log.table}/{row['file']}", rows_packed(rows.drop(DAY))
    if digest(content) == row["file_sha256"]:
        found.put_back.append(path)
        if commit:
            Archive(records.lake).put(path, content)
        return
    found.replaced.append(path)
    if commit:
        _append(log, records, [(row, rows)], at, instead_of=row["file"])


def _archive_again(
    log: LogRows,
    records: Records,
    row: dict[str, Any],
    rows: pl.DataFrame,
    found: Restored,
    *,
    commit: bool,
) -> None:
    """Archive what landed, out of the log: a file of an arrival has what landed first, and then what it withdrew."""
    landed = rows.head(row["rows"])
    if (
        not landed.select(log.counts.all()).item()
        or rows.tail(rows.height - row["rows"]).select(log.counts.any()).item()
    ):
        found.refused.append(
            f"{log.table}/{row['file']} of {row['day']}: its rows are not in the order in which they landed"
        )
        return
    content = rows_packed(landed.select(archived_columns(log)))
    archive = Archive(records.lake)
    path = row["archive"] if row["archive"] and digest(content) == named_digest(row["archive"]) else ""
    found.archived.append(path or f"{log.table}/{row['file']}")
    if not commit:
        return
    if path:
        archive.put(path, content)
        return
    new = {**row, "archive": archive.keep(log.table, content, ROWS)}
    raw_manifest(records).append(lambda _: pl.DataFrame([new], schema=MANIFEST))


def _made_anew(
    log: LogRows, records: Records, known: pl.DataFrame, at: datetime, found: Restored, *, commit: bool
) -> None:
    """The whole table again, a commit for the first arrivals of all days, one for the second, and so on."""
    archive = Archive(records.lake)
    before: dict[date, pl.DataFrame] = {}
    broken: set[date] = set()
    if commit:
        records.table(log.table, log.schema).create()
    for (_number,), arrivals in known.sort("arrival", "day").group_by("arrival", maintain_order=True):
        made: list[tuple[dict[str, Any], pl.DataFrame]] = []
        for row in arrivals.iter_rows(named=True):
            day, landed = row["day"], _landed(log, archive, row)
            if landed is None or day in broken:
                broken.add(day)
                found.refused.append(
                    f"arrival {row['arrival']} of {day}: {row['archive'] or 'no archived file'} is not whole"
                )
                continue
            rows = with_withdrawals(log, landed, before.get(day, log.schema.to_frame()), row)
            before[day] = pl.concat([before.get(day, log.schema.to_frame()), rows])
            made.append((row, rows))
        found.replaced += [f"{log.table}/{row['file']}" for row, _ in made]
        if commit and made:
            _append(log, records, made, at)


def _told_of(log: LogRows, row: Mapping[str, Any], path: str, read: FileReadBack, at: datetime) -> dict[str, Any]:
    """What the manifest says anew of an arrival whose data file was made again.

    Totals that cannot be read, or that its rows do not add up to, are named when the source is verified.
    """
    try:
        counts = read.counts(row["arrival"], totals_read(row["totals"], log.totals.measures))
    except FAULTS:
        counts = None
    return {"file": path, "file_sha256": read.sha256, "at": at, "counts": counts}


def _append(
    log: LogRows,
    records: Records,
    made: Sequence[tuple[dict[str, Any], pl.DataFrame]],
    at: datetime,
    instead_of: str = "",
) -> None:
    """Let arrivals enter the log as new files, each announced before, and one that is lost leave it."""
    raw = records.table(log.table, log.schema)
    files = raw.write_files({row["day"]: rows for row, rows in made})
    read = files_read_back(log, raw.folder, [file.path for file in files.values()])
    new = [row | _told_of(log, row, path := files[row["day"]].path, read[path], at) for row, _ in made]
    raw_manifest(records).append(lambda _: pl.DataFrame(new, schema=MANIFEST))

    def decide(now: Snapshot) -> Change | None:
        gone: Sequence[DataFile] = [
            file
            for of in now.files_of([row["day"] for row, _ in made]).values()
            for file in of
            if file.path == instead_of
        ]
        return Change(tuple(files.values()), removes=tuple(gone), data_change=not instead_of)

    raw.commit(decide)
