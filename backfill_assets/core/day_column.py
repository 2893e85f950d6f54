"""What a column of another writer's table says of days, by its type and its values, and what is wrong with them."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from backfill_assets.core.partition_column import PartitionColumn, Spelling, detect, slots_in
from backfill_assets.core.slots import Grain, Slot
from backfill_assets.errors.base import BadInput

LOOSE = re.compile(r"([0-9]{4})[-/.]?([0-9]{1,2})[-/.]?([0-9]{1,2})")
# Of fewer slots nobody can say how far they lie apart.
FEWEST_FOR_A_GRAIN = 3
NOON = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Days:
    """What a column says of days.

    ``spelling`` is None where it names none. ``spellings`` are the values of each day that has several, or one that is
    not in the column's spelling; ``strange`` values name no day, ``without`` counts rows without one. ``within`` says
    that times lie within their day or hour, not at its start: then no partition can be made of the column itself.
    ``begins`` are the times in UTC at which days begin where that is not midnight.
    """

    column: str
    spelling: Spelling | None
    grain: Grain = Grain.DAY
    slots: tuple[Slot, ...] = ()
    spellings: Mapping[Slot, tuple[str, ...]] = field(default_factory=dict[Slot, tuple[str, ...]])
    strange: tuple[str, ...] = ()
    without: int = 0
    within: bool = False
    begins: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[Slot, ...]:
        """The slots between the first and the last that are not there."""
        if not self.slots:
            return ()
        there = set(self.slots)
        return tuple(slot for slot in self.grain.between(self.slots[0], self.slots[-1]) if slot not in there)


def can_name_days(kind: pl.DataType | None) -> bool:
    """Whether a column of this type can say of which day a row is."""
    return isinstance(kind, pl.Date | pl.Datetime | pl.String)


def days_of(values: pl.Series, *, without: int = 0, within: bool = False) -> Days:
    """Read the distinct values of a column, none of them null, as days.

    Times are given at the start of their hour; ``within`` says that they were not all there.

    >>> days_of(pl.Series("d", ["20260101", "20260102", "2026-01-02", "soon"])).spellings
    {datetime.date(2026, 1, 2): ('2026-01-02', '20260102')}
    """
    if isinstance(values.dtype, pl.Datetime):
        return _days_of_times(values, without, within=within)
    column = _column_of(values, Grain.DAY) or _column_of(values, Grain.HOUR)
    if column is None:
        return Days(values.name, None, without=without)
    read = dict(zip(values.to_list(), _slots(column, values), strict=True))
    named = {value: slot or _read_loosely(value) for value, slot in read.items()}
    spelled: defaultdict[Slot, list[str]] = defaultdict(list)
    for value, slot in sorted(named.items()):
        if slot is not None:
            spelled[slot].append(str(value))
    own = {slot for slot in read.values() if slot is not None}
    return Days(
        values.name,
        column.spelling,
        column.grain if column.grain is Grain.HOUR else _grain_of(sorted(spelled)),
        tuple(sorted(spelled)),
        {slot: tuple(texts) for slot, texts in sorted(spelled.items()) if len(texts) > 1 or slot not in own},
        tuple(sorted(str(value) for value, slot in named.items() if slot is None)),
        without,
    )


def _column_of(values: pl.Series, grain: Grain) -> PartitionColumn | None:
    try:
        return detect(values.name, values.dtype, values.to_list(), grain)
    except BadInput:
        return None


def _slots(column: PartitionColumn, values: pl.Series) -> list[Slot | None]:
    return slots_in(values.to_frame().select(column.slots(pl.col(column.name))).to_series())


def _read_loosely(value: object) -> date | None:
    """The day that a text names in another spelling than the column's own."""
    parts = LOOSE.fullmatch(value) if isinstance(value, str) else None
    try:
        return date(*map(int, parts.groups())) if parts else None
    except ValueError:
        return None


def _days_of_times(values: pl.Series, without: int, *, within: bool) -> Days:
    """Times of which some day has several are hours; else they begin days, in whatever time zone that is."""
    times: list[datetime] = values.to_list()
    is_hourly = not within and len({time.date() for time in times}) < len(times)
    column = detect(values.name, values.dtype, (), Grain.HOUR if is_hourly else Grain.DAY)
    if is_hourly:
        slots = tuple(sorted(slot for slot in _slots(column, values) if slot is not None))
        return Days(values.name, column.spelling, Grain.HOUR, slots, without=without)
    begins = () if within else tuple(sorted({f"{time:%H:%M}" for time in times if time.hour}))
    # West and east of Greenwich the nearest midnight is the one at which the day begins.
    days = sorted({(time if within else time + NOON).date() for time in times})
    return Days(
        values.name, column.spelling, _grain_of(days), tuple(days), without=without, within=within, begins=begins
    )


def _grain_of(slots: Sequence[date]) -> Grain:
    """Months where every slot is a first of one, weeks where all are of one weekday, else days."""
    if len(slots) < FEWEST_FOR_A_GRAIN:
        return Grain.DAY
    if all(slot.day == 1 for slot in slots):
        return Grain.MONTH
    return Grain.WEEK if len({slot.weekday() for slot in slots}) == 1 else Grain.DAY
