"""Opening a table at a commit: with a sound log only, and by the reason where it cannot be opened."""

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from backfill_assets.errors.base import BackfillAssetsError, in_one_line
from backfill_assets.errors.lake import CommitGone, LogDamaged, PartitionUnfit, TableMissing
from backfill_assets.storage.entries import flaw_in, refuse_damaged, whole_log
from backfill_assets.storage.files import Folder
from backfill_assets.storage.schema import refuse_unreadable

# What delta-rs says of a partition value that is not of its column's type.
UNPARSED = "Failed to parse value"


def open_table(folder: Folder, commit: int | None = None) -> DeltaTable:
    """The newest commit of a table, or an earlier one.

    Raises:
        TableMissing: when the table was never created.
        CommitGone: when the commit asked for cannot be read any more, the table can.
        LogDamaged: when an entry of the log is empty, cut short or missing.
        PartitionUnfit: when a file's partition value is none of the column's type.
        FeatureUnsupported: when the table has a property with which its files say something else than its rows.
        LakeUnreachable: when the store does not answer, or does not let us in.
    """
    try:
        handle = DeltaTable(folder.uri, version=commit, storage_options=folder.storage_options)
    except (DeltaError, OSError) as error:
        raise explained(folder, commit, error) from error
    refuse_damaged(folder, handle.version())
    refuse_unreadable(folder.uri, handle)
    return handle


def explained(folder: Folder, commit: int | None, error: Exception) -> BackfillAssetsError:
    """Why a table could not be opened, by what its log looks like: delta-rs says the same of several causes."""
    told = in_one_line(str(error))
    if UNPARSED in told:
        return PartitionUnfit(folder.uri, told)
    log = whole_log(folder)
    if log.newest < 0:
        return TableMissing(folder.uri)
    if commit is not None and (commit > log.newest or (log.lacks(commit) and not log.lacks(log.newest))):
        return CommitGone(folder.uri, commit)
    wanted = log.newest if commit is None else commit
    unread = (
        f"checkpoint {log.base(wanted)} cannot be read ({told})" if "arquet" in told or "heckpoint" in told else told
    )
    return LogDamaged(folder.uri, flaw_in(folder, log, wanted) or unread)
