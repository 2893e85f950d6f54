"""How far back a table can still be corrected: by the sources that are there, and by how long they are kept."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date, timedelta

from backfill_assets.core.plan import Request
from backfill_assets.core.retention import StillCorrectable, largest_of
from backfill_assets.core.slots import Slot, calendar_day
from backfill_assets.core.window import Window
from backfill_assets.errors.base import counted, days_listed
from backfill_assets.errors.keeping import BeyondRetention
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.preparing import lost_slots
from backfill_assets.storage.findings import Findings
from backfill_assets.storage.snapshot import Snapshot


def still_correctable(ctx: StepContext, *, looks_for_files: bool = False) -> StillCorrectable:
    """Which published slots can be corrected now, from the newest commits of the sources.

    With ``looks_for_files`` also whether every file is there that they name.
    """
    live, names = ctx.records.newest(ctx.table.name), ctx.table.sources.names
    published = live.days if live else frozenset[Slot]()
    sources = {name: ctx.records.snapshot(name) for name in names} if published else {}
    reasons = _in_the_way(ctx, sources, published)
    if looks_for_files:
        for name in sources.keys() - ctx.records.outside.keys():
            reads = ctx.table.sources.read_of(name)
            lost = lost_slots(sources[name], reads.of(sorted(published)))
            if gone := tuple(slot for slot in sorted(published) if lost & {*reads.of([slot])}):
                reasons[f"{name} has lost files"] = gone
    claimed = {
        name: tuple(sorted(progress.claimed))
        for name, progress in ctx.records.ledger.all_progress().items()
        if progress.plan.table == ctx.table.name and progress.claimed
    }
    return StillCorrectable(ctx.table.name, published, reasons, claimed, ctx.table.partition.grain, looks_for_files)


def largest_at(ctx: StepContext, pins: Mapping[str, int], published: Collection[Slot]) -> Window | None:
    """The largest window that can be corrected from the commits that a correction pins."""
    sources = {name: ctx.records.snapshot(name, pins[name]) for name in ctx.table.sources.names}
    reasons = _in_the_way(ctx, sources, published)
    return largest_of({*published} - {slot for slots in reasons.values() for slot in slots}, ctx.table.partition.grain)


def refuse_beyond_retention(ctx: StepContext, request: Request) -> None:
    """Refuse a window with slots that a source does not keep any more, as its retention is declared.

    Raises:
        BeyondRetention: naming sources and slots, with the largest window that can be corrected.
    """
    noun = request.window.grain.value
    told = [
        f"{source} is kept for {counted(kept, 'day')} only, without {days_listed(slots, noun=noun)}"
        for source, kept in ctx.table.sources.retention_days.items()
        if (slots := tuple(_beyond(ctx, source, kept, request.all_days)))
    ]
    if told:
        raise BeyondRetention(ctx.table.name, " and ".join(told), still_correctable(ctx).sentence)


def might_be_needed(ctx: StepContext) -> frozenset[date]:
    """The days of open corrections and of open findings: those that a correction may still have to be made of."""
    table = ctx.table.name
    days = {
        day
        for progress in ctx.records.ledger.all_progress().values()
        if progress.plan.table == table and not progress.is_closed
        for day in progress.plan.days
    }
    grain = ctx.table.partition.grain
    for found in Findings(ctx.records.lake).open(table):
        days |= {*Window(found.since, found.last, grain).days}
    return frozenset(calendar_day(day) for day in days)


def days_of_source(ctx: StepContext, source: str) -> frozenset[date]:
    """The calendar days that a source holds; those of the table where its files are not of days."""
    there = ctx.records.snapshot(source) if source in ctx.table.sources.names or ctx.records.exists(source) else None
    days = there.days if there is not None and there.by_day else ctx.records.days(ctx.table.name)
    return frozenset(calendar_day(day) for day in days)


def _in_the_way(
    ctx: StepContext, sources: Mapping[str, Snapshot], published: Collection[Slot]
) -> dict[str, tuple[Slot, ...]]:
    reasons: dict[str, tuple[Slot, ...]] = {}
    for name, snapshot in sources.items():
        reads = ctx.table.sources.read_of(name)
        if lacking := tuple(slot for slot in sorted(published) if snapshot.lacking(reads.needed(slot))):
            reasons[f"{name} is not there"] = lacking
    for name, kept in ctx.table.sources.retention_days.items():
        if beyond := tuple(_beyond(ctx, name, kept, sorted(published))):
            reasons[f"{name} is kept for {counted(kept, 'day')} only"] = beyond
    return reasons


def _beyond(ctx: StepContext, source: str, kept: int, slots: Collection[Slot]) -> Iterator[Slot]:
    oldest, reads = ctx.now.date() - timedelta(days=kept), ctx.table.sources.read_of(source)
    return (slot for slot in slots if calendar_day(min(reads.needed(slot))) < oldest)
