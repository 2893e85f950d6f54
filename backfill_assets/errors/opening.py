"""Refusals of a correction that could be opened, but never validated: what is live does not allow it."""

from collections.abc import Collection, Mapping
from datetime import date

from backfill_assets.errors.base import BadInput, counted, days_listed, listed
from backfill_assets.errors.request import Window


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

    def __init__(self, table: str, counts: Mapping[str, int], days: Collection[date]) -> None:
        culprits = [f"{column} in {counted(count, 'row')}" for column, count in counts.items()]
        super().__init__(
            f"Live rows of {table} have null keys ({listed(culprits)}) on {days_listed(days)}. Nothing was opened. "
            "Declare keys that every row has, or leave these days out."
        )


class LiveKeysDoubled(BadInput):
    """Live rows of the window share a key, and cannot be matched."""

    def __init__(self, table: str, keys: Collection[str], count: int, days: Collection[date]) -> None:
        noun = "key occurs" if count == 1 else "keys occur"
        super().__init__(
            f"In live {table} {count} {noun} more than once by {', '.join(keys)}, on {days_listed(days)}. "
            "Nothing was opened. Declare keys that tell the rows apart, or leave these days out."
        )


class LiveUnreadable(BadInput):
    """Live files of the window cannot be read, so that nothing could be compared with them."""

    def __init__(self, table: str, days: Collection[date]) -> None:
        super().__init__(
            f"Live {table} cannot be read on {days_listed(days)}. Nothing was opened. "
            "Bring its files back, or leave these days out."
        )


class DaysNotPartitions(BadInput):
    """Days of the window are no partitions of the table, so that no run could stage them."""

    def __init__(self, table: str, days: Collection[date], window: Window) -> None:
        super().__init__(
            f"The window {window} holds {days_listed(days)} without a partition of {table}. Nothing was opened. "
            "Narrow the window to its partitions, or let its partitions definition begin earlier."
        )
