"""Reading a table as a log: what each of its commits added, entry by entry, without opening the table."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from backfill_assets.errors.lake import LogDamaged
from backfill_assets.storage.entries import flaw_of, newest_entry, whole_log
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import entry_of


@dataclass(frozen=True, slots=True)
class Entry:
    """What one commit did to the rows of a table: the partition values that it touched, the rows that it added."""

    commit: int
    at: datetime
    partitions: tuple[Mapping[str, str | None], ...]
    rows: int


def newest_commit(folder: Folder) -> int:
    """The number of the newest commit, -1 where there is no table; a look at the log's folder, and no more."""
    found = newest_entry(folder)
    return -1 if found is None else int(found.path.rpartition("/")[2].partition(".")[0])


def first_after_cleanup(folder: Folder) -> int:
    """The first commit from which each entry up to the newest is still there."""
    log = whole_log(folder)
    first = log.newest + 1
    while first - 1 in log.entries:
        first -= 1
    return first


def entry(folder: Folder, commit: int) -> Entry:
    """What a commit did.

    Raises:
        FileNotFoundError: when its entry is gone.
        LogDamaged: when it is empty or cut short.
    """
    content = folder.read(entry_of(commit))
    if flaw := flaw_of(content, every_line=True):
        raise LogDamaged(folder.uri, f"commit {commit} {flaw}", "")
    actions: list[dict[str, dict[str, Any]]] = [json.loads(line) for line in content.splitlines() if line.strip()]
    infos = [action["commitInfo"] for action in actions if "commitInfo" in action]
    adds = [action["add"] for action in actions if "add" in action and action["add"].get("dataChange", True)]
    removes = [
        action["remove"] for action in actions if "remove" in action and action["remove"].get("dataChange", True)
    ]
    touched: list[Mapping[str, str | None]] = [one.get("partitionValues") or {} for one in (*adds, *removes)]
    at = datetime.fromtimestamp(infos[0]["timestamp"] / 1000, UTC) if infos else datetime.fromtimestamp(0, UTC)
    return Entry(commit, at, tuple(touched), sum(_rows(one) for one in adds))


def entries_since(folder: Folder, after: int, through: int) -> Iterator[Entry]:
    """What each commit after one did, up to another, oldest first."""
    return (entry(folder, commit) for commit in range(after + 1, through + 1))


def _rows(add: Mapping[str, Any]) -> int:
    told = add.get("stats")
    return int(json.loads(told).get("numRecords") or 0) if told else 0
