"""The rows of ``_control/watermarks``: what each says, and what all of them of one table add up to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import assert_never, cast

import polars as pl

from backfill_assets.core.holders import Hold, Holder, Swap, Use
from backfill_assets.storage.row_table import values_of


class Fact(StrEnum):
    """What a row says."""

    REGISTERED = "registered"
    MARK = "mark"
    USED = "used"
    SWAPPED = "swapped"
    HOLD = "hold"
    RELEASE = "release"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A fact about a holder, counted from 1 over all tables; what it does not speak of has its default.

    One that a swap has happened is about no holder. ``commit`` is that of the swap, or the one that was read.
    """

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
    commit: int | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """All that is known of one table: its holders by name, and its swaps in the order they were written down."""

    holders: dict[str, Holder]
    swaps: tuple[Swap, ...] = ()


def held(correction: str, table: str, holder: str, hold: Hold, *, by: str, at: datetime) -> Entry:
    """The row of a hold."""
    return Entry(
        holder=holder,
        table=table,
        fact=Fact.HOLD,
        by=by,
        at=at,
        correction=correction,
        day=hold.before,
        through=hold.through,
        commit=hold.commit,
    )


def is_news(holder: Holder, correction: str, hold: Hold) -> bool:
    """Whether a hold asks more of a holder than the correction asks already."""
    return hold.with_(holder.holds.get(correction, hold)) != holder.holds.get(correction)


def swapped_within(known: Marks, holder: Holder, day: date) -> list[str]:
    """The corrections that swapped days which a holder says it has read since it told how far it is, up to a day."""
    since = holder.effective
    held = [name for name, hold in holder.holds.items() if hold.commit is not None]
    among = [
        swap.correction
        for swap in known.swaps
        if swap.hold.before < day and (since is None or swap.hold.through > since)
    ]
    return sorted({*held, *among}) if holder.external else []


def reported(known: Marks, entry: Entry) -> Holder | None:
    """A holder after what it reports; None when that says nothing new."""
    before = known.holders.get(entry.holder, Holder(entry.holder, entry.table, external=entry.fact is Fact.USED))
    after = _after(before, entry, known.swaps)
    # The same use once more, perhaps at another time, says nothing new.
    is_same = (after.mark, after.holds) == (before.mark, before.holds) and (
        after.uses == before.uses or any(_alike(use, after.uses[-1]) for use in before.uses)
    )
    return None if is_same else after


def _alike(one: Use, other: Use) -> bool:
    return (one.before, one.through, one.commit) == (other.before, other.through, other.commit)


def folded(rows: pl.DataFrame, table: str) -> Marks:
    """The state of a table's holders, from its rows of facts."""
    known: dict[str, Holder] = {}
    swaps: list[Swap] = []
    for entry in values_of(Entry, rows.filter(pl.col("table") == table).sort("sequence")):
        if entry.fact is Fact.SWAPPED:
            swaps.append(Swap(entry.correction, _hold_of(entry)))
            continue
        is_external = entry.external or entry.fact is Fact.USED
        holder = known.get(entry.holder, Holder(entry.holder, table, external=is_external))
        known[entry.holder] = _after(holder, entry, swaps)
    return Marks(known, tuple(swaps))


def _after(holder: Holder, entry: Entry, swaps: Sequence[Swap]) -> Holder:
    holds = dict(holder.holds)
    match entry.fact:
        case Fact.MARK:
            began = entry.through or holder.effective
            return holder.moved(_day(entry.day), Use(began, entry.day, entry.commit, entry.at), swaps)
        case Fact.USED:
            return holder.used(Use(entry.day, entry.through, entry.commit, entry.at), swaps)
        case Fact.HOLD:
            wanted = _hold_of(entry)
            holds[entry.correction] = wanted.with_(holds.get(entry.correction, wanted))
        case Fact.RELEASE | Fact.WAIVED:
            holds.pop(entry.correction, None)
        case Fact.REGISTERED:
            return replace(holder, external=entry.external, registered=True)
        case Fact.SWAPPED:
            pass  # about no holder
        case _:
            assert_never(entry.fact)
    return replace(holder, holds=holds)


def _hold_of(entry: Entry) -> Hold:
    return Hold(_day(entry.day), _day(entry.through), entry.commit)


def _day(day: date | None) -> date:
    return cast("date", day)  # marks, holds and swaps have theirs
