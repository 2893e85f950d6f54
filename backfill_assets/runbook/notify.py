"""Telling the watchers: notices from measured figures, recorded before the step they tell of is written down."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, assert_never

import polars as pl

from backfill_assets.core.day_comparison import NOTHING, Sums
from backfill_assets.core.events import Event, detail_of, last_of
from backfill_assets.core.facts import Abandoned, Decommissioned, Fact, Opened, Swapped, Validated, summary_of
from backfill_assets.core.fold import history
from backfill_assets.core.formats import marked, parts_of, told
from backfill_assets.core.notice import write_notices
from backfill_assets.core.partition_column import slots_in
from backfill_assets.core.plain import plain
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.slots import Grain, read_slot
from backfill_assets.core.steps import NoticeKind, Step
from backfill_assets.core.swapped import (
    SWAPPING,
    SwappedDays,
    days_ever_changed,
    days_in_live,
    figures_of_days,
    sums_told,
    untold,
)
from backfill_assets.core.window import months_of
from backfill_assets.runbook.chains import linked, said_of_others
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.stale_readers import is_stale, sentences
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.swap import Manifest

_TELLS_OF: Mapping[NoticeKind, type[Fact]] = {
    NoticeKind.OPENED: Opened,
    NoticeKind.WAITING: Validated,
    NoticeKind.UNCHANGED: Validated,
    NoticeKind.ABANDONED: Abandoned,
}
TELLING_WHAT_IS_STALE = frozenset({NoticeKind.OPENED, NoticeKind.PUBLISHED, NoticeKind.ROLLED_BACK})
BY_APPROVAL = frozenset({NoticeKind.PUBLISHED, NoticeKind.DECOMMISSIONED})


def notify_watchers(ctx: StepContext, progress: Progress, event: NoticeKind, number: int = 1) -> list[str]:
    """Publish a notice for each watcher; returns where they are.

    The same event and number make the same notices, so that a step that is taken again tells nobody twice.
    """
    if _is_told_by_lead(ctx, progress, event):
        return []
    figures = figures_of(progress, ctx.records.ledger.events(progress.plan.correction), event)
    figures = {
        **figures,
        "together": said_of_others(ctx, progress) if progress.plan.chain else "",
        "head": ctx.records.ledger.head(progress.plan.correction),
    }
    if event in TELLING_WHAT_IS_STALE:
        figures = {**figures, "stale": sentences(is_stale(ctx, progress))}
    notices = write_notices(progress.plan, event, figures, number, ctx.table.consumers.audiences)
    return [ctx.surroundings.publish(notice) for notice in notices]


def _is_told_by_lead(ctx: StepContext, progress: Progress, event: NoticeKind) -> bool:
    """Whether watchers hear of it by the notice of the correction that leads the chain."""
    if not progress.plan.is_follower:
        return False
    lead = ctx.records.ledger.progress(progress.plan.lead)
    return event is not NoticeKind.ROLLED_BACK or not lead.publication.swapped


def notify_waiting(ctx: StepContext, validated: Event) -> None:
    """Tell that a validation is about to leave the correction, or its chain, waiting for a person, when it is."""
    plan = ctx.records.ledger.progress(validated.correction).plan
    if plan.chain:
        _notify_chain_waiting(ctx, plan, validated)
        return
    events = ctx.records.ledger.events(validated.correction)
    pending = (*events, replace(validated, sequence=len(events) + 1))
    progress = history(pending)
    if progress.is_approved:
        return
    number = sum(isinstance(event.fact, Validated) for event in pending)
    head = ctx.records.ledger.head(plan.correction)
    figures = {**figures_of(progress, pending, NoticeKind.WAITING), "head": head}
    notices = write_notices(progress.plan, NoticeKind.WAITING, figures, number, ctx.table.consumers.audiences)
    for notice in notices:
        ctx.surroundings.publish(notice)


def _notify_chain_waiting(ctx: StepContext, plan: Plan, validated: Event) -> None:
    """The same of a chain, once the last of it is validated: in the figures of the first table."""
    ledger, chain = ctx.records.ledger, linked(ctx, plan)
    pending = {one.correction: ledger.events(one.correction) for one in chain}
    events = pending[validated.correction]
    pending[validated.correction] = (*events, replace(validated, sequence=len(events) + 1))
    after = [history(told) for told in pending.values()]
    if not all(one.gate.certificate for one in after) or all(one.is_approved for one in after):
        return
    number = sum(isinstance(event.fact, Validated) for told in pending.values() for event in told)
    lead = chain[0]
    figures = {
        **figures_of(after[0], pending[lead.correction], NoticeKind.WAITING),
        "together": said_of_others(lead.ctx, after[0]),
        "head": ledger.head(lead.correction),
    }
    for notice in write_notices(after[0].plan, NoticeKind.WAITING, figures, number, lead.ctx.table.consumers.audiences):
        lead.ctx.surroundings.publish(notice)


def owed_notices(progress: Progress, events: Sequence[Event]) -> tuple[NoticeKind, ...]:
    """What the watchers are to hear: all that happened since they were told last, and what is owed comes last."""
    last = progress.downstream.owes_notice or NoticeKind.PUBLISHED
    return (*(name for name in untold(progress, events) if name != last), last)


def figures_of(progress: Progress, events: Sequence[Event], event: NoticeKind) -> Mapping[str, Any]:
    """What a notice of this event tells: what the event itself changed, and who let it through."""
    figures = _measured(progress, events, event)
    days = [read_slot(day) for day in figures.get("days", figures.get("changed", ()))]
    figures["closed_months"] = [month for month in sorted(progress.gate.closed_months) if month in months_of(days)]
    figures["whole"] = not figures.get("days") or frozenset(days) == days_ever_changed(progress, events)
    figures["happened"] = _happened(progress, events, event)
    figures["was_live"] = progress.publication.swap_count > 0
    if event in BY_APPROVAL and (approval := _approval(progress, events)):
        figures |= approval
    if event in {NoticeKind.ROLLED_BACK, NoticeKind.ABANDONED}:
        figures["note"] = _reasons(progress, events, event)
    if progress.publication.swapped_at and progress.publication.swapped:
        figures["roll_back_until"] = f"{progress.plan.roll_back_deadline(progress.publication.swapped_at):%Y-%m-%d}"
    return figures


def measured_sums(ctx: StepContext, manifest: Manifest, *, back: bool) -> dict[date, dict[str, dict[str, str]]]:
    """The sums of each measure on each day of a swap: what the correction replaces, and what it brings.

    Empty where a file is gone already, because a swap is settled long after it happened.
    """
    corrected, earlier = (manifest.retired, manifest.arriving) if back else (manifest.arriving, manifest.retired)
    table = ctx.records.table(ctx.table.name)
    if not manifest.days or table.folder.missing(file.path for file in (*corrected, *earlier)):
        return {}
    old, new = _sums_by_day(ctx, earlier), _sums_by_day(ctx, corrected)
    nothing = dict.fromkeys(ctx.table.measures, NOTHING)
    return {
        day: sums_told({name: Sums(old.get(day, nothing)[name], new.get(day, nothing)[name]) for name in nothing})
        for day in manifest.days
    }


def _sums_by_day(ctx: StepContext, files: Sequence[DataFile]) -> dict[date, dict[str, Decimal]]:
    table = ctx.records.table(ctx.table.name)
    column, there = ctx.table.partition, [(file.path, file.day) for file in files]
    rows = column.as_slots(table.folder.scan_days(there, table.snapshot().schema, column))
    sums = rows.group_by(column.name).agg(pl.col(name).sum() for name in ctx.table.measures)
    found = sums.collect(engine="streaming")
    return {
        day: {name: Decimal(row[name]) for name in ctx.table.measures}
        for day, row in zip(slots_in(found[column.name]), found.iter_rows(named=True), strict=True)
        if day is not None
    }


def _measured(progress: Progress, events: Sequence[Event], event: NoticeKind) -> dict[str, Any]:
    match event:
        case NoticeKind.WAITING:
            return _validated(events)
        case NoticeKind.PUBLISHED | NoticeKind.ROLLED_BACK:
            return _of_days(progress, events, untold(progress, events).get(event, SwappedDays()))
        case NoticeKind.DECOMMISSIONED:
            return _of_days(progress, events, days_in_live(progress, events))
        case NoticeKind.OPENED | NoticeKind.ABANDONED | NoticeKind.UNCHANGED:
            return {}
        case _:
            assert_never(event)


def _of_days(progress: Progress, events: Sequence[Event], told: SwappedDays) -> dict[str, Any]:
    """The figures of some days; those of the validation where the swaps kept none and it was about the same days."""
    figures = figures_of_days(told)
    if told.days and "totals" not in figures and frozenset(told.days) == progress.gate.changed:
        return {**_validated(events), **figures}
    return figures


def _validated(events: Sequence[Event]) -> dict[str, Any]:
    validated = last_of(events, Validated)
    return detail_of(validated) if validated else {}


def _approval(progress: Progress, events: Sequence[Event]) -> dict[str, str]:
    """Who let through what is told of: a roll back takes the approval away, and what stays live keeps its own."""
    cut_overs = (event.sequence for event in events if isinstance(event.fact, Swapped) and event.step is Step.CUT_OVER)
    last = max(cut_overs, default=0)
    before = [event for event in events if event.sequence < last]
    approved = history(before) if before else Progress(progress.plan)
    if approved.gate.approval is None:
        return {}
    override = ", overriding failed checks" if approved.gate.approval.override else ""
    second = f" and {approved.gate.seconded.by}" if approved.gate.seconded else ""
    return {"approved_by": approved.gate.approval.by + second + override, "note": approved.gate.approval.note}


def _happened(progress: Progress, events: Sequence[Event], event: NoticeKind) -> str:
    """The sentences of the facts that the notice tells of: of each swap of its days, else of the newest fact."""
    if event in SWAPPING:
        swaps = untold(progress, events).get(event, SwappedDays())
        facts: list[Fact] = [swap for swap in swaps.swaps if {*swap.swap.days} & {*swaps.days}]
    elif event is NoticeKind.DECOMMISSIONED:
        # Watchers are told before it is in the ledger.
        facts = [Decommissioned()]
    else:
        facts = [one.fact for one in events if isinstance(one.fact, _TELLS_OF[event])][-1:]
    return " ".join(_sentence(fact, progress.plan.window.grain) for fact in facts)


def _sentence(fact: Fact, grain: Grain) -> str:
    """What happened, as people read it and in Markdown; the words of whoever decided stay as they are."""
    note = plain(getattr(fact, "note", "") or "")
    parts = parts_of(plain(summary_of(fact, grain)), [note])
    return "".join(part if part == note else marked(told(part)) for part in parts)


def _reasons(progress: Progress, events: Sequence[Event], event: NoticeKind) -> str:
    """Why it was rolled back or abandoned, in the words of whoever did it."""
    swaps = untold(progress, events).get(event)
    taken = swaps.swaps if swaps else [fact for one in events if isinstance(fact := one.fact, Abandoned)]
    return " ".join(dict.fromkeys(one.note for one in taken if one.note))


__all__ = ["figures_of", "measured_sums", "notify_waiting", "notify_watchers", "owed_notices"]
