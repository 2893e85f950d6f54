"""Slots: the partitions of a table in time, and how far apart they lie.

A slot is named by its start. Where partitions are days or longer that is the calendar day on which one begins, in the
time zone of the table's partitions definition: no two begin on one day, so the name is never ambiguous. An hour is a
moment in UTC, because local time has the same hour twice in an autumn night.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import Self, TypeAlias, assert_never

from backfill_assets.errors.request import HourWithoutZone, SlotsApart

Slot: TypeAlias = date
"""A ``date``, or an ``Hour`` in tables by hour; the slots of one table are all of one kind."""
SHORTEST_MONTH = 28
# Not within names, such as those of tables and columns, and not what is filled in.
_DAY = re.compile(r"(?<![\w./{-])[Dd]ay(?=s?(?![\w/-]))")
_AN_HOUR = re.compile(r"\b([Aa]) hour\b")


class Hour(datetime):
    """An hour, named by its start in UTC.

    >>> str(Hour.of(datetime.fromisoformat("2026-10-25T02:00+01:00")))
    '2026-10-25T01:00Z'
    """

    @classmethod
    def of(cls, moment: datetime) -> Self:
        """The hour that begins at a moment; where a time zone lies half an hour apart, so do its hours.

        Raises:
            HourWithoutZone: when the moment does not say of which time zone it is.
        """
        if moment.tzinfo is None:
            raise HourWithoutZone(moment)
        utc = moment.astimezone(UTC)
        return cls(utc.year, utc.month, utc.day, utc.hour, utc.minute, tzinfo=UTC)

    def __str__(self) -> str:
        return f"{self:%Y-%m-%dT%H:%MZ}"

    def isoformat(self, sep: str = "T", timespec: str = "minutes") -> str:
        """As the ledger writes it, with ``Z`` for UTC."""
        return super().isoformat(sep, timespec).replace("+00:00", "Z")


class Grain(Enum):
    """How much time one slot of a table holds."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    def after(self, slot: Slot, steps: int = 1) -> Slot:
        """The slot so many after this one, or before it when negative."""
        match self:
            case Grain.HOUR:
                return slot + timedelta(hours=steps)
            case Grain.DAY:
                return slot + timedelta(days=steps)
            case Grain.WEEK:
                return slot + timedelta(weeks=steps)
            case Grain.MONTH:
                months = slot.year * 12 + slot.month - 1 + steps
                return slot.replace(year=months // 12, month=months % 12 + 1)
            case _:
                assert_never(self)

    def of(self, slot: Slot) -> "Grain":
        """The grain that a slot can be of: an hour is always of hours."""
        return Grain.HOUR if isinstance(slot, Hour) else self

    def names(self, slot: Slot) -> bool:
        """Whether a slot can be one of this grain: an hour where hours are, a day where they are not."""
        return isinstance(slot, Hour) is (self is Grain.HOUR)

    def worded(self, text: str) -> str:
        """Words of ours about days, about slots of this grain; never other people's words.

        >>> Grain.HOUR.worded("Days that change by a day"), Grain.DAY.worded("3 days")
        ('Hours that change by an hour', '3 days')
        """
        if self is Grain.DAY:
            return text
        said = _DAY.sub(lambda found: self.value.capitalize() if found[0] == "Day" else self.value, text)
        return _AN_HOUR.sub(r"\1n hour", said) if self is Grain.HOUR else said

    def before(self, slot: Slot) -> Slot:
        """The slot before this one."""
        return self.after(slot, -1)

    def distance(self, first: Slot, last: Slot) -> int:
        """How many slots after the first the last one is; negative when it comes before.

        Raises:
            SlotsApart: when no number of steps leads from one to the other.
        """
        match self:
            case Grain.HOUR:
                steps = (last - first) // timedelta(hours=1)
            case Grain.DAY:
                steps = (last - first).days
            case Grain.WEEK:
                steps = (last - first).days // 7
            case Grain.MONTH:
                steps = (last.year - first.year) * 12 + last.month - first.month
            case _:
                assert_never(self)
        is_in_every_month = self is not Grain.MONTH or first.day <= SHORTEST_MONTH
        if not is_in_every_month or self.after(first, steps) != last:
            raise SlotsApart(first, last, self.value)
        return steps

    def reaches(self, slot: Slot, day: date) -> bool:
        """Whether a slot ends after a day begins, in UTC."""
        end = self.after(slot)
        return end > (datetime(day.year, day.month, day.day, tzinfo=UTC) if isinstance(end, datetime) else day)

    def between(self, first: Slot, last: Slot) -> Iterator[Slot]:
        """Every slot from the first to the last, both included; none when the last comes before."""
        return (self.after(first, steps) for steps in range(self.distance(first, last) + 1))


def calendar_day(slot: Slot) -> date:
    """The day that a slot begins on; of an hour the one in UTC."""
    return slot.date() if isinstance(slot, datetime) else slot


def read_slot(text: str) -> Slot:
    """The slot that ``str`` or ``isoformat`` of it wrote.

    >>> read_slot("2026-10-25"), str(read_slot("2026-10-25T01:00Z"))
    (datetime.date(2026, 10, 25), '2026-10-25T01:00Z')

    Raises:
        ValueError: when the text is none.
    """
    return Hour.of(datetime.fromisoformat(text)) if "T" in text else date.fromisoformat(text)
