"""Days and months of the lake: the first day that landed of each table, and the months that are closed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from backfill_assets.core.given import refuse_unsigned
from backfill_assets.errors.base import listed
from backfill_assets.errors.deciding import MonthUnreadable
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


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
    found = values_of(FirstDay, rows.filter(pl.col("table") == table))
    return min((one.first for one in found), default=None)


MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Said:
    """That a month was closed, or opened again."""

    month: str
    closed: bool
    by: str
    at: datetime
    sequence: int


class ClosedMonths:
    """Which months are closed, and who closed them."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "closed_months", Said)

    def current(self) -> frozenset[str]:
        """The months that are closed now, such as ``2026-01``."""
        latest = self._rows.rows().sort("sequence").group_by("month").agg(pl.col("closed").last())
        return frozenset(latest.filter(pl.col("closed"))["month"])

    def close(self, *months: str, by: str, at: datetime) -> None:
        """Close months, all or none: corrections that change days of them need a second approval.

        Raises:
            NameNeeded: when it is nobody who decides.
            MonthUnreadable: when one is not written as year and month.
        """
        self._say(months, closed=True, by=by, at=at)

    def reopen(self, *months: str, by: str, at: datetime) -> None:
        """Open months again, all or none.

        Raises:
            NameNeeded: when it is nobody who decides.
            MonthUnreadable: when one is not written as year and month.
        """
        self._say(months, closed=False, by=by, at=at)

    def _say(self, months: Sequence[str], *, closed: bool, by: str, at: datetime) -> None:
        refuse_unreadable(months)
        if not months:
            return
        refuse_unsigned(by, f"{'close' if closed else 'reopen'} {listed(months)}")

        def decide(known: pl.DataFrame) -> Decision[Sequence[Said], None]:
            numbered = enumerate(months, start=known.height + 1)
            return Decision([Said(month, closed, by, at, sequence) for sequence, month in numbered], None)

        self._rows.append_decided(decide)


def refuse_unreadable(months: Sequence[str]) -> None:
    """Refuse texts that are no months.

    Raises:
        MonthUnreadable: naming the first that is not written as year and month.
    """
    for month in months:
        if not MONTH.fullmatch(month):
            raise MonthUnreadable(month)
