"""Who has seen the wrong numbers that a correction is about: of which days, from when to when, from which commit."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from backfill_assets.core.slots import Slot
from backfill_assets.core.steps import Step


class Side(StrEnum):
    """Which numbers of a correction are the wrong ones."""

    EARLIER = "earlier"
    CORRECTED = "corrected"
    NEITHER = "neither"


class Carrier(StrEnum):
    """What carried wrong numbers."""

    REPORT = "report"
    FILE = "file"
    NOTICE = "notice"
    READER = "reader"


@dataclass(frozen=True)
class Wrong:
    """Which numbers were wrong: of each day the commits that swapped it, in their order, and which side is wrong.

    Of a day that is corrected the earlier numbers are wrong, of one that was rolled back the corrected ones, for they
    were taken back.
    """

    sides: Mapping[Slot, Side]
    swaps: Mapping[Slot, Sequence[tuple[int, Step]]] = field(default_factory=dict[Slot, Sequence[tuple[int, Step]]])

    @cached_property
    def days(self) -> frozenset[Slot]:
        """The days that had wrong numbers."""
        return frozenset(day for day, side in self.sides.items() if side is not Side.NEITHER)

    def at(self, day: Slot, commit: int) -> bool:
        """Whether a commit of the table had the wrong numbers of a day."""
        side = self.sides.get(day, Side.NEITHER)
        last = next((step for number, step in reversed(self.swaps.get(day, ())) if number <= commit), None)
        return side is (Side.CORRECTED if last is Step.CUT_OVER else Side.EARLIER)

    def within(self, days: Iterable[Slot], commit: int) -> frozenset[Slot]:
        """Those of some days of which a commit had the wrong numbers."""
        return frozenset(day for day in days if self.at(day, commit))


@dataclass(frozen=True, slots=True)
class Taken:
    """That something took days of the table from a commit; ``commit`` None was not recorded."""

    at: datetime
    commit: int | None
    days: frozenset[Slot]
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """Wrong numbers of some days at one place: since when, until when, from which commit, and who was sent them.

    ``until`` None is until now. ``commit`` None was not recorded.
    """

    carrier: Carrier
    name: str
    part: str
    days: tuple[Slot, ...]
    commit: int | None
    since: datetime
    until: datetime | None = None
    sent: str = ""


def seen_in(carrier: Carrier, name: str, part: str, taken: Sequence[Taken], wrong: Wrong) -> list[Seen]:
    """What a place showed of the wrong numbers, by what it took from the table in the order of its taking.

    What was taken ``is_whole`` replaces all that was there before; a part replaces its own days.
    """
    found: list[Seen] = []
    there: dict[Slot, Taken] = {}
    for one in taken:
        carried = frozenset(one.days if one.commit is None else wrong.within(one.days, one.commit)) & wrong.days
        if carried == there.keys():
            continue
        replaced = {day: since for day, since in there.items() if one.is_whole or day in one.days}
        ended = {day: since for day, since in replaced.items() if day not in carried}
        found += _lines(carrier, name, part, ended, one.at)
        there = {day: since for day, since in there.items() if day not in ended}
        there = {**dict.fromkeys(carried, one), **there}
    return found + _lines(carrier, name, part, there, None)


def _lines(carrier: Carrier, name: str, part: str, days: Mapping[Slot, Taken], until: datetime | None) -> list[Seen]:
    """A line for each taking that days are of."""
    of_each: dict[int, tuple[Taken, list[Slot]]] = {}
    for day, one in days.items():
        of_each.setdefault(id(one), (one, []))[1].append(day)
    return [Seen(carrier, name, part, tuple(sorted(its)), one.commit, one.at, until) for one, its in of_each.values()]


@dataclass(frozen=True, slots=True)
class Banner:
    """That a report stood under a banner, since and until when; None is until now."""

    report: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Exposure:
    """All that is known of who has seen the wrong numbers of a correction, and what is not known, in sentences.

    ``stale`` are sentences on other correctable tables that are computed from its days.
    """

    correction: str
    table: str
    wrong: Wrong
    seen: tuple[Seen, ...]
    banners: tuple[Banner, ...] = ()
    unknown: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()

    def of(self, carrier: Carrier) -> tuple[Seen, ...]:
        """What places of one kind showed, oldest first."""
        return tuple(sorted((one for one in self.seen if one.carrier is carrier), key=_order))

    @property
    def still(self) -> tuple[Seen, ...]:
        """Who shows or uses wrong numbers now; a notice that was sent is not taken back."""
        return tuple(one for one in self.seen if one.until is None and one.carrier is not Carrier.NOTICE)


def _order(one: Seen) -> tuple[str, str, datetime, Collection[Slot]]:
    return (one.name, one.part, one.since, one.days)
