"""The vault of a raw log: which token stands for whom, by day; what is deleted from it is gone from every byte of it.

Rows are kept only as long as they may be. So this is the one table of the lake whose files are deleted at once when
they leave it, whose log is cut off behind each deletion, and whose log never tells a bound of what is in a file.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime

import polars as pl
from polars.exceptions import PolarsError

from backfill_assets.errors.lake import LakeUnreachable
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.commits import Change, Decision
from backfill_assets.storage.entries import CHECKPOINT, ENTRY
from backfill_assets.storage.files import Folder, Found, in_threads
from backfill_assets.storage.layout import DAY, LOG, VAULTS, Lake
from backfill_assets.storage.operations import Operation, perform
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import by_day
from backfill_assets.storage.syncing import force_written
from backfill_assets.storage.table import PROPERTIES, Table

COLUMN, KEY, TOKEN, VALUE = "column", "key", "token", "value"
VAULT = pl.Schema({DAY: pl.Date(), COLUMN: pl.String(), KEY: pl.String(), TOKEN: pl.String(), VALUE: pl.String()})
# Other writers leave bounds out of the log by this property, we by what we write.
PERSONAL = {**PROPERTIES, "delta.dataSkippingNumIndexedCols": "0"}
STEP = "backfill_assets/vault"


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was taken out of a vault: rows, the files they were in, and files that were deleted from the store."""

    rows: int
    files: tuple[str, ...]
    swept: tuple[str, ...] = ()


Judged = tuple[pl.DataFrame, pl.DataFrame]
"""The rows that may be kept, and those that may not."""
Decided = Decision[Change | None, tuple[Change, Deleted]]


class Vault:
    """Which token of a raw log stands for whom: a row a day, column, key and token, in a table by day."""

    def __init__(self, lake: Lake, name: str) -> None:
        self.name = name
        self.table = Table(
            lake.vault_uri(name),
            VAULT,
            storage_options=lake.storage_options,
            properties=PERSONAL,
            unbounded=tuple(VAULT),
        )

    def keep(self, judged: Callable[[], Judged]) -> pl.DataFrame:
        """Add the rows that may be kept and are not there yet, and return those that may not be.

        They are readable when it returns. What may be kept is judged after the commit was read that is built upon:
        whoever forbids a row makes a commit after he has written that down, so a row is either forbidden here or seen
        by him.
        """
        self.table.create()

        def decide(there: Snapshot) -> Decision[Change | None, tuple[Change | None, pl.DataFrame]]:
            may, may_not = judged()
            change = self._new(there, may)
            return Decision(change, (change, may_not))

        while True:
            done = self.table.commit_written(decide)
            change, may_not = done.result
            if change is None or self._is_in(change):
                return may_not

    def keys(self) -> frozenset[str]:
        """The fingerprints of the keys that its tokens were made with."""
        rows = self.table.snapshot().scan().select(KEY).unique().collect() if self.table.exists() else VAULT.to_frame()
        return frozenset(rows[KEY])

    def files_before(self, day: date) -> tuple[DataFile, ...]:
        """The files of the days before one."""
        return _before(self.table.snapshot(), day) if self.table.exists() else ()

    def holding(self, gone: pl.Expr) -> dict[DataFile, int]:
        """The files with rows that are to go, and how many they have."""
        return _holding(self.table.snapshot(), gone) if self.table.exists() else {}

    def delete(self, gone: pl.Expr, metadata: str) -> Deleted:
        """Delete rows: files that hold any are written anew without them, the old ones are deleted.

        Always makes a commit, so that what others decided before it is refused. May be repeated after a kill.
        """

        def decide(there: Snapshot) -> Decided:
            held = _holding(there, gone)
            rest = {day: _rows_of(there.folder, files, day, gone) for day, files in by_day(held).items()}
            kept = {day: frame for day, frame in rest.items() if not frame.is_empty()}
            adds = tuple(self.table.write_files({**kept}).values()) if kept else ()
            return _decided(adds, tuple(held), sum(held.values()), metadata)

        done, at = self._committed(decide)
        return replace(done, swept=self._sweep(at, lambda found: self._holds(found, gone)))

    def delete_before(self, day: date, metadata: str) -> Deleted:
        """Delete all rows of the days before one, as :meth:`delete`; no file is written anew."""

        def decide(there: Snapshot) -> Decided:
            removes = _before(there, day)
            return _decided((), removes, sum(file.rows for file in removes), metadata)

        done, at = self._committed(decide)
        return replace(done, swept=self._sweep(at, lambda found: _is_before(found.path, day)))

    def values_before(self, day: date) -> pl.Series:
        """Whom only files of days before one know, those that are unnamed and not deleted yet included."""
        folder = self.table.folder
        if not self.table.exists():
            return pl.Series(VALUE, [], pl.String)
        there = [found for found in folder.listing() if _is_data(found)]
        old = [frame for found in there if _is_before(found.path, day) for frame in _readable(folder, found)]
        new = [frame for found in there if not _is_before(found.path, day) for frame in _readable(folder, found)]
        values = pl.concat([frame[VALUE] for frame in old]).unique() if old else pl.Series(VALUE, [], pl.String)
        known = pl.concat([frame[VALUE] for frame in new]).unique() if new else pl.Series(VALUE, [], pl.String)
        return values.filter(~values.is_in(known.to_list())).sort()

    def _new(self, there: Snapshot, allowed: pl.DataFrame) -> Change | None:
        days = allowed[DAY].unique().to_list()
        known = there.scan(days).select(DAY, COLUMN, TOKEN).collect()
        new = allowed.join(known, on=[DAY, COLUMN, TOKEN], how="anti").sort(COLUMN, TOKEN)
        if new.is_empty():
            return None
        frames = {day: of for (day,), of in new.partition_by(DAY, as_dict=True).items()}
        return _change(tuple(self.table.write_files({**frames}).values()), (), "kept")

    def _committed(self, decide: Callable[[Snapshot], Decided]) -> tuple[Deleted, datetime]:
        while True:
            done = self.table.commit_written(decide)
            change, deleted = done.result
            if done.commit is not None and self._is_in(change):
                return deleted, done.commit.at

    def _is_in(self, change: Change) -> bool:
        """Whether the newest commit shows what a change did; a log that was cut off meanwhile can have hidden it."""
        there = self.table.snapshot()
        names = {path for day in there.days or (None,) for path, _ in there.names(day)}
        return all(file.path in names for file in change.adds) and all(
            file.path not in names for file in change.removes
        )

    def _holds(self, found: Found, gone: pl.Expr) -> bool:
        return any(not frame.filter(gone).is_empty() for frame in _readable(self.table.folder, found))

    def _sweep(self, since: datetime, is_gone: Callable[[Found], bool]) -> tuple[str, ...]:
        """Delete the files that no commit names: those of before a commit, and those that hold what is to go.

        A writer that read an older commit is refused and writes anew, so nobody is about to name one of them. Then
        the log is cut off behind the newest commit.
        """
        there = self.table.snapshot()
        named = {path for day in there.days or (None,) for path, _ in there.names(day)}
        unnamed = [found for found in there.folder.listing() if _is_data(found) and found.path not in named]
        spare = tuple(found.path for found in unnamed if found.modified <= since or is_gone(found))
        there.folder.delete(spare)
        for folder in {path.rpartition("/")[0] for path in spare}:
            there.folder.prune(folder)
        _cut_off(self.table)
        return spare


def vaults_in(lake: Lake) -> tuple[str, ...]:
    """The raw logs that have a vault."""
    folder = Folder(lake.root, dict(lake.storage_options))
    return tuple(sorted({found.path.split("/")[1] for found in folder.listing(VAULTS) if f"/{LOG}/" in found.path}))


def _change(adds: tuple[DataFile, ...], removes: tuple[DataFile, ...], metadata: str) -> Change:
    # The number makes a commit of one that does nothing else; nobody reads it.
    return Change(adds, removes, apps=((STEP, 1),), metadata={STEP: metadata})


def _decided(adds: tuple[DataFile, ...], removes: tuple[DataFile, ...], rows: int, metadata: str) -> Decided:
    change = _change(adds, removes, metadata)
    return Decision(change, (change, Deleted(rows, _paths(removes))))


def _before(there: Snapshot, day: date) -> tuple[DataFile, ...]:
    return tuple(file for of, files in there.files.items() if of and of < day for file in files)


def _paths(files: Collection[DataFile]) -> tuple[str, ...]:
    return tuple(sorted(file.path for file in files))


def _holding(there: Snapshot, gone: pl.Expr) -> dict[DataFile, int]:
    files = [file for of in there.files.values() for file in of]
    rows = in_threads(lambda file: _height(there.folder, file.path, gone), files)
    return {file: count for file, count in zip(files, rows, strict=True) if count}


def _height(folder: Folder, path: str, gone: pl.Expr) -> int:
    return int(folder.scan([path], _OF_FILES).filter(gone).select(pl.len()).collect().item())


def _rows_of(folder: Folder, files: Collection[DataFile], day: date | None, gone: pl.Expr) -> pl.DataFrame:
    """The rows of files that stay."""
    rows = folder.scan([file.path for file in files], _OF_FILES).filter(~gone).collect()
    return rows.with_columns(pl.lit(day, pl.Date).alias(DAY)).select(list(VAULT))


_OF_FILES = pl.Schema({name: kind for name, kind in VAULT.items() if name != DAY})


def _readable(folder: Folder, found: Found) -> Iterator[pl.DataFrame]:
    """The rows of a file; nothing of one that is still being written, or never was whole."""
    try:
        yield folder.scan([found.path], _OF_FILES).collect()
    except (PolarsError, LakeUnreachable, OSError):
        return


def _is_data(found: Found) -> bool:
    return not found.path.startswith((f"{LOG}/", "_set_aside/")) and found.path.endswith(".parquet")


def _is_before(path: str, day: date) -> bool:
    folder = path.partition("/")[0]
    return folder.startswith(f"{DAY}=") and folder.removeprefix(f"{DAY}=") < day.isoformat()


def _cut_off(table: Table) -> None:
    """Begin the log with the newest commit: a checkpoint of it, and nothing before."""
    handle = table.snapshot().handle
    perform(Operation.PUT, table.uri, handle.create_checkpoint)
    base = handle.version()
    force_written(table.folder, base)
    files = table.folder.listing(LOG)
    numbered = [
        (match, found) for found in files if (match := ENTRY.fullmatch(found.path) or CHECKPOINT.fullmatch(found.path))
    ]
    table.folder.delete([found.path for match, found in numbered if int(match[1]) < base])
