"""The column that a table keeps its slots in: under any name, as dates, text or timestamps, in either direction.

Everything that leads from a value to a slot is exact both ways: a value that is not spelled as the column would spell
it is of no slot, so that no slot has two values, and rows that nobody can place are found.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import lru_cache
from typing import Any, assert_never
from urllib.parse import quote

import polars as pl

from backfill_assets.core.slots import Grain, Hour, Slot
from backfill_assets.core.window import contiguous
from backfill_assets.errors.partition_column import ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous

UTC_NAMES = frozenset({"UTC", "Etc/UTC"})
HOURS = pl.Datetime("us", "UTC")
NAIVE = pl.Datetime("us")
SLOT_TYPES = (pl.Date(), HOURS)
# What Delta writes for a null.
NULL_FOLDER = "__HIVE_DEFAULT_PARTITION__"
# The hours at which Dagster takes the later of two readings of local time.
LATER_OF_TWO = range(1, 4)
_SLOT = "_backfill_assets_slot"


class Spelling(Enum):
    """How a column spells its slots, in words that end a sentence."""

    DATE = "dates"
    ISO = "ISO text"
    COMPACT = "text of eight digits"
    UTC = "timestamps in UTC"
    NAIVE = "timestamps without a time zone"


_DAYS = {Spelling.ISO: "%Y-%m-%d", Spelling.COMPACT: "%Y%m%d"}
_HOURS = "%Y-%m-%d-%H:%M"
_STAMP = "%Y-%m-%d %H:%M:%S%.6f"


@dataclass(frozen=True, slots=True)
class PartitionColumn:
    """One column of a table, and how its values spell the table's slots.

    Where days or longer are kept as timestamps a value is the moment at which the slot begins: ``offset`` after
    midnight in ``zone``, told in UTC, or as local time where it is naive.

    Raises:
        GrainUnspelled: when the spelling cannot hold hours.
        HoursAmbiguous: when hours are told in local time, which has the same hour twice in an autumn night.
    """

    name: str = "day"
    spelling: Spelling = Spelling.DATE
    grain: Grain = Grain.DAY
    zone: str = "UTC"
    offset: timedelta = timedelta()

    def __post_init__(self) -> None:
        if self.grain is not Grain.HOUR:
            return
        if self.spelling in {Spelling.DATE, Spelling.COMPACT}:
            raise GrainUnspelled(self.name, self.spelling.value, self.grain.value)
        if self.spelling is not Spelling.UTC and self.zone not in UTC_NAMES:
            raise HoursAmbiguous(self.name, self.spelling.value, self.zone)

    def spelled_as(self, dtype: pl.DataType, sample: Callable[[], Sequence[Any]]) -> "PartitionColumn":
        """The same column as values of a type spell its slots; itself where that is its own type.

        ``sample`` gives some of the values, which are looked at where they are text.

        Raises:
            ColumnHoldsNoSlots, GrainUnspelled, HoursAmbiguous: when they cannot.
        """
        if dtype == self.own_type:
            return self
        return detect(self.name, dtype, sample(), self.grain, zone=self.zone, offset=self.offset)

    # ---- types

    @property
    def slot_type(self) -> pl.DataType:
        """The type of slots in a frame."""
        return HOURS if self.grain is Grain.HOUR else pl.Date()

    @property
    def own_type(self) -> pl.DataType:
        """The type of the column itself."""
        match self.spelling:
            case Spelling.DATE:
                return pl.Date()
            case Spelling.ISO | Spelling.COMPACT:
                return pl.String()
            case Spelling.UTC:
                return HOURS
            case Spelling.NAIVE:
                return NAIVE
            case _:
                assert_never(self.spelling)

    @property
    def is_slot(self) -> bool:
        """Whether the values are the slots themselves."""
        return self.spelling is Spelling.DATE

    # ---- values to slots

    def slots(self, own: pl.Expr) -> pl.Expr:
        """The slot of each value of an expression; null where a value spells none."""
        match self.spelling:
            case Spelling.DATE:
                return own
            case Spelling.ISO | Spelling.COMPACT:
                read = self._read_text(own)
            case Spelling.UTC | Spelling.NAIVE:
                read = self._read_moment(own)
            case _:
                assert_never(self.spelling)
        return pl.when(self.own(read) == own).then(read)

    def as_slots(self, frame: pl.LazyFrame) -> pl.LazyFrame:
        """The frame with slots in the place of the column's own values; the very same frame where they are that."""
        return frame if self.is_slot else frame.with_columns(self.slots(pl.col(self.name)).alias(self.name))

    def split(self, frame: pl.DataFrame) -> dict[Slot | None, pl.DataFrame]:
        """The rows of each slot, with the column as it is; under None those whose value spells no slot."""
        if self.is_slot:
            return {key: rows for (key,), rows in frame.partition_by(self.name, as_dict=True).items()}
        beside = frame.with_columns(self.slots(pl.col(self.name)).alias(_SLOT))
        parts = beside.partition_by(_SLOT, as_dict=True, include_key=False)
        return {as_slot(key): rows for (key,), rows in parts.items()}

    def within(self, slots: Collection[Slot]) -> pl.Expr:
        """Whether a value lies in the time of one of the slots, of a column that tells when something happened."""
        return self.overlapping(slots, pl.col(self.name), pl.col(self.name))

    def overlapping(self, slots: Collection[Slot], low: pl.Expr, high: pl.Expr) -> pl.Expr:
        """Whether a value from ``low`` to ``high``, both included, can lie in the time of one of the slots."""
        windows = contiguous(slots, grain=self.grain)
        ends = [self.values([window.first, self.grain.after(window.last)]) for window in windows]
        return pl.any_horizontal(
            pl.lit(False),
            *((high >= pl.lit(end[0], self.own_type)) & (low < pl.lit(end[1], self.own_type)) for end in ends),
        )

    def _read_text(self, own: pl.Expr) -> pl.Expr:
        if self.grain is not Grain.HOUR:
            return own.str.to_date(_DAYS[self.spelling], strict=False)
        return own.str.to_datetime(_HOURS, time_unit="us", strict=False).dt.truncate("1h").dt.replace_time_zone("UTC")

    def _read_moment(self, own: pl.Expr) -> pl.Expr:
        if self.grain is Grain.HOUR:
            return own.dt.truncate("1h").dt.replace_time_zone("UTC")
        local = own if self.spelling is Spelling.NAIVE else own.dt.convert_time_zone(self.zone)
        return (local.dt.replace_time_zone(None) - self.offset).dt.date()

    # ---- slots to values

    def own(self, slots: pl.Expr) -> pl.Expr:
        """The column's own value of each slot of an expression."""
        match self.spelling:
            case Spelling.DATE:
                return slots
            case Spelling.ISO | Spelling.COMPACT:
                return slots.dt.strftime(_HOURS if self.grain is Grain.HOUR else _DAYS[self.spelling])
            case Spelling.NAIVE:
                naive = slots.dt.replace_time_zone(None) if self.grain is Grain.HOUR else slots.cast(NAIVE)
                return naive + self.offset if self.offset else naive
            case Spelling.UTC:
                return slots if self.grain is Grain.HOUR else self._begins(slots)
            case _:
                assert_never(self.spelling)

    def value(self, slot: Slot) -> Any:
        """The column's own value of a slot."""
        return slot if self.is_slot else self.values([slot])[0]

    def values(self, slots: Collection[Slot | None]) -> pl.Series:
        """The column's own values of some slots, under its name."""
        there = pl.Series(self.name, list(slots), dtype=self.slot_type)
        return there if self.is_slot else there.to_frame().select(self.own(pl.col(self.name))).to_series()

    def _begins(self, slots: pl.Expr) -> pl.Expr:
        """The moment at which each day begins, as Dagster reckons it where local time is told twice or left out."""
        begins = slots.cast(NAIVE) + self.offset
        twice = "latest" if self.offset.seconds // 3600 in LATER_OF_TWO else "earliest"
        # A time that is left out is the first one after it: clocks are set by half an hour or by an hour.
        later = [begins.dt.truncate(step).dt.offset_by(step) for step in ("30m", "1h")]
        known = [
            moment.dt.replace_time_zone(self.zone, ambiguous=twice, non_existent="null") for moment in (begins, *later)
        ]
        return pl.coalesce(known).dt.convert_time_zone("UTC")

    # ---- values as Delta writes them

    def text(self, slot: Slot) -> str:
        """The partition value of a slot as the log of a Delta table has it."""
        return str(slot) if self.is_slot else self.texts([slot])[0]

    def texts(self, slots: Collection[Slot]) -> list[str]:
        """The partition values of some slots."""
        values = self.values(slots)
        stamped = values.dtype.is_temporal() and not self.is_slot
        return (values.dt.strftime(_STAMP) if stamped else values.cast(pl.String)).to_list()

    def folder(self, text: str) -> str:
        """The folder that Delta writers put the files of a partition value in, which is as the log has it.

        >>> PartitionColumn("hour", Spelling.ISO, Grain.HOUR).folder("2026-01-23-05:00")
        'hour=2026-01-23-05%3A00'
        """
        return f"{self.name}={quote(text, safe='')}"


BY_DAY = PartitionColumn()


def slots_in(values: pl.Series) -> list[Slot | None]:
    """Slots in a frame as values."""
    if isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is not None:
        moments = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return [None if moment is None else _hour_of(moment) for moment in moments.to_list()]
    found: list[Any] = values.to_list()
    return found if values.dtype == pl.Date else [as_slot(value) for value in found]


@lru_cache(maxsize=1 << 16)
def _hour_of(moment: datetime) -> Hour:
    """The hour that begins at a moment in UTC, which is told without its time zone."""
    return Hour.of(moment.replace(tzinfo=UTC))


def detect(
    name: str,
    dtype: pl.DataType,
    sample: Sequence[Any],
    grain: Grain = Grain.DAY,
    *,
    zone: str = "UTC",
    offset: timedelta = timedelta(),
) -> PartitionColumn:
    """How a table's column spells slots, by its type and, where it is text, by what most of its values look like.

    Raises:
        ColumnHoldsNoSlots: when the type or the values spell none.
        GrainUnspelled, HoursAmbiguous: when they do, and not in this grain and zone.
    """
    if isinstance(dtype, pl.Date):
        spelling = Spelling.DATE
    elif isinstance(dtype, pl.Datetime):
        spelling = Spelling.NAIVE if dtype.time_zone is None else Spelling.UTC
    elif isinstance(dtype, pl.String):
        spelling = _spelled_in(name, sample, grain)
    else:
        raise ColumnHoldsNoSlots(name, f"it is of type {dtype}")
    return PartitionColumn(name, spelling, grain, zone, offset)


def _spelled_in(name: str, sample: Sequence[str | None], grain: Grain) -> Spelling:
    values = pl.DataFrame({name: [value for value in sample if value is not None]}, schema={name: pl.String})
    fitting: Mapping[Spelling, int] = {
        spelling: _spelling_slots(values, PartitionColumn(name, spelling, grain))
        for spelling in ([Spelling.ISO] if grain is Grain.HOUR else [Spelling.ISO, Spelling.COMPACT])
    }
    best = max(fitting, key=lambda spelling: fitting[spelling])
    if len(values) and not fitting[best]:
        raise ColumnHoldsNoSlots(name, f"{values[name][0]!r} is none of a {grain.value}")
    return best


def _spelling_slots(values: pl.DataFrame, column: PartitionColumn) -> int:
    return values.select(column.slots(pl.col(column.name)).is_not_null().sum()).item()


def as_slot(value: Any) -> Any:
    """A slot as it comes out of a frame; anything else is left as it is."""
    return Hour.of(value) if isinstance(value, datetime) else value
