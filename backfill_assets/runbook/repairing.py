"""Repair after a power cut: what was damaged is set aside with what it proves, and what the ledger lost is taken over.

The table's own log says which swaps are in it, the ledger which were told, and the manifests what can come back.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from backfill_assets.errors.base import BackfillAssetsError, counted, listed, verb
from backfill_assets.errors.lake import Unusable
from backfill_assets.errors.repairing import TableNotInLake
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.looking import swaps_told
from backfill_assets.runbook.settling import settle
from backfill_assets.sources.arrivals import raw_manifest
from backfill_assets.storage.layout import correction_of
from backfill_assets.storage.opening import open_any
from backfill_assets.storage.records import Records
from backfill_assets.storage.repairing import Damage, applications, damage_of, folder_of, set_aside, tables_below
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest, days_missing
from backfill_assets.storage.swap_numbers import APPLICATION, Fate, fate_of

LEDGER = "_control/ledger"
LEDGER_FIRST = f"the ledger says what it was, and cannot be read. Repair {LEDGER} first."
ASKED_OF_LEDGER = "What it was is told once the ledger is repaired."


@dataclass(frozen=True, slots=True)
class Repair:
    """A damaged log, what is known of what it lost, in sentences, and where its files were set aside."""

    damage: Damage
    told: tuple[str, ...] = ()
    moved: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        return {
            "table": self.damage.table,
            "found": [*self.damage.found],
            "refused": self.damage.refused,
            "sets_aside": [*self.damage.aside],
            "set_aside": [*self.moved],
            "told": [*self.told],
        }


@dataclass(frozen=True, slots=True)
class Lost:
    """A swap that a table has and the ledger does not, or what the ledger lacks altogether (``refused``)."""

    correction: str
    table: str
    swap_count: int = 0
    taken_over: bool = False
    refused: str = ""

    @property
    def sentence(self) -> str:
        """What is so, and what is done about it."""
        if self.refused:
            return self.refused
        done = "was" if self.taken_over else "is to be"
        return (
            f"{self.table} holds swap {self.swap_count} of correction {self.correction}, which the ledger has lost. "
            f"It {done} taken over from the table's log."
        )

    def as_json(self) -> dict[str, Any]:
        """All of it, JSON-ready."""
        return {
            "correction": self.correction,
            "table": self.table,
            "swap": self.swap_count,
            "taken_over": self.taken_over,
            "refused": self.refused,
            "sentence": self.sentence,
        }


def repair(records: Records, table: str, *, commit: bool, at: datetime, by: str) -> list[Repair]:
    """Look at the logs of all tables, or of one with its staged versions; with ``commit`` set aside what can be.

    The ledger comes first: it says what entries of other tables were.

    Raises:
        TableNotInLake: when there is no table of that name.
    """
    tables = tables_below(records.lake)
    wanted = [name for name in tables if not table or name == table or name.startswith(f"{table}/")]
    if not wanted:
        raise TableNotInLake(table, tables)
    found: list[Repair] = []
    for name in wanted:
        if (damage := damage_of(records.lake, name)) is not None:
            one = _proved(records, damage, commit=commit)
            moved = set_aside(records.lake, damage, at, by) if commit and not one.damage.refused else ()
            found.append(replace(one, moved=moved))
    return found


def take_over(contexts: Collection[StepContext], *, commit: bool) -> list[Lost]:
    """The swaps that tables have and the ledger has not, or has as planned only; with ``commit`` they are written down.

    What is damaged still is left out.
    """
    found: list[Lost] = []
    for ctx in contexts:
        try:
            found += _lost_of(ctx, commit=commit)
        except Unusable:
            continue  # told as damage of that table
    return found


def _lost_of(ctx: StepContext, *, commit: bool) -> Iterator[Lost]:
    table, records = ctx.table.name, ctx.records
    live, known = records.newest(table), records.ledger.all_progress()
    if live is None:
        return
    for correction, progress in known.items():
        number = _unrecorded(records, progress, live) if progress.plan.table == table else None
        if number is not None:
            yield _taken_over(ctx, Lost(correction, table, number), commit=commit)
    for app in sorted(applications(live.folder)):
        named = APPLICATION.fullmatch(app)
        if named and named[1] not in known:
            why = f"{table} holds a swap of correction {named[1]}, which the ledger does not know. "
            yield Lost(named[1], table, refused=f"{why}Bring _control/ledger back from a copy of the lake.")


def _unrecorded(records: Records, progress: Progress, live: Snapshot) -> int | None:
    """The number of the first swap that the table has and the ledger does not tell of; None without any."""
    correction = progress.plan.correction
    told = swaps_told(records, correction)
    planned = [manifest.swap_count for manifest in records.ledger.manifests_of(correction)]
    numbers = sorted({*planned, 1 + max(planned, default=0)} - told)
    return next((one for one in numbers if fate_of(live, correction, one) is Fate.SWAPPED), None)


def _taken_over(ctx: StepContext, lost: Lost, *, commit: bool) -> Lost:
    if not commit:
        return lost
    try:
        settle(ctx, lost.correction)
    except BackfillAssetsError as error:
        return replace(lost, refused=str(error))
    return replace(lost, taken_over=True)


def _proved(records: Records, damage: Damage, *, commit: bool) -> Repair:
    """What is known of the entries that are set aside; refused where something was told that cannot come back."""
    if damage.refused or not damage.lost:
        return Repair(damage, () if damage.refused else ("The log before it is whole, and holds the same.",))
    if damage.table.startswith("_control/"):
        return Repair(
            damage, ("Rows that were never declared. Whatever wrote them is done again by the same command.",)
        )
    try:
        corrections = records.ledger.all_progress()
    except Unusable:
        ledger = damage_of(records.lake, LEDGER)
        stays = commit or ledger is None or ledger.refused
        return Repair(replace(damage, refused=LEDGER_FIRST if stays else ""), () if stays else (ASKED_OF_LEDGER,))
    table, _, folder = damage.table.partition("/")
    if correction := correction_of(f"{folder}/"):
        told = f"Days that were never declared as staged. `backfill-assets run {correction}` stages what is missing."
        return Repair(damage, (told,))
    told = [*_pinned(corrections, damage)]
    if damage.whole >= 0:
        place = folder_of(records.lake, table)
        whole = Snapshot(open_any(place, damage.whole), place, pl.Schema())
        told += _landed(records, table, whole)
        swaps = [
            (progress, manifest, bool(days_missing(whole, manifest.arriving)))
            for progress in corrections.values()
            for manifest in _not_in(records, progress, table, whole)
        ]
        told += [_swap_told(records, *one) for one in swaps]
        if refused := [_swap_gone(manifest) for _, manifest, gone in swaps if gone and _is_told(records, manifest)]:
            return Repair(replace(damage, refused=refused[0]))
    return Repair(damage, tuple(told) or ("Nothing that was declared rests on it. The same command does it again.",))


def _not_in(records: Records, progress: Progress, table: str, whole: Snapshot) -> list[Manifest]:
    """The swaps of a correction of the table that the ledger knows of and the table has not, without the entries."""
    if progress.plan.table != table:
        return []
    correction, is_open = progress.plan.correction, progress.publication.planned in {Step.CUT_OVER, Step.ROLL_BACK}
    undecided = [
        manifest
        for manifest in records.ledger.manifests_of(correction)
        if fate_of(whole, correction, manifest.swap_count) is Fate.UNDECIDED
    ]
    return [one for one in undecided if is_open or _is_told(records, one)]


def _is_told(records: Records, manifest: Manifest) -> bool:
    return manifest.swap_count in swaps_told(records, manifest.correction)


def _swap_gone(manifest: Manifest) -> str:
    return (
        f"swap {manifest.swap_count} of correction {manifest.correction} was told, and some of its files are gone. "
        "Bring the entry or the files back from a copy of the lake."
    )


def _swap_told(records: Records, progress: Progress, manifest: Manifest, gone: bool) -> str:  # noqa: FBT001 - a fact
    """What is known of a swap that the table lacks without the entries, and how it comes back."""
    correction = progress.plan.correction
    swap, files = f"Swap {manifest.swap_count} of correction {correction}", counted(len(manifest.arriving), "file")
    if _is_told(records, manifest):
        return (
            f"{swap} was told and is lost; its {files} are all there. "
            f"`backfill-assets status {correction}` says how its days come back."
        )
    there = "some are gone" if gone else "all are there"
    return (
        f"{swap} was planned and never told; of its {files} {there}. `backfill-assets run {correction}` takes it again."
    )


def _landed(records: Records, table: str, whole: Snapshot) -> Iterator[str]:
    """What the manifest says has arrived, and lies there, and is in the log no more."""
    rows = raw_manifest(records).rows().filter(pl.col("source") == table)
    known = {file.path for files in whole.files.values() for file in files}
    named = rows.filter(~pl.col("file").is_in(list(known)))
    there = {found.path for found in whole.folder.find(named["file"].to_list())}
    lost = sorted(set(named.filter(pl.col("file").is_in(list(there)))["path"]))
    if lost:
        yield (
            f"{counted(len(lost), 'landed file')} ({listed(lost)}) {verb(len(lost), 'is', 'are')} not in it any more. "
            f"Nightly takes them in for days that are not published; for others materialize {table}."
        )


def _pinned(corrections: Mapping[str, Progress], damage: Damage) -> Iterator[str]:
    """That open corrections are computed from a commit that is lost, which becomes what was before it."""
    for correction, progress in corrections.items():
        if not progress.is_closed and progress.plan.pins.get(damage.table, -1) in damage.lost:
            yield (
                f"Correction {correction} is pinned to commit {progress.plan.pins[damage.table]}, which will be what "
                f"commit {damage.whole} is. What was lost lands again as late data."
            )
