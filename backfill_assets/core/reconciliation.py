"""What a comparison of two versions of a table found: a frozen value that carries its answers.

Everything is exact: sums and differences are decimals, shares are fractions.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date
from functools import reduce
from typing import Any, Self

import polars as pl

from backfill_assets.core.day_comparison import COUNTS, Cells, ChangedRow, DayComparison, Sums, places
from backfill_assets.core.partition_column import HOURS, as_slot
from backfill_assets.core.slots import Grain
from backfill_assets.core.window import contiguous
from backfill_assets.errors.base import counted, days_listed, verb

ROW_KIND = "row kind"
SIDES = ("old", "new", "change")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions of a table, compared key by key, told day by day (oldest first).

    ``columns`` are the columns compared, without keys. ``examples`` holds, for each day, the five rows with the
    largest difference of each column: ``row kind``, keys, and ``old <column>``, ``new <column>``.
    """

    by: str
    keys: tuple[str, ...]
    measures: tuple[str, ...]
    columns: tuple[str, ...]
    days: tuple[DayComparison, ...]
    examples: pl.DataFrame = field(compare=False, repr=False)
    grain: Grain = Grain.DAY

    def in_grain(self, grain: Grain) -> Self:
        """The same comparison, told of slots of this grain."""
        return replace(self, grain=grain)

    @property
    def extent(self) -> str:
        """How many days were compared, in words."""
        return counted(len(self.days), self.grain.value)

    def listed(self, days: Collection[date]) -> str:
        """Some of the days that were compared, in words."""
        return days_listed(days, len(self.days), self.grain.value)

    def without(self, days: Collection[date]) -> Self:
        """The same comparison as if these days had not been looked at."""
        kept = tuple(day for day in self.days if day.day not in days)
        return replace(self, days=kept, examples=self.examples.filter(~pl.col(self.by).is_in(list(days))))

    def day(self, day: date) -> DayComparison:
        """What was found on a day; a day that is on neither side when nothing was."""
        return next((found for found in self.days if found.day == day), DayComparison(day, (False, False)))

    # ---- what differs

    @property
    def agrees(self) -> bool:
        """Whether no day differs."""
        return not self.changed_days

    @property
    def changed_days(self) -> tuple[date, ...]:
        """Days on which anything differs."""
        return tuple(day.day for day in self.days if day.changed)

    @property
    def unchanged_days(self) -> tuple[date, ...]:
        """Days equal to the last digit."""
        return tuple(day.day for day in self.days if not day.changed)

    # ---- in total

    @property
    def rows_old(self) -> int:
        """Rows on the old side."""
        return sum(day.rows_old for day in self.days)

    @property
    def rows_new(self) -> int:
        """Rows on the new side."""
        return sum(day.rows_new for day in self.days)

    @property
    def only_old(self) -> int:
        """Rows whose key is on the old side alone."""
        return sum(day.only_old for day in self.days)

    @property
    def only_new(self) -> int:
        """Rows whose key is on the new side alone."""
        return sum(day.only_new for day in self.days)

    @property
    def differing(self) -> int:
        """Rows on both sides of which some cell differs."""
        return sum(day.differing for day in self.days)

    @property
    def equal(self) -> int:
        """Rows on both sides with every cell equal."""
        return sum(day.equal for day in self.days)

    @property
    def totals(self) -> dict[str, Sums]:
        """The sum of each measure over all days."""
        return {
            name: reduce(Sums.__add__, (day.sums[name] for day in self.days if name in day.sums), Sums())
            for name in self.measures
        }

    @property
    def cells(self) -> dict[str, Cells]:
        """The cells that differ, for every column compared."""
        return {
            name: reduce(Cells.__add__, (day.cells[name] for day in self.days if name in day.cells), Cells())
            for name in self.columns
        }

    # ---- the largest

    def largest_days(self, n: int) -> tuple[DayComparison, ...]:
        """The n days that changed most, in the first measure before the second."""
        return tuple(sorted((day for day in self.days if day.changed), key=lambda day: day.severity)[:n])

    @property
    def worst_day(self) -> DayComparison | None:
        """The day that changed most; None when all agree."""
        return next(iter(self.largest_days(1)), None)

    def rows_differing_in(self, columns: Collection[str], n: int) -> tuple[ChangedRow, ...]:
        """At most n rows present on both sides that differ in one of the columns."""
        differs = pl.any_horizontal(pl.col(f"old {name}").ne_missing(pl.col(f"new {name}")) for name in columns)
        return self._rows(self.examples.filter(pl.col(ROW_KIND) == "changed").filter(differs).head(n))

    def rows_only_on_one_side(self, n: int) -> tuple[ChangedRow, ...]:
        """At most n rows that are on one side alone."""
        return self._rows(self.examples.filter(pl.col(ROW_KIND) != "changed").head(n))

    def largest_rows(self, n: int) -> tuple[ChangedRow, ...]:
        """The n rows that moved the measures most, of five kept for each day."""
        return self._rows(self.examples.head(n))

    def _rows(self, frame: pl.DataFrame) -> tuple[ChangedRow, ...]:
        return tuple(self._row(row) for row in frame.iter_rows(named=True))

    def _row(self, row: dict[str, Any]) -> ChangedRow:
        pairs = {name: (row[f"old {name}"], row[f"new {name}"]) for name in self.columns}
        differing = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
        return ChangedRow(
            row[ROW_KIND], {name: row[name] for name in self.keys} | {self.by: as_slot(row[self.by])}, differing
        )

    # ---- for people and programs

    @property
    def table(self) -> pl.DataFrame:
        """One row a day: counts, and ``old``, ``new`` and ``change`` of each measure as Decimal(38)."""
        scales = {name: places(day.sums.get(name) for day in self.days) for name in self.measures}
        schema: dict[str, Any] = {
            "day": self._day_type,
            "changed": pl.Boolean,
            "in_old": pl.Boolean,
            "in_new": pl.Boolean,
        }
        schema |= dict.fromkeys(COUNTS, pl.Int64)
        schema |= {f"{side} {name}": pl.Decimal(38, scales[name]) for name in self.measures for side in SIDES}
        return pl.DataFrame([self._table_row(day) for day in self.days], schema=schema, orient="row")

    @property
    def _day_type(self) -> pl.DataType:
        return HOURS if self.grain is Grain.HOUR else pl.Date()

    def _table_row(self, day: DayComparison) -> tuple[Any, ...]:
        sums = [day.sums.get(name, Sums()) for name in self.measures]
        amounts = [amount for found in sums for amount in (found.old, found.new, found.change)]
        counts = [getattr(day, name) for name in COUNTS]
        return (day.day, day.changed, day.in_old, day.in_new, *counts, *amounts)

    def as_rows(self, n: int = 10) -> list[dict[str, str]]:
        """The n days that changed most and the total, all cells as text, ready for a table of any kind."""
        total = DayComparison(
            date.min,
            rows_old=self.rows_old,
            rows_new=self.rows_new,
            only_old=self.only_old,
            only_new=self.only_new,
            differing=self.differing,
            sums=self.totals,
        )
        named = [(str(day.day), day) for day in self.largest_days(n)]
        return [{"day": name, **day.as_text()} for name, day in [*named, ("total", total)]]

    def as_json(self) -> dict[str, Any]:
        """Totals, windows of changed days and the largest days; small whatever the size of the tables."""
        cells = {name: found.as_json() for name, found in self.cells.items() if found.count}
        return {
            "days": len(self.days),
            "changed_windows": [str(window) for window in contiguous(self.changed_days, grain=self.grain)],
            **{name: getattr(self, name) for name in COUNTS},
            "totals": {name: {"old": f"{sums.old:f}", "new": f"{sums.new:f}"} for name, sums in self.totals.items()},
            "cells": cells,
            "largest_days": self.as_rows()[:-1],
        }

    def __str__(self) -> str:
        changed = len(self.changed_days)
        head = f"{changed} of {self.extent} {verb(changed, 'differs', 'differ')}"
        equal = counted(self.equal, "row")
        rows = f"{equal} equal, {self.differing} differ, {self.only_old} only old, {self.only_new} only new"
        sums = [f"{name} {found.old:f} -> {found.new:f} ({found.change:+f})" for name, found in self.totals.items()]
        cells = [f"{name} differs in {found}" for name, found in self.cells.items() if found.count]
        days = ["  ".join(row.values()) for row in self.as_rows()[:-1]]
        return "\n".join([f"{head}; {rows}", *sums, *cells, *days])
