"""Cut over and roll back: one metadata commit that exchanges the files of days, and the plan written down before it."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Self

import polars as pl

from backfill_assets.core.carried import Around
from backfill_assets.core.codec import decoded, encoded
from backfill_assets.core.partition_column import BY_DAY
from backfill_assets.core.position import Switch
from backfill_assets.errors.base import Refused
from backfill_assets.errors.state import LaterSlotsPublished
from backfill_assets.errors.swaps import (
    DaysRewritten,
    LaterCorrectionFirst,
    LiveDaysMoved,
    NothingSwapped,
    RetiredFilesMissing,
    RollBackOvertaken,
    StagedDaysMoved,
    StagedFilesMissing,
    SwapNumberBurnt,
    SwapNumberTaken,
    SwapUnverified,
)
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.bookmarks import switched
from backfill_assets.storage.layout import correction_of, staged_folder
from backfill_assets.storage.snapshot import Snapshot, same_rows
from backfill_assets.storage.swap_numbers import Fate, fate_of, marks, numbers, was_another
from backfill_assets.storage.table import Change, Commit, Table

Names = frozenset[tuple[str, int]]
DaysRefused = Callable[[str, Collection[date], str], Refused]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The complete add actions of both sides of one swap, before it is committed.

    ``swap_count`` is the number that this swap writes into the table's log; it counts every cut over and roll back of
    the correction. ``retired`` leave live, ``arriving`` enter it; all paths are as seen from the live root.
    ``around`` is what else has to be so in live, ``switch`` what the swap does to the consumer of the table.
    """

    correction: str
    swap_count: int
    retired: tuple[DataFile, ...]
    arriving: tuple[DataFile, ...]
    around: Around | None = None
    switch: Switch | None = None

    @property
    def days(self) -> tuple[date, ...]:
        """Every day of either side, oldest first."""
        return tuple(sorted({file.day for file in (*self.retired, *self.arriving) if file.day is not None}))

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return {
            "correction": self.correction,
            "version": self.swap_count,
            "retired": [file.as_json() for file in self.retired],
            "arriving": [file.as_json() for file in self.arriving],
            **({"around": encoded(self.around)} if self.around else {}),
            **({"switch": encoded(self.switch)} if self.switch else {}),
        }

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of ``as_json``."""
        retired: list[Mapping[str, Any]] = fields["retired"]
        arriving: list[Mapping[str, Any]] = fields["arriving"]
        return cls(
            correction=fields["correction"],
            swap_count=fields["version"],
            retired=tuple(DataFile.from_json(file) for file in retired),
            arriving=tuple(DataFile.from_json(file) for file in arriving),
            around=decoded(Around, fields["around"]) if "around" in fields else None,
            switch=decoded(Switch, fields["switch"]) if "switch" in fields else None,
        )


def plan_cut_over(  # both sides and both certificates, all named
    live: Snapshot,
    staged: Snapshot,
    *,
    correction: str,
    swap_count: int,
    days: Collection[date],
    certified_live: Mapping[date, str],
    certified_staged: Mapping[date, str],
) -> Manifest:
    """The swap that makes the staged files of the days live, if both sides still are what was certified.

    The certificate maps days to fingerprints; a day that was not live has the empty string, or is not in it.

    Raises:
        StagedDaysMoved: naming days whose staged files are not the certified ones, or that have none.
        LiveDaysMoved: naming days whose live files are not the certified ones.
    """
    restaged = [day for day in days if staged.fingerprint(day) != (certified_staged.get(day) or None)]
    if restaged:
        raise StagedDaysMoved(correction, restaged, live.partition.grain.value)
    moved = [day for day in days if live.fingerprint(day) != certified_live.get(day, "")]
    if moved:
        raise LiveDaysMoved(correction, moved, live.partition.grain.value)
    folder = staged_folder(correction)
    arriving = tuple(file.under(folder) for files in staged.files_of(days).values() for file in files)
    retired = tuple(file for files in live.files_of(days).values() for file in files)
    return Manifest(correction, swap_count, retired, arriving)


def cut_over(live: Table, manifest: Manifest, *, metadata: Mapping[str, Any] | None = None) -> Commit | None:
    """Commit a planned cut over, exactly once however often it is called; None when it had happened already.

    Raises:
        LiveDaysMoved: naming days that live holds other files of than the manifest retires.
        StagedFilesMissing: naming days of which a file is gone.
        SwapNumberTaken: when another swap of the correction was committed under this number.
        SwapNumberBurnt: when it was settled that this one will not be committed.
        SwapUnverified: when live does not hold what was planned after the commit.
    """
    return _swap(live, manifest, metadata or {}, moved=LiveDaysMoved, missing=StagedFilesMissing)


def plan_roll_back(
    live: Snapshot,
    swaps: Sequence[Manifest],
    *,
    correction: str,
    swap_count: int,
    days: Collection[date] | None = None,
) -> Manifest:
    """The swap that brings back what the correction retired, of the given days or of all it has in live.

    ``swaps`` are the correction's manifests, cut overs and roll backs. A day that holds its retired files already is
    left out; a day that was not live before the correction is live no more afterwards.

    Raises:
        NothingSwapped: naming given days which the correction does not have in live.
        LaterCorrectionFirst: naming days that another correction has swapped since.
        DaysRewritten: naming days that hold other rows than the correction swapped in.
        RetiredFilesMissing: naming days of which a file to bring back is gone.
    """
    swapped = after_swaps([swap for swap in swaps if fate_of(live, correction, swap.swap_count) is Fate.SWAPPED])
    absent = set(days or ()) - swapped.keys()
    if absent:
        raise NothingSwapped(correction, absent, live.partition.grain.value)
    wanted = sorted(swapped if days is None else set(days))
    wanted = [day for day in wanted if live.names(day) != names_of(swapped[day].before)]
    _refuse_if_not_ours(live, correction, {day: swapped[day].after for day in wanted})
    arriving = tuple(file for day in wanted for file in swapped[day].before)
    gone = days_missing(live, arriving)
    if gone:
        raise RetiredFilesMissing(correction, gone, live.partition.grain.value)
    retired = tuple(file for files in live.files_of(wanted).values() for file in files)
    return Manifest(correction, swap_count, retired, arriving)


def roll_back(live: Table, manifest: Manifest, *, metadata: Mapping[str, Any] | None = None) -> Commit | None:
    """Commit a planned roll back, exactly once however often it is called; None when it had happened already.

    Raises:
        RollBackOvertaken: naming days that were written since the plan.
        RetiredFilesMissing: naming days of which a file to bring back is gone.
        SwapNumberTaken: when another swap of the correction was committed under this number.
        SwapNumberBurnt: when it was settled that this one will not be committed.
        SwapUnverified: when live does not hold what was planned after the commit.
    """
    return _swap(live, manifest, metadata or {}, moved=RollBackOvertaken, missing=RetiredFilesMissing)


def _swap(
    live: Table, manifest: Manifest, metadata: Mapping[str, Any], *, moved: DaysRefused, missing: DaysRefused
) -> Commit | None:
    before, after = by_day(manifest.retired), by_day(manifest.arriving)
    held = {day: names_of(before.get(day, ())) for day in manifest.days}
    planned = {day: names_of(after.get(day, ())) for day in manifest.days}

    def decide(snapshot: Snapshot) -> Change | None:
        if (fate := fate_of(snapshot, manifest.correction, manifest.swap_count)) is Fate.BURNT:
            raise SwapNumberBurnt(manifest.correction, manifest.swap_count)
        if fate is Fate.SWAPPED:
            undone = [day for day in manifest.days if held[day] != planned[day] and snapshot.names(day) == held[day]]
            wanted = {day: planned[day] for day in undone}
            if undone and was_another(live, snapshot, manifest.correction, manifest.swap_count, wanted):
                noun = snapshot.partition.grain.value
                raise SwapNumberTaken(manifest.correction, manifest.swap_count, undone, noun)
            return None
        _refuse_moved_around(manifest, snapshot)
        if strange := _otherwise(snapshot, held):
            raise moved(manifest.correction, strange, snapshot.partition.grain.value)
        gone = days_missing(snapshot, manifest.arriving)
        if gone:
            raise missing(manifest.correction, gone, snapshot.partition.grain.value)
        return _change(manifest, metadata, snapshot)

    commit = live.commit(decide)
    if commit and (wrong := live.read_back(commit.number, lambda there: _otherwise(there, planned))):
        raise SwapUnverified(manifest.correction, commit.number, wrong, (live.partition or BY_DAY).grain.value)
    return commit


def _otherwise(there: Snapshot, names: Mapping[date, Names]) -> list[date]:
    """The days that hold other files than these."""
    return [day for day, of_day in names.items() if there.names(day) != of_day]


def _refuse_moved_around(manifest: Manifest, live: Snapshot) -> None:
    if manifest.around is None:
        return
    if later := manifest.around.later(live.days):
        raise LaterSlotsPublished(manifest.correction, later, live.partition.grain.value)
    if moved := manifest.around.moved(live.fingerprint):
        raise LiveDaysMoved(manifest.correction, moved, live.partition.grain.value)


def _change(manifest: Manifest, metadata: Mapping[str, Any], live: Snapshot) -> Change:
    """Adds and removes; a file on both sides stays, because Delta refuses a path that does both."""
    leaving, entering = names_of(manifest.retired), names_of(manifest.arriving)
    bookmark = switched(live, manifest.correction, manifest.switch) if manifest.switch else ()
    return Change(
        adds=tuple(file for file in manifest.arriving if (file.path, file.size) not in leaving),
        removes=tuple(file for file in manifest.retired if (file.path, file.size) not in entering),
        apps=(*numbers(manifest.correction, manifest.swap_count, Fate.SWAPPED), *bookmark),
        metadata={**marks(manifest.correction, manifest.swap_count), **metadata},
    )


@dataclass(frozen=True, slots=True)
class Swapped:
    """What a day held before the correction, and what the correction put there."""

    before: tuple[DataFile, ...]
    after: tuple[DataFile, ...]


def after_swaps(swaps: Iterable[Manifest]) -> dict[date, Swapped]:
    """The days that the correction has in live after all its swaps, folded in their order.

    A day is in live since a swap that brought files of the staged version, until one that brought others. What it held
    before is what the first of such swaps found, or the one that found something else than the last had put there.
    """
    there: dict[date, Swapped] = {}
    for swap in sorted(swaps, key=lambda swap: swap.swap_count):
        retired, arriving = by_day(swap.retired), by_day(swap.arriving)
        for day in swap.days:
            before, after = retired.get(day, ()), arriving.get(day, ())
            earlier = there.pop(day, None)
            if not any(correction_of(file.path) == swap.correction for file in after):
                continue
            known = earlier is not None and names_of(before) == names_of(earlier.after)
            there[day] = Swapped(earlier.before if earlier and known else before, after)
    return there


def _refuse_if_not_ours(live: Snapshot, correction: str, ours: Mapping[date, tuple[DataFile, ...]]) -> None:
    """Refuse days that hold neither the correction's files nor, after a compaction, its rows."""
    strange = [day for day, files in ours.items() if live.names(day) != names_of(files)]
    others = {day: {correction_of(path) for path, _ in live.names(day)} - {None, correction} for day in strange}
    taken = [day for day in strange if others[day]]
    if taken:
        later, noun = {str(other) for day in taken for other in others[day]}, live.partition.grain.value
        raise LaterCorrectionFirst(correction, later, taken, noun)
    rewritten = [day for day in strange if not same_content(live, day, ours[day])]
    if rewritten:
        raise DaysRewritten(correction, rewritten, live.partition.grain.value)


def same_content(live: Snapshot, day: date, files: Collection[DataFile]) -> bool:
    """Whether a live day holds the rows of some files, whatever files it holds them in."""
    if not live.names(day) or not files or days_missing(live, files):
        return False
    there = [(file.path, day) for file in files]
    rows: pl.DataFrame = live.folder.scan_days(there, live.schema, live.partition).collect()
    return same_rows(live.scan([day]).collect(), rows)


def days_missing(live: Snapshot, files: Collection[DataFile]) -> list[date]:
    """The days of which a file is gone, or is not the size that it was."""
    sizes = {found.path: found.size for found in live.folder.find([file.path for file in files])}
    return sorted({file.day for file in files if file.day and sizes.get(file.path) != file.size})


def by_day(files: Iterable[DataFile]) -> dict[date, tuple[DataFile, ...]]:
    """The files of each day."""
    found: dict[date, list[DataFile]] = {}
    for file in files:
        if file.day is not None:
            found.setdefault(file.day, []).append(file)
    return {day: tuple(of_day) for day, of_day in found.items()}


def names_of(files: Iterable[DataFile]) -> Names:
    """Path and size of each."""
    return frozenset((file.path, file.size) for file in files)
