"""Watermarks in the course of a correction: who reads again, who has, and whom nobody waits for any more."""

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date

from backfill_assets.core.facts import HoldersAdvanced, HolderWaived
from backfill_assets.core.given import is_person, written
from backfill_assets.core.holders import UNSAID, Holder, Reading, Use
from backfill_assets.core.progress import Progress
from backfill_assets.core.slots import Grain
from backfill_assets.core.window import Window, contiguous
from backfill_assets.errors.request import SlotsOfOtherGrain
from backfill_assets.errors.watermarks import (
    CommitUnmade,
    DaysUnused,
    HolderInternal,
    HolderNotAwaited,
    HolderUnnamed,
    WaiverUnsigned,
)
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.opening import open_corrections
from backfill_assets.runbook.readers import NIGHTLY, internal_holders, register_declared, release_left
from backfill_assets.storage.completeness import proven_through

LONGEST_NAME = 100
NAME = re.compile(r"[^\W_][\w .@/()-]*")


def register_holder(ctx: StepContext, holder: str) -> Holder:
    """Make an external holder known, from whom its own mark is awaited.

    Raises:
        HolderUnnamed: when nothing can be read in the name.
        HolderInternal: when the name is that of nightly or of a report.
    """
    table = ctx.table.name
    _refuse_no_reader(ctx, holder)
    ctx.records.watermarks.register(holder, table, by=ctx.actor, at=ctx.now, external=True)
    return ctx.records.watermarks.holders(table)[holder]


def advance_holder(ctx: StepContext, holder: str, day: date, reading: Reading = UNSAID) -> Holder:
    """Move the mark of an external holder that has processed everything up to a day; corrections hear of it.

    The reading names the commit that it has read. Of days that were swapped later, it has read nothing.

    Raises:
        HolderInternal, HolderUnknown, MarkBeyondData, MarkBackwards, CommitUnsaid, CommitUnmade: when that cannot be.
    """
    table, grain = ctx.table.name, ctx.table.partition.grain
    if holder in internal_holders(ctx):
        raise HolderInternal(holder, table)
    if wrong := [one for one in (day, reading.after) if one is not None and not grain.names(one)]:
        raise SlotsOfOtherGrain(table, wrong, grain.value)
    if reading.commit is not None:
        _refuse_unmade(ctx, holder, reading.commit)
    register_declared(ctx)
    newest = max(ctx.records.days(table), default=None)
    moved = ctx.records.watermarks.advance_verified(
        holder, table, day, newest, by=ctx.actor, at=ctx.now, reading=reading
    )
    note_advanced(ctx)
    return moved


def report_use(ctx: StepContext, reader: str, commit: int, days: Collection[date] = ()) -> Holder:
    """Write down that a reader outside has used some days of a commit of the table, from the first to the last.

    Without days it has used all there were. No correction waits for a reader that is only known by what it used; each
    names it among those who have seen its wrong numbers, until it has used a later commit. One that is registered has
    read again what it used.

    Raises:
        HolderUnnamed, HolderInternal: when nobody outside can be called so.
        CommitUnmade, DaysUnused: when there is no such commit, or it has none of the days.
        CommitGone: when its days cannot be looked up any more.
    """
    table, grain = ctx.table.name, ctx.table.partition.grain
    _refuse_no_reader(ctx, reader)
    if wrong := [day for day in days if not grain.names(day)]:
        raise SlotsOfOtherGrain(table, wrong, grain.value)
    _refuse_unmade(ctx, reader, commit)
    used = Use(None, None, commit, ctx.now)
    if days:
        window = Window.spanning(days, grain)
        if not any(day in window for day in ctx.records.snapshot(table, commit).days):
            raise DaysUnused(reader, table, commit, str(window))
        used = Use(grain.before(window.first), window.last, commit, ctx.now)
    register_declared(ctx)
    told = ctx.records.watermarks.use(reader, table, used, by=ctx.actor)
    note_advanced(ctx)
    return told


def _refuse_no_reader(ctx: StepContext, name: str) -> None:
    table = ctx.table.name
    if len(name) > LONGEST_NAME or written(name) != name or not NAME.fullmatch(name):
        raise HolderUnnamed(table, name, LONGEST_NAME)
    if name in internal_holders(ctx):
        raise HolderInternal(name, table)


def _refuse_unmade(ctx: StepContext, holder: str, commit: int) -> None:
    table = ctx.table.name
    newest = found.commit if (found := ctx.records.newest(table)) else None
    if newest is None or not 0 <= commit <= newest:
        raise CommitUnmade(holder, table, commit, newest)


def waive_holder(ctx: StepContext, correction: str, holder: str, note: str) -> None:
    """Close a correction without waiting for a holder, by name and reason.

    Raises:
        WaiverUnsigned: without a name or a reason.
        HolderNotAwaited: when the correction does not wait for it.
    """
    if not is_person(ctx.actor) or not written(note):
        raise WaiverUnsigned(correction, holder)
    awaited = ctx.progress(correction).downstream.awaited_holders
    watermarks, table = ctx.records.watermarks, ctx.table.name
    held = watermarks.waive(correction, table, holder, by=ctx.actor, note=note, at=ctx.now)
    if not held and holder not in awaited:
        raise HolderNotAwaited(correction, holder, awaited)
    ctx.record(correction, HolderWaived(holder, note))


def note_advanced(ctx: StepContext) -> None:
    """Write down, for every open correction of the table, which awaited holders have read again since.

    What is left of holds that are over is let go of.

    The watermarks alone decide; a crash between them and the ledger is caught up by calling this again.
    """
    release_left(ctx)
    table = ctx.table.name
    waiting = {
        name: progress
        for name, progress in open_corrections(ctx).items()
        if progress.plan.table == table and progress.downstream.awaited_holders
    }
    holders = ctx.records.watermarks.holders(table) if waiting else {}
    for correction, progress in waiting.items():
        if advanced := sorted(progress.downstream.awaited_holders - still_held(progress, holders)):
            ctx.record(correction, HoldersAdvanced(tuple(advanced)))


def still_held(progress: Progress, holders: Mapping[str, Holder]) -> frozenset[str]:
    """The holders that have not read again what a correction swapped or rolled back."""
    return frozenset(name for name, holder in holders.items() if progress.plan.correction in holder.holds)


def move_own_marks(ctx: StepContext, correction: str) -> dict[str, date]:
    """Step 7: let our own holders go, and move each as far as is proven; returns the marks.

    Nightly comes to the last day before which none is missing. A report comes to the last day up to which every
    partition that reads it is known to be built from what is live now.
    """
    watermarks, table = ctx.records.watermarks, ctx.table.name
    watermarks.release(correction, table, by=ctx.actor, at=ctx.now)
    live = ctx.records.snapshot(table)
    holders = watermarks.holders(table)
    marks: dict[str, date] = {}
    if reached := _without_gap(holders.get(NIGHTLY), live.days, ctx.table.partition.grain):
        marks[NIGHTLY] = reached
    for report, keys in ctx.surroundings.reach(live.days).items():
        built = ctx.records.completeness.of_report(report, table)
        if proven := proven_through(keys, built, live):
            marks[report] = proven
    for holder, day in marks.items():
        watermarks.advance(holder, table, day, by=ctx.actor, at=ctx.now)
    return marks


def stale_reports(ctx: StepContext, progress: Progress) -> dict[str, list[str]]:
    """Partitions that were rebuilt from something else than what is live now, by report.

    A day that nightly published while such a partition was being built was refused before the build was told.
    What another correction holds is left to it.
    """
    correction, table = progress.plan.correction, ctx.table.name
    others = {name: other for name, other in open_corrections(ctx).items() if name != correction}
    held = {report for other in others.values() for report in other.downstream.frozen}
    live = ctx.records.snapshot(table)
    stale: dict[str, list[str]] = {}
    for report in sorted({report for report, _ in progress.downstream.rebuilt} - held):
        built = ctx.records.completeness.of_report(report, table)
        keys = sorted(key for name, key in progress.downstream.rebuilt if name == report)
        moved = [key for key in keys if key in built and not built[key].is_of(live)]
        if moved:
            stale[report] = moved
    return stale


def _without_gap(holder: Holder | None, live: Iterable[date], grain: Grain) -> date | None:
    if holder is None or holder.mark is None:
        return None
    return next((run.last for run in contiguous(set(live), grain=grain) if holder.mark in run), None)
