"""Delta tables of the lake, and the one way to write them: compare and swap on the commit one has read."""

import time
import uuid
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any, TypeVar, cast

import polars as pl
from deltalake.exceptions import DeltaError

from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.core.slots import Slot
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.lake import CommitContended, CommitUnknown
from backfill_assets.errors.store import FilesUndeleted
from backfill_assets.storage.actions import DataFile, milliseconds, name_of, statistics_of, written_values
from backfill_assets.storage.commits import (
    Attempts,
    Change,
    Commit,
    Committed,
    Decision,
    Replacement,
    attempt,
)
from backfill_assets.storage.creating import Refusals, add_lacking, create_empty
from backfill_assets.storage.entries import newest_entry, refuse_lost
from backfill_assets.storage.files import Folder, in_threads
from backfill_assets.storage.opening import open_table
from backfill_assets.storage.operations import pause
from backfill_assets.storage.probing import refuse_overwriting
from backfill_assets.storage.schema import Day, delta_schema, fitted, fitted_to_days, missing_columns
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.syncing import force_read
from backfill_assets.storage.writing import handle_to_commit_from, keep_to_commit_from, read_back

__all__ = ["Change", "Commit", "Snapshot", "Table"]

DEADLINE_SECONDS = 120.0

Result = TypeVar("Result")
# Time travel is part of the design, so nothing is cleaned without being asked.
PROPERTIES: Mapping[str, str] = {
    "delta.logRetentionDuration": "interval 3650 days",
    "delta.deletedFileRetentionDuration": "interval 3650 days",
    "delta.enableExpiredLogCleanup": "false",
    "delta.checkpointInterval": "100",
}


def _allow(_: Snapshot) -> None:
    """Allow every write."""


class Table:
    """A Delta table of the lake.

    ``schema`` is the code's schema, with the column in it that the table is partitioned by. Of ``unbounded`` columns
    its log tells no minimum and no maximum.
    """

    def __init__(
        self,
        uri: str,
        schema: pl.Schema,
        *,
        partition: PartitionColumn | None = BY_DAY,
        storage_options: Mapping[str, str] | None = None,
        properties: Mapping[str, str] = PROPERTIES,
        unbounded: Collection[str] = (),
    ) -> None:
        self.uri = uri
        self.schema = schema
        self.partition = partition
        self.properties = properties
        self.unbounded = unbounded
        self.folder = Folder(uri, dict(storage_options or {}))

    def exists(self) -> bool:
        """Whether the table has been created.

        Raises:
            LogLost: when it was, and its log is gone.
            LakeUnreachable: when nobody can say.
        """
        if newest_entry(self.folder) is not None:
            return True
        refuse_lost(self.folder)
        return False

    def create(self) -> None:
        """Create the empty table, by any number of creators at once; one that exists is left as it is."""
        schema = delta_schema(self.uri, self.schema, self.partition.name if self.partition else "")
        by = [self.partition.name] if self.partition else []
        refused = Refusals(self.folder)
        while not self.exists():
            refuse_overwriting(self.folder)
            try:
                create_empty(self.folder, schema, by, self.properties)
            except (DeltaError, OSError) as error:
                # Another creator came first, or is about to: then the table exists the next time round.
                refused.wait_after(error)

    def snapshot(self, commit: int | None = None) -> Snapshot:
        """The newest commit, or an earlier one.

        Raises:
            TableMissing: when the table was never created.
            CommitGone, LogDamaged, LakeUnreachable: when it was, and cannot be opened.
        """
        return Snapshot(open_table(self.folder, commit), self.folder, self.schema, self.partition or BY_DAY)

    def to_commit_from(self) -> Snapshot:
        """As :meth:`snapshot`, with a handle that nobody else has, from which one commit can be made."""
        return Snapshot(handle_to_commit_from(self.folder), self.folder, self.schema, self.partition or BY_DAY)

    def read_back(self, commit: int, look: Callable[[Snapshot], Result]) -> Result:
        """What is seen of a commit that was just made, as it lies in the log."""
        with read_back(self.folder, commit) as handle:
            return look(Snapshot(handle, self.folder, self.schema, self.partition or BY_DAY))

    def commit(
        self,
        decide: Callable[[Snapshot], Change | None],
        *,
        written: Collection[DataFile] = (),
        deadline_seconds: float = DEADLINE_SECONDS,
        touches_files: bool = True,
    ) -> Commit | None:
        """Make one commit of what is decided over the newest one; None when there was nothing to do.

        ``decide`` raises to refuse, and returns None when there is nothing to do. Files that were ``written`` for it
        are deleted where they do not become part of it. See :meth:`commit_decided`.
        """

        def decided(there: Snapshot) -> Decision[Change | None, None]:
            return Decision(decide(there), None)

        if written:
            return self.commit_written(decided, written).commit
        return self.commit_decided(decided, deadline_seconds=deadline_seconds, touches_files=touches_files).commit

    def commit_decided(
        self,
        decide: Callable[[Snapshot], Decision[Change | None, Result]],
        *,
        deadline_seconds: float = DEADLINE_SECONDS,
        touches_files: bool = True,
    ) -> Committed[Result]:
        """Read the newest commit, decide on it, and commit from that very handle; when refused, all of it again.

        ``decide`` raises to refuse. It may be called many times; the result is that of its last call.
        A column that it lacks is added first, by a commit of its own, unless a change only counts (``touches_files``).

        Raises:
            CommitContended: when others came first every time until the deadline.
            FeatureUnsupported: when the table has a property under which a swap is not safe.
            SchemasDiffer: when the schema differs by more than new nullable columns.
        """
        started = time.monotonic()
        for refused in count():
            snapshot = self.to_commit_from()
            lacking = missing_columns(self.uri, snapshot.handle, self.schema, self.partition) if touches_files else []
            decision = decide(snapshot)
            if decision.write is None:
                # What is already there is declared as well.
                force_read(self.folder, snapshot.commit)
                return Committed(None, decision.result)
            if lacking:
                self.add_nullable_columns()
                continue
            number, at = snapshot.commit + 1, attempt(snapshot, decision.write)
            taken = time.monotonic() - started
            if at is not None:
                keep_to_commit_from(self.folder, snapshot.handle, number)
                return Committed(Commit(number, at, refused, taken * 1000), decision.result)
            if taken > deadline_seconds:
                raise CommitContended(self.uri, refused + 1, taken)
            pause(refused)
        raise AssertionError  # pragma: no cover

    def add_nullable_columns(self) -> None:
        """Add the columns that the code has and the table does not yet, by a commit of its own.

        Raises:
            SchemasDiffer: when the schema differs by more than that.
        """
        add_lacking(self.snapshot, lambda there: missing_columns(self.uri, there.handle, self.schema, self.partition))

    def write_files(self, frames: Mapping[Slot | None, pl.DataFrame]) -> dict[Slot | None, DataFile]:
        """Write one Parquet file a day, visible to nobody yet; a frame without rows becomes a file without rows.

        Raises:
            FrameUnfit: naming columns that are missing, unknown, or whose values the table's types do not hold.
            RowsOfOtherDays: when a frame has the partition column, with another day in it.
        """
        fitting, by = self._fitted(frames), self.partition
        values = dict(zip(fitting, written_values(by, [*fitting]), strict=True)) if by else {}
        bare = {day: frame.drop(by.name) if by and day is not None else frame for day, frame in fitting.items()}
        stats = dict(zip(bare, statistics_of([*bare.values()], self.unbounded), strict=True))

        written: dict[Slot | None, DataFile] = {}
        with self.unless_refused(written.values()):
            in_threads(lambda of: written.update({of: self._write(of, bare[of], stats[of], values.get(of, ""))}), bare)
        return {day: written[day] for day in bare}

    def replace_days(
        self,
        frames: Mapping[Slot, pl.DataFrame],
        *,
        allow: Callable[[Snapshot], None] = _allow,
        metadata: Mapping[str, Any] | None = None,
        skip_equal: bool = False,
    ) -> Commit | None:
        """Make the frames the whole content of their days, in one commit.

        ``allow`` raises to refuse, on the snapshot the write is committed from. With ``skip_equal`` days that hold
        the same rows already are left out; None when that is all of them.
        """
        fitting = self._fitted(frames)
        replacement = Replacement(fitting, self.write_files, skip_equal=skip_equal)

        def decide(snapshot: Snapshot) -> Decision[Change | None, None]:
            allow(snapshot)
            return Decision(replacement.change(snapshot, metadata or {}), None)

        return self.commit_written(decide, replacement.written.values()).commit

    def commit_written(
        self, decide: Callable[[Snapshot], Decision[Change | None, Result]], written: Collection[DataFile] = ()
    ) -> Committed[Result]:
        """Commit, and delete those files that did not become part of the commit.

        ``written`` are files that are there already; what the changes of refused attempts add goes too.
        """
        attempts = Attempts(decide, written)
        try:
            return self.commit_decided(attempts)
        except CommitUnknown:
            # It may have happened: then its files stay.
            raise
        except BackfillAssetsError:
            attempts.kept = ()
            raise
        finally:
            self._delete_quietly(attempts.spare())

    @contextmanager
    def unless_refused(self, written: Collection[DataFile]) -> Generator[None]:
        """Delete files that no commit of this table names yet when what is done within is refused."""
        try:
            yield
        except BackfillAssetsError:
            self._delete_quietly(written)
            raise

    def append(
        self,
        frame: pl.DataFrame,
        *,
        allow: Callable[[Snapshot], None] = _allow,
        metadata: Mapping[str, Any] | None = None,
        day: Slot | None = None,
    ) -> Commit:
        """Add rows: to one day, to the days that the partition column names, or to a table without days."""
        frames: Mapping[Slot | None, pl.DataFrame] = {day: frame}
        if self.partition and day is None:
            frames = self.partition.split(frame)
        files = self.write_files(frames)

        def decide(snapshot: Snapshot) -> Decision[Change, None]:
            allow(snapshot)
            return Decision(Change(tuple(files.values()), metadata=metadata or {}), None)

        return cast("Commit", self.commit_written(decide, files.values()).commit)  # a change is never nothing

    def _fitted(self, frames: Mapping[Day, pl.DataFrame]) -> dict[Day, pl.DataFrame]:
        if self.partition is None:
            return {day: fitted(self.uri, frame, self.schema) for day, frame in frames.items()}
        return fitted_to_days(self.uri, frames, self.schema, self.partition)

    def _write(self, day: Slot | None, frame: pl.DataFrame, stats: str, value: str) -> DataFile:
        column, path = self.partition, f"part-{uuid.uuid4()}.parquet"
        if column is not None and day is not None:
            path = f"{column.folder(value or str(day))}/{path}"
        size, now = self.folder.write(path, frame), milliseconds(datetime.now(UTC))
        return DataFile(path, size, day, now, frame.height, stats, name_of(column), value, is_new=True)

    def delete_unnamed(self, files: Collection[DataFile]) -> None:
        """Delete files that no commit of this table names, as far as they can be deleted."""
        self._delete_quietly(files)

    def _delete_quietly(self, files: Collection[DataFile]) -> None:
        with suppress(FilesUndeleted):
            self.folder.delete([file.path for file in files])
