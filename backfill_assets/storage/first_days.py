"""The first day for which anything ever landed, by table, in ``_control/first_days``; the earliest row counts."""

from datetime import date, datetime

import polars as pl

from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

SCHEMA = pl.Schema({"table": pl.String(), "first": pl.Date(), "at": pl.Datetime("us", "UTC")})


class FirstDays:
    """Where the history of each table begins."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "first_days", SCHEMA)

    def known(self, table: str) -> date | None:
        """The first day of a table; None when nothing of it ever landed."""
        return _first(self._rows.rows(), table)

    def note(self, table: str, day: date, at: datetime) -> None:
        """Write down that a day landed, where it is earlier than every day before it."""
        known = self.known(table)
        if known is not None and known <= day:
            return

        def earlier(rows: pl.DataFrame) -> pl.DataFrame | None:
            first = _first(rows, table)
            if first is not None and first <= day:
                return None
            return pl.DataFrame([{"table": table, "first": day, "at": at}], schema=SCHEMA)

        self._rows.append(earlier)


def _first(rows: pl.DataFrame, table: str) -> date | None:
    days: list[date] = rows.filter(pl.col("table") == table)["first"].to_list()
    return min(days, default=None)
