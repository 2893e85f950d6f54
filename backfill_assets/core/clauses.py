"""The clauses of an expectation that speak of rows and cells; each says over how many it held, and fails over none."""

from collections.abc import Collection, Mapping

import polars as pl

from backfill_assets.core.check import EXAMPLES_SHOWN, Check, Clause, Held, examples
from backfill_assets.core.comparison import compare
from backfill_assets.core.condition import counted_where, rows_where
from backfill_assets.core.day_comparison import Cells
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.errors.base import counted, days_listed, listed, verb


def only_expected_columns_differ(expected: Collection[str], comparison: Comparison) -> Check:
    """Rows on both sides are equal in every column that is not expected to differ."""
    clause, others = Clause.ONLY_EXPECTED_COLUMNS_DIFFER, [one for one in comparison.columns if one not in expected]
    met = comparison.rows_old - comparison.only_old
    held = Held(len(comparison.days), met, met * len(others))
    found = {name: cells for name, cells in comparison.cells.items() if cells.count and name in others}
    if found:
        return _columns_differ(expected, comparison, found).over(held)
    if others and not met and (comparison.rows_old or comparison.rows_new):
        sentence = f"No row is on both sides of {counted(held.days, 'day')}, so no column could be compared."
        return Check.failing(clause, sentence, [day.day for day in comparison.days], {}).over(held)
    sentence = f"No column{_other_than(expected)} differs, among {held}."
    if not others:
        sentence = f"There is no column{_other_than(expected)}, so none could differ on {counted(held.days, 'day')}."
    return Check.passing(clause, sentence).over(held)


def _columns_differ(expected: Collection[str], comparison: Comparison, found: dict[str, Cells]) -> Check:
    days = tuple(day.day for day in comparison.days if found.keys() & day.cells.keys())
    worst = max(found, key=lambda name: (found[name].count, name))
    sentence = (
        f"Columns{_other_than(expected)} differ on {days_listed(days, len(comparison.days))}, "
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
        sentence = f"The same {counted(held.rows, 'row')} are on both sides of {counted(held.days, 'day')}."
        return Check.passing(Clause.SAME_ROWS, sentence).over(held)
    days = tuple(day.day for day in offending)
    worst = max(offending, key=lambda day: day.only_old + day.only_new)
    sentence = (
        f"{counted(comparison.only_old, 'row')} {verb(comparison.only_old, 'disappears', 'disappear')} and "
        f"{comparison.only_new:,} {verb(comparison.only_new, 'appears', 'appear')} on "
        f"{days_listed(days, len(comparison.days))}, most on {worst.day} with {worst.only_old} and {worst.only_new}."
    )
    shown = examples(comparison.rows_only_on_one_side(EXAMPLES_SHOWN))
    detail = {"only_old": comparison.only_old, "only_new": comparison.only_new, "examples": shown}
    return Check.failing(Clause.SAME_ROWS, sentence, days, detail).over(held)


def unchanged_where(expectation: Expectation, comparison: Comparison, old: pl.LazyFrame, new: pl.LazyFrame) -> Check:
    """Rows that meet the condition are equal on both sides.

    A row that meets it on one side alone stands alone among the rows that meet it, and so is found. Held equal are the
    measures, and every column that is not expected to differ: in the example a row in USD is worth the same at any
    rate, while the rates written beside it are corrected.
    """
    condition = expectation.unchanged_where or ""
    free = set(expectation.columns or ()) - {*comparison.keys, *comparison.measures}
    looked_at = pl.col(comparison.by).is_in([day.day for day in comparison.days])
    counts = [counted_where(side.filter(looked_at), condition).collect(engine="streaming") for side in (old, new)]
    met, undecided = max(count["met"].item() for count in counts), max(count["undecided"].item() for count in counts)
    held = Held(len(comparison.days), met, met * len([name for name in comparison.columns if name not in free]))
    detail = {"condition": condition, "undecided": undecided}
    if not met and (comparison.rows_old or comparison.rows_new):
        most = counted(max(comparison.rows_old, comparison.rows_new), "row")
        null = f", and it is null for {undecided}" if undecided else ""
        none = f"{condition} is true for none of {most} on {counted(held.days, 'day')}{null}"
        sentence = f"Nothing was compared, because {none}."
        days = [day.day for day in comparison.days]
        return Check.failing(Clause.UNCHANGED_WHERE, sentence, days, detail).over(held)
    touched = pl.col(comparison.by).is_in(list(comparison.changed_days))
    found = compare(
        *(rows_where(side, condition).filter(touched).drop(free, strict=False) for side in (old, new)),
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
    sentence = f"No row where {condition} differs, among {held}.{null}"
    return Check.passing(Clause.UNCHANGED_WHERE, sentence, detail).over(held)


def _met_and_differ(condition: str, comparison: Comparison, found: Comparison, detail: Mapping[str, object]) -> Check:
    rows = found.differing + found.only_old + found.only_new
    days = days_listed(found.changed_days, len(comparison.days))
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
