"""Watermarks: how far each holder has come, in ``_control/watermarks``.

A row is a fact and is never changed. A correction that rewinds a holder adds a hold; the effective mark is the
minimum of the mark and the holds, so overlapping corrections, progress meanwhile, abandon and roll back come out
right in every order: they add and release holds and restore nothing.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import polars as pl

from backfill_assets.core.window import ONE_DAY, Window
from backfill_assets.errors.watermarks import HolderUnknown, MarkBackwards, MarkBeyondData
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake


class Fact(StrEnum):
    """What a row says."""

    REGISTERED = "registered"
    MARK = "mark"
    HOLD = "hold"
    RELEASE = "release"
    WAIVED = "waived"


SCHEMA = pl.Schema(
    {
        "sequence": pl.Int64(),
        "holder": pl.String(),
        "table": pl.String(),
        "fact": pl.String(),
        "day": pl.Date(),
        "through": pl.Date(),
        "correction": pl.String(),
        "by": pl.String(),
        "note": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "external": pl.Boolean(),
    }
)


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


class Watermarks:
    """The state of every holder of a lake."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "watermarks", SCHEMA)

    def holders(self, table: str) -> dict[str, Holder]:
        """Every known holder of the table, by name."""
        return folded(self._rows.rows(), table)

    def register(self, holder: str, table: str, *, by: str, at: datetime, external: bool = False) -> None:
        """Make a holder known; a known one is left as it is."""

        def facts(known: Mapping[str, Holder]) -> list[dict[str, Any]]:
            if holder in known:
                return []
            return [_fact(holder, table, Fact.REGISTERED, by=by, at=at, external=external)]

        self._append(table, facts)

    def advance(self, holder: str, table: str, day: date, *, by: str, at: datetime) -> None:
        """Move a holder's own mark forward; a day it had reached already changes nothing."""

        def facts(known: Mapping[str, Holder]) -> list[dict[str, Any]]:
            there = known.get(holder, Holder(holder, table))
            return [] if there.moved(day) == there else [_fact(holder, table, Fact.MARK, by=by, at=at, day=day)]

        self._append(table, facts)

    def advance_verified(  # noqa: PLR0913 - keyword-only from the fifth
        self, holder: str, table: str, day: date, newest: date | None, *, by: str, at: datetime
    ) -> Holder:
        """Move the mark of a holder as it reports it, if that can be true; returns the holder afterwards.

        Raises:
            HolderUnknown: when nobody has registered it.
            MarkBeyondData: when the day lies after the newest published one.
            MarkBackwards: when the day lies before what the holder has processed.
        """
        moved: list[Holder] = []

        def facts(known: Mapping[str, Holder]) -> list[dict[str, Any]]:
            if holder not in known:
                raise HolderUnknown(holder, table, known)
            if newest is None or day > newest:
                raise MarkBeyondData(holder, table, day, newest)
            there = known[holder]
            if there.effective is not None and day < there.effective:
                raise MarkBackwards(holder, table, day, there.effective)
            moved[:] = [there.moved(day)]
            return [] if moved[0] == there else [_fact(holder, table, Fact.MARK, by=by, at=at, day=day)]

        self._append(table, facts)
        return moved[0]

    def hold(  # noqa: PLR0913 - keyword-only from the fifth
        self, correction: str, table: str, holders: Collection[str], window: Window, *, by: str, at: datetime
    ) -> dict[str, date | None]:
        """Set holders back before a window, whatever they have processed. Returns their marks as they were.

        Unknown holders become known by it. One that is held as far back already is left as it is.
        """
        wanted, marks = Hold(window.first - ONE_DAY, window.last), dict[str, date | None]()

        def facts(known: Mapping[str, Holder]) -> list[dict[str, Any]]:
            there = {name: known.get(name, Holder(name, table)) for name in sorted(holders)}
            marks.update({name: holder.mark for name, holder in there.items()})
            return [
                _fact(
                    name,
                    table,
                    Fact.HOLD,
                    by=by,
                    at=at,
                    correction=correction,
                    day=wanted.before,
                    through=wanted.through,
                )
                for name, holder in there.items()
                if wanted.with_(holder.holds.get(correction, wanted)) != holder.holds.get(correction)
            ]

        self._append(table, facts)
        return marks

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

        def facts(known: Mapping[str, Holder]) -> list[dict[str, Any]]:
            return [
                _fact(name, table, Fact.RELEASE, by=by, at=at, correction=correction)
                for name, holder in known.items()
                if correction in holder.holds and not holder.external
            ]

        self._append(table, facts)

    def waive(  # noqa: PLR0913 - keyword-only from the fourth
        self, correction: str, table: str, holder: str, *, by: str, note: str, at: datetime
    ) -> bool:
        """Stop waiting for a holder to read again, by name and reason; returns whether it was waited for."""
        waived: list[bool] = []

        def facts(known: Mapping[str, Holder]) -> list[dict[str, Any]]:
            held = holder in known and correction in known[holder].holds
            waived[:] = [held]
            return [_fact(holder, table, Fact.WAIVED, by=by, at=at, correction=correction, note=note)] if held else []

        self._append(table, facts)
        return waived[0]

    def _append(self, table: str, facts: Callable[[Mapping[str, Holder]], Sequence[Mapping[str, Any]]]) -> None:
        """Append the facts that are made of the newest state of the holders, by compare and swap."""

        def rows(known: pl.DataFrame) -> pl.DataFrame | None:
            new = facts(folded(known, table))
            numbered = [{"sequence": len(known) + number, **fact} for number, fact in enumerate(new, start=1)]
            return pl.DataFrame(numbered, schema=SCHEMA) if numbered else None

        self._rows.append(rows)


def folded(rows: pl.DataFrame, table: str) -> dict[str, Holder]:
    """The state of a table's holders, from its rows of facts."""
    known: dict[str, Holder] = {}
    facts: Iterable[Mapping[str, Any]] = rows.filter(pl.col("table") == table).sort("sequence").iter_rows(named=True)
    for row in facts:
        name = row["holder"]
        known[name] = _after(known.get(name, Holder(name, table, external=row["external"])), row)
    return known


def _after(holder: Holder, row: Mapping[str, Any]) -> Holder:
    holds, correction = dict(holder.holds), row["correction"]
    match Fact(row["fact"]):
        case Fact.MARK:
            return holder.moved(row["day"])
        case Fact.HOLD:
            wanted = Hold(row["day"], row["through"])
            holds[correction] = wanted.with_(holds.get(correction, wanted))
        case Fact.RELEASE | Fact.WAIVED:
            holds.pop(correction, None)
        case Fact.REGISTERED:
            return replace(holder, external=row["external"])
    return replace(holder, holds=holds)


def _fact(  # noqa: PLR0913 - one argument a column
    holder: str,
    table: str,
    fact: Fact,
    *,
    by: str,
    at: datetime,
    day: date | None = None,
    through: date | None = None,
    correction: str = "",
    note: str = "",
    external: bool = False,
) -> dict[str, Any]:
    return {
        "holder": holder,
        "table": table,
        "fact": str(fact),
        "day": day,
        "through": through,
        "correction": correction,
        "by": by,
        "note": note,
        "at": at,
        "external": external,
    }
