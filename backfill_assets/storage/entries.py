"""The entries of a Delta log: whether there are any, and whether each that a commit is read from is whole.

delta-rs takes an empty entry for a commit that did nothing, and one that ends after a whole line for a shorter one.
"""

import json
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from polars.exceptions import ComputeError

from backfill_assets.errors.answers import said
from backfill_assets.errors.lake import LakeUnreachable, LogDamaged, LogLost
from backfill_assets.storage.files import Folder, Found
from backfill_assets.storage.layout import LOG, STAGED_PREFIX, entry_of

ENTRY = re.compile(rf"{LOG}/(\d{{20}})\.json")
CHECKPOINT = re.compile(rf"{LOG}/(\d{{20}})\.checkpoint(?:\.[^/]+)?\.parquet")
LAST_CHECKPOINT = f"{LOG}/_last_checkpoint"
# How many files a commit of ours adds and removes, in its info.
ACTIONS = "backfill_assets/actions"
FILE_ACTIONS = (b'{"add"', b'{"remove"')

_Key = tuple[str, tuple[tuple[str, str], ...]]
# By table and number, size and time of the entries that this process has found whole.
_whole: dict[_Key, dict[int, tuple[int, datetime]]] = {}


@dataclass(frozen=True, slots=True)
class Log:
    """The files of a log: entries by number, and the numbers that have a checkpoint."""

    entries: dict[int, Found]
    checkpoints: frozenset[int]

    @classmethod
    def of(cls, files: Iterable[Found]) -> "Log":
        """The log that consists of these files; an empty checkpoint is none."""
        found = [file for file in files if file.size or not CHECKPOINT.fullmatch(file.path)]
        return cls(_numbered(found, ENTRY), frozenset(_numbered(found, CHECKPOINT)))

    @property
    def newest(self) -> int:
        """The last number there is, -1 without any."""
        return max((*self.entries, *self.checkpoints), default=-1)

    def last(self, commit: int) -> str:
        """The path of a commit's entry where there is no later one, else the empty string."""
        return self.entries[commit].path if commit == self.newest and commit in self.entries else ""

    def base(self, commit: int) -> int:
        """The newest checkpoint that a commit is read from, -1 without one."""
        return max((number for number in self.checkpoints if number <= commit), default=-1)

    def lacks(self, commit: int) -> list[int]:
        """The entries that are needed to read a commit and are not there."""
        return [number for number in range(self.base(commit) + 1, commit + 1) if number not in self.entries]


@contextmanager
def reaching(folder: Folder) -> Generator[None]:
    """Say what could not be reached, and why.

    Raises:
        LakeUnreachable: instead of an ``OSError``, or of what Polars says of a file that it cannot read.
    """
    try:
        yield
    except (OSError, ComputeError) as error:
        raise LakeUnreachable(folder.uri, said(error)) from error


def newest_entry(folder: Folder) -> Found | None:
    """The last entry or, where there is none, checkpoint of the log; None when there is no log.

    Raises:
        LakeUnreachable: when nobody can say.
    """
    with reaching(folder):
        return folder.newest(LOG, ".json") or folder.newest(LOG, ".parquet")


def whole_log(folder: Folder) -> Log:
    """Every file of the log.

    Raises:
        LakeUnreachable: when it cannot be listed.
    """
    with reaching(folder):
        return Log.of(folder.listing(LOG))


def refuse_lost(folder: Folder) -> None:
    """Refuse a folder without a log that holds files: what was published there would be taken for nothing.

    A staged version may be like that: live points to files of one whose correction is over.

    Raises:
        LogLost: when there are files, and no log.
    """
    if folder.uri.rpartition("/")[2].startswith(STAGED_PREFIX):
        return
    # In this order: whoever creates a table writes its log first.
    with reaching(folder):
        there = folder.holds_public_files()
    if there and newest_entry(folder) is None:
        raise LogLost(folder.uri)


def refuse_damaged(folder: Folder, commit: int) -> None:
    """Refuse a table of whose log an entry up to this commit is empty or cut short.

    A process looks at an entry once, and again when its size or time has changed; at those below a checkpoint it
    looks once, and only whether they are empty.

    Raises:
        LogDamaged: naming the entry.
        LakeUnreachable: when the log cannot be read.
    """
    key = (folder.uri, tuple(sorted(folder.storage_options.items())))
    known = _whole.get(key, {})
    whole: dict[int, tuple[int, datetime]] = {}
    with reaching(folder):
        log = _not_yet_seen(folder, commit, known)
        base = log.base(commit)
        for number, found in log.entries.items():
            seen = (found.size, found.modified)
            if number > commit or known.get(number) == seen:
                continue
            content = folder.read(found.path) if found.size and number > base else b""
            if flaw := flaw_of(content) if number > base or not found.size else None:
                raise LogDamaged(folder.uri, f"commit {number} {flaw}", log.last(number))
            whole[number] = seen
    if whole:
        # Only all of them together: after a refusal the next read looks at as much again.
        _whole[key] = known | whole


def drop_false_hint(folder: Folder) -> bool:
    """Delete the hint at a checkpoint that is not there or is empty, where the log needs none; whether there was one.

    A power cut in the moment between the two files leaves that. Readers do without a hint, and not with a false one.

    Raises:
        LakeUnreachable: when the log cannot be read.
    """
    try:
        hinted = json.loads(folder.read(LAST_CHECKPOINT))["version"]
    except (OSError, LakeUnreachable, ValueError, KeyError, TypeError):
        return False
    log = whole_log(folder)
    if hinted in log.checkpoints or log.lacks(log.newest):
        return False
    with reaching(folder):
        folder.delete([LAST_CHECKPOINT])
    return True


def flaw_of(content: bytes, *, every_line: bool = False) -> str | None:
    """What is wrong with an entry, in a few words; None when nothing is.

    delta-rs itself refuses a line that is no JSON, so that only the first is read, unless asked for all.
    """
    lines = [line for line in content.splitlines() if line.strip()]
    if not lines:
        return "is empty"
    try:
        actions: list[dict[str, Any]] = [json.loads(line) for line in (lines if every_line else lines[:1])]
        told = actions[0].get("commitInfo", {}).get(ACTIONS)
    except (ValueError, AttributeError, RecursionError):
        return "is cut short"
    there = sum(line.startswith(FILE_ACTIONS) for line in lines)
    return "is cut short" if told is not None and told != str(there) else None


def flaw_in(folder: Folder, log: Log, commit: int) -> str | None:
    """The first thing wrong with what a commit is read from, in a few words; None when nothing is found."""
    base = log.base(commit)
    if lacking := log.lacks(commit):
        return f"commit {lacking[0]} is missing"
    with reaching(folder):
        for number in range(base + 1, commit + 1):
            if flaw := flaw_of(folder.read(log.entries[number].path), every_line=True):
                return f"commit {number} {flaw}"
    return None


def _not_yet_seen(folder: Folder, commit: int, known: dict[int, tuple[int, datetime]]) -> Log:
    """The log, as far as this process has to look at it: all of it the first time, later what a commit is read from."""
    if not known:
        return Log.of(folder.listing(LOG))
    if folder.local is None:
        # A listing of a long log costs more than the few entries that came since.
        paths = [entry_of(number) for number in range(max(known) + 1, commit + 1)]
        return Log.of(folder.find(paths) if paths else [])
    names = [f"{LOG}/{name}" for name in folder.names(LOG)]
    checkpoints = frozenset(int(match[1]) for name in names if (match := CHECKPOINT.fullmatch(name)))
    base = Log({}, checkpoints).base(commit)
    later = [name for name in names if (match := ENTRY.fullmatch(name)) and int(match[1]) > base]
    return Log(_numbered(folder.find(later), ENTRY), checkpoints)


def _numbered(files: Iterable[Found], pattern: re.Pattern[str]) -> dict[int, Found]:
    named = ((pattern.fullmatch(found.path), found) for found in files)
    return {int(match[1]): found for match, found in named if match}
