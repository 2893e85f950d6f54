"""The clauses of an expectation that speak of sums; each says over how many days it held, and fails over no measure."""

from collections.abc import Collection, Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from backfill_assets.core.check import EXAMPLES_SHOWN, Check, Clause, Held, examples
from backfill_assets.core.clauses import named
from backfill_assets.core.day_comparison import NOTHING, DayComparison, Sums, percent
from backfill_assets.core.expectation import Estimate
from backfill_assets.core.precision import half_unit
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.errors.base import counted, days_listed, verb
from backfill_assets.errors.validation import ExpectedColumnsUnknown

Move = tuple[str, DayComparison, Sums]


def change_per_day(limit: Decimal, comparison: Comparison) -> Check:
    """No sum of a day moves by a larger share than the limit."""
    if not comparison.measures:
        return _no_measure(Clause.CHANGE_PER_DAY, comparison)
    found = [move for move in _moves(comparison) if _exceeds(move[2], limit)]
    most = percent(Fraction(limit))
    if not found:
        sentence = f"No day moves by more than {most}; {_of_days(comparison)}."
        return Check.passing(Clause.CHANGE_PER_DAY, sentence).over(_held(comparison))
    return _moved_wrongly(Clause.CHANGE_PER_DAY, found, comparison, f"by more than {most}")


def sign(comparison: Comparison, *, up: bool) -> Check:
    """No sum of a day moves the other way."""
    if not comparison.measures:
        return _no_measure(Clause.SIGN, comparison)
    wanted, other = ("up", "down") if up else ("down", "up")
    found = [move for move in _moves(comparison) if (move[2].change > 0) is not up]
    if not found:
        sentence = f"No day moves {other}; {_of_days(comparison)}."
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
        days = counted(len(comparison.days), "day")
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
    where = f" on {days_listed(days, len(comparison.days))}" if days else ""
    sentence = (
        f"{measure} moves by {measured:+f} where {predicted.predicts:+f} was predicted, and not within {within}{where}."
    )
    return Check.failing(Clause.ESTIMATE, sentence, days or comparison.changed_days, detail).over(_held(comparison))


def _held(comparison: Comparison) -> Held:
    return Held(len(comparison.days), max(comparison.rows_old, comparison.rows_new))


def _of_days(comparison: Comparison) -> str:
    """How many days move at all, and in what."""
    moving = len({day.day for _, day, _ in _moves(comparison)})
    days = counted(len(comparison.days), "day")
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
        f"{named(names)} {verb(len(names), 'moves', 'move')} {how} on {days_listed(days, len(comparison.days))}, "
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
