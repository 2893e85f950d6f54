"""The first day for which anything ever landed, by table, in ``_control/first_days``; the earliest row counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable


@dataclass(frozen=True, slots=True)
class FirstDay:
    """A day that landed, earlier than every one before it."""

    table: str
    first: date
    at: datetime


class FirstDays:
    """Where the history of each table begins."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "first_days", FirstDay)

    def known(self, table: str) -> date | None:
        """The first day of a table; None when nothing of it ever landed."""
        return _first(self._rows.rows(), table)

    def note(self, table: str, day: date, at: datetime) -> None:
        """Write down that a day landed, where it is earlier than every day before it."""
        known = self.known(table)
        if known is not None and known <= day:
            return

        def decide(rows: pl.DataFrame) -> Decision[Sequence[FirstDay], None]:
            first = _first(rows, table)
            return Decision([FirstDay(table, day, at)] if first is None or day < first else (), None)

        self._rows.append_decided(decide)


def _first(rows: pl.DataFrame, table: str) -> date | None:
    days: list[date] = rows.filter(pl.col("table") == table)["first"].to_list()
    return min(days, default=None)
