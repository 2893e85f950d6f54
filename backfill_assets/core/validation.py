"""Hold a comparison against what was expected: each declared clause becomes one check."""

from collections.abc import Callable, Collection, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import polars as pl

from backfill_assets.core.check import EXAMPLES_SHOWN, Check, Clause, examples
from backfill_assets.core.comparison import compare
from backfill_assets.core.condition import rows_where
from backfill_assets.core.day_comparison import NOTHING, DayComparison, Sums, percent
from backfill_assets.core.expectation import Estimate, Expectation
from backfill_assets.core.precision import half_unit
from backfill_assets.core.proofs import Control, closer_to_ledger, control_totals, sample_rederived
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.errors.base import days_listed, listed
from backfill_assets.errors.validation import ExpectedColumnsUnknown

Moves = tuple[str, DayComparison, Sums]


def validate(  # noqa: PLR0913  keyword-only, each piece of evidence may be missing
    expectation: Expectation,
    comparison: Comparison,
    old: pl.LazyFrame,
    new: pl.LazyFrame,
    *,
    days: Collection[date],
    excluded: Collection[date] = (),
    control: Control | None = None,
    ledger: pl.LazyFrame | None = None,
    sample: pl.LazyFrame | None = None,
) -> tuple[Check, ...]:
    """Check old against new, and new against the source; evidence that is not given yields no check.

    Args:
        expectation: what may differ.
        comparison: of the same two frames.
        old: what readers see.
        new: what was staged.
        days: every planned day.
        excluded: days whose old rows were built on other inputs; held against the source alone.
        control: totals that the source itself states.
        ledger: somebody else's daily totals, with the day and one or more of the measures.
        sample: cells computed a second time, as :func:`sample_rederived` takes them.
    """
    checks = list(validate_days(expectation, comparison, old, new, days=days, excluded=excluded))
    if control is not None:
        checks.append(control_totals(new, control, by=comparison.by, days=days))
    if ledger is not None:
        measures = [name for name in comparison.measures if name in ledger.collect_schema()]
        checks.append(closer_to_ledger(old, new, ledger, measures=measures, by=comparison.by, excluded=excluded))
    if sample is not None:
        checks.append(sample_rederived(sample, by=comparison.by, nothing_to_sample=not comparison.rows_new))
    return tuple(checks)


def validate_days(  # noqa: PLR0913  keyword-only
    expectation: Expectation,
    comparison: Comparison,
    old: pl.LazyFrame,
    new: pl.LazyFrame,
    *,
    days: Collection[date],
    excluded: Collection[date] = (),
) -> tuple[Check, ...]:
    """Check that every planned day is staged, and each declared clause; arguments as for :func:`validate`."""
    kept = comparison.without(excluded)
    declared: list[tuple[object, Callable[[], Check]]] = [
        (expectation.columns is not None, lambda: _only_expected_columns_differ(expectation.columns or (), kept)),
        (expectation.same_rows, lambda: _same_rows(kept)),
        (expectation.unchanged_where, lambda: _unchanged_where(expectation, kept, old, new)),
        (expectation.max_change_per_day is not None, lambda: _per_day(expectation.max_change_per_day, kept)),
        (expectation.max_change_total is not None, lambda: _in_total(expectation.max_change_total, kept)),
        (expectation.sign, lambda: _sign(expectation.sign == "up", kept)),
    ]
    if (estimate := expectation.estimate) is not None:
        declared.append((True, lambda: _estimate(estimate, kept, excluded)))
    against_old = [clause().leaving_out(excluded) for is_declared, clause in declared if is_declared]
    return (_days_complete(comparison, days), *against_old)


def _days_complete(comparison: Comparison, days: Collection[date]) -> Check:
    staged = {day.day for day in comparison.days if day.in_new}
    missing = tuple(sorted(set(days) - staged))
    sentence = f"{days_listed(missing, len(days))} are not staged." if missing else f"All {len(days)} days are staged."
    return Check(Clause.DAYS_COMPLETE, not missing, sentence, missing)


def _only_expected_columns_differ(expected: tuple[str, ...], comparison: Comparison) -> Check:
    found = {name: cells for name, cells in comparison.cells.items() if cells.count and name not in expected}
    days = tuple(day.day for day in comparison.days if found.keys() & day.cells.keys())
    if not found:
        return Check.passing(Clause.ONLY_EXPECTED_COLUMNS_DIFFER, f"No column but {_named(expected)} differs.")
    worst = max(found, key=lambda name: (found[name].count, name))
    sentence = (
        f"Columns beside {_named(expected)} differ on {days_listed(days, len(comparison.days))}, "
        f"namely {listed(found)}, and most often {worst} in {found[worst]}."
    )
    detail = {
        "columns": {name: cells.as_json() for name, cells in found.items()},
        "examples": examples(comparison.rows_differing_in(list(found), EXAMPLES_SHOWN)),
    }
    return Check.failing(Clause.ONLY_EXPECTED_COLUMNS_DIFFER, sentence, days, detail)


def _same_rows(comparison: Comparison) -> Check:
    offending = [day for day in comparison.days if day.only_old or day.only_new]
    if not offending:
        return Check.passing(Clause.SAME_ROWS, f"The same {comparison.rows_new} rows are on both sides.")
    days = tuple(day.day for day in offending)
    worst = max(offending, key=lambda day: day.only_old + day.only_new)
    sentence = (
        f"{comparison.only_old} rows disappear and {comparison.only_new} appear on "
        f"{days_listed(days, len(comparison.days))}, most on {worst.day} with {worst.only_old} and {worst.only_new}."
    )
    shown = examples(comparison.rows_only_on_one_side(EXAMPLES_SHOWN))
    detail = {"only_old": comparison.only_old, "only_new": comparison.only_new, "examples": shown}
    return Check.failing(Clause.SAME_ROWS, sentence, days, detail)


def _unchanged_where(expectation: Expectation, comparison: Comparison, old: pl.LazyFrame, new: pl.LazyFrame) -> Check:
    """A row that meets the condition on one side alone stands alone among the rows that meet it, and so is found.

    Held equal are the measures, and every column that is not expected to differ: in the example a row in USD is worth
    the same at any rate, while the rates written beside it are corrected.
    """
    condition = expectation.unchanged_where or ""
    free = set(expectation.columns or ()) - {*comparison.keys, *comparison.measures}
    touched = pl.col(comparison.by).is_in(list(comparison.changed_days))
    found = compare(
        *(rows_where(side, condition).filter(touched).drop(free, strict=False) for side in (old, new)),
        keys=comparison.keys,
        measures=comparison.measures,
        by=comparison.by,
    )
    if found.agrees:
        sentence = f"No row where {condition} differs."
        return Check.passing(Clause.UNCHANGED_WHERE, sentence)
    rows = found.differing + found.only_old + found.only_new
    days = days_listed(found.changed_days, len(comparison.days))
    sentence = f"{rows} {'row' if rows == 1 else 'rows'} where {condition} differ on {days}."
    if found.worst_day:
        sentence = f"{sentence[:-1]}, most on {found.worst_day.day}."
    detail = {"condition": condition, "rows": rows, "examples": examples(found.largest_rows(EXAMPLES_SHOWN))}
    return Check.failing(Clause.UNCHANGED_WHERE, sentence, found.changed_days, detail)


# ---- how much the sums move


def _moves(comparison: Comparison) -> Iterator[Moves]:
    for day in comparison.days:
        for name in comparison.measures:
            if day.sums[name].change:
                yield name, day, day.sums[name]


def _exceeds(sums: Sums, limit: Decimal) -> bool:
    share = sums.share
    return share is None or share > Fraction(limit)


def _size(move: Moves) -> tuple[bool, Fraction, Fraction]:
    share = move[2].share
    return (share is None, share or Fraction(0), abs(Fraction(move[2].change)))


def _per_day(limit: Decimal | None, comparison: Comparison) -> Check:
    allowed = limit or NOTHING
    found = [move for move in _moves(comparison) if _exceeds(move[2], allowed)]
    most = percent(Fraction(allowed))
    if not found:
        return Check.passing(Clause.CHANGE_PER_DAY, f"No day moves by more than {most}.")
    return _moved_wrongly(Clause.CHANGE_PER_DAY, found, comparison, f"by more than {most}")


def _sign(up: bool, comparison: Comparison) -> Check:  # noqa: FBT001
    wanted, other = ("up", "down") if up else ("down", "up")
    found = [move for move in _moves(comparison) if (move[2].change > 0) is not up]
    if not found:
        return Check.passing(Clause.SIGN, f"No day moves {other}.")
    return _moved_wrongly(Clause.SIGN, found, comparison, f"{other} instead of {wanted}")


def _moved_wrongly(clause: Clause, found: list[Moves], comparison: Comparison, how: str) -> Check:
    days = tuple(sorted({day.day for _, day, _ in found}))
    name, worst, sums = max(found, key=_size)
    sentence = (
        f"{_named({name for name, _, _ in found})} moves {how} on {days_listed(days, len(comparison.days))}, "
        f"the most {name} on {worst.day} by {sums.change:+f} ({percent(sums.share)})."
    )
    rows = comparison.without({day.day for day in comparison.days} - {worst.day}).largest_rows(EXAMPLES_SHOWN)
    largest = {"measure": name, "day": worst.day.isoformat(), **_json(sums)}
    return Check.failing(clause, sentence, days, {"largest": largest, "examples": examples(rows)})


def _in_total(limit: Decimal | None, comparison: Comparison) -> Check:
    allowed = limit or NOTHING
    totals = comparison.totals
    found = {name: sums for name, sums in totals.items() if _exceeds(sums, allowed)}
    detail = {"totals": {name: _json(sums) for name, sums in totals.items()}}
    told = ", ".join(f"{name} by {sums.change:+f} ({percent(sums.share)})" for name, sums in (found or totals).items())
    if not found:
        return Check.passing(Clause.CHANGE_TOTAL, f"In total {told} moves within {percent(Fraction(allowed))}.", detail)
    worst = comparison.largest_days(EXAMPLES_SHOWN)
    sentence = (
        f"In total {told} moves by more than {percent(Fraction(allowed))}, "
        f"most of it on {days_listed([day.day for day in worst])}."
    )
    days = tuple(sorted({day.day for name, day, _ in _moves(comparison) if name in found}))
    shown = examples(comparison.largest_rows(EXAMPLES_SHOWN))
    return Check.failing(Clause.CHANGE_TOTAL, sentence, days, {**detail, "examples": shown})


def _estimate(estimate: Estimate, comparison: Comparison, excluded: Collection[date]) -> Check:
    if estimate.measure not in comparison.measures:
        raise ExpectedColumnsUnknown("estimate", {estimate.measure}, comparison.measures)
    changes = {day.day: day.sums[estimate.measure].change for day in comparison.days}
    measured = comparison.totals[estimate.measure].change
    predicted = {day: amount for day, amount in estimate.days.items() if day not in excluded}
    days = [day for day, amount in predicted.items() if _misses(changes.get(day, NOTHING), amount, estimate.tolerance)]
    total = estimate.total
    missed = total is not None and _misses(measured, total, estimate.tolerance)
    within = f"{percent(Fraction(estimate.tolerance))} of what the estimate predicts"
    detail = {"measured": f"{measured:f}", "predicted": f"{estimate.predicts:f}", **estimate.as_json()}
    if not days and not missed:
        sentence = f"{estimate.measure} moves by {measured:+f}, within {within}."
        return Check.passing(Clause.ESTIMATE, sentence, detail)
    where = f" on {days_listed(days, len(comparison.days))}" if days else ""
    sentence = (
        f"{estimate.measure} moves by {measured:+f} where {estimate.predicts:+f} was predicted, "
        f"and not within {within}{where}."
    )
    return Check.failing(Clause.ESTIMATE, sentence, days or comparison.changed_days, detail)


def _misses(measured: Decimal, predicted: Decimal, tolerance: Decimal) -> bool:
    """Whether a change is none that was predicted, to the digit to which the prediction was written."""
    stated = Fraction(half_unit(max(-int(predicted.as_tuple().exponent), 0))) if predicted else Fraction(0)
    return abs(Fraction(measured) - Fraction(predicted)) > Fraction(tolerance) * abs(Fraction(predicted)) + stated


def _json(sums: Sums) -> dict[str, Any]:
    return {"old": f"{sums.old:f}", "new": f"{sums.new:f}", "change": f"{sums.change:f}", "share": percent(sums.share)}


def _named(columns: Collection[str]) -> str:
    return listed(columns) if columns else "none"
