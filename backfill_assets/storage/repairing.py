"""What a power cut left of a table's log, and setting it aside: moved beside the log under the time, never deleted.

Only what nothing is built on is set aside: entries at the end, and checkpoints that the log can do without. The number
of an entry that is set aside is taken by a commit that does nothing, so that no other commit ever bears it.
"""

import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

import polars as pl
from deltalake import DeltaTable

from backfill_assets.errors.base import counted, listed
from backfill_assets.storage.commits import ATTEMPT, Change, attempt
from backfill_assets.storage.entries import CHECKPOINT, LAST_CHECKPOINT, Log, flaw_of, reaching
from backfill_assets.storage.files import Folder, Found
from backfill_assets.storage.layout import LOG, SET_ASIDE, Lake, checkpoint_of, entry_of
from backfill_assets.storage.opening import open_any
from backfill_assets.storage.operations import Operation, perform
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.syncing import force

# What a commit that takes the number of an entry that was set aside says of itself.
REPAIRED = "backfill_assets/repaired"
# How this software names the data files that it writes.
OUR_FILE = re.compile(r"part-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.parquet")
FROM_A_COPY = "Bring it back from a copy of the lake."


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with the log of a table, by its path below the lake.

    ``aside`` are the files that can be set aside, in the order in which they are; ``lost`` the numbers of entries among
    them, the first of which follows on ``whole``, the commit that is left, -1 when there is none. Of the newest one
    only a checkpoint may be whole: then a commit ``follows`` on it first. ``refused`` says why nothing is done, and who
    decides.
    """

    table: str
    found: tuple[str, ...]
    aside: tuple[str, ...] = ()
    lost: tuple[int, ...] = ()
    whole: int = -1
    refused: str = ""
    follows: bool = False


def tables_below(lake: Lake) -> list[str]:
    """The paths of all tables of a lake, live, staged and control tables, that have a log."""
    folder = Folder(lake.root, dict(lake.storage_options))
    with reaching(folder):
        found = _tables_on_disk(folder) if folder.local is not None else _tables_in(folder.listing())
    # The ledger says what entries of other tables were.
    return sorted(found, key=lambda table: (table != "_control/ledger", not table.startswith("_control/"), table))


def damage_of(lake: Lake, table: str) -> Damage | None:
    """What is wrong with the log of a table; None when nothing is.

    Raises:
        LakeUnreachable: when the log cannot be read.
    """
    folder = folder_of(lake, table)
    with reaching(folder):
        files = [found for found in folder.listing(LOG) if "/" not in found.path.removeprefix(f"{LOG}/")]
        whole_log = Log.of(files)
        broken = _broken_checkpoints(folder, files)
        log = replace(whole_log, checkpoints=whole_log.checkpoints - broken.keys())
        flaws = _flaws(folder, log)
    if not broken and not flaws and not log.lacks(log.newest) and log.newest in log.entries:
        return None
    found = (*(f"commit {number} {flaw}" for number, flaw in sorted(flaws.items())), *map(_unread, sorted(broken)))
    if refused := _refused(log, flaws, broken):
        return Damage(table, found or (refused.split(",")[0],), refused=refused)
    lost = tuple(number for number in sorted(flaws) if number > log.base(log.newest))
    # The newest first: what is left after a kill still stops everything.
    entries = [log.entries[number].path for number in sorted(flaws, reverse=True)]
    checkpoints = [path for number in sorted(broken, reverse=True) for path in broken[number]]
    hint = [LAST_CHECKPOINT] if broken and any(one.path == LAST_CHECKPOINT for one in files) else []
    whole = min(lost) - 1 if lost else log.newest
    follows = log.newest in flaws and log.newest == log.base(log.newest)
    damage = Damage(table, found, (*hint, *checkpoints, *entries), lost, whole, follows=follows)
    return replace(damage, refused=_of_others(folder, damage) if lost else "")


def set_aside(lake: Lake, damage: Damage, at: datetime, by: str) -> tuple[str, ...]:
    """Move the damaged files beside the log, and let commits that do nothing take the numbers of entries.

    Returns where they are now, as paths below the lake.

    Raises:
        LakeUnreachable: when the lake cannot be written; what was not moved still stops everything on the table.
    """
    folder, place = folder_of(lake, damage.table), f"{SET_ASIDE}/{at:%Y%m%dT%H%M%S}"
    moved = [(path, f"{place}/{PurePosixPath(path).name}") for path in damage.aside]
    if damage.follows:
        # delta-rs commits nothing where the newest entry is gone, and takes an empty one for one that did nothing.
        handle = DeltaTable(folder.uri, storage_options=folder.storage_options)
        if handle.version() == damage.whole:
            _take_number(Snapshot(handle, folder, pl.Schema()), f"{place}/{damage.whole:020}.json", by)
    with reaching(folder):
        for path, to in moved:
            folder.move(path, to)
        if (root := folder.local) is not None:
            force([root / place, root / SET_ASIDE, root, root / LOG])
    for number in damage.lost if damage.whole >= 0 else ():
        snapshot = Snapshot(open_any(folder), folder, pl.Schema())
        if snapshot.commit == number - 1:
            _take_number(snapshot, f"{place}/{number:020}.json", by)
    return tuple(f"{damage.table}/{to}" for _, to in moved)


def _take_number(snapshot: Snapshot, aside: str, by: str) -> None:
    """Make the commit after a snapshot one that does nothing, and says which entry was set aside."""
    attempt(snapshot, Change(metadata={REPAIRED: aside, "backfill_assets/actor": by}))


def folder_of(lake: Lake, table: str) -> Folder:
    """The folder of a table that is named by its path below the lake."""
    return Folder(f"{lake.root}/{table}", dict(lake.storage_options))


def applications(folder: Folder) -> frozenset[str]:
    """The applications that ever wrote a number of theirs into a table's log, as far as it goes back."""
    found: set[str] = set()
    with reaching(folder):
        log = Log.of(folder.listing(LOG))
        for entry in log.entries.values():
            lines = [line for line in folder.read(entry.path).splitlines() if line.startswith(b'{"txn"')]
            found.update(json.loads(line)["txn"]["appId"] for line in lines)
        if (base := log.base(log.newest)) >= 0:
            rows = pl.read_parquet(io.BytesIO(folder.read(checkpoint_of(base))), columns=["txn"])
            found.update(rows["txn"].struct["appId"].drop_nulls())
    return frozenset(found)


def _tables_on_disk(folder: Folder) -> list[str]:
    def walk() -> list[str]:
        found: list[str] = []
        for place, folders, _ in os.walk(folder.local or ""):
            if LOG in folders:
                found.append(os.path.relpath(place, folder.local))
            # No table lies in a partition of another.
            folders[:] = [name for name in folders if "=" not in name and name not in {LOG, SET_ASIDE}]
        return found

    return perform(Operation.LIST, folder.uri, walk)


def _tables_in(files: Sequence[Found]) -> list[str]:
    named = (found.path.partition(f"/{LOG}/")[::2] for found in files)
    return [*{table for table, entry in named if entry and f"{SET_ASIDE}/" not in table}]


def _broken_checkpoints(folder: Folder, files: Sequence[Found]) -> dict[int, list[str]]:
    """The newest checkpoints that cannot be read, down to the first that can."""
    parts: dict[int, list[Found]] = {}
    for found in files:
        if match := CHECKPOINT.fullmatch(found.path):
            parts.setdefault(int(match[1]), []).append(found)
    broken: dict[int, list[str]] = {}
    for number in sorted(parts, reverse=True):
        if all(_is_readable(folder, part) for part in parts[number]):
            break
        broken[number] = [part.path for part in parts[number]]
    return broken


def _is_readable(folder: Folder, checkpoint: Found) -> bool:
    content = folder.read(checkpoint.path)
    try:
        pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError):
        return False
    return True


def _flaws(folder: Folder, log: Log) -> dict[int, str]:
    """What is wrong with entries, by number: all that the newest commit is read from, and empty ones below."""
    base = log.base(log.newest)
    above = {
        number: flaw
        for number, entry in log.entries.items()
        if number > base and (flaw := flaw_of(folder.read(entry.path), every_line=True))
    }
    return above | {number: "is empty" for number, entry in log.entries.items() if number <= base and not entry.size}


def _unread(number: int) -> str:
    return f"checkpoint {number} cannot be read"


def _refused(log: Log, flaws: Mapping[int, str], broken: Mapping[int, object]) -> str:
    """Why nothing can be set aside, in a sentence and who decides; the empty string when it can."""
    base, newest = log.base(log.newest), log.newest
    if max(broken, default=-1) > newest:
        return f"{_unread(max(broken))}, and commits up to it are in no entry. {FROM_A_COPY}"
    if lacking := log.lacks(newest):
        why = f", which {_unread(max(broken))} leaves needed" if broken else ", and later ones are built on it"
        return f"commit {lacking[0]} is missing{why}. {FROM_A_COPY}"
    if newest not in log.entries:
        return f"commit {newest} is missing, and nothing can be committed after its checkpoint. {FROM_A_COPY}"
    above = {number for number in flaws if number > base}
    if holes := above - {*range(newest - len(above) + 1, newest + 1)}:
        return f"commit {min(holes)} {flaws[min(holes)]}, and later ones are built on it. {FROM_A_COPY}"
    return ""


def _of_others(folder: Folder, damage: Damage) -> str:
    """Why an entry at the end may be one that other software wrote and told of; the empty string when it is ours."""
    asked = "Ask whoever writes with it: either it writes that again, once the entry is moved away by hand, or"
    with reaching(folder):
        for number in damage.lost:
            info = _info(folder.read(entry_of(number)))
            if info is not None and ATTEMPT not in info and REPAIRED not in info:
                by = str(info.get("engineInfo") or info.get("clientVersion") or "other software")[:60]
                return f"commit {number} was written by other software ({by}). {asked} it is brought back from a copy."
        if damage.whole < 0:
            there = folder.holds_public_files()
            return f"it would have no log, and there are files beside it. {FROM_A_COPY}" if there else ""
        strange = _written_since(folder, damage.whole)
    if strange:
        files = counted(len(strange), "file")
        return (
            f"other software wrote {files} ({listed(strange)}) since commit {damage.whole}. {asked} "
            "it is brought back from a copy."
        )
    return ""


def _info(content: bytes) -> dict[str, Any] | None:
    """What the first line of a damaged entry says of its commit, where it is whole."""
    try:
        return json.loads(content.splitlines()[0])["commitInfo"]
    except (ValueError, IndexError, KeyError, TypeError):
        return None


def _written_since(folder: Folder, commit: int) -> list[str]:
    """The names of data files that were written after a commit, by the folder's own clock, and not by this software."""
    last = folder.find([entry_of(commit), checkpoint_of(commit)])
    since = max((found.modified for found in last), default=None)
    return [
        PurePosixPath(found.path).name
        for found in _public(folder)
        if since is not None and found.modified > since and not OUR_FILE.fullmatch(PurePosixPath(found.path).name)
    ]


def _public(folder: Folder) -> Iterator[Found]:
    for found in folder.listing():
        if not any(part.startswith(("_", ".")) for part in PurePosixPath(found.path).parts):
            yield found
