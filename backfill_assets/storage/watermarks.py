"""Watermarks: how far each holder has come, in ``_control/watermarks``.

A row is a fact and is never changed. A correction that rewinds a holder adds a hold; the effective mark is the
minimum of the mark and the holds, so overlapping corrections, progress meanwhile, abandon and roll back come out
right in every order: they add and release holds and restore nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import polars as pl

from backfill_assets.core.window import ONE_DAY
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake


class Fact(StrEnum):
    """What a row says."""

    REGISTERED = "registered"
    MARK = "mark"
    HOLD = "hold"
    RELEASE = "release"
    WAIVED = "waived"


SCHEMA = pl.Schema(
    {
        "sequence": pl.Int64(),
        "holder": pl.String(),
        "table": pl.String(),
        "fact": pl.String(),
        "day": pl.Date(),
        "correction": pl.String(),
        "by": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "external": pl.Boolean(),
    }
)


@dataclass(frozen=True, slots=True)
class Holder:
    """One holder's standing: the last day it has processed, and what holds it back.

    ``holds`` maps a correction to the day before its window. An external holder moves its own mark.
    """

    name: str
    table: str
    mark: date | None = None
    holds: Mapping[str, date] = field(default_factory=dict[str, date])
    external: bool = False

    @property
    def effective(self) -> date | None:
        """The day after which the holder reads next: the minimum of mark and holds."""
        if self.mark is None:
            return None
        return min(self.mark, *self.holds.values()) if self.holds else self.mark


class Watermarks:
    """The standing of every holder of a lake."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "watermarks", SCHEMA)

    def holders(self, table: str) -> dict[str, Holder]:
        """Every registered holder of the table, by name."""
        return _folded(self._rows.rows(), table)

    def register(self, holder: str, table: str, *, by: str, at: datetime, external: bool = False) -> None:
        """Make a holder known; a known one is left as it is."""

        def rows(known: pl.DataFrame) -> pl.DataFrame | None:
            if holder in _folded(known, table):
                return None
            return _rows(known, [_fact(holder, table, Fact.REGISTERED, by=by, at=at, external=external)])

        self._rows.append(rows)

    def advance(self, holder: str, table: str, day: date, *, by: str, at: datetime) -> None:
        """Move a holder's own mark; the same day again is left as it is."""

        def rows(known: pl.DataFrame) -> pl.DataFrame | None:
            standing = _folded(known, table).get(holder)
            if standing is not None and standing.mark == day:
                return None
            return _rows(known, [_fact(holder, table, Fact.MARK, by=by, at=at, day=day)])

        self._rows.append(rows)

    def hold(
        self, correction: str, table: str, holders: Sequence[str], before: date, *, by: str, at: datetime
    ) -> dict[str, date | None]:
        """Set holders back before a day. Returns their marks as they were."""
        return self._for_each(holders, table, Fact.HOLD, correction, by=by, at=at, day=before - ONE_DAY)

    def release(self, correction: str, table: str, holders: Sequence[str], *, by: str, at: datetime) -> None:
        """Let go of holders that this correction holds; others are not touched."""
        held = [name for name, holder in self.holders(table).items() if correction in holder.holds and name in holders]
        self._for_each(held, table, Fact.RELEASE, correction, by=by, at=at, day=None)

    def _for_each(
        self,
        holders: Sequence[str],
        table: str,
        fact: Fact,
        correction: str,
        *,
        by: str,
        at: datetime,
        day: date | None,
    ) -> dict[str, date | None]:
        marks: dict[str, date | None] = {}

        def rows(known: pl.DataFrame) -> pl.DataFrame | None:
            standing = _folded(known, table)
            marks.update({name: standing[name].mark if name in standing else None for name in holders})
            facts = [_fact(name, table, fact, by=by, at=at, day=day, correction=correction) for name in holders]
            return _rows(known, facts) if facts else None

        self._rows.append(rows)
        return marks


def _fact(
    holder: str,
    table: str,
    fact: Fact,
    *,
    by: str,
    at: datetime,
    day: date | None = None,
    correction: str = "",
    external: bool = False,
) -> dict[str, Any]:
    return {
        "holder": holder,
        "table": table,
        "fact": str(fact),
        "day": day,
        "correction": correction,
        "by": by,
        "at": at,
        "external": external,
    }


def _rows(known: pl.DataFrame, facts: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    return pl.DataFrame(
        [{"sequence": len(known) + number, **fact} for number, fact in enumerate(facts, start=1)], schema=SCHEMA
    )


def _folded(rows: pl.DataFrame, table: str) -> dict[str, Holder]:
    standing: dict[str, Holder] = {}
    for row in rows.filter(pl.col("table") == table).sort("sequence").iter_rows(named=True):
        name = row["holder"]
        standing[name] = _after(standing.get(name, Holder(name, table, external=row["external"])), row)
    return standing


def _after(holder: Holder, row: Mapping[str, Any]) -> Holder:
    holds = dict(holder.holds)
    mark = holder.mark
    match Fact(row["fact"]):
        case Fact.MARK:
            mark = row["day"]
        case Fact.HOLD:
            holds[row["correction"]] = row["day"]
        case Fact.RELEASE | Fact.WAIVED:
            holds.pop(row["correction"], None)
        case Fact.REGISTERED:
            pass
    return Holder(holder.name, holder.table, mark, holds, holder.external)
