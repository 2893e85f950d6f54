"""Refusals of columns that are to hold the slots of a table."""

from backfill_assets.errors.base import BadInput


class GrainUnspelled(BadInput):
    """A column is to hold slots that its kind of values is too coarse for."""

    def __init__(self, column: str, spelling: str, grain: str) -> None:
        super().__init__(
            f"The column {column} holds {spelling}, which do not tell one {grain} of a day from another. "
            "Nothing was loaded or written. "
            f"Keep every {grain} as a timestamp in UTC, or give the table partitions of a day or longer."
        )


class HoursAmbiguous(BadInput):
    """A column is to hold hours in local time, which has the same hour twice in an autumn night."""

    def __init__(self, column: str, spelling: str, zone: str) -> None:
        super().__init__(
            f"The column {column} holds hours of {zone} as {spelling}, and local time can have one hour twice. "
            "Nothing was loaded or written. "
            "Keep every hour as a timestamp in UTC, or give the partitions of the table the time zone UTC."
        )


class ColumnHoldsNoSlots(BadInput):
    """The values of a column spell no slots; ``why`` is the middle of a sentence."""

    def __init__(self, column: str, why: str) -> None:
        super().__init__(
            f"The column {column} cannot hold the slots of a table, because {why}. Nothing was loaded or written. "
            "Name a column of dates, of text such as 2026-01-23 or 20260123, or of timestamps."
        )
