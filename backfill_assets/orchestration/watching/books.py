"""A table beside figures that somebody else keeps, per day and group, and what each pair of them says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import polars as pl

from backfill_assets.core.exact import exactly
from backfill_assets.core.onset import Cause, Observation, tolerance_of
from backfill_assets.core.window import Window
from backfill_assets.storage.records import Records

EXACT: Mapping[str, Decimal] = {"*": Decimal(0)}


@dataclass(frozen=True, kw_only=True)
class LedgerSpec:
    """What is compared with figures that somebody else keeps, and how a finding is worded.

    Args:
        table: the correctable table.
        measure: the measure that both sides state.
        group: the column of the groups for which they do, such as a currency or a market.
        name: what the figures are called, such as ``finance's ledger``.
        unit: of the measure, as it follows a number; empty where it has none.
        noun: what is counted beside the measure.
        watchers: who watches a proposed correction.
        may_differ: the columns that a correction of amounts may change; the measure where none are given.
        grouped_by: what several groups are called.
    """

    table: str
    measure: str
    group: str
    name: str = "the ledger"
    unit: str = ""
    noun: str = "row"
    watchers: Sequence[str] = ()
    may_differ: Sequence[str] = ()
    grouped_by: str = "groups"

    def amount(self, text: str) -> str:
        """An amount with its unit."""
        return f"{text} {self.unit}" if self.unit else text


@dataclass(frozen=True, slots=True)
class Figure:
    """One side of one day and group: the number of rows, None where nobody states it, and the amount."""

    rows: int | None
    amount: Decimal


Book = Mapping[tuple[date, str], Figure]


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides of every day that was looked at.

    ``expected`` are days of which the source has rows, ``incomplete`` those of which the ledger has unusable lines.
    ``within`` is how far each figure of the ledger may lie from ours by its rounding, ``agreeing`` are those that do.
    ``bad_lines`` and ``units`` are as in :class:`Reconciled`.
    """

    days: tuple[date, ...]
    ours: Book
    theirs: Book
    expected: frozenset[date]
    incomplete: frozenset[date]
    within: Mapping[tuple[date, str], Decimal]
    agreeing: frozenset[tuple[date, str]]
    bad_lines: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


@exactly
def books_of(records: Records, spec: LedgerSpec, figures: pl.DataFrame, window: Window) -> Books:
    """The books of a table beside a frame with ``day``, the group, the measure and, where they are stated, ``rows``.

    What the frame does not hold is not spoken of; figures agree when they are equal.
    """
    by, measure = ["day", spec.group], pl.col(spec.measure)
    live = records.snapshot(spec.table).scan(window.days).group_by(by).agg(pl.len().alias("rows"), measure.sum())
    stated = figures.filter(pl.col("day").is_between(window.first, window.last))
    if "rows" not in stated.columns:
        stated = stated.with_columns(pl.lit(None, pl.Int64).alias("rows"))
    ours, theirs = _book(live.collect(), spec), _book(stated, spec)
    keys = {*ours, *theirs}
    equal = {key for key in keys if key in ours and key in theirs and ours[key].amount == theirs[key].amount}
    nothing = dict.fromkeys(keys, Decimal(0))
    return Books(window.days, ours, theirs, frozenset(), frozenset(), nothing, frozenset(equal))


@exactly
def observe(books: Books, tolerances: Mapping[str, Decimal] = EXACT) -> list[Observation]:
    """What every day and currency says. A day of which neither live nor ledger nor raw has anything says nothing."""
    pairs = sorted({*books.ours, *books.theirs})
    seen = [_observe(books, day, currency, tolerances) for day, currency in pairs]
    lost = books.expected - {day for day, _ in pairs}
    return [*seen, *(Observation(day, "", cause=Cause.ROWS) for day in sorted(lost))]


def _same_rows(ours: Figure | None, theirs: Figure | None) -> bool:
    """Whether both sides have as many rows, as far as both state that."""
    if theirs is not None and theirs.rows is None:
        return ours is not None or not theirs.amount
    return (ours.rows if ours else 0) == (theirs.rows if theirs else 0)


def _book(frame: pl.DataFrame, spec: LedgerSpec) -> Book:
    rows = frame.select("day", pl.col(spec.group).cast(pl.String), "rows", spec.measure).iter_rows()
    return {(day, group): Figure(count, Decimal(amount)) for day, group, count, amount in rows if amount is not None}


def _observe(books: Books, day: date, group: str, tolerances: Mapping[str, Decimal]) -> Observation:
    """A group that the ledger leaves out of a day is not zero: nothing is known of it."""
    ours, theirs = books.ours.get((day, group)), books.theirs.get((day, group))
    difference = (ours.amount if ours else Decimal(0)) - (theirs.amount if theirs else Decimal(0))
    same_rows = _same_rows(ours, theirs)
    seen = Observation(day, group, difference, within=books.within[day, group])
    agrees = (day, group) in books.agreeing or abs(difference) <= tolerance_of(tolerances, group)
    if same_rows and agrees:
        return seen
    if day in books.incomplete and ours is not None:
        return replace(seen, cause=Cause.LEDGER_INCOMPLETE)
    if theirs is None:
        return replace(seen, cause=Cause.LEDGER_MISSING)
    return replace(seen, cause=Cause.AMOUNTS if same_rows else Cause.ROWS)
