"""How landed files get into a raw log, each named in a manifest with its control totals.

What is taken in is archived first. Then the row of the manifest is written, before the data it speaks of becomes
visible, and counts only when it is; so a crash between the two, and two ingestions at once, neither lose nor double an
arrival. Each day fails alone.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.errors.base import BackfillAssetsError, counted
from backfill_assets.errors.failure import Failure, failure_of
from backfill_assets.errors.landing import ArrivalUnannounced, UnforeseenInFile, WithdrawalWaits
from backfill_assets.sources.archiving import archived
from backfill_assets.sources.arrivals import MANIFEST, Arrival, arrived, raw_manifest
from backfill_assets.sources.landed import LandedFile, TypedColumns, files_of, read_landed
from backfill_assets.sources.log_rows import LogRows
from backfill_assets.sources.people import People
from backfill_assets.sources.read_back import files_read_back
from backfill_assets.sources.token_keys import TokenKeys
from backfill_assets.sources.withdrawals import WHOLE_DAY, Declaration, WithdrawalDecisions
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.commits import Change
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.table import Table


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


@dataclass(frozen=True, slots=True)
class Landed:
    """A landing, and what its source declares about the files in it."""

    root: Path
    declaration: Declaration
    keys: TokenKeys


def ingest(log: LogRows, records: Records, landing: Landed, days: Collection[date], at: datetime) -> Ingested:
    """Append what landed for the days. The same file again is a no-op, a changed one a new arrival.

    What a changed file of a whole day no longer holds is withdrawn. A day that cannot be read, or whose file takes
    more back than a person has allowed, is left out and its reason returned; the others are appended in one commit.
    """
    people = People(log, records, landing.keys)
    people.refuse_unknown()
    raw = records.table(log.table, log.schema)
    raw.create()
    read, reasons = read_days(log, landing.root, days)
    while True:
        before = raw.snapshot()
        sound = [one for one in read if one.day not in reasons]
        taken, unfit = _taken(people, before, sound, landing)
        kept, unkept = archived(records, taken)
        taken = {day: one for day, one in taken.items() if day in kept}
        files, unwritten = _written(raw, taken)
        reasons |= unfit | unkept | unwritten
        taken = {day: one for day, one in taken.items() if day in files}
        rest = tuple(one.day for one in read if one.day not in taken.keys() | reasons.keys())
        if not taken:
            return Ingested((), rest, reasons, 0)
        with raw.unless_refused(files.values()):
            taken = people.mapped(taken)
            _announce(records, raw, taken, files, kept, at)
        if _appended(raw, before, files):
            rows = sum(one.frame.height for one in taken.values())
            notes = tuple(one.note for _, one in sorted(taken.items()) if one.note)
            return Ingested(tuple(sorted(taken)), rest, reasons, rows, notes)


def read_one(log: LogRows, landing: Path, day: date) -> LandedFile:
    """What landed for a day, checked.

    Raises:
        MissingDays, AmbiguousDay, BadLanding: when it cannot be used.
    """
    required = frozenset({*log.key, log.totals.measures[0]})
    as_landed = log.as_landed or TypedColumns(log.columns, log.key, required)
    numbers = {name for name, kind in log.columns.items() if kind.is_numeric()}
    return read_landed(landing, log.folder or log.table, day, as_landed, numbers, frozenset(log.columns))


def read_days(log: LogRows, landing: Path, days: Collection[date]) -> tuple[list[LandedFile], dict[date, Failure]]:
    """What landed for the days, and why those that could not be read were not."""
    read: list[LandedFile] = []
    reasons: dict[date, Failure] = {}
    for day in sorted(days):
        try:
            read.append(read_one(log, landing, day))
        except FAULTS as error:
            files = files_of(landing, log.folder or log.table, day)
            names = ", ".join(file.relative_to(landing).as_posix() for file in files)
            reasons[day] = _of_file(log, names or "the landing", day, error)
    return read, reasons


def standing_on(log: LogRows, raw: Snapshot, days: Collection[date]) -> Mapping[date, pl.DataFrame]:
    """The rows that count, by day; none of a day that is not asked for, so that only known ones are read."""
    found = log.latest(raw.scan(days)).collect().partition_by(DAY, as_dict=True) if days else {}
    return defaultdict(log.schema.to_frame, {day: rows for (day,), rows in found.items()})


def lost_by(
    log: LogRows,
    landed: LandedFile,
    standing: pl.DataFrame,
    decisions: Mapping[tuple[str, str], bool],
    declaration: Declaration,
) -> pl.DataFrame:
    """The rows of a day that a file takes back.

    Raises:
        WithdrawalWaits: when they are more than the source may take back, and nobody has said anything about it.
    """
    if declaration.files != WHOLE_DAY:
        return standing.clear()
    lost = standing.join(landed.frame, on=list(log.key), how="anti").sort(log.key)
    unasked = (str(landed.day), landed.sha256) not in decisions
    if unasked and declaration.is_too_much(lost.height, standing.height):
        raise WithdrawalWaits(landed.path, landed.day, log.names(lost), counted(standing.height, log.noun))
    return lost


def frames_of(
    log: LogRows,
    landed: Collection[LandedFile],
    numbers: Mapping[date, int],
    token_keys: Mapping[date, bytes],
    withdrawn: Mapping[date, pl.DataFrame],
) -> tuple[dict[date, pl.DataFrame], dict[date, Failure]]:
    """The rows of each arrival with its withdrawals, valid together or else one by one, and why others are left out."""
    made: dict[date, pl.DataFrame] = {}
    reasons: dict[date, Failure] = {}
    validate = log.validate or (lambda _: None)
    for one in landed:
        try:
            made[one.day] = pl.concat([log.rows_of(one, numbers[one.day], token_keys[one.day]), withdrawn[one.day]])
        except FAULTS as error:
            reasons[one.day] = _of_file(log, one.path, one.day, error)
    try:
        if made:
            validate(pl.concat(made.values()))
    except FAULTS:  # found again, by the file it belongs to
        for one in landed:
            try:
                if one.day in made:
                    validate(made[one.day])
            except FAULTS as error:
                reasons[one.day] = _of_file(log, one.path, one.day, error, in_tokens=True)
    return {day: frame for day, frame in made.items() if day not in reasons}, reasons


def _taken(
    people: People, before: Snapshot, read: Collection[LandedFile], landing: Landed
) -> tuple[dict[date, Arrival], dict[date, Failure]]:
    """What is new of what was read, and why that which is left out is."""
    log, records = people.log, people.records
    known = arrived(records, before, log.table)
    latest = {row["day"]: row for row in known.sort("arrival").iter_rows(named=True)}
    decisions = WithdrawalDecisions(records.lake).current()
    changed = [one for one in read if latest.get(one.day, {}).get("sha256") != one.sha256]
    announced = set(known["file"])
    standing = standing_on(log, before, [one.day for one in changed if one.day in latest])
    numbers = {one.day: latest.get(one.day, {"arrival": 0})["arrival"] + 1 for one in changed}
    withdrawn: dict[date, pl.DataFrame] = {}
    keys: dict[date, str] = {}
    reasons: dict[date, Failure] = {}
    for one in changed:
        try:
            keys[one.day] = people.key_of(one.day, latest.get(one.day))
            if {path for path, _ in before.names(one.day)} - announced:
                raise ArrivalUnannounced(one.path, one.day)
            lost = lost_by(log, one, standing[one.day], decisions, landing.declaration)
        except BackfillAssetsError as error:
            reasons[one.day] = failure_of(error, "The day")
            continue
        if decisions.get((str(one.day), one.sha256), True):
            withdrawn[one.day] = log.withdrawals(lost, numbers[one.day])
    new = [one for one in changed if one.day in withdrawn]
    secrets = {day: people.keys.by_fingerprint.get(key, b"") for day, key in keys.items()}
    frames, unfit = frames_of(log, new, numbers, secrets, withdrawn) if new else ({}, {})
    taken = {
        one.day: Arrival(
            log,
            one,
            numbers[one.day],
            frames[one.day],
            landing.declaration.files,
            withdrawn[one.day],
            standing[one.day],
            keys[one.day] if log.personal else "",
        )
        for one in new
        if one.day in frames
    }
    return taken, reasons | unfit


def _written(raw: Table, taken: Mapping[date, Arrival]) -> tuple[dict[date | None, DataFile], dict[date, Failure]]:
    """The data files of the days, written together or else one by one, and why those that are not are left out."""
    try:
        return raw.write_files({day: one.frame for day, one in taken.items()}), {}
    except FAULTS:
        files: dict[date | None, DataFile] = {}
        reasons: dict[date, Failure] = {}
        for day, one in taken.items():
            try:
                files |= raw.write_files({day: one.frame})
            except FAULTS as error:
                reasons[day] = _of_file(one.log, one.landed.path, day, error, in_tokens=True)
        return files, reasons


def _announce(
    records: Records,
    raw: Table,
    taken: Mapping[date, Arrival],
    files: Mapping[date | None, DataFile],
    kept: Mapping[date, str],
    at: datetime,
) -> None:
    """Write the manifest's rows of data files that are not visible yet."""
    logs = [one.log for one in taken.values()]
    read = files_read_back(logs[0], raw.folder, [file.path for file in files.values()])
    told = [one.manifest_row(files[day], read, at) | {"archive": kept[day]} for day, one in taken.items()]
    rows = pl.DataFrame(told, schema=MANIFEST)
    raw_manifest(records).append(lambda _: rows)


def _appended(raw: Table, before: Snapshot, files: Mapping[date | None, DataFile]) -> bool:
    """Make data files visible, unless one of their days has moved since it was looked at."""

    def decide(now: Snapshot) -> Change | None:
        moved = any(now.names(day) != before.names(day) for day in files)
        return None if moved else Change(tuple(files.values()))

    return raw.commit(decide, written=files.values()) is not None


def _of_file(log: LogRows, path: str, day: date, error: BaseException, *, in_tokens: bool = False) -> Failure:
    """Why a day failed, in a refusal's own words or in those for what nobody foresaw, which may quote a value."""
    if not isinstance(error, BackfillAssetsError):
        error = UnforeseenInFile(path, day, error, is_quoted=in_tokens or not log.personal)
    return failure_of(error, "The day")
