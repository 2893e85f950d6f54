"""Whether live still holds what a correction put there: the table is asked, whatever the ledger says of it."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import unquote

from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.commits import ATTEMPT
from backfill_assets.storage.layout import correction_of, entry_of
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest, after_swaps, by_day, names_of, same_content
from backfill_assets.storage.swap_numbers import CORRECTION, SWAP, Fate, fate_of

NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Left:
    """What a correction left on a day: these files, by its swap of this number."""

    swap_count: int
    files: tuple[DataFile, ...]


def left_by(swaps: Sequence[Manifest], swapped: Collection[date]) -> dict[date, Left]:
    """What each day holds when nobody has touched it since the correction did, for all days of its swaps.

    ``swapped`` are the days that the ledger says the correction has in live. A day that it says went back although no
    swap took it back had gone back by somebody's hand, and that was accepted: it holds what it held before.
    """
    inside = after_swaps(swaps)
    left: dict[date, Left] = {}
    for swap in sorted(swaps, key=lambda swap: swap.swap_count):
        arriving = by_day(swap.arriving)
        left |= {day: Left(swap.swap_count, arriving.get(day, ())) for day in swap.days}
    accepted = [day for day in inside if day not in swapped]
    return left | {day: Left(left[day].swap_count, inside[day].before) for day in accepted}


def manifest_between(before: Snapshot, after: Snapshot, correction: str, swap_count: int) -> Manifest:
    """The swap that a commit was, by the table before and after it."""
    days = sorted(day for day in before.days | after.days if before.names(day) != after.names(day))
    retired, arriving = (
        tuple(file for files in one.files_of(days).values() for file in files) for one in (before, after)
    )
    return Manifest(correction, swap_count, retired, arriving)


def moved_days(live: Snapshot, correction: str, left: Mapping[date, Left]) -> frozenset[date]:
    """The days that hold something else than the correction left there.

    A day that this software wrote since, by a nightly or another correction, is on record and has not moved; nor has
    one whose rows are the same, as after a compaction.
    """
    other = {day: one for day, one in left.items() if live.names(day) != names_of(one.files)}
    if not other:
        return frozenset()
    written = _written_since(live, correction, {one.swap_count for one in other.values()})
    return frozenset(
        day
        for day, one in other.items()
        if not _is_on_record(live, day, written[one.swap_count]) and not same_content(live, day, one.files)
    )


def undone_days(live: Snapshot, correction: str, days: Collection[date]) -> frozenset[date]:
    """Those of the days that hold files of the correction's staged version."""
    return frozenset(day for day in days if any(correction_of(path) == correction for path, _ in live.names(day)))


def strangers(live: Snapshot, correction: str, days: Collection[date]) -> frozenset[date]:
    """Those of the days that no other correction has in live, where nothing says what this one put there."""
    others = {day: {correction_of(path) for path, _ in live.names(day)} - {None, correction} for day in days}
    return frozenset(day for day in days if not others[day])


def _is_on_record(live: Snapshot, day: date, written: Collection[str]) -> bool:
    paths = {path for path, _ in live.names(day)}
    return bool(paths) and paths <= set(written)


def _written_since(live: Snapshot, correction: str, swap_counts: Collection[int]) -> dict[int, frozenset[str]]:
    """By swap, the paths that commits of this software added after it, as far back as the table's log goes.

    Delta's own restore, delete and overwrite bear no mark of ours.
    """
    paths: set[str] = set()
    since: dict[int, frozenset[str]] = {}
    for entry in _entries_backwards(live):
        if since.keys() >= set(swap_counts):
            break
        info: Mapping[str, Any] = next((action["commitInfo"] for action in entry if "commitInfo" in action), NOTHING)
        if info.get(CORRECTION) == correction:
            since[int(info[SWAP])] = frozenset(paths)
        if ATTEMPT in info:
            paths.update(unquote(action["add"]["path"]) for action in entry if "add" in action)
    # What the log has of a swap outlives its entry; of one that it never had, or has lost, nothing was written since.
    there = {number for number in swap_counts if fate_of(live, correction, number) is Fate.SWAPPED}
    return {number: since.get(number, frozenset(paths)) if number in there else frozenset() for number in swap_counts}


def _entries_backwards(live: Snapshot) -> Iterator[Sequence[Mapping[str, Any]]]:
    for number in range(live.commit, -1, -1):
        try:
            lines = live.folder.read(entry_of(number)).splitlines()
        except OSError:
            return
        yield [json.loads(line) for line in lines if line.strip()]
