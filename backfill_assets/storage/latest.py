"""The newest commit of a table, for reading: opened once and kept for as long as no other commit comes.

Opening a table replays its log, and one run of a correction reads the same control tables many times. What is kept is
known to be the newest by one look at the log's folder, so another process's commit is seen at once.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeVar

import polars as pl

from backfill_assets.errors.lake import TableMissing
from backfill_assets.storage.entries import newest_entry, refuse_lost
from backfill_assets.storage.files import Folder, Found
from backfill_assets.storage.opened import open_table
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.stored import schema_of

MOST_TABLES = 64

Made = TypeVar("Made")


class Latest:
    """A table at its newest commit, to read from, and what was made of it.

    Nothing may be committed from ``snapshot``: it is shared by all readers of this process.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self._made: dict[object, Any] = {}

    def once(self, name: object, make: Callable[[Snapshot], Made]) -> Made:
        """What ``make`` makes of the snapshot, made once. It is shared, and must not be changed."""
        if name not in self._made:
            self.keep(name, make(self.snapshot))
        return self._made[name]

    def keep(self, name: object, made: object) -> None:
        """Give it what :meth:`once` would have to make."""
        self._made[name] = made

    def has(self, name: object) -> bool:
        """Whether that is made already."""
        return name in self._made


_Key = tuple[str, tuple[tuple[str, str], ...]]
_kept: OrderedDict[_Key, tuple[Found, Latest]] = OrderedDict()
_lock = Lock()


def latest(uri: str, storage_options: Mapping[str, str]) -> Latest | None:
    """The newest commit of a table, with the schema it is stored with; None when the table was never created.

    Raises:
        FeatureUnsupported: naming columns of a type that the lake does not hold.
        LogDamaged, LogLost, LakeUnreachable: when it was created, and cannot be opened.
    """
    options = dict(storage_options)
    folder = Folder(uri, options)
    key = (uri, tuple(sorted(options.items())))
    # Looked at first: a commit that comes in between is read as well, and read again the next time.
    newest = newest_entry(folder)
    if newest is None:
        refuse_lost(folder)
        return None
    with _lock:
        known = _kept.get(key)
        if known and known[0] == newest:
            _kept.move_to_end(key)
            return known[1]
    try:
        handle = open_table(folder)
    except TableMissing:
        return None
    schema: pl.Schema = schema_of(handle, uri)
    found = Latest(Snapshot(handle, folder, schema))
    with _lock:
        _kept[key] = (newest, found)
        while len(_kept) > MOST_TABLES:
            _kept.popitem(last=False)
    return found
