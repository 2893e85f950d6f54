"""The log of fixings: what each of the ECB's files said anew is appended and kept for ever.

A file that says less than is known takes nothing back: what it leaves out stays in force, and is named.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets import BackfillAssetsError, validated
from backfill_assets.checks import counted
from backfill_assets.lake import Change, Records, Snapshot
from backfill_assets.revenue.conversions import conversion_of
from backfill_assets.revenue.errors import FixingWithdrawalWaits, SeveralFixings, StaleFixings, UnusableFixings
from backfill_assets.revenue.fixings import fixings_known, new_fixings, stated_fixings, unmentioned_fixings
from backfill_assets.revenue.landing import fixing_files
from backfill_assets.revenue.raw_log import FIXINGS
from backfill_assets.revenue.schemas import RawFixings, schema_of
from backfill_assets.sources import (
    MANIFEST,
    Declaration,
    WaitingFile,
    WithdrawalDecisions,
    arrived,
    file_hashes,
    keep_as_landed,
    named_in,
    raw_manifest,
    read_whole,
)
from backfill_assets.text import FAULTS, fault_told, listed


@dataclass(frozen=True, slots=True)
class FixingsTaken:
    """What an ingestion of fixings appended, and what a person should know of it."""

    rows: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Landed:
    """A landed file of fixings as it was read, once."""

    path: str
    sha256: str
    stated: pl.DataFrame

    @property
    def newest(self) -> date | None:
        """The last day of which it has a fixing."""
        last = self.stated.filter(pl.col("rate").is_not_null())["fixing_day"].max()
        return last if isinstance(last, date) else None


def ingest_fixings(
    records: Records, landing: Path, at: datetime, declaration: Declaration | None = None
) -> FixingsTaken:
    """Append what the ECB's files say anew, an arrival a file that changed.

    Raises:
        UnusableFixings: or another refusal of the one file that cannot be used, after all others were taken in.
        SeveralFixings: several cannot.
    """
    records.table(FIXINGS, schema_of(FIXINGS)).create()
    taken: list[FixingsTaken] = []
    problems: dict[str, BackfillAssetsError] = {}
    for file in fixing_files(landing):
        path = named_in(landing, file)
        try:
            taken.append(_ingest_file(records, landing, file, at, declaration or Declaration()))
        except StaleFixings as error:
            problems[path] = StaleFixings(error.arrived, error.known, path)
        except BackfillAssetsError as error:
            problems[path] = error
        except FAULTS as error:
            problems[path] = UnusableFixings(path, [f"the whole file, {fault_told(error)}"])
    if len(problems) > 1:
        raise SeveralFixings(problems)
    for problem in problems.values():
        raise problem
    return FixingsTaken(sum(one.rows for one in taken), tuple(note for one in taken for note in one.notes))


def _ingest_file(records: Records, landing: Path, file: Path, at: datetime, declaration: Declaration) -> FixingsTaken:
    content, _ = read_whole(landing, file)
    sha256, path = hashlib.sha256(content).hexdigest(), named_in(landing, file)
    table = records.table(FIXINGS, schema_of(FIXINGS))
    landed: _Landed | None = None
    while True:
        before = table.snapshot()
        known = arrived(records, before, FIXINGS).sort("arrival")
        of_file = known.filter(pl.col("path") == path)
        if (len(of_file) and of_file["sha256"][-1] == sha256) or _is_declined(records, path, sha256):
            return FixingsTaken()
        landed = landed or _Landed(path, sha256, stated_fixings(content, path))
        log = before.scan().collect()
        rows, note = _judged(records, landed, log, known, declaration)
        archive = keep_as_landed(records, FIXINGS, path, content)
        files = table.write_files({None: rows})
        row = _manifest_row(landed, _number(known), rows, note) | {
            "archive": archive,
            "file": files[None].path,
            "file_sha256": file_hashes(table.folder, [files[None].path])[files[None].path],
            "at": at,
        }
        with table.unless_refused(files.values()):
            raw_manifest(records).append(lambda _, row=row: pl.DataFrame([row], schema=MANIFEST))

        def decide(now: Snapshot, before: Snapshot = before, files: Any = files) -> Change | None:
            return Change(tuple(files.values())) if now.commit == before.commit else None

        if table.commit(decide, written=files.values()) is not None:
            return FixingsTaken(len(rows), (note,) if note else ())


def look_at(records: Records, landing: Path, file: Path, declaration: Declaration) -> None:
    """Read a landed file as an ingestion would, and keep nothing of it; one that was taken or declined is not read.

    Raises:
        FixingWithdrawalWaits: as the ingestion would.
    """
    (content, _), path = read_whole(landing, file), named_in(landing, file)
    sha256 = hashlib.sha256(content).hexdigest()
    if not records.exists(FIXINGS) or _is_declined(records, path, sha256):
        return
    before = records.snapshot(FIXINGS)
    known = arrived(records, before, FIXINGS)
    if known.filter(pl.col("path") == path, pl.col("sha256") == sha256).is_empty():
        landed = _Landed(path, sha256, stated_fixings(content, path))
        _judged(records, landed, before.scan().collect(), known, declaration)


def fixings_waiting(records: Records, landing: Path, declaration: Declaration) -> tuple[WaitingFile, ...]:
    """The files of fixings that take more back than they may without a person's decision, as they lie there now."""
    found: list[WaitingFile] = []
    for file in fixing_files(landing):
        try:
            look_at(records, landing, file, declaration)
        except FixingWithdrawalWaits as error:
            path = named_in(landing, file)
            sha256 = hashlib.sha256(read_whole(landing, file)[0]).hexdigest()
            found.append(WaitingFile(path, path, sha256, str(error)))
        except BackfillAssetsError:
            continue  # the ingestion names it; no decision could help
    return tuple(found)


def _is_declined(records: Records, path: str, sha256: str) -> bool:
    return not WithdrawalDecisions(records.lake).current().get((path, sha256), True)


def _number(known: pl.DataFrame) -> int:
    """The number of the next arrival."""
    return int(known["arrival"].max() or 0) + 1  # pyright: ignore[reportArgumentType]


def _judged(
    records: Records, landed: _Landed, log: pl.DataFrame, known: pl.DataFrame, declaration: Declaration
) -> tuple[pl.DataFrame, str | None]:
    """The rows that the file adds to the log, and what it leaves out."""
    before = known.filter(pl.col("path") == landed.path)["day"].max()
    if isinstance(before, date) and (landed.newest is None or landed.newest < before):
        raise StaleFixings(landed.newest, before)
    rows = validated(RawFixings.validate, new_fixings(log, landed.stated, _number(known), beside_newer=True))
    lost = _too_much(rows, log, landed.stated, declaration)
    if lost and (landed.path, landed.sha256) not in WithdrawalDecisions(records.lake).current():
        raise FixingWithdrawalWaits(landed.path, lost)
    told = [_gaps(landed, log), _withdrawn(landed.path, rows)]
    return rows, " ".join(one for one in told if one) or None


def _too_much(
    rows: pl.DataFrame, log: pl.DataFrame, stated: pl.DataFrame, declaration: Declaration
) -> Mapping[str, tuple[int, int]]:
    """The currencies of which a file takes too much back, how many fixings, and of how many within its span."""
    gone = rows.filter(pl.col("rate").is_null()).group_by("currency").agg(gone=pl.len())
    if gone.is_empty():
        return {}
    span = pl.col("fixing_day").is_between(stated["fixing_day"].min(), stated["fixing_day"].max())
    there = fixings_known(log).filter(span).group_by("currency").agg(there=pl.len())
    counted = gone.join(there, on="currency").iter_rows()
    return {currency: (lost, of) for currency, lost, of in counted if declaration.is_too_much(lost, of)}


def _gaps(landed: _Landed, log: pl.DataFrame) -> str:
    """What a file leaves out of what is known, in a sentence; nothing where it leaves nothing out.

    The ECB drops the column of a currency that the euro has replaced, which is no gap.
    """
    silent = unmentioned_fixings(log, landed.stated)
    span = {"days": pl.len(), "first": pl.col("fixing_day").min(), "last": pl.col("fixing_day").max()}
    gaps = [
        f"{currency} on {counted(days, 'day')}, {first}..{last}"
        for currency, days, first, last in silent.group_by("currency").agg(**span).sort("currency").rows()
        if landed.newest is None or conversion_of(currency, landed.newest) is None
    ]
    if not gaps:
        return ""
    return f"`{landed.path}` leaves out fixings that are known ({'; '.join(gaps)}). They stay as they are known."


def _withdrawn(path: str, rows: pl.DataFrame) -> str:
    gone = rows.filter(pl.col("rate").is_null())
    if gone.is_empty():
        return ""
    named = listed([f"{currency} on {day}" for day, currency in gone.select("fixing_day", "currency").rows()])
    return f"`{path}` says N/A for fixings that were known, and they were withdrawn ({named})."


def _manifest_row(landed: _Landed, number: int, rows: pl.DataFrame, note: str | None) -> dict[str, Any]:
    return {
        "source": FIXINGS,
        "day": landed.newest,
        "arrival": number,
        "path": landed.path,
        "sha256": landed.sha256,
        "rows": len(rows),
        "totals": "{}",
        "declared": None,
        "withdrawn": rows["rate"].null_count(),
        "standing": None,
        "note": note,
    }
