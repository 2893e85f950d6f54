"""Measuring what the lake keeps: bytes of tables by day, what corrections keep twice, and what they took."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import polars as pl

from backfill_assets.core.facts import DaysStaged, Swapped
from backfill_assets.core.progress import Progress
from backfill_assets.core.slots import calendar_day
from backfill_assets.core.steps import Ending
from backfill_assets.core.storage_cost import RECENT, KeptTwice, Kind, MadeCorrection, Prices, StorageCost, TableSize
from backfill_assets.core.swapped import days_ever_changed
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.finishing import deletion_of
from backfill_assets.sources.scrubbing import visible_arrivals
from backfill_assets.storage.archive import Archive
from backfill_assets.storage.layout import ARCHIVE
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot

SAMPLE = 1000
"""Rows of a raw table that are written out as events, to measure them."""


def storage_cost(ctxs: Sequence[StepContext], prices: Prices) -> StorageCost:
    """What is kept for the correctable tables of a code location: their sources, themselves, reports and records."""
    ctx = ctxs[0]
    kinds: dict[str, Kind] = {}
    for one in ctxs:
        kinds |= dict.fromkeys(one.table.consumers.reports, Kind.REPORT)
        kinds |= {name: Kind.RAW for name in one.table.sources.names if name not in one.table.sources.outside}
    kinds |= {one.table.name: Kind.CORRECTABLE for one in ctxs}
    knowing = {name: one for one in ctxs for name in (*one.table.sources.names, one.table.name)}
    tables = [
        _size(knowing.get(name, ctx).records.snapshot(name), name, kind)
        for name, kind in kinds.items()
        if ctx.records.exists(name)
    ]
    controls = [
        _size(ctx.records.control_table(name).snapshot(), f"_control/{name}", Kind.RECORD)
        for name in ctx.records.control_tables()
    ]
    archived = _archived(ctx.records)
    order = [*Kind]
    return StorageCost(
        at=ctx.now,
        prices=prices,
        tables=tuple(sorted((*tables, *archived, *controls), key=lambda one: (order.index(one.kind), -one.size))),
        kept_twice=tuple(kept for one in ctxs for kept in _kept_twice(one)),
        corrections=tuple(made for one in ctxs for made in _made(one)),
        outside=tuple(sorted({name for one in ctxs for name in one.table.sources.outside})),
    )


def _archived(records: Records) -> Iterator[TableSize]:
    """The archived files of each source, and of a raw log by day."""
    sizes = {found.path: found.size for found in Archive(records.lake).listing()}
    by_day: dict[str, dict[date, int]] = {}
    for source, rows in visible_arrivals(records).items():
        for day, path in rows.select("day", "archive").unique().drop_nulls().iter_rows():
            days = by_day.setdefault(source, {})
            days[day] = days.get(day, 0) + sizes.get(path, 0)
    of_source: dict[str, int] = {}
    for path, size in sizes.items():
        source = path.split("/")[1]
        of_source[source] = of_source.get(source, 0) + size
    for source, size in of_source.items():
        is_raw_log = records.exists(source) and records.snapshot(source).by_day
        yield TableSize(f"{ARCHIVE}/{source}", Kind.ARCHIVE, size, by_day.get(source, {}) if is_raw_log else {})


def _size(snapshot: Snapshot, name: str, kind: Kind) -> TableSize:
    by_day: dict[date, int] = {}
    total = 0
    for slot in snapshot.days or (None,):
        size = sum(size for _, size in snapshot.names(slot))
        total += size
        if slot is not None:
            by_day[calendar_day(slot)] = by_day.get(calendar_day(slot), 0) + size
    event, events = _events(snapshot) if kind is Kind.RAW and by_day else (0, 0)
    return TableSize(name, kind, total, by_day, event, events)


def _events(snapshot: Snapshot) -> tuple[int, int]:
    """The bytes of a row as a line of JSON, by a sample of the newest day that has any, and the rows of a day."""
    last = calendar_day(max(snapshot.days))
    recent = [slot for slot in snapshot.days if last - calendar_day(slot) < RECENT]
    rows = {slot: sum(file.rows for file in of) for slot, of in snapshot.files_of(recent).items()}
    days = {calendar_day(slot) for slot in recent}
    filled = [slot for slot, count in rows.items() if count]
    if not filled:
        return 0, 0
    sample = snapshot.scan([max(filled)]).head(SAMPLE).collect()
    text = sample.select(pl.struct(pl.all()).struct.json_encode().str.len_bytes().mean()).item()
    return round(text), round(sum(rows.values()) / len(days))


def _ours(ctx: StepContext) -> Mapping[str, Progress]:
    return {
        name: progress
        for name, progress in ctx.records.ledger.all_progress().items()
        if progress.plan.table == ctx.table.name
    }


def _kept_twice(ctx: StepContext) -> Iterator[KeptTwice]:
    """What a decommission of each correction would delete now."""
    for name, progress in _ours(ctx).items():
        live = progress.publication
        if live.ending is Ending.DECOMMISSIONED or not ctx.records.exists(ctx.table.name):
            continue
        size = deletion_of(ctx, name).bytes_freed
        if size:
            until = progress.plan.roll_back_deadline(live.swapped_at) if live.swapped_at else None
            yield KeptTwice(name, size, until)


def _made(ctx: StepContext) -> Iterator[MadeCorrection]:
    """The corrections that changed what is live, and what their stagings took."""
    for name, progress in _ours(ctx).items():
        events: Collection[Any] = ctx.records.ledger.events(name)
        if not any(isinstance(event.fact, Swapped) for event in events):
            continue
        took = sum(event.fact.seconds for event in events if isinstance(event.fact, DaysStaged))
        changed = len(days_ever_changed(progress, events))
        yield MadeCorrection(name, ctx.table.name, len(progress.plan.days), changed, took, progress.plan.opened_at)
