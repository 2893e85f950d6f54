"""Evaluate a comparison by what was expected: each declared clause becomes one check."""

from collections.abc import Callable, Collection
from datetime import date

import polars as pl

from backfill_assets.core.check import Check, Clause, Held
from backfill_assets.core.clauses import (
    Sides,
    change_per_day,
    change_total,
    estimate,
    only_expected_columns_differ,
    same_rows,
    sign,
    unchanged_where,
)
from backfill_assets.core.exact import exactly
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.partition_column import BY_DAY, PartitionColumn
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.errors.base import counted, days_listed, verb


@exactly
def validate_days(
    expectation: Expectation,
    comparison: Comparison,
    old: pl.LazyFrame,
    new: pl.LazyFrame,
    *,
    days: Collection[date],
    excluded: Collection[date] = (),
    column: PartitionColumn = BY_DAY,
) -> tuple[Check, ...]:
    """Check that every planned day is staged, and each declared clause.

    Args:
        expectation: what may differ.
        comparison: of the same two frames, by slot.
        old: what readers see, with the partition column as it is.
        new: what was staged, with the same.
        days: every planned day.
        excluded: days whose old rows were built on other inputs; nothing of them is compared with old.
        column: how both keep their slots.
    """
    kept = comparison.without(excluded)
    sides = Sides(old, new, column)
    held = {clause: hold for clause, hold in _declared(expectation, kept, sides, excluded).items() if hold}
    if kept.days or not days:
        against_old = [hold() for hold in held.values()]
    else:
        against_old = [_nothing_compared(clause, excluded) for clause in held]
    left = [check.leaving_out(excluded).worded(comparison.grain) for check in against_old]
    return (_days_complete(comparison, days), *left)


def _declared(
    expectation: Expectation, kept: Comparison, sides: Sides, excluded: Collection[date]
) -> dict[Clause, Callable[[], Check] | None]:
    """For each clause how to evaluate it; None where it is not declared."""
    columns, predicted = expectation.columns, expectation.estimate
    per_day, in_total = expectation.max_change_per_day, expectation.max_change_total
    return {
        Clause.ONLY_EXPECTED_COLUMNS_DIFFER: None
        if columns is None
        else lambda: only_expected_columns_differ(columns, kept),
        Clause.SAME_ROWS: (lambda: same_rows(kept)) if expectation.same_rows else None,
        Clause.UNCHANGED_WHERE: (lambda: unchanged_where(expectation, kept, sides))
        if expectation.unchanged_where
        else None,
        Clause.CHANGE_PER_DAY: None if per_day is None else lambda: change_per_day(per_day, kept),
        Clause.CHANGE_TOTAL: None if in_total is None else lambda: change_total(in_total, kept),
        Clause.SIGN: (lambda: sign(kept, up=expectation.sign == "up")) if expectation.sign else None,
        Clause.ESTIMATE: None if predicted is None else lambda: estimate(predicted, kept, excluded),
    }


def _days_complete(comparison: Comparison, days: Collection[date]) -> Check:
    staged = {day.day for day in comparison.days if day.in_new}
    missing = tuple(sorted(set(days) - staged))
    held = Held(len(days), comparison.rows_new)
    noun = comparison.grain.value
    sentence = f"Every {noun} is staged ({counted(len(days), noun)} with {counted(comparison.rows_new, 'row')})."
    if missing:
        sentence = f"{days_listed(missing, len(days), noun)} {verb(len(missing), 'is', 'are')} not staged."
    return Check(Clause.DAYS_COMPLETE, not missing, sentence, missing).over(held)


def _nothing_compared(clause: Clause, excluded: Collection[date]) -> Check:
    """The check of a clause that could be evaluated on no day."""
    return Check.failing(clause, "No day could be compared.", excluded, {}).over(Held(0, 0))
