"""The months that finance has closed, in ``_control/closed_months``: append-only, the latest word counts."""

import re
from datetime import datetime

import polars as pl

from backfill_assets.errors.publication import MonthUnreadable
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

SCHEMA = pl.Schema(
    {
        "month": pl.String(),
        "closed": pl.Boolean(),
        "by": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "sequence": pl.Int64(),
    }
)
MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


class ClosedMonths:
    """Which months finance has closed, and who said so."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "closed_months", SCHEMA)

    def current(self) -> frozenset[str]:
        """The months that are closed now, such as ``2026-01``."""
        latest = self._rows.rows().sort("sequence").group_by("month").agg(pl.col("closed").last())
        return frozenset(latest.filter(pl.col("closed"))["month"])

    def close(self, month: str, *, by: str, at: datetime) -> None:
        """Close a month: corrections that change days of it need a second approval.

        Raises:
            MonthUnreadable: when it is not written as year and month.
        """
        self._say(month, closed=True, by=by, at=at)

    def reopen(self, month: str, *, by: str, at: datetime) -> None:
        """Open a month again.

        Raises:
            MonthUnreadable: when it is not written as year and month.
        """
        self._say(month, closed=False, by=by, at=at)

    def _say(self, month: str, *, closed: bool, by: str, at: datetime) -> None:
        if not MONTH.fullmatch(month):
            raise MonthUnreadable(month)

        def row(known: pl.DataFrame) -> pl.DataFrame:
            said = {"month": month, "closed": closed, "by": by, "at": at, "sequence": known.height + 1}
            return pl.DataFrame([said], schema=SCHEMA)

        self._rows.append(row)
