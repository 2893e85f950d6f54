"""A table beside figures that somebody else keeps, per slot and group, and what each pair of them says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import polars as pl

from backfill_assets.core.exact import exactly
from backfill_assets.core.onset import Cause, Observation, tolerance_of
from backfill_assets.core.partition_column import as_slot
from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.base import listed
from backfill_assets.errors.outside import FiguresUnfit
from backfill_assets.orchestration.watching.figures import GROUP, ROWS, Stated, Stating, label_of, placed, stated_in
from backfill_assets.orchestration.watching.spans import SLOT, SPAN, Spans, looks_longer
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot

EXACT: Mapping[str, Decimal] = {"*": Decimal(0)}


@dataclass(frozen=True, kw_only=True)
class LedgerSpec:
    """What is compared with figures that somebody else keeps, and how a finding is worded.

    Args:
        table: the correctable table; the one that watches when it is not given.
        measure: the measure, or several, that both sides state.
        group: the column, or several, of the groups for which they do, such as a currency or a market; none where
            they state whole slots.
        name: what the figures are called, such as ``finance's ledger``.
        unit: of the measure, as it follows a number, or by measure; empty where it has none.
        noun: what is counted beside the measure.
        watchers: who watches a proposed correction.
        may_differ: the columns that a correction of amounts may change; the measures that differ where none are given.
        grouped_by: what several groups are called.
    """

    measure: str | Sequence[str]
    table: str = ""
    group: str | Sequence[str] = ()
    name: str = "the ledger"
    unit: str | Mapping[str, str] = ""
    noun: str = "row"
    watchers: Sequence[str] = ()
    may_differ: Sequence[str] = ()
    grouped_by: str = "groups"

    @property
    def measures(self) -> tuple[str, ...]:
        """Every measure, the one that is told of first."""
        return (self.measure,) if isinstance(self.measure, str) else tuple(self.measure)

    @property
    def groups(self) -> tuple[str, ...]:
        """The columns of the groups."""
        return ((self.group,) if self.group else ()) if isinstance(self.group, str) else tuple(self.group)

    def amount(self, text: str, measure: str = "") -> str:
        """An amount with its unit."""
        unit = self.unit if isinstance(self.unit, str) else self.unit.get(measure, "")
        return f"{text} {unit}" if unit else text


@dataclass(frozen=True, slots=True)
class Figure:
    """One side of one slot and group: the number of rows, None where nobody states it, and the amount."""

    rows: int | None
    amount: Decimal


Key = tuple[Slot, str]
Book = Mapping[Key, Figure]


@dataclass(frozen=True, slots=True)
class Books:
    """Both sides of every slot that was looked at, in one measure.

    ``expected`` are days of which the source has rows, ``incomplete`` those of which the ledger has unusable lines.
    ``within`` is how far each figure of the ledger may lie from ours by its rounding, ``agreeing`` are those that do.
    ``bad_lines`` and ``units`` are as in :class:`Reconciled`.
    """

    days: tuple[Slot, ...]
    ours: Book
    theirs: Book
    expected: frozenset[Slot]
    incomplete: frozenset[Slot]
    within: Mapping[Key, Decimal]
    agreeing: frozenset[Key]
    bad_lines: tuple[str, ...] = ()
    units: tuple[str, ...] = ()


BooksByMeasure = Mapping[str, Books]
AS_THEY_ARE = Stating()


@exactly
def books_of(
    records: Records, spec: LedgerSpec, figures: pl.DataFrame, window: Window, stating: Stating = AS_THEY_ARE
) -> BooksByMeasure:
    """The books of a table, by measure, beside a frame with its slots, the groups, the measures and perhaps ``rows``.

    The slots are in a column of the table's own name for them, or in ``day``. Figures of one slot and group are added
    up, finer ones as well. What the frame does not hold is not spoken of. Figures agree when they are equal, to the
    last digit to which theirs is stated.

    Raises:
        FiguresUnfit: when the frame or the table lacks a column, or holds what cannot be compared.
    """
    snapshot = records.snapshot(spec.table)
    column = stating.column(snapshot.partition)
    own = stating.theirs(column.name)
    theirs = replace(column, name=own if own in figures.columns else DAY)
    spans = stating.spans(window, column.zone)
    return compared(snapshot, spec, placed(figures, spec.name, theirs, spans.days), spans, stating)


@exactly
def compared(
    snapshot: Snapshot, spec: LedgerSpec, figures: pl.DataFrame, spans: Spans, stating: Stating
) -> BooksByMeasure:
    """The books of a commit of a table beside figures of which each has its span.

    Raises:
        FiguresUnfit: as :func:`books_of`.
    """
    live = _ours(snapshot, spec, spans)
    found: dict[str, Books] = {}
    for measure in spec.measures:
        kind = live.schema[measure]
        scale = kind.scale if isinstance(kind, pl.Decimal) else 0
        stated = stated_in(figures, spec.name, spec.groups, measure, stating, scale)
        found[measure] = _books(live, stated, measure, spans.days)
    _refuse_longer(found[spec.measures[0]], spec, spans, snapshot.partition.zone)
    return found


@exactly
def observe(books: Books, tolerances: Mapping[str, Decimal] = EXACT) -> list[Observation]:
    """What every day and group says. A day of which neither live nor ledger nor raw has anything says nothing."""
    pairs = sorted({*books.ours, *books.theirs})
    seen = [_observe(books, day, group, tolerances) for day, group in pairs]
    lost = books.expected - {day for day, _ in pairs}
    return [*seen, *(Observation(day, "", cause=Cause.ROWS) for day in sorted(lost))]


def _same_rows(ours: Figure | None, theirs: Figure | None) -> bool:
    """Whether both sides have as many rows, as far as both state that."""
    if theirs is not None and theirs.rows is None:
        return ours is not None or not theirs.amount
    return (ours.rows if ours else 0) == (theirs.rows if theirs else 0)


def _observe(books: Books, day: Slot, group: str, tolerances: Mapping[str, Decimal]) -> Observation:
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


def _ours(snapshot: Snapshot, spec: LedgerSpec, spans: Spans) -> pl.DataFrame:
    """Live added up, a row for each span and group: the name of the group, rows and measures."""
    column, wanted = snapshot.partition, [*spec.groups, *spec.measures]
    if absent := [one for one in wanted if one not in snapshot.schema]:
        found = f"are to be compared with {listed(absent)}, which live {spec.table} does not have"
        raise FiguresUnfit(spec.name, found, f"Name some of {listed(snapshot.schema.names())}.")
    slots = [slot for of_span in spans.slots.values() for slot in of_span]
    own = column.slots(pl.col(column.name)).alias(SLOT)
    rows = snapshot.scan(slots).select(own, *wanted).join(spans.as_frame(column.slot_type).lazy(), on=SLOT)
    sums = [pl.col(measure).sum() for measure in spec.measures]
    return rows.group_by(SPAN, label_of(spec.groups).alias(GROUP)).agg(pl.len().alias(ROWS), *sums).collect()


def _books(live: pl.DataFrame, stated: Stated, measure: str, days: tuple[Slot, ...]) -> Books:
    rows = live.select(SPAN, GROUP, ROWS, measure).iter_rows()
    ours = {(as_slot(slot), group): Figure(count, Decimal(amount)) for slot, group, count, amount in rows}
    theirs = {key: Figure(*figure) for key, figure in stated.figures.items()}
    within = {key: stated.within.get(key, Decimal(0)) for key in {*ours, *theirs}}
    both = ours.keys() & theirs.keys()
    agreeing = frozenset(key for key in both if abs(ours[key].amount - theirs[key].amount) <= within[key])
    bad, units = stated.bad_lines, stated.units
    return Books(days, ours, theirs, frozenset(), stated.incomplete, within, agreeing, bad, units)


def _refuse_longer(books: Books, spec: LedgerSpec, spans: Spans, zone: str) -> None:
    """Refuse figures that are of weeks or months, by all that can be seen, beside a table of shorter slots.

    Raises:
        FiguresUnfit: saying how to tell of which time they are.
    """
    stated = {day for day, _ in books.theirs}
    if books.agreeing or not spans.is_plain or len({day for day, _ in books.ours}) < 2 * len(stated):
        return
    if (per := looks_longer(stated, spans.grain, zone)) is not None:
        found = f"are stated at the beginning of each {per.value} alone, and not one of them agrees"
        raise FiguresUnfit(spec.name, found, f"Say per='{per.value}' if each is of a whole {per.value}.")
