"""Opening a table at a commit, and what it says of itself; the newest commit is opened once and kept for reading.

It is kept for as long as no other commit comes. Opening a table replays its log, and one run of a correction reads the
same control tables many times. What is kept is known to be the newest by one look at the log's folder, so another
process's commit is seen at once.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from backfill_assets.errors.answers import said
from backfill_assets.errors.base import BackfillAssetsError, in_one_line
from backfill_assets.errors.lake import (
    CommitGone,
    FeatureUnsupported,
    LakeUnreachable,
    LogDamaged,
    PartitionUnfit,
    TableMissing,
)
from backfill_assets.storage.entries import (
    drop_false_hint,
    flaw_in,
    newest_entry,
    reaching,
    refuse_damaged,
    refuse_lost,
    whole_log,
)
from backfill_assets.storage.features import refuse_unreadable
from backfill_assets.storage.files import Folder, Found
from backfill_assets.storage.layout import entry_of
from backfill_assets.storage.operations import Operation, can_pass, is_lasting, perform
from backfill_assets.storage.schema import DELTA_NAMES
from backfill_assets.storage.snapshot import Snapshot

# What delta-rs says of a partition value that is not of its column's type.
UNPARSED = "Failed to parse value"
# What it says of a table that needs a newer reader, or another one.
BEYOND = ("Unsupported", "catalog-managed")


def open_table(folder: Folder, commit: int | None = None) -> DeltaTable:
    """The newest commit of a table, or an earlier one.

    Raises:
        FeatureUnsupported: when the table has a property with which its files say something else than its rows.
        TableMissing, CommitGone, LogDamaged, PartitionUnfit, LakeUnreachable: as :func:`open_any`.
    """
    handle = open_any(folder, commit)
    refuse_unreadable(folder.uri, handle)
    return handle


def open_any(folder: Folder, commit: int | None = None) -> DeltaTable:
    """The newest commit of a table, or an earlier one, also where its files say something else than its rows.

    Raises:
        TableMissing: when the table was never created.
        CommitGone: when the commit asked for cannot be read any more, the table can.
        LogDamaged: when an entry of the log is empty, cut short or missing.
        PartitionUnfit: when a file's partition value is none of the column's type.
        FeatureUnsupported: when the table needs another reader.
        LakeUnreachable: when the store does not answer, or does not let us in.
    """
    try:
        handle = perform(
            Operation.READ,
            folder.uri,
            lambda: DeltaTable(folder.uri, version=commit, storage_options=folder.storage_options),
        )
    except (DeltaError, OSError) as error:
        if drop_false_hint(folder):
            return open_any(folder, commit)
        raise explained(folder, commit, error) from error
    refuse_damaged(folder, handle.version())
    return handle


def explained(folder: Folder, commit: int | None, error: Exception) -> BackfillAssetsError:
    """Why a table could not be opened, by what its log looks like: delta-rs says the same of several causes."""
    told = in_one_line(str(error))
    if UNPARSED in told:
        return PartitionUnfit(folder.uri, told)
    if any(sign in told for sign in BEYOND):
        return FeatureUnsupported(folder.uri, [told])
    log = whole_log(folder)
    if log.newest < 0:
        return TableMissing(folder.uri)
    if commit is not None and (commit > log.newest or (log.lacks(commit) and not log.lacks(log.newest))):
        return CommitGone(folder.uri, commit)
    wanted = log.newest if commit is None else commit
    flaw = flaw_in(folder, log, wanted)
    is_of_log = "arquet" in told or "heckpoint" in told
    if flaw is None and not is_of_log and (isinstance(error, OSError) or is_lasting(error) or can_pass(error)):
        return LakeUnreachable(folder.uri, said(error))
    unread = f"checkpoint {log.base(wanted)} cannot be read ({told})" if is_of_log else told
    last = log.last(wanted) if flaw and flaw.startswith(f"commit {wanted} ") else ""
    return LogDamaged(folder.uri, flaw or unread, last)


POLARS_TYPES: dict[str, pl.DataType] = {name: kind() for kind, name in DELTA_NAMES.items()}
TIMES = {"timestamp": "UTC", "timestamp_ntz": None}
DECIMAL = re.compile(r"decimal\((\d+), ?(\d+)\)")


def schema_of(handle: DeltaTable, uri: str) -> pl.Schema:
    """The columns of a table of the lake, in order.

    Raises:
        FeatureUnsupported: naming columns of a type that the lake does not hold.
    """
    fields = handle.schema().fields
    types = {field.name: polars_type(str(getattr(field.type, "type", field.type))) for field in fields}
    if strange := [name for name, kind in types.items() if kind is None]:
        raise FeatureUnsupported(uri, strange)
    return pl.Schema({name: kind for name, kind in types.items() if kind is not None})


def polars_type(name: str) -> pl.DataType | None:
    """The type of Polars for one of Delta's, by its name; None where a table of the lake does not hold it."""
    if name in TIMES:
        return pl.Datetime("us", TIMES[name])
    if decimal := DECIMAL.fullmatch(name):
        return pl.Decimal(int(decimal[1]), int(decimal[2]))
    return POLARS_TYPES.get(name)


def commit_with(snapshot: Snapshot, metadata: Mapping[str, str]) -> tuple[int, datetime] | None:
    """The number and time of the newest commit with this metadata, by the table's log; None when the log has none."""
    with reaching(snapshot.folder):
        history = perform(Operation.READ, snapshot.folder.uri, snapshot.handle.history)
    for info in history:
        if all(info.get(key) == value for key, value in metadata.items()):
            return info["version"], datetime.fromtimestamp(info["timestamp"] / 1000, UTC)
    return None


MOST_TABLES = 64

Made = TypeVar("Made")


class Latest:
    """A table at its newest commit, to read from, and what was made of it.

    Nothing may be committed from ``snapshot``: it is shared by all readers of this process. It is opened when it is
    first asked for.
    """

    def __init__(self, commit: int, opened: Callable[[], Snapshot]) -> None:
        self.commit = commit
        self._opened = opened
        self._made: dict[object, Any] = {}

    @cached_property
    def snapshot(self) -> Snapshot:
        """The table at this commit."""
        return self._opened()

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
    snapshot = Snapshot(handle, folder, schema_of(handle, uri))
    return _keep(key, newest, Latest(snapshot.commit, lambda: snapshot))


def latest_is(folder: Folder, commit: int) -> Latest | None:
    """The newest commit, which this process has just made; None when another one came already.

    It is opened only when more of it is asked for than it is given.

    Raises:
        LakeUnreachable: when nobody can say.
    """
    newest = newest_entry(folder)
    if newest is None or newest.path != entry_of(commit):
        return None

    def opened() -> Snapshot:
        handle = open_table(folder, commit)
        return Snapshot(handle, folder, schema_of(handle, folder.uri))

    return _keep((folder.uri, tuple(sorted(folder.storage_options.items()))), newest, Latest(commit, opened))


def _keep(key: _Key, newest: Found, found: Latest) -> Latest:
    with _lock:
        _kept[key] = (newest, found)
        while len(_kept) > MOST_TABLES:
            _kept.popitem(last=False)
    return found
