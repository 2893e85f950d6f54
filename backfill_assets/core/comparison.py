"""Compare two versions of a table, key by key, exactly, in bounded memory.

Both sides are read in slices of whole days; a day too large for one slice is split by a hash of its keys. Only keys
go through the join, the other columns are gathered. Amounts are subtracted and summed as 128-bit integers.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import ceil
from typing import Any, Literal

import polars as pl

from backfill_assets.core.day_comparison import KINDS, Cells, DayComparison, Sums
from backfill_assets.core.exact import from_units
from backfill_assets.core.partition_column import SLOT_TYPES, slots_in
from backfill_assets.core.reconciliation import ROW_KIND, Comparison
from backfill_assets.errors.validation import (
    AmountsTooLarge,
    ColumnsMissing,
    DayNotDate,
    KeysNotUnique,
    KeysNull,
    MeasureNotExact,
    TypesDiffer,
)

SLICE_ROWS = 1_000_000
EXAMPLES_KEPT = 5  # per day and column
_ROW = "row number"
_MOST = 2**127


@dataclass(frozen=True, slots=True)
class _Shape:
    """What to compare: keys begin with the day, columns are all others, places are those of the exact ones."""

    keys: tuple[str, ...]
    measures: tuple[str, ...]
    columns: tuple[str, ...]
    places: dict[str, int]
    kind: pl.DataType

    @property
    def by(self) -> str:
        return self.keys[0]


@dataclass(frozen=True, slots=True)
class _Side:
    name: str
    frame: pl.LazyFrame
    rows: dict[date, int]


def compare(
    old: pl.LazyFrame,
    new: pl.LazyFrame,
    *,
    keys: Sequence[str],
    measures: Sequence[str] = (),
    by: str = "day",
    old_days: Collection[date] = (),
    new_days: Collection[date] = (),
    slice_rows: int = SLICE_ROWS,
) -> Comparison:
    """Compare every cell of two frames with the same columns: rows with the same day and keys, nulls being equal.

    Args:
        old: what readers see.
        new: what was staged.
        keys: the columns that, with the day, identify a row; never null.
        measures: decimal or integer columns to be summed per day.
        by: the column that splits the frames into days: a Date, or where slots are hours a Datetime in UTC.
        old_days: days that exist on the old side even if they have no rows.
        new_days: the same for the new side.
        slice_rows: about how many rows of a side are held in memory; 1,000,000 with a dozen columns take 1 GiB.

    Raises:
        BadInput: a subclass for each of missing columns, different types, inexact measures, null and doubled keys.
    """
    shape = _shape(old, new, (by, *keys), tuple(measures))
    sides = (_side("old", old, shape), _side("new", new, shape))
    present = (set(old_days) | sides[0].rows.keys(), set(new_days) | sides[1].rows.keys())
    sums, every = dict.fromkeys(measures, Sums()), set[date]().union(*present)
    found = {day: DayComparison(day, (day in present[0], day in present[1]), sums=sums) for day in every}
    examples: list[pl.DataFrame] = []
    for where in _slices(sides, shape, slice_rows):
        parts, rows = _compare_slice(sides, where, shape, slice_rows)
        for part in parts:
            found[part.day] += part
        examples.append(rows)
    days = tuple(found[day] for day in sorted(found))
    nothing = pl.DataFrame(schema={by: shape.kind, ROW_KIND: pl.String})
    return _with_examples(Comparison(by, shape.keys, shape.measures, shape.columns, days, nothing), examples)


def joined(parts: Sequence[Comparison]) -> Comparison:
    """One comparison of days that were compared share by share; none is in two shares."""
    days = tuple(sorted((day for one in parts for day in one.days), key=lambda day: day.day))
    return _with_examples(replace(parts[0], days=days), [one.examples for one in parts if one.examples.height])


# ---- what can be compared


def _shape(old: pl.LazyFrame, new: pl.LazyFrame, keys: tuple[str, ...], measures: tuple[str, ...]) -> _Shape:
    schemas = old.collect_schema(), new.collect_schema()
    wanted = {*schemas[0], *schemas[1], *keys, *measures}
    for name, schema in zip(("old", "new"), schemas, strict=True):
        if missing := wanted - set(schema):
            raise ColumnsMissing(name, missing)
    types = {name: (str(schemas[0][name]), str(schemas[1][name])) for name in wanted}
    if differing := {name: pair for name, pair in types.items() if schemas[0][name] != schemas[1][name]}:
        raise TypesDiffer(differing)
    known = schemas[0]
    if known[keys[0]] not in SLOT_TYPES:
        raise DayNotDate(keys[0], types[keys[0]][0])
    places = {name: getattr(kind, "scale", 0) for name, kind in known.items() if kind.is_decimal() or kind.is_integer()}
    if inexact := {name: types[name][0] for name in measures if name not in places}:
        raise MeasureNotExact(inexact)
    unique = tuple(dict.fromkeys(keys))
    return _Shape(unique, measures, tuple(name for name in known if name not in unique), places, known[keys[0]])


def _side(name: str, frame: pl.LazyFrame, shape: _Shape) -> _Side:
    counted = frame.group_by(shape.by).len().collect(engine="streaming")
    rows = dict(zip(slots_in(counted[shape.by]), counted["len"].to_list(), strict=True))
    if None in rows:
        raise KeysNull(name, {shape.by: rows[None]})
    there = {day: count for day, count in rows.items() if day is not None}
    return _Side(name, frame.select(*shape.keys, *shape.columns), there)


def _slices(sides: Sequence[_Side], shape: _Shape, slice_rows: int) -> Iterator[pl.Expr]:
    """Conditions that together select every row once, each at most about ``slice_rows`` of a side."""
    day, batch, held = pl.col(shape.by), list[date](), 0
    for upcoming in sorted({found for side in sides for found in side.rows}):
        rows = max(side.rows.get(upcoming, 0) for side in sides)
        if batch and held + rows > slice_rows:
            yield day.is_between(batch[0], batch[-1])
            batch, held = [], 0
        if (parts := ceil(rows / slice_rows / 2)) > 1:
            part = pl.struct(shape.keys).hash(seed=0) % parts
            yield from ((day == upcoming) & (part == number) for number in range(parts))
        else:
            batch, held = [*batch, upcoming], held + rows
    if batch:
        yield day.is_between(batch[0], batch[-1])


# ---- one slice


def _compare_slice(
    sides: Sequence[_Side], where: pl.Expr, shape: _Shape, slice_rows: int
) -> tuple[list[DayComparison], pl.DataFrame]:
    old, new = pl.collect_all([side.frame.filter(where) for side in sides], engine="streaming")
    for side, frame in zip(sides, (old, new), strict=True):
        _refuse_null_keys(side, frame, shape)
        _refuse_large_amounts(frame, shape)
    try:
        partners, met = _partners(old, new, shape)
    except (pl.exceptions.ComputeError, _Doubled):
        for side in sides:
            _refuse_doubled_keys(side, _slices(sides, shape, slice_rows), shape)
        raise
    changed = _changed(old, new, partners, met, shape)
    days = [*_sums(old, "old", shape), *_sums(new, "new", shape), *_differences(changed, shape)]
    return days, _examples(changed, shape)


class _Doubled(Exception):
    """Some key of the old side occurs more than once."""


def _partners(old: pl.DataFrame, new: pl.DataFrame, shape: _Shape) -> tuple[pl.Series, pl.Series]:
    """For each old row the number of the new row with the same key, or null; for each new row whether it was met."""
    keys, numbered = old.select(shape.keys), new.select(shape.keys).with_row_index(_ROW)
    partners = keys.join(numbered, on=shape.keys, how="left", maintain_order="left", validate="m:1")[_ROW]
    met = pl.repeat(value=False, n=new.height, eager=True).scatter(partners.drop_nulls(), values=True)
    if met.sum() < partners.len() - partners.null_count() or keys.filter(partners.is_null()).is_duplicated().any():
        raise _Doubled
    return partners, met


def _changed(old: pl.DataFrame, new: pl.DataFrame, partners: pl.Series, met: pl.Series, shape: _Shape) -> pl.DataFrame:
    """The rows that differ or stand alone: kind, keys, and old and new value of every other column."""
    beside = new.select(pl.col(name).gather(partners) for name in shape.columns)
    unequal = [old[name].ne_missing(beside[name]) for name in shape.columns]
    chosen = pl.select(pl.any_horizontal(partners.is_null(), *unequal)).to_series()
    kind = pl.when(partners.is_null()).then(pl.lit("only old")).otherwise(pl.lit("changed"))
    ours = old.with_columns(kind.alias(ROW_KIND)).rename({name: f"old {name}" for name in shape.columns})
    theirs = beside.rename({name: f"new {name}" for name in shape.columns})
    arrived = new.filter(~met).with_columns(pl.lit("only new").alias(ROW_KIND))
    return pl.concat(
        [
            pl.concat([ours.filter(chosen), theirs.filter(chosen)], how="horizontal"),
            arrived.rename({name: f"new {name}" for name in shape.columns}),
        ],
        how="diagonal",
    )


def _exact(column: str) -> pl.Expr:
    """A decimal or integer column in units of its last decimal place."""
    return pl.col(column).to_physical().cast(pl.Int128)


def _moved(name: str) -> pl.Expr:
    """How far a cell moved, in units of the last decimal place; a null counts as zero."""
    return (_exact(f"new {name}").fill_null(0) - _exact(f"old {name}").fill_null(0)).abs()


def _differs(name: str) -> pl.Expr:
    return (pl.col(ROW_KIND) == "changed") & pl.col(f"old {name}").ne_missing(pl.col(f"new {name}"))


def _sums(frame: pl.DataFrame, side: Literal["old", "new"], shape: _Shape) -> list[DayComparison]:
    sums = [_exact(name).sum().alias(name) for name in shape.measures]
    days: list[DayComparison] = []
    for row in frame.group_by(shape.by).agg(pl.len().alias(_ROW), *sums).iter_rows(named=True):
        amounts = {name: from_units(row[name], shape.places[name]) for name in shape.measures}
        held = {name: Sums(**{side: amount}) for name, amount in amounts.items()}
        days.append(DayComparison(row[shape.by], sums=held, **{f"rows_{side}": row[_ROW]}))
    return days


def _differences(changed: pl.DataFrame, shape: _Shape) -> list[DayComparison]:
    kinds = [(pl.col(ROW_KIND) == kind).sum().alias(kind) for kind in KINDS]
    counts = [_differs(name).sum().alias(f"count {name}") for name in shape.columns]
    exact = [name for name in shape.columns if name in shape.places]
    moved = [_moved(name).filter(_differs(name)) for name in exact]
    totals = [amount.sum().alias(f"total {name}") for name, amount in zip(exact, moved, strict=True)]
    largest = [amount.max().alias(f"largest {name}") for name, amount in zip(exact, moved, strict=True)]
    found = changed.group_by(shape.by).agg(*kinds, *counts, *totals, *largest)
    return [_difference(row, shape) for row in found.iter_rows(named=True)]


def _difference(row: dict[str, Any], shape: _Shape) -> DayComparison:
    cells: dict[str, Cells] = {}
    for name in (name for name in shape.columns if row[f"count {name}"]):
        units = [row[f"{word} {name}"] for word in ("total", "largest") if name in shape.places]
        cells[name] = Cells(row[f"count {name}"], *(from_units(amount, shape.places[name]) for amount in units))
    return DayComparison(
        row[shape.by], only_old=row["only old"], only_new=row["only new"], differing=row["changed"], cells=cells
    )


def _examples(changed: pl.DataFrame, shape: _Shape) -> pl.DataFrame:
    """For each day and column the rows that moved farthest, and as many that stand alone; by one query for all."""
    first = next((name for name in shape.measures if name in shape.columns), "")
    wanted = [(_differs(name), name) for name in shape.columns] + [(pl.col(ROW_KIND) != "changed", first)]
    kept = [_farthest(condition, name, shape).alias(f"kept {at}") for at, (condition, name) in enumerate(wanted)]
    found = changed.with_row_index(_ROW).group_by(shape.by).agg(kept).drop(shape.by)
    return changed[pl.concat([one.explode().rename(_ROW) for one in found]).drop_nulls().unique()]


def _farthest(condition: pl.Expr, name: str, shape: _Shape) -> pl.Expr:
    """The numbers of the rows of a day that moved farthest in a column, the first ones where it has no amounts."""
    rows, is_exact = pl.col(_ROW).filter(condition), name in shape.places
    return rows.top_k_by(_moved(name).filter(condition), EXAMPLES_KEPT) if is_exact else rows.head(EXAMPLES_KEPT)


def _with_examples(found: Comparison, examples: Sequence[pl.DataFrame]) -> Comparison:
    """The comparison with all examples, those first that moved the measures most."""
    if not examples:
        return found
    farthest = [_moved(name) for name in found.measures if name in found.columns]
    downwards = [True] * len(farthest) + [False] * len(found.keys)
    return replace(found, examples=pl.concat(examples).sort([*farthest, *found.keys], descending=downwards))


# ---- what refuses a comparison


def _refuse_null_keys(side: _Side, frame: pl.DataFrame, shape: _Shape) -> None:
    if any(frame[name].null_count() for name in shape.keys):
        counts = side.frame.select(pl.col(shape.keys).null_count()).collect(engine="streaming").row(0, named=True)
        raise KeysNull(side.name, {name: count for name, count in counts.items() if count})


def _refuse_large_amounts(frame: pl.DataFrame, shape: _Shape) -> None:
    """Refuse what a sum of this many differences could carry beyond 127 bits, where it would wrap."""
    ends = frame.select(pl.concat_list(_exact(name).min(), _exact(name).max()).alias(name) for name in shape.places)
    for name, (pair,) in ends.to_dict(as_series=False).items():
        if max(abs(end or 0) for end in pair) * 2 * frame.height >= _MOST:
            raise AmountsTooLarge(name)


def _refuse_doubled_keys(side: _Side, slices: Iterable[pl.Expr], shape: _Shape) -> None:
    count, examples = 0, list[dict[str, Any]]()
    for where in slices:
        keys = side.frame.filter(where).select(shape.keys).group_by(shape.keys).len()
        doubled = keys.filter(pl.col("len") > 1).select(shape.keys).collect(engine="streaming")
        count += doubled.height
        examples += doubled.sort(shape.keys).head(EXAMPLES_KEPT).to_dicts()
    if count:
        raise KeysNotUnique(side.name, count, examples[:EXAMPLES_KEPT])
