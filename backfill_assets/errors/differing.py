"""Refusals of comparing what a correction changes, where one of the sides is not there."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import BadInput, Refused, days_listed, listed


class DaysNotStaged(BadInput):
    """Days of a correction are to be compared that it has not staged."""

    def __init__(self, correction: str, days: Collection[date], noun: str) -> None:
        named = f"{days_listed(days, noun=noun)} of correction" if days else f"No {noun} of correction"
        super().__init__(
            f"{named} {correction} {'are not' if days else 'is'} staged. Nothing was compared. "
            f"Name a {noun} that its status counts as staged, or take it further with backfill-assets run."
        )


class ColumnUnknown(BadInput):
    """A difference is to be added up by a column that the table does not have."""

    def __init__(self, table: str, column: str, there: Collection[str]) -> None:
        super().__init__(
            f"{table} has no column {column!r} to add up by. Nothing was compared. Name one of {listed(there)}."
        )


class FilesDeleted(Refused):
    """The files of one side of a correction are deleted."""

    def __init__(self, correction: str, days: Collection[date], noun: str) -> None:
        which = f"{days_listed(days, noun=noun)} of correction" if days else "correction"
        super().__init__(
            f"The files of before of {which} {correction} are deleted, as its decommission does. Nothing was compared. "
            "Its page keeps the figures that validation found."
        )
