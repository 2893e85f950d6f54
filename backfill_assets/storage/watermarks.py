"""Watermarks: how far each holder has come, in ``_control/watermarks``.

A row is a fact and is never changed. A correction that rewinds a holder adds a hold; the effective mark is the
minimum of the mark and the holds, so overlapping corrections, progress meanwhile, abandon and roll back come out
right in every order: they add and release holds and restore nothing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from functools import partial
from typing import TypeVar, assert_never, cast

import polars as pl

from backfill_assets.core.window import Window
from backfill_assets.errors.watermarks import HolderUnknown, MarkBackwards, MarkBeyondData
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of

Result = TypeVar("Result")


class Fact(StrEnum):
    """What a row says."""

    REGISTERED = "registered"
    MARK = "mark"
    HOLD = "hold"
    RELEASE = "release"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A fact about a holder, counted from 1 over all tables; what it does not speak of has its default."""

    sequence: int = 0
    holder: str
    table: str
    fact: Fact
    day: date | None = None
    through: date | None = None
    correction: str = ""
    by: str
    note: str = ""
    at: datetime
    external: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """What a correction asks a holder to read again: the days after ``before``, up to ``through``."""

    before: date
    through: date

    def with_(self, other: "Hold") -> "Hold":
        """Both together."""
        return Hold(min(self.before, other.before), max(self.through, other.through))


@dataclass(frozen=True, slots=True)
class Holder:
    """How far one holder is: the last day it has processed, and by correction what holds it back.

    Nightly and the reports are internal: their holds are released by the correction. An external holder moves its
    own mark, and works its holds off by moving it again through the days that changed.
    """

    name: str
    table: str
    mark: date | None = None
    holds: Mapping[str, Hold] = field(default_factory=dict[str, Hold])
    external: bool = False

    @property
    def effective(self) -> date | None:
        """The day after which the holder reads next: the minimum of mark and holds."""
        if self.mark is None:
            return None
        return min([self.mark, *(hold.before for hold in self.holds.values())])

    def moved(self, day: date) -> "Holder":
        """The holder after it has processed everything up to a day. A mark never goes back, holds do that."""
        far = day if self.mark is None else max(self.mark, day)
        if not self.external:
            return replace(self, mark=far)
        holds = {
            correction: replace(hold, before=max(hold.before, day))
            for correction, hold in self.holds.items()
            if day < hold.through and (self.mark is None or day < self.mark)
        }
        return replace(self, mark=far, holds=holds)


Holders = Mapping[str, Holder]


class Watermarks:
    """The state of every holder of a lake."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "watermarks", Entry)

    def holders(self, table: str) -> dict[str, Holder]:
        """Every known holder of the table, by name."""
        return folded(self._rows.rows(), table)

    def register(self, holder: str, table: str, *, by: str, at: datetime, external: bool = False) -> None:
        """Make a holder known; a known one is left as it is."""
        entry = Entry(holder=holder, table=table, fact=Fact.REGISTERED, by=by, at=at, external=external)
        self._append(table, lambda known: Decision(() if holder in known else [entry], None))

    def advance(self, holder: str, table: str, day: date, *, by: str, at: datetime) -> None:
        """Move a holder's own mark forward; a day it had reached already changes nothing."""

        def decide(known: Holders) -> Decision[Sequence[Entry], Holder]:
            return _moved(known.get(holder, Holder(holder, table)), day, by=by, at=at)

        self._append(table, decide)

    def advance_verified(
        self, holder: str, table: str, day: date, newest: date | None, *, by: str, at: datetime
    ) -> Holder:
        """Move the mark of a holder as it reports it, if that can be true; returns the holder afterwards.

        Raises:
            HolderUnknown: when nobody has registered it.
            MarkBeyondData: when the day lies after the newest published one.
            MarkBackwards: when the day lies before what the holder has processed.
        """

        def decide(known: Holders) -> Decision[Sequence[Entry], Holder]:
            if holder not in known:
                raise HolderUnknown(holder, table, known)
            if newest is None or day > newest:
                raise MarkBeyondData(holder, table, day, newest)
            there = known[holder]
            if there.effective is not None and day < there.effective:
                raise MarkBackwards(holder, table, day, there.effective)
            return _moved(there, day, by=by, at=at)

        return self._append(table, decide)

    def hold(
        self, correction: str, table: str, holders: Collection[str], window: Window, *, by: str, at: datetime
    ) -> dict[str, date | None]:
        """Set holders back before a window, whatever they have processed. Returns their marks as they were.

        Unknown holders become known by it. One that is held as far back already is left as it is.
        """
        wanted = Hold(window.grain.before(window.first), window.last)
        held = partial(
            Entry,
            table=table,
            fact=Fact.HOLD,
            by=by,
            at=at,
            correction=correction,
            day=wanted.before,
            through=wanted.through,
        )

        def decide(known: Holders) -> Decision[Sequence[Entry], dict[str, date | None]]:
            there = {name: known.get(name, Holder(name, table)) for name in sorted(holders)}
            new = [
                held(holder=name)
                for name, holder in there.items()
                if wanted.with_(holder.holds.get(correction, wanted)) != holder.holds.get(correction)
            ]
            return Decision(new, {name: holder.mark for name, holder in there.items()})

        return self._append(table, decide)

    def rewind(self, correction: str, table: str, window: Window, *, by: str, at: datetime) -> tuple[str, ...]:
        """Set every external holder that has processed days of a window back before it; returns who has to read again.

        One that has not come to the window yet reads its new content in any case. One that never told its mark may
        have read everything.
        """
        wanted = {
            name
            for name, holder in self.holders(table).items()
            if holder.external and (holder.mark is None or holder.mark >= window.first)
        }
        self.hold(correction, table, wanted, window, by=by, at=at)
        return tuple(sorted(wanted))

    def release(self, correction: str, table: str, *, by: str, at: datetime) -> None:
        """Let go of the internal holders that this correction holds; external ones read what was published again."""

        def decide(known: Holders) -> Decision[Sequence[Entry], None]:
            released = [
                Entry(holder=name, table=table, fact=Fact.RELEASE, by=by, at=at, correction=correction)
                for name, holder in known.items()
                if correction in holder.holds and not holder.external
            ]
            return Decision(released, None)

        self._append(table, decide)

    def waive(self, correction: str, table: str, holder: str, *, by: str, note: str, at: datetime) -> bool:
        """Stop waiting for a holder to read again, by name and reason; returns whether it was waited for."""
        entry = Entry(holder=holder, table=table, fact=Fact.WAIVED, by=by, at=at, correction=correction, note=note)

        def decide(known: Holders) -> Decision[Sequence[Entry], bool]:
            is_held = holder in known and correction in known[holder].holds
            return Decision([entry] if is_held else (), is_held)

        return self._append(table, decide)

    def _append(self, table: str, decide: Callable[[Holders], Decision[Sequence[Entry], Result]]) -> Result:
        """Append what is decided on over the newest state of the holders; returns the decision's result."""

        def numbered(rows: pl.DataFrame) -> Decision[Sequence[Entry], Result]:
            decision = decide(folded(rows, table))
            entries = enumerate(decision.write, start=len(rows) + 1)
            return Decision([replace(entry, sequence=sequence) for sequence, entry in entries], decision.result)

        return self._rows.append_decided(numbered)


def _moved(holder: Holder, day: date, *, by: str, at: datetime) -> Decision[Sequence[Entry], Holder]:
    """A holder after it has processed everything up to a day, and the fact to be written, if that changes anything."""
    moved = holder.moved(day)
    entry = Entry(holder=holder.name, table=holder.table, fact=Fact.MARK, by=by, at=at, day=day)
    return Decision(() if moved == holder else [entry], moved)


def folded(rows: pl.DataFrame, table: str) -> dict[str, Holder]:
    """The state of a table's holders, from its rows of facts."""
    known: dict[str, Holder] = {}
    for entry in values_of(Entry, rows.filter(pl.col("table") == table).sort("sequence")):
        holder = known.get(entry.holder, Holder(entry.holder, table, external=entry.external))
        known[entry.holder] = _after(holder, entry)
    return known


def _after(holder: Holder, entry: Entry) -> Holder:
    holds = dict(holder.holds)
    match entry.fact:
        case Fact.MARK:
            return holder.moved(_day(entry.day))
        case Fact.HOLD:
            wanted = Hold(_day(entry.day), _day(entry.through))
            holds[entry.correction] = wanted.with_(holds.get(entry.correction, wanted))
        case Fact.RELEASE | Fact.WAIVED:
            holds.pop(entry.correction, None)
        case Fact.REGISTERED:
            return replace(holder, external=entry.external)
        case _:
            assert_never(entry.fact)
    return replace(holder, holds=holds)


def _day(day: date | None) -> date:
    return cast("date", day)  # marks and holds have theirs
