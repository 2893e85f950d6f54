"""What a column of another writer's table says of days, by its type and its values, and what is wrong with them."""

import re
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum

from backfill_assets.core.slots import Grain, Hour, Slot

ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
COMPACT = re.compile(r"[0-9]{8}")
LOOSE = re.compile(r"([0-9]{4})[-/.]([0-9]{1,2})[-/.]([0-9]{1,2})")
# Of fewer slots nobody can say how far they lie apart.
FEWEST_FOR_A_GRAIN = 3

Value = str | date | datetime


class DayKind(StrEnum):
    """How a column writes the day; a table is corrected by any of them."""

    DATE = "a date"
    ISO = "ISO text"
    COMPACT = "%Y%m%d text"
    NAIVE = "a timestamp without zone"
    UTC = "a timestamp in UTC"


KINDS_BY_TYPE = {"date": DayKind.DATE, "timestamp": DayKind.UTC, "timestamp_ntz": DayKind.NAIVE}


@dataclass(frozen=True, slots=True)
class Days:
    """What a column says of days.

    ``kind`` is None where it names none. ``spellings`` are the values of each day that has several, ``otherwise`` the
    texts that are not in the column's own spelling, ``strange`` those that name no day. ``without`` counts rows without
    a value. ``within`` says that times lie within their day or hour, not at its start: then no partition can be made of
    the column itself.
    """

    column: str
    kind: DayKind | None
    grain: Grain = Grain.DAY
    slots: tuple[Slot, ...] = ()
    spellings: Mapping[Slot, tuple[str, ...]] = field(default_factory=dict[Slot, tuple[str, ...]])
    otherwise: tuple[str, ...] = ()
    strange: tuple[str, ...] = ()
    without: int = 0
    within: bool = False

    @property
    def missing(self) -> tuple[Slot, ...]:
        """The slots between the first and the last that are not there."""
        if not self.slots:
            return ()
        there = set(self.slots)
        return tuple(slot for slot in self.grain.between(self.slots[0], self.slots[-1]) if slot not in there)


def can_name_days(delta_type: str) -> bool:
    """Whether a column of this type, by its name in Delta's schema, can say of which day a row is."""
    return delta_type == "string" or delta_type in KINDS_BY_TYPE


def days_of(column: str, delta_type: str, values: Collection[Value], *, without: int = 0, within: bool = False) -> Days:
    """Read the distinct values of a column as days.

    Times are given at the start of their hour; ``within`` says that they were not all there.

    >>> days_of("d", "string", ["20260101", "2026-01-01", "soon"]).spellings
    {datetime.date(2026, 1, 1): ('2026-01-01', '20260101')}
    """
    if not can_name_days(delta_type):
        return Days(column, None, without=without)
    if delta_type == "string":
        return _days_of_texts(column, sorted(str(value) for value in values), without)
    slots, grain = _slots_of_times([value for value in values if isinstance(value, date)], within=within)
    return Days(column, KINDS_BY_TYPE[delta_type], grain, slots, without=without, within=within)


def _days_of_texts(column: str, texts: Sequence[str], without: int) -> Days:
    read = {text: _read(text) for text in texts}
    spelled: defaultdict[date, list[str]] = defaultdict(list)
    for text, day in read.items():
        if day is not None:
            spelled[day].append(text)
    slots = tuple(sorted(spelled))
    spellings = {day: tuple(several) for day, several in sorted(spelled.items()) if len(several) > 1}
    strange = tuple(text for text, day in read.items() if day is None)
    kind = _kind_of(read)
    own = COMPACT if kind is DayKind.COMPACT else ISO
    otherwise = tuple(text for text, day in read.items() if day is not None and not own.fullmatch(text))
    return Days(column, kind, _grain_of(slots), slots, spellings, otherwise, strange, without)


def _kind_of(read: Mapping[str, date | None]) -> DayKind | None:
    """The spelling of most of the days; None where no value names one."""
    known = [text for text, day in read.items() if day is not None]
    compact = sum(bool(COMPACT.fullmatch(text)) for text in known)
    return None if not known else DayKind.COMPACT if 2 * compact > len(known) else DayKind.ISO


def _read(text: str) -> date | None:
    """The day that a text names, in whatever spelling."""
    parts = LOOSE.fullmatch(text)
    digits = [text[:4], text[4:6], text[6:]] if COMPACT.fullmatch(text) else parts.groups() if parts else None
    try:
        return date(*map(int, digits)) if digits else None
    except ValueError:
        return None


def _slots_of_times(values: Sequence[date], *, within: bool) -> tuple[tuple[Slot, ...], Grain]:
    times = [value for value in values if isinstance(value, datetime)]
    hourly = not within and any(time.hour for time in times)
    if hourly:
        return tuple(sorted({Hour.of(_in_utc(time)) for time in times})), Grain.HOUR
    slots = tuple(sorted({value.date() if isinstance(value, datetime) else value for value in values}))
    return slots, _grain_of(slots)


def _in_utc(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _grain_of(slots: Sequence[date]) -> Grain:
    """Months where every slot is a first of one, weeks where all are of one weekday, else days."""
    if len(slots) < FEWEST_FOR_A_GRAIN:
        return Grain.DAY
    if all(slot.day == 1 for slot in slots):
        return Grain.MONTH
    return Grain.WEEK if len({slot.weekday() for slot in slots}) == 1 else Grain.DAY
