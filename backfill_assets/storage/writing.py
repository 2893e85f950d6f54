"""Handles to commit from: each is one writer's at a time, and is brought forward once it has made a commit.

Opening a table replays its log; a handle that this process has just committed from has only that commit to read. It is
used again for as long as no other commit came, which one look at the log's folder tells.
"""

from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from threading import Lock

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.storage.entries import newest_entry, refuse_damaged
from backfill_assets.storage.files import Folder, Found
from backfill_assets.storage.layout import entry_of
from backfill_assets.storage.opening import open_table
from backfill_assets.storage.operations import Operation, perform

MOST_HANDLES = 64

_Key = tuple[str, tuple[tuple[str, str], ...]]
_idle: OrderedDict[_Key, tuple[Found, DeltaTable]] = OrderedDict()
_lock = Lock()


def handle_to_commit_from(folder: Folder) -> DeltaTable:
    """A handle at the newest commit, which nobody else uses.

    Raises:
        TableMissing: when the table was never created.
        LogDamaged, LakeUnreachable: when it was, and cannot be opened.
    """
    with _lock:
        known = _idle.pop(_key(folder), None)
    if known is None or newest_entry(folder) != known[0]:
        return open_table(folder)
    refuse_damaged(folder, known[1].version())
    return known[1]


def keep_to_commit_from(folder: Folder, handle: DeltaTable, commit: int) -> None:
    """Bring the handle forward to a commit that was just made from it, for whoever commits next."""
    try:
        newest = newest_entry(folder)
        if newest is None or newest.path != entry_of(commit):
            return
        perform(Operation.READ, folder.uri, handle.update_incremental)
    except (BackfillAssetsError, DeltaError, OSError):
        return  # Whoever comes next opens the table, and says what is wrong with it.
    if handle.version() != commit:
        return
    with _lock:
        _idle[_key(folder)] = (newest, handle)
        while len(_idle) > MOST_HANDLES:
            _idle.popitem(last=False)


@contextmanager
def read_back(folder: Folder, commit: int) -> Generator[DeltaTable]:
    """The table at a commit that was just made, as its log says it; the handle is another's again afterwards.

    Raises:
        CommitGone, LogDamaged, LakeUnreachable: when it cannot be opened.
    """
    with _lock:
        known = _idle.get(_key(folder))
        is_it = known is not None and known[1].version() == commit
        kept = _idle.pop(_key(folder)) if is_it else None
    if kept is None:
        yield open_table(folder, commit)
        return
    try:
        yield kept[1]
    finally:
        with _lock:
            _idle.setdefault(_key(folder), kept)


def _key(folder: Folder) -> _Key:
    return folder.uri, tuple(sorted(folder.storage_options.items()))
