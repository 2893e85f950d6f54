"""Refusals of adopting a table that another writer made, and of the way back."""

from collections.abc import Collection

from backfill_assets.errors.base import (
    BackfillAssetsError,
    BadInput,
    Refused,
    corrections_listed,
    counted,
    listed,
    verb,
)


class ColumnsNotThere(BadInput):
    """A look or an adoption was told of columns that the table does not have."""

    def __init__(self, uri: str, option: str, columns: Collection[str], known: Collection[str]) -> None:
        super().__init__(
            f"{option} names {listed(columns)}, which the table {uri} does not have. Nothing was written. "
            f"Name one of its columns, {listed(known)}."
        )


class NoDeltaTable(BadInput):
    """There are files where a table is to be looked at, and no Delta log beside them."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"There are files at {uri} and no Delta log beside them, so it is not a Delta table. Nothing was written. "
            "Make it one with convert_to_deltalake, or bring its folder _delta_log back from a copy if it had one."
        )


class RowsUnreadable(Refused):
    """Rows of a table have to be read, and cannot be."""

    def __init__(self, uri: str, gone: int, why: str) -> None:
        cause = f"{counted(gone, 'file')} that its log names {verb(gone, 'is', 'are')} gone" if gone else why
        super().__init__(
            f"The rows of {uri} cannot be read ({cause}). Nothing was written. "
            "Bring the files back from a copy, or restore the table to a commit that has all of its files."
        )


class TableOutsideLake(BadInput):
    """A table is to be adopted that does not lie directly in the lake."""

    def __init__(self, uri: str, lake: str) -> None:
        above = uri.rstrip("/").rpartition("/")[0]
        super().__init__(
            f"The table {uri} does not lie directly in the lake {lake}. Nothing was written. "
            f"Set BACKFILL_LAKE to {above}, or to wherever the code location has its lake."
        )


class NotAdoptable(Refused):
    """A table cannot be adopted as it is; ``subjects`` are what the look found to be in the way."""

    def __init__(self, uri: str, subjects: Collection[str], *, rewritable: bool) -> None:
        move = (
            "Run it with --rewrite, which repartitions the table in place"
            if rewritable
            else "Look with --check, which says what to change"
        )
        super().__init__(
            f"The table {uri} cannot be adopted as it is, because of its {listed(subjects)}. Nothing was written. "
            f"{move}."
        )


class RewriteNotNeeded(BadInput):
    """A rewrite was asked for of a table whose days can be swapped as it is."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"The days of {uri} can be swapped as they are. Nothing was written. Adopt it without --rewrite."
        )


class CorrectionsInTheWay(Refused):
    """A table has corrections that could not be finished or rolled back after a rewrite."""

    def __init__(self, uri: str, corrections: Collection[str]) -> None:
        super().__init__(
            f"The table {uri} has {corrections_listed(corrections)}, which could not be finished or rolled back "
            "afterwards. Nothing was written. Decommission or abandon them first."
        )


class AdoptionOvertaken(Refused):
    """Another writer committed to the table while it was being adopted."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"Another writer committed to {uri} in the meantime. Nothing of the adoption came into the table, and "
            "everything of the other writer's did. Run the same again when nobody else writes."
        )


class AdoptionFailed(BackfillAssetsError):
    """A commit of an adoption could not be made."""

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(
            f"The table {uri} could not be written ({why}). It is as it was before. "
            "Repair the cause and run the same again."
        )


class RewriteDiffered(Refused):
    """A rewritten table did not hold the rows of before, and was taken back."""

    def __init__(self, uri: str, commit: int, days: Collection[str]) -> None:
        super().__init__(
            f"The rewritten table {uri} did not hold the same rows as before in {listed(days)}. "
            f"It was restored to what it was at commit {commit}. "
            "Report this message with the types of the table's columns."
        )


class RewriteNotTakenBack(BackfillAssetsError):
    """A rewritten table does not hold the rows of before, and somebody has written since."""

    def __init__(self, uri: str, commit: int, days: Collection[str]) -> None:
        super().__init__(
            f"The rewritten table {uri} does not hold the same rows as at commit {commit} in {listed(days)}, and "
            "another writer has written to it since. The table was left as it is. "
            f"Take the rows of those days from commit {commit}, which still has all of them."
        )


class AdoptionWrittenOver(Refused):
    """Somebody has written to a table since it was adopted, which the way back would take away."""

    def __init__(self, uri: str, commit: int, since: int) -> None:
        super().__init__(
            f"The table {uri} was written {counted(since, 'time')} since its adoption, and restoring commit {commit} "
            "would take that away. Nothing was changed. "
            f"Read commit {commit} for what was there before, and write what you want back as a new commit."
        )


class FilesOfBeforeGone(Refused):
    """Files of the commit to restore were deleted."""

    def __init__(self, uri: str, commit: int, files: int) -> None:
        super().__init__(
            f"The table {uri} cannot be restored to commit {commit}, because {counted(files, 'file')} of it "
            f"{verb(files, 'was', 'were')} deleted since. Nothing was changed. "
            "Bring them back from a copy of the lake, or keep the table as it is."
        )


class NothingToUndo(BadInput):
    """The way back was asked for of a table that was never adopted, or whose adoption was undone already."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"The table {uri} is not adopted, so there is nothing to undo. Nothing was changed. "
            "Look at it with --check."
        )
