"""Watermarks: how far each holder has come, in ``_control/watermarks``.

A row is a fact and is never changed. A correction that rewinds a holder adds a hold; the effective mark is the
minimum of the mark and the holds, so overlapping corrections, progress meanwhile, abandon and roll back come out
right in every order: they add and release holds and restore nothing.

Every swap is a row too, with its commit, and a reader outside says which commit it has read: what it read of swapped
days from an earlier one counts as not read, in whatever order the two were written down.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import TypeVar

import polars as pl

from backfill_assets.core.holders import UNSAID, Hold, Holder, Reading, Swap, Use
from backfill_assets.core.window import Window
from backfill_assets.errors.watermarks import CommitUnsaid, HolderUnknown, MarkBackwards, MarkBeyondData
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.marks import Entry, Fact, Marks, folded, held, is_news, reported, swapped_within
from backfill_assets.storage.row_table import RowTable

Result = TypeVar("Result")


class Watermarks:
    """The state of every holder of a lake."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "watermarks", Entry)

    def holders(self, table: str) -> dict[str, Holder]:
        """Every known holder of the table, by name."""
        return folded(self._rows.rows(), table).holders

    def register(self, holder: str, table: str, *, by: str, at: datetime, external: bool = False) -> None:
        """Make a holder known; a known one is left as it is."""
        entry = Entry(holder=holder, table=table, fact=Fact.REGISTERED, by=by, at=at, external=external)

        def decide(known: Marks) -> Decision[Sequence[Entry], None]:
            there = known.holders.get(holder)
            return Decision(() if there and (there.registered or not there.external) else [entry], None)

        self._append(table, decide)

    def advance(
        self,
        holder: str,
        table: str,
        day: date,
        *,
        by: str,
        at: datetime,
        reading: Reading = UNSAID,
    ) -> None:
        """Move a holder's own mark forward; where it has been already, that changes nothing."""

        def decide(known: Marks) -> Decision[Sequence[Entry], Holder]:
            return _told(known, _mark(holder, table, day, reading, by=by, at=at))

        self._append(table, decide)

    def advance_verified(
        self,
        holder: str,
        table: str,
        day: date,
        newest: date | None,
        *,
        by: str,
        at: datetime,
        reading: Reading = UNSAID,
    ) -> Holder:
        """Move the mark of a holder as it reports it, if that can be true; returns the holder afterwards.

        Where the reading does not say after which mark it began, it began after the effective one.

        Raises:
            HolderUnknown: when nobody has registered it.
            MarkBeyondData: when the day lies after the newest published one.
            MarkBackwards: when the day lies before what the holder has processed.
            CommitUnsaid: when it does not name the commit, and days that it has read were swapped.
        """

        def decide(known: Marks) -> Decision[Sequence[Entry], Holder]:
            if holder not in known.holders:
                raise HolderUnknown(holder, table, known.holders)
            if newest is None or day > newest:
                raise MarkBeyondData(holder, table, day, newest)
            there = known.holders[holder]
            if there.effective is not None and day < there.effective:
                raise MarkBackwards(holder, table, day, there.effective)
            if reading.commit is None and (swapped := swapped_within(known, there, day)):
                raise CommitUnsaid(holder, table, swapped)
            return _told(known, _mark(holder, table, day, reading, by=by, at=at))

        return self._append(table, decide)

    def use(self, holder: str, table: str, used: Use, *, by: str) -> Holder:
        """Write down which days of a commit a reader has used; returns it afterwards.

        Nobody has to have registered it, and no correction waits for it then.
        """
        row = Entry(holder=holder, table=table, fact=Fact.USED, by=by, at=used.at, commit=used.commit)
        entry = replace(row, day=used.before, through=used.through)
        return self._append(table, lambda known: _told(known, entry))

    def hold(
        self, correction: str, table: str, holders: Collection[str], window: Window, *, by: str, at: datetime
    ) -> dict[str, date | None]:
        """Set holders back before a window, whatever they have processed. Returns their marks as they were.

        Unknown holders become known by it. One that is held as far back already is left as it is.
        """
        wanted = Hold(window.grain.before(window.first), window.last)
        row = partial(held, correction, table, by=by, at=at)

        def decide(known: Marks) -> Decision[Sequence[Entry], dict[str, date | None]]:
            there = {name: known.holders.get(name, Holder(name, table)) for name in sorted(holders)}
            new = [row(name, wanted) for name, holder in there.items() if is_news(holder, correction, wanted)]
            return Decision(new, {name: holder.mark for name, holder in there.items()})

        return self._append(table, decide)

    def rewind(
        self, correction: str, table: str, window: Window, *, by: str, at: datetime, commit: int | None = None
    ) -> tuple[str, ...]:
        """Set every external holder that has read days of a window before its swap's commit back before it.

        Returns who is waited for. The swap itself is written down as well: who reports only afterwards that it has read
        an earlier commit has to read again too.
        """
        wanted = Hold(window.grain.before(window.first), window.last, commit)
        swap = Swap(correction, wanted)
        row = partial(held, correction, table, by=by, at=at)
        happened = replace(row("", wanted), fact=Fact.SWAPPED)

        def decide(known: Marks) -> Decision[Sequence[Entry], tuple[str, ...]]:
            again = {name: one for name, holder in known.holders.items() if (one := holder.to_read_again(swap))}
            new = [
                row(name, one) for name, one in sorted(again.items()) if is_news(known.holders[name], correction, one)
            ]
            is_told = commit is None or swap in known.swaps
            awaited = sorted(name for name in again if known.holders[name].registered)
            return Decision([*([] if is_told else [happened]), *new], tuple(awaited))

        return self._append(table, decide)

    def release(self, correction: str, table: str, *, by: str, at: datetime) -> None:
        """Let go of the internal holders that this correction holds; external ones read what was published again."""

        def decide(known: Marks) -> Decision[Sequence[Entry], None]:
            released = [
                Entry(holder=name, table=table, fact=Fact.RELEASE, by=by, at=at, correction=correction)
                for name, holder in known.holders.items()
                if correction in holder.holds and not holder.external
            ]
            return Decision(released, None)

        self._append(table, decide)

    def release_over(self, table: str, is_over: Callable[[str], bool], *, by: str, at: datetime) -> None:
        """Let go of the internal holders that corrections hold which have no use for it any more.

        ``is_over`` is asked by id after the holds were read, and nothing is written when one was added since.
        """

        def decide(known: Marks) -> Decision[Sequence[Entry], None]:
            held_by = {name: [*holder.holds] for name, holder in known.holders.items() if not holder.external}
            over = {correction for names in held_by.values() for correction in names if is_over(correction)}
            row = partial(Entry, table=table, fact=Fact.RELEASE, by=by, at=at)
            released = [
                row(holder=name, correction=one) for name, names in held_by.items() for one in names if one in over
            ]
            return Decision(released, None)

        self._append(table, decide)

    def waive(self, correction: str, table: str, holder: str, *, by: str, note: str, at: datetime) -> bool:
        """Stop waiting for a holder to read again, by name and reason; returns whether it was waited for."""
        entry = Entry(holder=holder, table=table, fact=Fact.WAIVED, by=by, at=at, correction=correction, note=note)

        def decide(known: Marks) -> Decision[Sequence[Entry], bool]:
            is_held = holder in known.holders and correction in known.holders[holder].holds
            return Decision([entry] if is_held else (), is_held)

        return self._append(table, decide)

    def _append(self, table: str, decide: Callable[[Marks], Decision[Sequence[Entry], Result]]) -> Result:
        """Append what is decided on over the newest state of the holders; returns the decision's result."""

        def numbered(rows: pl.DataFrame) -> Decision[Sequence[Entry], Result]:
            decision = decide(folded(rows, table))
            entries = enumerate(decision.write, start=len(rows) + 1)
            return Decision([replace(entry, sequence=sequence) for sequence, entry in entries], decision.result)

        return self._rows.append_decided(numbered)


def _told(known: Marks, entry: Entry) -> Decision[Sequence[Entry], Holder]:
    """A holder after what it reports, and the row of it, if that says anything new."""
    after = reported(known, entry)
    if after is None:
        return Decision((), known.holders.get(entry.holder, Holder(entry.holder, entry.table)))
    return Decision([entry], after)


def _mark(holder: str, table: str, day: date, reading: Reading, *, by: str, at: datetime) -> Entry:
    return Entry(
        holder=holder,
        table=table,
        fact=Fact.MARK,
        by=by,
        at=at,
        day=day,
        through=reading.after,
        commit=reading.commit,
    )
