"""Figures as somebody else states them: under names, of times and to a last digit of their own.

What is not stated is not spoken of, and what cannot be read is named. A figure is ours when it lies no farther from it
than half of its own last digit, as far as that is coarser than ours.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeAlias

import polars as pl

from backfill_assets.core.day_comparison import NOTHING
from backfill_assets.core.exact import MOST_PADDED, Precision, half_unit, is_exact, scale_of, scales_of
from backfill_assets.core.partition_column import PartitionColumn, Spelling, as_slot
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.base import counted, listed
from backfill_assets.errors.outside import FiguresUnfit
from backfill_assets.errors.partition_column import ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous
from backfill_assets.orchestration.watching.spans import LONGER, SLOT, Spans
from backfill_assets.storage.outside import spelled

ROWS, GROUP, AMOUNT = "rows", "_backfill_assets_group", "_backfill_assets_amount"
_MOMENT = "_backfill_assets_moment"
NO_VALUE = "none"
"""What a group is called that has no value."""
NOISE = Decimal(2) ** -42
"""As a share of a float: how far a long sum of floats may lie from what was added up."""
PRINTED = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")

Key: TypeAlias = tuple[Slot, str]


@dataclass(frozen=True, slots=True)
class Stating:
    """How somebody states figures.

    ``columns`` has their name of each column of ours that they call otherwise. ``per`` is of how long a time each
    figure is, where that is longer than a slot. ``precision`` is what is known of their last digit beyond their print.
    """

    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    per: Grain | None = None
    precision: Precision = field(default_factory=Precision)

    def theirs(self, column: str) -> str:
        """Their name of a column of ours."""
        return self.columns.get(column, column)

    def column(self, own: PartitionColumn) -> PartitionColumn:
        """Their column of slots, beside a table that keeps its own in this one."""
        return own if self.per is None else PartitionColumn(own.name, Spelling.DATE, self.per, own.zone)

    def spans(self, window: Window, zone: str) -> Spans:
        """The times that their figures are of."""
        return Spans.over(window, self.per, zone)


@dataclass(frozen=True, slots=True)
class Stated:
    """Figures of one measure added up by slot and group: how many rows, None where not said, and the amount.

    ``within`` is how far each may lie from ours by its rounding, ``units`` are the last digits to which they are
    stated, ``incomplete`` the slots of lines that cannot be read.
    """

    figures: Mapping[Key, tuple[int | None, Decimal]]
    within: Mapping[Key, Decimal]
    incomplete: frozenset[Slot]
    bad_lines: tuple[str, ...]
    units: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Line:
    """Some figures of a slot and group that are alike in their last digit, added up; ``slot`` is None where unread."""

    slot: Slot | None
    group: str
    amount: Decimal
    rows: int | None
    scale: int
    figures: int = 1


def label_of(groups: Sequence[str]) -> pl.Expr:
    """What a group of rows is called: the values of its columns."""
    if not groups:
        return pl.lit("")
    return pl.concat_str([pl.col(one).cast(pl.String).fill_null(NO_VALUE) for one in groups], separator=" / ")


def placed(figures: pl.DataFrame, ledger: str, column: PartitionColumn, slots: Sequence[Slot]) -> pl.DataFrame:
    """The figures of some slots that follow each other, each with its own in ``SLOT``; null where it tells none.

    Raises:
        FiguresUnfit: when the column is not there, or tells no slots of its grain.
    """
    if column.name not in figures.columns:
        raise FiguresUnfit(ledger, f"have no column {column.name}", f"Name one of {listed(figures.columns)} as day.")
    own = _in_microseconds(figures[column.name])
    try:
        spelling = spelled(column, own.dtype, own)
    except (ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous) as error:
        raise unfit_column(ledger, column, f", of type {own.dtype}") from error
    values = [*slots, column.grain.after(slots[-1])] if slots else []
    if own.dtype == pl.String:
        read = replace(spelling, grain=spelling.grain if spelling.grain is Grain.HOUR else Grain.DAY)
        moments, starts = own.to_frame().select(read.slots(pl.col(own.name))).to_series(), read.slot_type
        begins = pl.Series(values, dtype=starts)
    else:
        moments, begins = own, spelling.values(values)
    rows = figures.with_columns(moments.alias(_MOMENT))
    unread = rows.filter(pl.col(_MOMENT).is_null()).with_columns(pl.lit(None, column.slot_type).alias(SLOT))
    known = pl.DataFrame({_MOMENT: begins, SLOT: pl.Series([*values], dtype=column.slot_type)})
    joined = rows.drop_nulls(_MOMENT).sort(_MOMENT).join_asof(known, on=_MOMENT)
    inside = joined.filter(pl.col(SLOT).is_not_null() & (pl.col(SLOT) != known[SLOT].last()))
    return pl.concat([inside, unread]).drop(_MOMENT)


def unfit_column(ledger: str, column: PartitionColumn, of_type: str) -> FiguresUnfit:
    """The refusal of a column that tells no slots."""
    noun, longer = column.grain.value, [one.value for one in LONGER[column.grain]]
    said = f", or say by per that each figure is of a {' or '.join(longer)}" if longer else ""
    return FiguresUnfit(ledger, f"tell no {noun} by {column.name}{of_type}", f"Name a column that tells it{said}.")


def stated_in(
    figures: pl.DataFrame, ledger: str, groups: Sequence[str], measure: str, stating: Stating, our_scale: int
) -> Stated:
    """What figures whose slots are known state of one measure, which we have to so many decimals.

    Raises:
        FiguresUnfit: when a column is not there, or holds no figures.
    """
    named = [stating.theirs(one) for one in (*groups, measure)]
    if absent := [one for one in named if one not in figures.columns]:
        there = listed([one for one in figures.columns if one != SLOT])
        found = f"have no column {listed(absent)} beside {there}"
        raise FiguresUnfit(ledger, found, "Say by columns what they call ours, or leave the group out.")
    rows, amount = stating.theirs(ROWS), figures[named[-1]]
    has_rows = rows in figures.columns and figures[rows].dtype.is_integer()
    frame = figures.select(
        SLOT,
        label_of(named[:-1]).alias(GROUP),
        amount.alias(AMOUNT),
        (pl.col(rows) if has_rows else pl.lit(None, pl.Int64)).alias(ROWS),
    )
    if is_exact(amount.dtype):
        return _added(_exact_lines(frame), measure, stating.precision, our_scale)
    if amount.dtype.is_float():
        return _added(_float_lines(frame, our_scale), measure, stating.precision, our_scale, noise=NOISE)
    if amount.dtype == pl.String:
        return _added(_printed_lines(frame), measure, stating.precision, our_scale)
    found = f"have {named[-1]} as {amount.dtype}, which is no number"
    raise FiguresUnfit(ledger, found, "Name a column of numbers by columns.")


def _in_microseconds(values: pl.Series) -> pl.Series:
    """Times as our own columns of slots have them; anything else as it is."""
    if not isinstance(values.dtype, pl.Datetime):
        return values
    zone = "UTC" if values.dtype.time_zone else None
    return (values.dt.convert_time_zone(zone) if zone else values).cast(pl.Datetime("us", zone))


def _exact_lines(frame: pl.DataFrame) -> Iterator[_Line]:
    """Decimals and integers, which all have one last digit, added up before they are looked at."""
    kind = frame.schema[AMOUNT]
    scale = kind.scale if isinstance(kind, pl.Decimal) else 0
    rows = pl.when(pl.col(ROWS).null_count() == 0).then(pl.col(ROWS).sum())
    amount = pl.col(AMOUNT).cast(pl.Decimal(38, scale)).sum()
    added = frame.drop_nulls(AMOUNT).group_by(SLOT, GROUP).agg(amount, rows, pl.len().alias("figures"))
    for slot, group, total, count, figures in added.iter_rows():
        yield _Line(as_slot(slot), group, Decimal(total), count, scale, figures)


def _float_lines(frame: pl.DataFrame, our_scale: int) -> Iterator[_Line]:
    """Floats as they are printed to fifteen digits; zeros at the end of one cannot be seen.

    So all of them have the last digit of the longest, where there are many; that of a few is taken as ours.
    """
    printed = [
        None if one is None or not math.isfinite(one) else f"{Decimal(f'{one:.15g}'):f}" for one in frame[AMOUNT]
    ]
    known = [scale_of(text) for text in printed if text is not None]
    scale = max(known) if len(known) >= MOST_PADDED else our_scale
    for (slot, group, value, count), text in zip(frame.iter_rows(), printed, strict=True):
        if value is not None:
            yield _Line(as_slot(slot), group, Decimal(text if text is not None else "NaN"), count, scale)


def _printed_lines(frame: pl.DataFrame) -> Iterator[_Line]:
    """Text, to the last digit that is written."""
    scales = scales_of([text for text in frame[AMOUNT].drop_nulls() if PRINTED.fullmatch(text)])
    for slot, group, text, count in frame.iter_rows():
        if text is not None:
            amount = Decimal(text) if text in scales else Decimal("NaN")
            yield _Line(as_slot(slot), group, amount, count, scales.get(text, 0))


def _added(
    lines: Iterable[_Line], measure: str, known: Precision, our_scale: int, *, noise: Decimal = NOTHING
) -> Stated:
    """Lines added up by slot and group; those that cannot be read make their slot incomplete."""
    figures, within = dict[Key, tuple[int | None, Decimal]](), dict[Key, Decimal]()
    bad, unplaced, incomplete, scales = list[str](), 0, set[Slot](), set[int]()
    for line in lines:
        if line.slot is None:
            unplaced += line.figures
        elif not line.amount.is_finite():
            incomplete.add(line.slot)
            bad.append(f"{line.slot}{f' of {line.group}' if line.group else ''}, whose {measure} is no number")
        else:
            key, scale = (line.slot, line.group), known.scale(line.group, line.scale)
            before, amount = figures.get(key, (0, NOTHING))
            rows = None if before is None or line.rows is None else before + line.rows
            figures[key] = (rows, amount + line.amount)
            coarse = half_unit(scale) * line.figures if scale < our_scale else NOTHING
            within[key] = within.get(key, NOTHING) + coarse + abs(line.amount) * noise
            scales.add(scale)
    if unplaced:
        bad.append(f"{counted(unplaced, 'figure')}, of which it cannot be told when they are of")
    units = tuple(f"{Decimal(1).scaleb(-scale):f}" for scale in sorted(scales, reverse=True))
    return Stated(figures, within, frozenset(incomplete), tuple(sorted(bad)), units)
