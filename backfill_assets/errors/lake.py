"""Refusals of the lake: its names, its tables, its writes, and live days that cannot be corrected."""

from collections.abc import Collection, Mapping
from datetime import date

from backfill_assets.errors.base import BackfillAssetsError, BadInput, Refused, counted, days_listed, listed
from backfill_assets.errors.request import Window


class NameUnfit(BadInput):
    """A name cannot be part of a path of the lake."""

    def __init__(self, what: str, name: str) -> None:
        super().__init__(
            f"The {what} {name[:200]!r} cannot be part of a path of the lake. Nothing was opened or written. "
            "Use at most 128 letters, digits, underscores and hyphens, and a lake root without a percent sign."
        )


class Unusable(Refused):
    """A table cannot be used as it is; trying again is of no use before a person has looked."""


class TableMissing(Unusable):
    """A table was read or written before it was created."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"There is no Delta table at {uri}. Nothing was read or written. "
            "Create it first, or look whether the lake root is the right one."
        )


class LogLost(Unusable):
    """There are files where a table should be, and no log that tells which of them count."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"There are files at {uri} and no Delta log beside them. Nothing was read or written. "
            "Bring the folder _delta_log back from a copy, or move the files away when they are not wanted."
        )


class LogDamaged(Unusable):
    """An entry of a table's log is empty, cut short or missing; ``last`` is its file where nothing is built on it."""

    def __init__(self, uri: str, what: str, last: str = "") -> None:
        next_move = (
            f"Run backfill-assets repair, which says what {last} was and sets it aside."
            if last
            else "Run backfill-assets repair, which says whether the log can do without it or a copy of it is needed."
        )
        super().__init__(f"The log of {uri} is damaged ({what}). Nothing was read or written. {next_move}")


class CommitGone(Unusable):
    """A commit that something was pinned to cannot be read any more."""

    def __init__(self, uri: str, commit: int) -> None:
        super().__init__(
            f"The table {uri} cannot be read as it was, because commit {commit} is no longer in the log. "
            "Nothing was read or written. "
            "Bring its entries back from a copy of the lake, or abandon what is pinned to it and open it anew."
        )


class LakeUnreachable(Refused):
    """The store does not answer, or does not let us in."""

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(
            f"{uri} cannot be reached ({why}). Nothing was read or written. "
            "Check the store and the rights on it, then run the same again."
        )


class CommitUnknown(BackfillAssetsError):
    """The answer to a commit was lost, and the table does not tell whether it happened."""

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(
            f"It is not known whether a commit to {uri} happened ({why}). Its files were left where they are. "
            "Run the same again, which asks the table first."
        )


class NotByDay(Unusable):
    """Days were asked for of a table that has none."""

    def __init__(self, uri: str, partitions: Collection[str]) -> None:
        by = f"by {listed(partitions)}" if partitions else "by nothing"
        super().__init__(
            f"The table {uri} is partitioned {by}, so its rows cannot be assigned to days. Nothing was read. "
            "Read it whole, or write it into a table that is partitioned by a date column named day."
        )


class PartitionUnfit(Unusable):
    """A partition value is none of its column's type, or the days of a table are not dates."""

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(
            f"A partition of {uri} cannot be used ({why}). Nothing was read or written. "
            "Write its rows into a partition of the right type and remove this one."
        )


class PartitionedOtherwise(Refused):
    """A table whose history is to be corrected is not partitioned by day alone."""

    def __init__(self, table: str, partitions: Collection[str], column: str = "day") -> None:
        by = f"by {listed(partitions)}" if partitions else "by nothing"
        super().__init__(
            f"The table {table} is partitioned {by}, and a correction swaps files of days alone. Nothing was opened. "
            f"Partition it by {_as_column(column)} alone, which backfill-assets adopt {table} --rewrite does."
        )


class RowsWithoutDay(Unusable):
    """Somebody wrote rows without a day into a table by day."""

    def __init__(self, table: str, rows: int, column: str = "day", values: Collection[str] = ()) -> None:
        where = f"{column} is {listed(values)} or null" if values else f"{column} is null"
        super().__init__(
            f"The table {table} has {counted(rows, 'row')} without a day, in no day's figures. "
            f"Nothing was opened or staged. Give every row its day or delete those where {where}, then ask again."
        )


def _as_column(name: str) -> str:
    return "a date column named day" if name == "day" else f"the column {name}"


class FeatureUnsupported(Unusable):
    """A table has a Delta property with which a swap would lose or double rows."""

    def __init__(self, uri: str, features: Collection[str]) -> None:
        super().__init__(
            f"The table {uri} has {listed(features)}, with which rows would be lost, doubled or misread. "
            "Nothing was read or written. Rewrite it into a table without them, and use that one."
        )


class SchemasDiffer(Refused):
    """The lake's schema and the code's differ by more than new nullable columns."""

    def __init__(self, uri: str, columns: Collection[str]) -> None:
        super().__init__(
            f"The schema of {uri} differs from the code's in {listed(columns)}. Nothing was written. "
            "Only a new nullable column can be added to a live table; any other change needs a new table."
        )


class FrameUnfit(BadInput):
    """A frame does not have the columns and types of the table it was to be written to."""

    def __init__(self, uri: str, columns: Collection[str]) -> None:
        super().__init__(
            f"The frame for {uri} does not fit the table's schema in {listed(columns)}. Nothing was written. "
            "Give it exactly the table's columns, with values that its types hold without loss."
        )


class NothingBesideSlots(BadInput):
    """A table would have no column but the one of its partitions."""

    def __init__(self, uri: str, column: str) -> None:
        there = f"but {column}, which it keeps in the names of its folders" if column else "at all"
        super().__init__(
            f"The table {uri} would have no column {there}. Nothing was written. "
            "Return another column with it, such as a count of rows."
        )


class RowsOfOtherDays(BadInput):
    """A frame carries rows of another day than the one it was to be written to."""

    def __init__(self, uri: str, day: date | None) -> None:
        super().__init__(
            f"The frame for {day} of {uri} carries rows of other days. Nothing was written. "
            "Split the rows by their day before writing them."
        )


class CommitContended(Refused):
    """Other writers committed first, every time, until the deadline."""

    def __init__(self, uri: str, attempts: int, seconds: float) -> None:
        super().__init__(
            f"Other writers came first in {counted(attempts, 'attempt')} within {seconds:.0f} seconds to commit to "
            f"{uri}. "
            "The table holds none of this write. Run the same call again when fewer writers are at work."
        )


class StagedVersionKept(Refused):
    """Maintenance was asked for a staged version, whose files live may point to."""

    def __init__(self, uri: str) -> None:
        super().__init__(
            f"The table {uri} is a staged version, and live may point to files that its own log has dropped. "
            "Nothing was compacted or deleted. Decommission its correction when the rollback window is over."
        )


class FactUnknown(Refused):
    """The ledger holds a kind of event that this code does not know: newer code has written it."""

    def __init__(self, step: str, outcome: str) -> None:
        super().__init__(
            f"The ledger says {step} {outcome}, which this version does not know. Nothing was decided on it. "
            "Run the version that wrote it, or a newer one."
        )


class ColumnsNotLive(BadInput):
    """Keys or measures are declared that the live table does not have."""

    def __init__(self, table: str, columns: Collection[str], known: Collection[str]) -> None:
        super().__init__(
            f"The keys and measures of {table} name columns that live lacks ({listed(columns)}). Nothing was opened. "
            f"Live has {', '.join(sorted(known))}; a new column is known once the asset's schema declares it or a day "
            "with it is published."
        )


class LiveMeasuresInexact(BadInput):
    """A measure is neither a decimal nor an integer in the live table."""

    def __init__(self, table: str, types: Mapping[str, str]) -> None:
        culprits = [f"{column} {dtype}" for column, dtype in types.items()]
        super().__init__(
            f"Live {table} has measures that cannot be summed exactly ({listed(culprits)}). Nothing was opened. "
            "Write the table anew with decimals or integers, or leave these columns out of the measures."
        )


class LiveTypesUnfit(BadInput):
    """Columns of the live table have types that no staged version can hold, or other types than the code declares."""

    def __init__(self, table: str, types: Mapping[str, str]) -> None:
        culprits = [f"{column} {dtype}" for column, dtype in types.items()]
        super().__init__(
            f"Columns of live {table} cannot be staged as they are ({listed(culprits)}). Nothing was opened. "
            "Write the table anew with the types that the code gives; a correction changes no column type."
        )


class LiveKeysNull(BadInput):
    """Live rows of the window have no value in a key column, and cannot be matched."""

    def __init__(self, table: str, counts: Mapping[str, int], days: Collection[date], noun: str = "day") -> None:
        culprits = [f"{column} in {counted(count, 'row')}" for column, count in counts.items()]
        super().__init__(
            f"Live rows of {table} have null keys ({listed(culprits)}) on {days_listed(days, noun=noun)}. "
            "Nothing was opened. "
            f"Declare keys that every row has, or leave these {noun}s out."
        )


class LiveKeysDoubled(BadInput):
    """Live rows of the window share a key, and cannot be matched."""

    def __init__(
        self, table: str, keys: Collection[str], count: int, days: Collection[date], noun: str = "day"
    ) -> None:
        occur = "key occurs" if count == 1 else "keys occur"
        super().__init__(
            f"In live {table} {count} {occur} more than once by {', '.join(keys)}, on {days_listed(days, noun=noun)}. "
            f"Nothing was opened. Declare keys that tell the rows apart, or leave these {noun}s out."
        )


class LiveUnreadable(BadInput):
    """Live files of the window cannot be read, so that nothing could be compared with them."""

    def __init__(self, table: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Live {table} cannot be read on {days_listed(days, noun=noun)}. Nothing was opened. "
            f"Bring its files back, or leave these {noun}s out."
        )


class DaysNotPartitions(BadInput):
    """Days of the window are no partitions of the table, so that no run could stage them."""

    def __init__(self, table: str, days: Collection[date], window: Window, noun: str = "day") -> None:
        super().__init__(
            f"The window {window} holds {days_listed(days, noun=noun)} without a partition of {table}. Nothing "
            "was opened. "
            "Narrow the window to its partitions, or let its partitions definition begin earlier."
        )
