"""Refusals about correctable tables that read each other."""

from collections.abc import Collection, Sequence
from datetime import date

from backfill_assets.errors.base import BadInput, Refused, days_listed, listed, verb


class TablesReadEachOther(BadInput):
    """Correctable tables are computed from each other in a circle."""

    def __init__(self, tables: Sequence[str]) -> None:
        super().__init__(
            f"The tables {' read by '.join([*tables, tables[0]])} are computed from each other in a circle. "
            "Nothing was loaded. Let one of them read what is before the others."
        )


class ReadersCorrected(Refused):
    """Days are to be rolled back from which another table's corrected days were computed."""

    def __init__(self, correction: str, table: str, days: Collection[date], readers: Collection[str]) -> None:
        calls = " and ".join(f"backfill-assets roll-back {one} --all" for one in sorted(readers))
        super().__init__(
            f"Correction {correction} cannot be rolled back, because {verb(len(readers), 'correction', 'corrections')} "
            f"{listed(readers)} of {table} computed {days_listed(days)} from what it brought. "
            f"Nothing was written. Call {calls} first, or correct {table} again afterwards."
        )


class NothingStale(BadInput):
    """A request is asked for the stale days of a table that has none."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"Every published day of {table} was computed from what its sources hold now. Nothing was opened. "
            "Name the days yourself, in a request of your own."
        )
