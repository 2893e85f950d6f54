"""The commits that delta-rs words by itself: an empty table, and new columns of one."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.schema import Field

from backfill_assets.errors.answers import said
from backfill_assets.errors.lake import CommitContended, CommitUnknown, LakeUnreachable
from backfill_assets.storage.commits import AFTER_COMMIT
from backfill_assets.storage.files import Folder
from backfill_assets.storage.layout import entry_of
from backfill_assets.storage.operations import LONGEST_TRIED_SECONDS, Operation, can_pass, is_lasting, pause, perform
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.syncing import force_read, force_written

DEADLINE_SECONDS = 120.0


class Refusals:
    """How long the creation of a table is tried: longest while others may be creating it."""

    def __init__(self, folder: Folder) -> None:
        self._uri, self._began = folder.uri, time.monotonic()

    def wait_after(self, error: Exception) -> None:
        """Wait a moment.

        Raises:
            LakeUnreachable: when the store will say the same again, or has said it for long enough.
        """
        longest = DEADLINE_SECONDS if isinstance(error, DeltaError) else LONGEST_TRIED_SECONDS
        if is_lasting(error) or time.monotonic() - self._began > longest:
            raise LakeUnreachable(self._uri, said(error)) from error
        pause(3)


def create_empty(folder: Folder, schema: Schema, by: Sequence[str], properties: Mapping[str, str]) -> None:
    """Create an empty table; one that exists is left as it is."""
    perform(
        Operation.COMMIT,
        f"{folder.uri}/{entry_of(0)}",
        lambda: DeltaTable.create(
            folder.uri,
            schema,
            mode="ignore",
            partition_by=[*by],
            configuration={**properties},
            storage_options=folder.storage_options,
            # With retries the second of two creators commits the table's metadata once more.
            commit_properties=CommitProperties(max_commit_retries=0),
        ),
    )
    force_written(folder, 0)


def add_lacking(newest: Callable[[], Snapshot], lacking_in: Callable[[Snapshot], Sequence[Field]]) -> None:
    """Add the columns that a table lacks, whoever else commits to it meanwhile.

    Raises:
        CommitContended: when others came first every time until the deadline.
    """
    started = time.monotonic()
    for refused in count():
        snapshot = newest()
        lacking = lacking_in(snapshot)
        if not lacking or commit_columns(snapshot, lacking):
            return
        if time.monotonic() - started > DEADLINE_SECONDS:
            raise CommitContended(snapshot.folder.uri, refused + 1, DEADLINE_SECONDS)
        pause(refused)


def commit_columns(snapshot: Snapshot, lacking: Sequence[Field]) -> bool:
    """Add columns to a table by a commit of its own; whether it happened, which it did not when another came first.

    Raises:
        LakeUnreachable: when the store refuses.
        CommitUnknown: when nobody can tell whether it happened.
    """
    folder, read = snapshot.folder, snapshot.commit  # the handle goes on to its own commit
    force_read(folder, read)
    try:
        perform(
            Operation.COMMIT,
            f"{folder.uri}/{entry_of(read + 1)}",
            lambda: snapshot.handle.alter.add_columns(
                [*lacking],
                commit_properties=CommitProperties(max_commit_retries=0),
                post_commithook_properties=AFTER_COMMIT,
            ),
        )
    except CommitFailedError:
        return False
    except (DeltaError, OSError) as error:
        if can_pass(error):
            return False  # Whoever looks again sees whether it happened.
        refused = LakeUnreachable if is_lasting(error) else CommitUnknown
        raise refused(folder.uri, said(error)) from error
    force_written(folder, read + 1)
    return True
