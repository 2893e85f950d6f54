"""The figures of a correction for people: old against new per day, month and quarter, and per value of each key."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Context, Decimal
from fractions import Fraction
from functools import reduce
from typing import Any, Self

import polars as pl

from backfill_assets.core.day_comparison import NOTHING, Sums
from backfill_assets.core.exact import exactly
from backfill_assets.core.partition_column import as_slot

MOST_VALUES = 60
OTHERS = "all others"
ROWS_AT_ONCE = 4_000_000
# What a table without measures is told by.
ROWS = "rows"
# A mean has no last digit; whatever the process has set, it is told to so many.
FOR_PEOPLE = Context(prec=28)


@dataclass(frozen=True, slots=True)
class Line:
    """One day, month, or value of a key: rows on both sides, and the sum of each measure."""

    name: str
    rows_old: int
    rows_new: int
    sums: Mapping[str, Sums]

    def __add__(self, other: "Line") -> "Line":
        sums = {name: self.sums[name] + other.sums[name] for name in self.sums}
        return Line(self.name, self.rows_old + other.rows_old, self.rows_new + other.rows_new, sums)

    @property
    def moves(self) -> bool:
        """Whether the rows or any sum differ."""
        return self.rows_old != self.rows_new or any(sums.change for sums in self.sums.values())

    def of(self, measure: str | None) -> Sums:
        """The sums of a measure; the numbers of rows where a table has none."""
        return Sums(Decimal(self.rows_old), Decimal(self.rows_new)) if measure is None else self.sums[measure]

    def renamed(self, name: str) -> "Line":
        """The same figures under another name."""
        return Line(name, self.rows_old, self.rows_new, self.sums)


@dataclass(frozen=True, slots=True)
class Figures:
    """Old against new of every planned day, and per value of each key column.

    ``wrong`` adds up by how much each measure of each row moves, whichever way.
    """

    measures: tuple[str, ...]
    days: tuple[Line, ...]
    keys: Mapping[str, tuple[Line, ...]]
    wrong: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])

    @exactly
    def gross(self, measure: str | None) -> Decimal:
        """How much was wrong, either way, row by row; day by day in figures of before that was measured."""
        by_day = sum((abs(day.of(measure).change) for day in self.days), NOTHING)
        return by_day if measure is None else self.wrong.get(measure, by_day)

    @property
    def months(self) -> tuple[Line, ...]:
        """The days added up by month, named as 2026-01."""
        return _added_up(day.renamed(day.name[:7]) for day in self.days)

    @property
    def quarters(self) -> tuple[Line, ...]:
        """The days added up by quarter, named as 2026 Q1."""
        return _added_up(day.renamed(_quarter(day.name)) for day in self.days)

    @property
    def total(self) -> Line:
        """All days together."""
        nothing = Line("total", 0, 0, dict.fromkeys(self.measures, Sums()))
        return reduce(Line.__add__, self.days, nothing)

    @property
    def main_measure(self) -> str | None:
        """The measure to draw: the last of those that move, or the last of all; None where none is declared."""
        moving = [name for name in self.measures if any(day.sums[name].change for day in self.days)]
        return next(reversed(moving or self.measures), None)

    def mean_absolute_share(self, measure: str | None) -> Decimal:
        """By how much a day moves on average, either way, as a share of what it was; days from nothing left out."""
        known = [share for share in (day.of(measure).share for day in self.days) if share]
        mean = sum(known, Fraction(0)) / len(known) if known else Fraction(0)
        return FOR_PEOPLE.divide(Decimal(mean.numerator), Decimal(mean.denominator))

    @exactly
    def largest_day(self, measure: str | None) -> Line | None:
        """The day that moves most; None when none does."""
        moving = [day for day in self.days if day.of(measure).change]
        return max(moving, key=lambda day: abs(day.of(measure).change), default=None)

    def as_json(self) -> dict[str, Any]:
        """What ``from_json`` reads."""
        return {
            "measures": list(self.measures),
            "days": [_as_list(line) for line in self.days],
            "keys": {name: [_as_list(line) for line in lines] for name, lines in self.keys.items()},
            "wrong": {name: f"{found:f}" for name, found in self.wrong.items()},
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what ``as_json`` wrote."""
        measures = tuple(stored["measures"])
        keys = {name: tuple(_from_list(line, measures) for line in lines) for name, lines in stored["keys"].items()}
        wrong = {name: Decimal(found) for name, found in stored.get("wrong", {}).items()}
        return cls(measures, tuple(_from_list(line, measures) for line in stored["days"]), keys, wrong)


def figures(
    old: pl.LazyFrame,
    new: pl.LazyFrame,
    *,
    keys: Sequence[str],
    measures: Sequence[str],
    days: Iterable[date],
    by: str = "day",
) -> Figures:
    """Add both sides up. Every planned day has a line, also one without rows; ``by`` is the column of days.

    A key column with more than sixty values keeps those that move most; the others are one line.
    """
    by_day = _lines(old, new, by, measures)
    nothing = dict.fromkeys(measures, Sums())
    lines = tuple(by_day.get(str(day), Line(str(day), 0, 0, nothing)) for day in sorted(days))
    wrong = _wrong(old, new, list(dict.fromkeys((by, *keys))), lines)
    return Figures(tuple(measures), lines, {key: lines_by(key, old, new, measures) for key in keys}, wrong)


@exactly
def _wrong(old: pl.LazyFrame, new: pl.LazyFrame, keys: Sequence[str], lines: Sequence[Line]) -> dict[str, Decimal]:
    """By how much each measure of each row moves, whichever way; a side that lacks a row has nothing there.

    Read in as many parts as keep the keys of a few million rows in memory.
    """
    measures = [*lines[0].sums] if lines else []
    parts = max(1, sum(line.rows_old + line.rows_new for line in lines) // ROWS_AT_ONCE)
    wrong = dict.fromkeys(measures, NOTHING)
    for part in range(parts) if measures else ():
        mine = pl.struct(keys).hash() % parts == part
        sides = [
            _signed(frame.filter(mine) if parts > 1 else frame, keys, measures, sign)
            for frame, sign in ((old, -1), (new, 1))
        ]
        moved = (
            pl.concat(sides, how="vertical_relaxed")
            .group_by(keys)
            .agg(pl.col(measures).sum())
            .select(keys[:1], *_sizes(measures))
        )
        for name, value in moved.select(pl.col(measures).sum()).collect(engine="streaming").row(0, named=True).items():
            wrong[name] += Decimal(value or 0)
    return wrong


def _signed(frame: pl.LazyFrame, keys: Sequence[str], measures: Sequence[str], sign: int) -> pl.LazyFrame:
    """The keys and measures of one side, as decimals of their own scale that are added or taken away."""
    schema = frame.collect_schema()
    exact = [pl.col(name).cast(pl.Decimal(38, getattr(schema[name], "scale", 0))) for name in measures]
    return frame.select(*keys, *[one * sign for one in exact])


def _sizes(measures: Sequence[str]) -> list[pl.Expr]:
    return [pl.when(pl.col(name) < 0).then(pl.col(name) * -1).otherwise(pl.col(name)).alias(name) for name in measures]


def lines_by(column: str, old: pl.LazyFrame, new: pl.LazyFrame, measures: Sequence[str]) -> tuple[Line, ...]:
    """Both sides added up per value of a column; of more than sixty values those that move most, and all others."""
    return _shortened(_lines(old, new, column, measures), measures)


def _lines(old: pl.LazyFrame, new: pl.LazyFrame, by: str, measures: Sequence[str]) -> dict[str, Line]:
    sides = [
        {str(as_slot(row[0])): row[1:] for row in _added(frame, by, measures).collect(engine="streaming").iter_rows()}
        for frame in (old, new)
    ]
    empty = (0, *[NOTHING for _ in measures])
    lines: dict[str, Line] = {}
    for name in sorted({*sides[0], *sides[1]}):
        before, after = (side.get(name, empty) for side in sides)
        pairs = zip(measures, before[1:], after[1:], strict=True)
        sums = {measure: Sums(Decimal(a), Decimal(b)) for measure, a, b in pairs}
        lines[name] = Line(name, before[0], after[0], sums)
    return lines


def _added(frame: pl.LazyFrame, by: str, measures: Sequence[str]) -> pl.LazyFrame:
    return frame.group_by(by).agg(pl.len(), *[pl.col(name).sum() for name in measures])


def _shortened(lines: Mapping[str, Line], measures: Sequence[str]) -> tuple[Line, ...]:
    main = next(reversed(measures), None)
    ordered = sorted(lines.values(), key=lambda line: (-abs(line.of(main).change), line.name))
    kept, rest = ordered[:MOST_VALUES], ordered[MOST_VALUES:]
    others = [reduce(Line.__add__, (line.renamed(OTHERS) for line in rest))] if rest else []
    return (*kept, *others)


def _added_up(lines: Iterable[Line]) -> tuple[Line, ...]:
    found: dict[str, Line] = {}
    for line in lines:
        found[line.name] = found[line.name] + line if line.name in found else line
    return tuple(found.values())


def _quarter(day: str) -> str:
    return f"{day[:4]} Q{(int(day[5:7]) + 2) // 3}"


def _as_list(line: Line) -> list[Any]:
    sums = [[f"{found.old:f}", f"{found.new:f}"] for found in line.sums.values()]
    return [line.name, line.rows_old, line.rows_new, sums]


def _from_list(stored: Sequence[Any], measures: Sequence[str]) -> Line:
    sums = {name: Sums(Decimal(old), Decimal(new)) for name, (old, new) in zip(measures, stored[3], strict=True)}
    return Line(stored[0], stored[1], stored[2], sums)
