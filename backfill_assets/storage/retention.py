"""What may be deleted: a correction's files after its rollback window, and what maintenance finds unused."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath
from typing import Any

from backfill_assets.errors.lake import StagedVersionKept
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.commits import Change, Commit, Decision
from backfill_assets.storage.files import Found
from backfill_assets.storage.layout import LOG, SET_ASIDE, STAGED_PREFIX, staged_folder
from backfill_assets.storage.operations import Operation, perform
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import Manifest
from backfill_assets.storage.syncing import force_base, force_read, force_written
from backfill_assets.storage.table import Table

RETIRED = "retired by the correction"
LEFTOVER = "staged and not live"
LIVE = "live"
OUTSIDE = "not below the table's root"
# A file that no commit names yet may be one that a writer is about to commit.
LONGEST_WRITE = timedelta(days=1)
# A correction, and the path of a file that it is staged from.
Pinned = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Judgement:
    """One file that exists, whether it is deleted or kept, and why; ``path`` as seen from the live root."""

    path: str
    size: int
    reason: str

    def as_json(self) -> dict[str, Any]:
        """All fields, JSON-ready."""
        return {"path": self.path, "size": self.size, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Deletion:
    """What a decommission deletes, what it keeps, and the files of the staged log, which go last.

    ``named`` files were staged or retired by the correction, of which those that are neither deleted nor kept are gone
    already. ``asked`` files that live and the other corrections name were compared with them.
    """

    correction: str
    deleted: tuple[Judgement, ...]
    kept: tuple[Judgement, ...]
    log: tuple[str, ...]
    named: int = 0
    asked: int = 0

    @property
    def bytes_freed(self) -> int:
        """The size of the data files that are deleted."""
        return sum(file.size for file in self.deleted)

    def as_json(self) -> dict[str, Any]:
        """The proof, JSON-ready: counts, bytes, and why each kept file was kept."""
        return {
            "correction": self.correction,
            "files_named": self.named,
            "files_gone_already": self.named - len(self.deleted) - len(self.kept),
            "files_needed_elsewhere": self.asked,
            "files_deleted": len(self.deleted),
            "bytes_freed": self.bytes_freed,
            "files_kept": len(self.kept),
            "log_files_deleted": len(self.log),
            "deleted": [file.as_json() for file in self.deleted],
            "kept": [file.as_json() for file in self.kept],
        }


def plan_decommission(
    live: Snapshot,
    *,
    correction: str,
    own_manifests: Iterable[Manifest],
    other_manifests: Iterable[Manifest],
    pinned: Iterable[Pinned] = (),
) -> Deletion:
    """Judge every file that the correction staged or retired and that still exists.

    ``other_manifests`` are those of every other correction of the table that is not decommissioned, planned ones too.
    ``pinned`` are the files that open corrections of any table are staged from. A file goes only when neither live's
    commit nor any of them names it.
    """
    folder = staged_folder(correction)
    aside = f"{folder}/{SET_ASIDE}/"
    leftover = [found for found in live.folder.listing(folder) if not found.path.startswith(aside)]
    log = tuple(found.path for found in leftover if found.path.startswith(f"{folder}/{LOG}/"))
    reasons = {found.path: LEFTOVER for found in leftover if found.path not in log}
    reasons |= {file.path: RETIRED for swap in own_manifests for file in _both(swap)}
    inside = [path for path in reasons if _is_inside(path)]
    sizes = {found.path: found.size for found in (*leftover, *live.folder.find(inside))}
    needed = {file.path: f"named by correction {swap.correction}" for swap in other_manifests for file in _both(swap)}
    needed |= {path: f"read by correction {reader}" for reader, path in pinned}
    needed |= {path: LIVE for day in live.files for path, _ in live.names(day)}
    asked = len(needed)
    needed |= {path: OUTSIDE for path in reasons if path not in inside}
    there = sorted(path for path in reasons if path in sizes)
    return Deletion(
        correction,
        deleted=tuple(Judgement(path, sizes[path], reasons[path]) for path in there if path not in needed),
        kept=tuple(Judgement(path, sizes[path], needed[path]) for path in there if path in needed),
        log=log,
        named=len(reasons),
        asked=asked,
    )


def decommission(
    live: Table,
    *,
    correction: str,
    own_manifests: Iterable[Manifest],
    other_manifests: Iterable[Manifest],
    pinned: Iterable[Pinned] = (),
) -> Deletion:
    """Delete what ``plan_decommission`` allows, then the staged log; returns what was deleted and kept.

    May be repeated after a kill, and then deletes the rest. Never deletes the staged folder as a whole, because live
    points into it.
    """
    snapshot = live.snapshot()
    plan = plan_decommission(
        snapshot, correction=correction, own_manifests=own_manifests, other_manifests=other_manifests, pinned=pinned
    )
    # A power cut must not bring back a commit that names what is deleted.
    force_read(live.folder, snapshot.commit)
    live.folder.delete([file.path for file in plan.deleted])
    live.folder.delete(plan.log)
    live.folder.prune(staged_folder(correction))
    return plan


@dataclass(frozen=True, slots=True)
class Maintenance:
    """What maintenance did: the days it compacted and their commit, and the files it deleted."""

    compacted: tuple[date | None, ...]
    commit: Commit | None
    deleted: tuple[str, ...]


def maintain(  # everything that keeps a file is named
    live: Table,
    *,
    keep_days: Collection[date | None],
    keep_paths: Collection[str],
    retention: timedelta,
    now: datetime,
    keep_commits: Collection[int] = (),
) -> Maintenance:
    """Compact days of several files, then delete files that no commit within the retention names.

    ``keep_days`` are days of open corrections: they are not compacted. ``keep_paths`` are files that their manifests
    name, ``keep_commits`` commits that must stay readable. Nothing in a folder with a leading underscore is deleted,
    nor a file younger than a day that never was in the table. ``now`` is UTC.

    Raises:
        StagedVersionKept: when the table is a staged version.
    """
    if live.uri.rstrip("/").rpartition("/")[2].startswith(STAGED_PREFIX):
        raise StagedVersionKept(live.uri)
    days, commit = _compact(live, keep_days)
    spare = {path for path in _unused(live, retention, now, keep_commits) if _is_public(path)}.difference(keep_paths)
    # The log names files long after they are deleted.
    deleted = tuple(sorted(found.path for found in live.folder.find(sorted(spare))))
    force_read(live.folder, live.snapshot().commit)
    live.folder.delete(deleted)
    return Maintenance(days, commit, deleted)


def _unused(live: Table, retention: timedelta, now: datetime, keep_commits: Collection[int]) -> set[str]:
    """Files that left the table longer ago than the retention, and old files that never entered it."""
    handle = live.snapshot().handle

    def listed(*, full: bool) -> set[str]:
        found = handle.vacuum(
            retention_hours=int(retention / timedelta(hours=1)),
            dry_run=True,
            enforce_retention_duration=False,
            full=full,
            keep_versions=sorted(keep_commits) or None,
        )
        return set(found)

    left, all_unused = (
        perform(Operation.LIST, live.uri, lambda full=full: listed(full=full)) for full in (False, True)
    )
    oldest = now - max(retention, LONGEST_WRITE)
    never_entered = live.folder.find(sorted(all_unused - left))
    return left | {found.path for found in never_entered if found.modified < oldest}


def _compact(live: Table, keep_days: Collection[date | None]) -> tuple[tuple[date | None, ...], Commit | None]:
    """One file for every day of several, through the same compare and swap as every other write."""
    before = live.snapshot()
    whole = {None} if before.partition_columns else set[date | None]()
    days = [day for day in before.files if day not in {*keep_days, *whole} and len(before.names(day)) > 1]
    if not days:
        return (), None
    written = live.write_files({day: before.scan(None if day is None else [day]).collect() for day in days})

    def decide(snapshot: Snapshot) -> Decision[Change | None, tuple[date | None, ...]]:
        still = tuple(day for day in days if snapshot.names(day) == before.names(day))
        adds: tuple[DataFile, ...] = tuple(written[day] for day in still)
        removes = tuple(file for day in still for file in snapshot.files[day])
        metadata: Mapping[str, Any] = {"backfill_assets/maintenance": "compaction"}
        return Decision(Change(adds, removes, metadata=metadata, data_change=False) if still else None, still)

    done = live.commit_written(decide, written.values())
    return done.result, done.commit


def _both(swap: Manifest) -> tuple[DataFile, ...]:
    return (*swap.retired, *swap.arriving)


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return bool(parts) and ".." not in parts and not path.startswith("/") and "://" not in path


def _is_public(path: str) -> bool:
    """Whether no folder or file on the way is hidden from a vacuum by its first character."""
    return _is_inside(path) and not any(part.startswith(("_", ".")) for part in PurePosixPath(path).parts)


# A new checkpoint is worth its size after so many commits.
COMMITS_PER_CHECKPOINT = 100
COMMIT = re.compile(rf"{LOG}/(\d{{20}})\.json")
CHECKPOINT = re.compile(rf"{LOG}/(\d{{20}})\.checkpoint(?:\.\d+\.\d+)?\.parquet")


def clean_log(table: Table, before: datetime, keep_commits: Collection[int] = ()) -> tuple[str, ...]:
    """Delete the log of commits made before a time, UTC, and of which nothing later needs any part.

    Every commit since then stays readable, the one that was the newest at that time, and ``keep_commits``. Returns
    what was deleted.
    """
    files = table.folder.listing(LOG)
    commits, checkpoints = _numbered(files, COMMIT), _numbered(files, CHECKPOINT)
    newest = max(commits, default=-1)
    if newest - max(checkpoints, default=-1) >= COMMITS_PER_CHECKPOINT:
        handle = table.snapshot().handle
        perform(Operation.PUT, table.uri, handle.create_checkpoint)
        force_written(table.folder, handle.version())
    needed = [number - 1 for number, found in commits.items() if found.modified >= before]
    first_needed = min([*needed, *keep_commits], default=newest)
    base = max((number for number in checkpoints if number <= first_needed), default=None)
    if base is None:
        return ()
    old = (*commits.items(), *checkpoints.items())
    spare = sorted(found.path for number, found in old if number < base and found.modified < before)
    parts = [found.path for found in files if (named := CHECKPOINT.fullmatch(found.path)) and int(named[1]) == base]
    force_base(table.folder, newest, parts)
    table.folder.delete(spare)
    return tuple(spare)


def _numbered(files: list[Found], pattern: re.Pattern[str]) -> dict[int, Found]:
    named = ((pattern.fullmatch(found.path), found) for found in files)
    return {int(match[1]): found for match, found in named if match}
