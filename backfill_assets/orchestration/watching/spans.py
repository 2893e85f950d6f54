"""Figures of longer times than the slots of a table: which slots each of them is of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Self, assert_never
from zoneinfo import ZoneInfo

import polars as pl

from backfill_assets.core.slots import Grain, Slot
from backfill_assets.core.window import Window

SLOT = "_backfill_assets_slot"
SPAN = "_backfill_assets_span"
LONGER: Mapping[Grain, tuple[Grain, ...]] = {
    Grain.HOUR: (Grain.DAY, Grain.WEEK, Grain.MONTH),
    Grain.DAY: (Grain.WEEK, Grain.MONTH),
    Grain.WEEK: (),
    Grain.MONTH: (),
}
"""Of which longer times a whole number of slots is made, by the grain of the table."""


@dataclass(frozen=True, slots=True)
class Spans:
    """The times that figures are of, oldest first, each with its slots; none that lies partly outside a window.

    A span is named by the day that it begins with, a week by its Monday. Where figures are of single slots these are
    the spans.
    """

    grain: Grain
    slots: Mapping[Slot, tuple[Slot, ...]]
    of: Grain

    @classmethod
    def over(cls, window: Window, per: Grain | None, zone: str) -> Self:
        """The spans of a window of a table whose days are those of a time zone."""
        if per is None:
            return cls(window.grain, {slot: (slot,) for slot in window.days}, window.grain)
        inside: dict[Slot, list[Slot]] = {}
        for slot in window.days:
            inside.setdefault(span_of(slot, per, zone), []).append(slot)
        beside = {window.grain.before(window.first), window.grain.after(window.last)}
        cut = {span_of(slot, per, zone) for slot in beside}
        return cls(per, {span: tuple(slots) for span, slots in inside.items() if span not in cut}, window.grain)

    @property
    def is_plain(self) -> bool:
        """Whether figures are of single slots."""
        return self.grain is self.of

    @property
    def days(self) -> tuple[Slot, ...]:
        """The names of the spans."""
        return tuple(self.slots)

    def window(self, first: Slot, last: Slot) -> Window:
        """The slots from the first span to the last one."""
        return Window(self.slots[first][0], self.slots[last][-1], self.of)

    def as_frame(self, slot_type: Any) -> pl.DataFrame:
        """Each slot with its span."""
        pairs = [(slot, span) for span, slots in self.slots.items() for slot in slots]
        return pl.DataFrame(
            {SLOT: [slot for slot, _ in pairs], SPAN: [span for _, span in pairs]},
            schema={SLOT: slot_type, SPAN: slot_type if self.is_plain else pl.Date},
        )


def span_of(slot: Slot, per: Grain, zone: str) -> date:
    """The longer time that a slot begins in, by its first day.

    >>> span_of(date(2026, 1, 23), Grain.WEEK, "UTC"), span_of(date(2026, 1, 23), Grain.MONTH, "UTC")
    (datetime.date(2026, 1, 19), datetime.date(2026, 1, 1))
    """
    day = slot.astimezone(ZoneInfo(zone)).date() if isinstance(slot, datetime) else slot
    match per:
        case Grain.HOUR | Grain.DAY:
            return day
        case Grain.WEEK:
            return day - timedelta(days=day.weekday())
        case Grain.MONTH:
            return day.replace(day=1)
        case _:
            assert_never(per)


def looks_longer(slots: Collection[Slot], grain: Grain, zone: str) -> Grain | None:
    """The longest time of which some slots are all the first, each of another one; None where they are of none."""
    for per in reversed(LONGER[grain]):
        spans = {span_of(slot, per, zone) for slot in slots}
        begins = {slot for slot in slots if span_of(grain.before(slot), per, zone) != span_of(slot, per, zone)}
        if len(slots) > 1 and len(spans) == len(slots) == len(begins):
            return per
    return None
