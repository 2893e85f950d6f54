"""One attempt to commit a change from the very handle it was decided on, and whether it happened."""

import json
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar

import polars as pl
import simplejson
from deltalake import CommitProperties, PostCommitHookProperties, Transaction
from deltalake.exceptions import DeltaError

from backfill_assets.errors.answers import said
from backfill_assets.errors.lake import CommitUnknown, LakeUnreachable, LogDamaged
from backfill_assets.storage.actions import DataFile, milliseconds
from backfill_assets.storage.entries import ACTIONS
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import entry_of
from backfill_assets.storage.operations import Operation, is_lasting, perform, persist
from backfill_assets.storage.probing import refuse_overwriting
from backfill_assets.storage.snapshot import Snapshot, same_rows
from backfill_assets.storage.syncing import force_read, force_written

# The unique mark of one attempt to commit, by which it is known again when the answer was lost on the way.
ATTEMPT = "backfill_assets/attempt"

Write_co = TypeVar("Write_co", covariant=True)
Result_co = TypeVar("Result_co", covariant=True)
Result = TypeVar("Result")

AFTER_COMMIT = PostCommitHookProperties(cleanup_expired_logs=False)


@dataclass(frozen=True, slots=True)
class Change:
    """What one commit does: files that enter, files that leave, the numbers of applications, metadata.

    ``metadata`` goes into the commit's info; values that are not strings are written as JSON.
    ``data_change`` is False when the rows stay the same, as in a compaction.
    """

    adds: tuple[DataFile, ...] = ()
    removes: tuple[DataFile, ...] = ()
    apps: tuple[tuple[str, int], ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    data_change: bool = True


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit that happened: its number, its time in the table's log (UTC), refused attempts, and how long it took."""

    number: int
    at: datetime
    retries: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Decision(Generic[Write_co, Result_co]):
    """What was decided over the newest state: what to write, and the result for whoever asked for the decision."""

    write: Write_co
    result: Result_co


@dataclass(frozen=True, slots=True)
class Committed(Generic[Result_co]):
    """The result of the decision that stands, and the commit that was made of it, None when it was to write nothing."""

    commit: Commit | None
    result: Result_co


def attempt(snapshot: Snapshot, change: Change) -> datetime | None:
    """Commit from the snapshot's handle; the commit's time, or None when another commit came first.

    On a lake on disk what it builds on is forced there before it, and the commit itself before it is told of.

    Raises:
        CommitUnknown: when nobody can tell whether the commit happened.
        LogDamaged: when the entry that it builds on is gone.
        StoreOverwrites: when the store would lose commits.
        LakeUnreachable: when what it builds on cannot be forced to disk.
    """
    mark = uuid.uuid4().hex
    now = datetime.now(UTC)
    folder, number = snapshot.folder, snapshot.commit + 1  # the handle goes on to its own commit
    refuse_overwriting(folder)
    force_read(folder, number - 1, [file.path for file in change.adds if file.is_new])
    try:
        persist(
            lambda: perform(
                Operation.COMMIT, f"{folder.uri}/{entry_of(number)}", lambda: _commit(snapshot, change, mark, now)
            ),
            # With the same number and the same mark: whichever of them comes first, it is one commit.
            while_true=lambda: _info_of(folder, number) is None,
        )
    except (DeltaError, OSError) as error:
        # The answer can be lost although the commit happened; a repeated append would then double its rows.
        info = _info_of(folder, number)
        if info is None and not folder.find([entry_of(number - 1)]):
            # delta-rs commits nothing after a checkpoint without its entry.
            raise LogDamaged(folder.uri, f"commit {number - 1} is missing, and only its checkpoint is there") from error
        if info is None:
            refused = LakeUnreachable if is_lasting(error) else CommitUnknown
            raise refused(folder.uri, said(error)) from error
        if info.get(ATTEMPT) != mark:
            return None
    force_written(folder, number)
    info = _info_of(folder, number)
    if info is not None and info.get(ATTEMPT) != mark:
        return None  # Another writer's is in its place.
    return _time(info or {"timestamp": milliseconds(now)})


def _commit(snapshot: Snapshot, change: Change, mark: str, now: datetime) -> None:
    snapshot.handle.create_write_transaction(
        [
            *(file.add_action(data_change=change.data_change) for file in change.adds),
            *(file.remove_action(now, data_change=change.data_change) for file in change.removes),
        ],
        mode="append",
        schema=snapshot.handle.schema(),
        partition_by=[*snapshot.partition_columns],
        commit_properties=CommitProperties(
            custom_metadata={
                **_texts(change.metadata),
                ATTEMPT: mark,
                ACTIONS: str(len(change.adds) + len(change.removes)),
            },
            max_commit_retries=0,
            app_transactions=[Transaction(*app) for app in change.apps] or None,
        ),
        post_commithook_properties=AFTER_COMMIT,
    )


def _info_of(folder: Folder, commit: int) -> dict[str, Any] | None:
    """The info of a commit, None when there is no such commit.

    Raises:
        CommitUnknown: when nobody can say whether there is.
    """
    try:
        # Opening the table at that commit would read the whole table's log again.
        lines = folder.read(entry_of(commit)).splitlines()
    except FileNotFoundError:
        return None
    except LakeUnreachable as error:
        raise CommitUnknown(folder.uri, said(error.__cause__ or error)) from error
    try:
        infos: list[dict[str, dict[str, Any]]] = [json.loads(line) for line in lines if b'"commitInfo"' in line[:20]]
    except ValueError:
        # Somebody's, and cut short: whoever opens the table next names it.
        return {}
    return infos[0]["commitInfo"] if infos else {}


def _time(info: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(info["timestamp"] / 1000, UTC)


def _texts(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value if isinstance(value, str) else simplejson.dumps(value) for key, value in metadata.items()}


Files = dict[date | None, DataFile]
WriteFiles = Callable[[Mapping[date | None, pl.DataFrame]], Files]


class Replacement:
    """The days to replace, and how far that has come.

    With ``skip_equal`` days that hold the same rows already are left out, and only the others are ever written;
    without, all of them are written at once.
    """

    def __init__(self, frames: Mapping[date, pl.DataFrame], write_files: WriteFiles, *, skip_equal: bool) -> None:
        self._frames = frames
        self._write_files = write_files
        self._skip_equal = skip_equal
        # By day the fingerprint of the files that were compared, and whether they held the frame's rows.
        self._compared: dict[date, tuple[str, bool]] = {}
        self.written: Files = {} if skip_equal else write_files({**frames})

    def change(self, snapshot: Snapshot, metadata: Mapping[str, Any]) -> Change | None:
        """The commit that puts the frames in the place of what a snapshot holds; None when there is nothing to do."""
        equal = self._equal(snapshot)
        days = [day for day in self._frames if day not in equal]
        if not days:
            return None
        self.written |= self._write_files({day: self._frames[day] for day in days if day not in self.written})
        adds = tuple(self.written[day] for day in days)
        removes = tuple(file for files in snapshot.files_of(days).values() for file in files)
        return Change(adds, removes, metadata=metadata)

    def _equal(self, snapshot: Snapshot) -> set[date]:
        if not self._skip_equal:
            return set()
        self._compared |= _compared(snapshot, self._frames, self._compared)
        return {day for day, (_, is_equal) in self._compared.items() if is_equal}


def _compared(
    snapshot: Snapshot, frames: Mapping[date, pl.DataFrame], known: Mapping[date, tuple[str, bool]]
) -> dict[date, tuple[str, bool]]:
    """By day the fingerprint of its files and whether they hold the frame's rows; only what is not known yet."""
    prints = {day: snapshot.fingerprint(day) for day in frames}
    open_days = [day for day in frames if day not in known or known[day][0] != prints[day]]
    rows = {day: [file.rows for file in files] for day, files in snapshot.files_of(open_days).items()}
    alike = [day for day in open_days if rows[day] and (sum(rows[day]) == frames[day].height or min(rows[day]) < 0)]
    there = snapshot.partition.split(snapshot.scan(alike).collect()) if alike else {}
    nothing = pl.DataFrame(schema=snapshot.schema)
    equal = {day for day in alike if same_rows(there.get(day, nothing), frames[day])}
    return {day: (prints[day], day in equal) for day in open_days}


class Attempts(Generic[Result]):
    """A decision that remembers the files of every change it made, and which of them the last one kept."""

    def __init__(
        self, decide: Callable[[Snapshot], Decision[Change | None, Result]], written: Collection[DataFile]
    ) -> None:
        self._decide = decide
        self._written = {file.path: file for file in written}
        self.kept: tuple[DataFile, ...] = ()

    def __call__(self, snapshot: Snapshot) -> Decision[Change | None, Result]:
        """Decide, and remember what was written for it."""
        decision = self._decide(snapshot)
        self.kept = decision.write.adds if decision.write else ()
        self._written |= {file.path: file for file in self.kept}
        return decision

    def spare(self) -> list[DataFile]:
        """The files that are of no use."""
        kept = {file.path for file in self.kept}
        return [file for path, file in self._written.items() if path not in kept]
