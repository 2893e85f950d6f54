"""The clauses of an expectation, of rows, cells and sums: each says over how many it held, and fails over none."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from backfill_assets.core.check import EXAMPLES_SHOWN, Check, Clause, Held, examples
from backfill_assets.core.comparison import compare
from backfill_assets.core.condition import counted_where, rows_where
from backfill_assets.core.day_comparison import NOTHING, Cells, DayComparison, Sums, percent
from backfill_assets.core.exact import half_unit
from backfill_assets.core.expectation import Estimate, Expectation
from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.errors.base import counted, days_listed, listed, verb
from backfill_assets.errors.validation import ExpectedColumnsUnknown


def only_expected_columns_differ(expected: Collection[str], comparison: Comparison) -> Check:
    """Rows on both sides are equal in every column that is not expected to differ."""
    clause, others = Clause.ONLY_EXPECTED_COLUMNS_DIFFER, [one for one in comparison.columns if one not in expected]
    met = comparison.rows_old - comparison.only_old
    held = Held(len(comparison.days), met, met * len(others))
    found = {name: cells for name, cells in comparison.cells.items() if cells.count and name in others}
    if found:
        return _columns_differ(expected, comparison, found).over(held)
    if others and not met and (comparison.rows_old or comparison.rows_new):
        sentence = f"No row is on both sides of {comparison.extent}, so no column could be compared."
        return Check.failing(clause, sentence, [day.day for day in comparison.days], {}).over(held)
    sentence = f"No column{_other_than(expected)} differs, among {held.told(comparison.grain)}."
    if not others:
        sentence = f"There is no column{_other_than(expected)}, so none could differ on {comparison.extent}."
    return Check.passing(clause, sentence).over(held)


def _columns_differ(expected: Collection[str], comparison: Comparison, found: dict[str, Cells]) -> Check:
    days = tuple(day.day for day in comparison.days if found.keys() & day.cells.keys())
    worst = max(found, key=lambda name: (found[name].count, name))
    sentence = (
        f"Columns{_other_than(expected)} differ on {comparison.listed(days)}, "
        f"namely {listed(found)}, most often {worst} in {found[worst]}."
    )
    detail = {
        "columns": {name: cells.as_json() for name, cells in found.items()},
        "examples": examples(comparison.rows_differing_in(list(found), EXAMPLES_SHOWN)),
    }
    return Check.failing(Clause.ONLY_EXPECTED_COLUMNS_DIFFER, sentence, days, detail)


def same_rows(comparison: Comparison) -> Check:
    """No key appears or disappears."""
    held = Held(len(comparison.days), comparison.rows_new)
    offending = [day for day in comparison.days if day.only_old or day.only_new]
    if not offending:
        sentence = f"The same {counted(held.rows, 'row')} are on both sides of {comparison.extent}."
        return Check.passing(Clause.SAME_ROWS, sentence).over(held)
    days = tuple(day.day for day in offending)
    worst = max(offending, key=lambda day: day.only_old + day.only_new)
    sentence = (
        f"{counted(comparison.only_old, 'row')} {verb(comparison.only_old, 'disappears', 'disappear')} and "
        f"{comparison.only_new:,} {verb(comparison.only_new, 'appears', 'appear')} on "
        f"{comparison.listed(days)}, most on {worst.day} with {worst.only_old} and {worst.only_new}."
    )
    shown = examples(comparison.rows_only_on_one_side(EXAMPLES_SHOWN))
    detail = {"only_old": comparison.only_old, "only_new": comparison.only_new, "examples": shown}
    return Check.failing(Clause.SAME_ROWS, sentence, days, detail).over(held)


@dataclass(frozen=True, slots=True)
class Sides:
    """What readers see and what was staged, and how both keep their slots: a condition is about that column, too."""

    old: pl.LazyFrame
    new: pl.LazyFrame
    column: PartitionColumn = BY_DAY

    def of_days(self, days: Collection[date]) -> tuple[pl.LazyFrame, pl.LazyFrame]:
        """The rows of some days."""
        of_these = self.column.slots(pl.col(self.column.name)).is_in(list(days))
        return self.old.filter(of_these), self.new.filter(of_these)


def unchanged_where(expectation: Expectation, comparison: Comparison, sides: Sides) -> Check:
    """Rows that meet the condition are equal on both sides.

    A row that meets it on one side alone stands alone among the rows that meet it, and so is found. Held equal are the
    measures, and every column that is not expected to differ; other columns of the row may be corrected.
    """
    condition = expectation.unchanged_where or ""
    free = set(expectation.columns or ()) - {*comparison.keys, *comparison.measures}
    looked_at = sides.of_days([day.day for day in comparison.days])
    counts = [counted_where(side, condition).collect(engine="streaming") for side in looked_at]
    met, undecided = max(count["met"].item() for count in counts), max(count["undecided"].item() for count in counts)
    held = Held(len(comparison.days), met, met * len([name for name in comparison.columns if name not in free]))
    detail = {"condition": condition, "undecided": undecided}
    if not met and (comparison.rows_old or comparison.rows_new):
        most = counted(max(comparison.rows_old, comparison.rows_new), "row")
        null = f", and it is null for {undecided}" if undecided else ""
        none = f"{condition} is true for none of {most} on {comparison.extent}{null}"
        sentence = f"Nothing was compared, because {none}."
        days = [day.day for day in comparison.days]
        return Check.failing(Clause.UNCHANGED_WHERE, sentence, days, detail).over(held)
    touched = [rows_where(side, condition) for side in sides.of_days(comparison.changed_days)]
    found = compare(
        *(sides.column.as_slots(side).drop(free, strict=False) for side in touched),
        keys=comparison.keys,
        measures=comparison.measures,
        by=comparison.by,
    )
    if not found.agrees:
        return _met_and_differ(condition, comparison, found, detail).over(held)
    null = (
        f" It is null for {counted(undecided, 'row')}, which {verb(undecided, 'was', 'were')} not compared."
        if undecided
        else ""
    )
    sentence = f"No row where {condition} differs, among {held.told(comparison.grain)}.{null}"
    return Check.passing(Clause.UNCHANGED_WHERE, sentence, detail).over(held)


def _met_and_differ(condition: str, comparison: Comparison, found: Comparison, detail: Mapping[str, object]) -> Check:
    rows = found.differing + found.only_old + found.only_new
    days = comparison.listed(found.changed_days)
    sentence = f"{counted(rows, 'row')} where {condition} {verb(rows, 'differs', 'differ')} on {days}."
    if found.worst_day:
        sentence = f"{sentence[:-1]}, most on {found.worst_day.day}."
    told = {**detail, "rows": rows, "examples": examples(found.largest_rows(EXAMPLES_SHOWN))}
    return Check.failing(Clause.UNCHANGED_WHERE, sentence, found.changed_days, told)


def _other_than(columns: Collection[str]) -> str:
    return f" other than {listed(columns)}" if columns else ""


def named(columns: Collection[str]) -> str:
    """Columns in a sentence."""
    return listed(columns) if columns else "none"


Move = tuple[str, DayComparison, Sums]


def change_per_day(limit: Decimal, comparison: Comparison) -> Check:
    """No sum of a day moves by a larger share than the limit."""
    if not comparison.measures:
        return _no_measure(Clause.CHANGE_PER_DAY, comparison)
    found = [move for move in _moves(comparison) if _exceeds(move[2], limit)]
    most = percent(Fraction(limit))
    if not found:
        sentence = f"No {comparison.grain.value} moves by more than {most}; {_of_days(comparison)}."
        return Check.passing(Clause.CHANGE_PER_DAY, sentence).over(_held(comparison))
    return _moved_wrongly(Clause.CHANGE_PER_DAY, found, comparison, f"by more than {most}")


def sign(comparison: Comparison, *, up: bool) -> Check:
    """No sum of a day moves the other way."""
    if not comparison.measures:
        return _no_measure(Clause.SIGN, comparison)
    wanted, other = ("up", "down") if up else ("down", "up")
    found = [move for move in _moves(comparison) if (move[2].change > 0) is not up]
    if not found:
        sentence = f"No {comparison.grain.value} moves {other}; {_of_days(comparison)}."
        return Check.passing(Clause.SIGN, sentence).over(_held(comparison))
    return _moved_wrongly(Clause.SIGN, found, comparison, f"{other} instead of {wanted}")


def change_total(limit: Decimal, comparison: Comparison) -> Check:
    """No sum over all days moves by a larger share than the limit."""
    if not comparison.measures:
        return _no_measure(Clause.CHANGE_TOTAL, comparison)
    totals = comparison.totals
    found = {name: sums for name, sums in totals.items() if _exceeds(sums, limit)}
    detail = {"totals": {name: _json(sums) for name, sums in totals.items()}}
    told = " and ".join(
        f"{name} moves by {sums.change:+f} ({percent(sums.share)})" for name, sums in (found or totals).items()
    )
    if not found:
        days = comparison.extent
        sentence = f"In total {told}, within {percent(Fraction(limit))}, over {days}."
        return Check.passing(Clause.CHANGE_TOTAL, sentence, detail).over(_held(comparison))
    worst = comparison.largest_days(EXAMPLES_SHOWN)
    sentence = (
        f"In total {told}, by more than {percent(Fraction(limit))}, "
        f"mostly on {days_listed([day.day for day in worst])}."
    )
    days = tuple(sorted({day.day for name, day, _ in _moves(comparison) if name in found}))
    shown = examples(comparison.largest_rows(EXAMPLES_SHOWN))
    return Check.failing(Clause.CHANGE_TOTAL, sentence, days, {**detail, "examples": shown}).over(_held(comparison))


def estimate(predicted: Estimate, comparison: Comparison, excluded: Collection[date]) -> Check:
    """The sum of the measure moves by what was predicted, over all days and on each predicted one."""
    measure, tolerance = predicted.measure, predicted.tolerance
    if measure not in comparison.measures:
        raise ExpectedColumnsUnknown("estimate", {measure}, comparison.measures)
    changes = {day.day: day.sums[measure].change for day in comparison.days}
    measured = comparison.totals[measure].change
    expected = {day: amount for day, amount in predicted.days.items() if day not in excluded}
    detail = {"measured": f"{measured:f}", "predicted": f"{predicted.predicts:f}", **predicted.as_json()}
    if not expected and predicted.total is None:
        sentence = (
            f"No predicted day was compared, because {days_listed(predicted.days)} "
            f"{verb(len(predicted.days), 'was', 'were')} left out."
        )
        return Check.failing(Clause.ESTIMATE, sentence, list(predicted.days), detail).over(_held(comparison))
    days = [day for day, amount in expected.items() if _misses(changes.get(day, NOTHING), amount, tolerance)]
    total = predicted.total
    missed = total is not None and _misses(measured, total, tolerance)
    within = f"{percent(Fraction(tolerance))} of what the estimate predicts"
    if not days and not missed:
        over = f"in total and on {counted(len(expected), 'day')}" if expected and total is not None else ""
        over = over or (f"on each of {counted(len(expected), 'day')}" if expected else "in total")
        sentence = f"{measure} moves by {measured:+f}, within {within}, {over}."
        return Check.passing(Clause.ESTIMATE, sentence, detail).over(_held(comparison))
    where = f" on {comparison.listed(days)}" if days else ""
    sentence = (
        f"{measure} moves by {measured:+f} where {predicted.predicts:+f} was predicted, and not within {within}{where}."
    )
    return Check.failing(Clause.ESTIMATE, sentence, days or comparison.changed_days, detail).over(_held(comparison))


def _held(comparison: Comparison) -> Held:
    return Held(len(comparison.days), max(comparison.rows_old, comparison.rows_new))


def _of_days(comparison: Comparison) -> str:
    """How many days move at all, and in what."""
    moving = len({day.day for _, day, _ in _moves(comparison)})
    days = comparison.extent
    return f"{moving} of {days} {verb(moving, 'moves', 'move')} in {named(comparison.measures)}"


def _no_measure(clause: Clause, comparison: Comparison) -> Check:
    sentence = f"Nothing was compared on {counted(len(comparison.days), 'day')}, because the table has no measures."
    return Check.failing(clause, sentence, [day.day for day in comparison.days], {}).over(_held(comparison))


def _moves(comparison: Comparison) -> Iterator[Move]:
    for day in comparison.days:
        for name in comparison.measures:
            if day.sums[name].change:
                yield name, day, day.sums[name]


def _exceeds(sums: Sums, limit: Decimal) -> bool:
    share = sums.share
    return share is None or share > Fraction(limit)


def _size(move: Move) -> tuple[bool, Fraction, Fraction]:
    share = move[2].share
    return (share is None, share or Fraction(0), abs(Fraction(move[2].change)))


def _moved_wrongly(clause: Clause, found: list[Move], comparison: Comparison, how: str) -> Check:
    days = tuple(sorted({day.day for _, day, _ in found}))
    name, worst, sums = max(found, key=_size)
    names = {name for name, _, _ in found}
    sentence = (
        f"{named(names)} {verb(len(names), 'moves', 'move')} {how} on {comparison.listed(days)}, "
        f"most of all {name} on {worst.day} by {sums.change:+f} ({percent(sums.share)})."
    )
    rows = comparison.without({day.day for day in comparison.days} - {worst.day}).largest_rows(EXAMPLES_SHOWN)
    largest = {"measure": name, "day": worst.day.isoformat(), **_json(sums)}
    detail = {"largest": largest, "examples": examples(rows)}
    return Check.failing(clause, sentence, days, detail).over(_held(comparison))


def _misses(measured: Decimal, predicted: Decimal, tolerance: Decimal) -> bool:
    """Whether a change is none that was predicted, to the digit to which the prediction was written."""
    stated = Fraction(half_unit(max(-int(predicted.as_tuple().exponent), 0))) if predicted else Fraction(0)
    return abs(Fraction(measured) - Fraction(predicted)) > Fraction(tolerance) * abs(Fraction(predicted)) + stated


def _json(sums: Sums) -> dict[str, Any]:
    return {"old": f"{sums.old:f}", "new": f"{sums.new:f}", "change": f"{sums.change:f}", "share": percent(sums.share)}
