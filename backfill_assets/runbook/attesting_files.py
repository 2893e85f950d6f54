"""Whether the files that were swapped are those that were certified, byte for byte."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.events import Event
from backfill_assets.core.facts import SwapPlanned, Validated
from backfill_assets.core.fold import history
from backfill_assets.core.steps import Ending, Step
from backfill_assets.errors.base import counted
from backfill_assets.storage.actions import DataFile, fingerprint_of, unquoted
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import staged_folder
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import content_of, file_digests
from backfill_assets.storage.swap import Manifest, Names, by_day, names_of

STAGED = "staged"


@dataclass(frozen=True, slots=True)
class FilesFound:
    """The SHA-256 of each certified file that is there, as seen from the table's root, and what is not so."""

    digests: Mapping[str, str] = field(default_factory=dict[str, str])
    unproven: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Side:
    """The files of one side of a day: as certified, the fingerprint of their names and the digest of their bytes."""

    what: str
    day: date
    files: tuple[DataFile, ...]
    certified: tuple[tuple[str, str], ...]
    prefix: str = ""

    @property
    def is_certified(self) -> bool:
        return fingerprint_of(self.names) in {names for names, _ in self.certified}

    @property
    def names(self) -> Names:
        return frozenset((path.removeprefix(self.prefix), size) for path, size in names_of(self.files))

    @property
    def contents(self) -> set[str]:
        return {content for names, content in self.certified if content and names == fingerprint_of(self.names)}


def check_files(records: Records, events: Sequence[Event], certificates: Mapping[str, Certificate]) -> FilesFound:
    """Compare the files of each cut over with the certificates before it, and their bytes, where they are there."""
    progress = history(events)
    correction, table = progress.plan.correction, progress.plan.table
    folder = Folder(records.lake.table_uri(table), dict(records.lake.storage_options))
    live = records.newest(table)
    needed = set[str](unquoted(live.actions["path"]).to_list()) if live else set[str]()
    is_over = progress.publication.ending is Ending.DECOMMISSIONED
    sides, wrong = _sides(events, records.ledger.manifests_of(correction), certificates)
    sides += _still_staged(records, table, {side.day for side in sides}, [*certificates.values()][-1:])
    digests: dict[str, str] = {}
    gone: list[str] = []
    unknown: list[str] = []
    for side in sides:
        if not side.is_certified:
            wrong.append(f"What a manifest has as {side.what} of {side.day} is not what any certificate has.")
            continue
        missing = folder.missing(file.path for file in side.files)
        if missing:
            (wrong if not is_over or missing & needed else gone).append(_missing(side, missing))
            continue
        found = file_digests(folder, [file.path for file in side.files])
        if not found:
            continue
        if not side.contents:
            unknown.append(side.what)
        elif content_of(found) not in side.contents:
            wrong.append(_altered(side))
        digests |= found if side.what == STAGED else {}
    return FilesFound(digests, tuple(_told(gone, unknown)), tuple(wrong))


def _sides(
    events: Sequence[Event], manifests: Sequence[Manifest], certificates: Mapping[str, Certificate]
) -> tuple[list[_Side], list[str]]:
    """Both sides of each day of each cut over; a day that arrives again has no certified live side."""
    wrong: list[str] = []
    found: list[_Side] = []
    known: list[Certificate] = []
    by_number = {manifest.swap_count: manifest for manifest in manifests}
    seen: dict[date, set[Names]] = {}
    for event in events:
        if isinstance(event.fact, Validated) and event.fact.certificate in certificates:
            known.append(certificates[event.fact.certificate])
        if not isinstance(event.fact, SwapPlanned) or (manifest := by_number.get(event.fact.swap_count)) is None:
            continue
        arriving, retired = by_day(manifest.arriving), by_day(manifest.retired)
        for day in manifest.days:
            here, there = arriving.get(day, ()), retired.get(day, ())
            if event.fact.step is Step.CUT_OVER and names_of(here) not in seen.get(day, set()):
                found += _certified(manifest.correction, day, (here, there), known)
            elif event.fact.step is Step.ROLL_BACK and here and names_of(here) not in seen.get(day, set()):
                wrong.append(f"Event {event.sequence} brings back files of {day} that no swap before it retired.")
            seen.setdefault(day, set()).update((names_of(here), names_of(there)))
    return found, wrong


def _certified(
    correction: str, day: date, files: tuple[tuple[DataFile, ...], tuple[DataFile, ...]], known: Sequence[Certificate]
) -> list[_Side]:
    staged = tuple((one.staged.get(day, ""), one.contents.staged.get(day, "")) for one in known)
    live = tuple((one.live.get(day, ""), one.contents.live.get(day, "")) for one in known)
    return [
        _Side(STAGED, day, files[0], staged, f"{staged_folder(correction)}/"),
        _Side("retired", day, files[1], live),
    ]


def _still_staged(
    records: Records, table: str, swapped: Collection[date], last: Sequence[Certificate]
) -> Iterator[_Side]:
    """The staged files of days that no swap was of, where they are still those that the last certificate is about."""
    for certificate in last:
        correction = certificate.correction
        if not records.staged_exists(table, correction):
            return
        folder = staged_folder(correction)
        days = certificate.staged.keys() - set(swapped)
        for day, files in records.staged(table, correction).snapshot().files_of(sorted(days)).items():
            certified = ((certificate.staged[day], certificate.contents.staged.get(day, "")),)
            side = _Side(STAGED, day, tuple(file.under(folder) for file in files), certified, f"{folder}/")
            if files and side.is_certified:
                yield side


def _missing(side: _Side, missing: frozenset[str]) -> str:
    return f"The {side.what} file {min(missing)} of {side.day} is gone."


def _altered(side: _Side) -> str:
    named = ", ".join(sorted(file.path for file in side.files))
    return f"What is {side.what} of {side.day} does not have the bytes that were certified ({named})."


def _told(gone: Sequence[str], unknown: Sequence[str]) -> list[str]:
    told = [f"{counted(len(gone), 'set')} of files of a day were deleted by the decommission."] if gone else []
    if unknown:
        told.append(f"{counted(len(unknown), 'set')} of files of a day were certified by name and size, not by bytes.")
    return told
