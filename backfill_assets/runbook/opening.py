"""Opening a correction, joining one, and abandoning one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date

from backfill_assets.core.carried import and_later
from backfill_assets.core.events import Event
from backfill_assets.core.facts import Abandoned, Opened, RetryRequested
from backfill_assets.core.fold import history
from backfill_assets.core.plan import Member, Plan, PlannedCost, PlannedInputs, Request
from backfill_assets.core.position import Beside
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import Histories, OpeningIsFree, opened_by
from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window
from backfill_assets.errors.chains import DownstreamBusy, DownstreamUntouched
from backfill_assets.errors.correction import CorrectionClosed, DaysOutsideCorrection, StagingClosed, StillLive
from backfill_assets.errors.request import (
    CorrectionExists,
    CorrectionUnknown,
    TableUnknown,
    WindowOutsideData,
    WindowOverlaps,
)
from backfill_assets.runbook.carrying import refuse_part
from backfill_assets.runbook.chains import (
    context_of,
    downstream_in_order,
    linked,
    record_together,
    refuse_follower,
)
from backfill_assets.runbook.context import StepContext, refuse_nameless
from backfill_assets.runbook.looking import refuse_moved
from backfill_assets.runbook.planning import estimated, refuse_early, refuse_unfit, refuse_unnameable, refuse_unplaced
from backfill_assets.runbook.readers import holders_of
from backfill_assets.runbook.settling import call_off
from backfill_assets.runbook.stale_readers import slots_reading
from backfill_assets.runbook.still_correctable import largest_at, refuse_beyond_retention
from backfill_assets.storage.ledger import Writing


def plan_correction(ctx: StepContext, request: Request) -> Plan:
    """Say what a correction would do, without side effects; ``correction`` is the id it would be given now.

    Raises:
        TableUnknown, WindowOutsideData, WindowOverlaps, CorrectionExists: when it cannot be opened.
        BadInput: what :func:`refuse_unfit` refuses, because it could never be validated.
    """
    return plan_chain(ctx, request)[0]


def plan_chain(ctx: StepContext, request: Request) -> tuple[Plan, ...]:
    """The same of every table that is corrected together, in order.

    Raises:
        BadInput, Refused: a subclass, when a table downstream cannot be corrected with it.
    """
    return _placed(_drafts(ctx, request), ctx.records.ledger.histories())


def drafted(ctx: StepContext, request: Request) -> Plan:
    """The plan of a request as far as it does not depend on other corrections: it has no id, and claims nothing.

    Raises:
        TableUnknown, WindowOutsideData: when it could never be opened.
        BadInput: what :func:`refuse_unfit` refuses.
    """
    return _drafts(ctx, request)[0]


def open_correction(ctx: StepContext, request: Request, beside: Beside | None = None) -> Plan:
    """Open a correction: claim its days and create its empty staged version.

    Of two openings that overlap one is refused; a launch (``request.origin``) that has opened one already is given it.
    What is read again ``beside`` live switches the consumer of its table once it is cut over.
    """
    first, *others = _drafts(ctx, request)
    drafts = (replace(first, inputs=replace(first.inputs, beside=beside)), *others)
    for draft in drafts:
        refuse_early(draft)
    plans = _opened(ctx, drafts)
    while plans is None:
        plans = _opened(ctx, drafts)
    for plan in plans:
        records = context_of(ctx, plan.table).records
        records.staged(plan.table, plan.correction, records.table(plan.table).schema).create()
    return plans[0]


def _opened(ctx: StepContext, drafts: Sequence[Plan]) -> tuple[Plan, ...] | None:
    """The plans of what is open now; None when another opening came first, and it has to be looked again."""
    histories, origin = ctx.records.ledger.histories(), drafts[0].request.origin
    if already := opened_by(origin, histories):
        return (history(histories[already.plan.correction]).plan,)
    plans = _placed(drafts, histories)
    writings = [
        Writing(
            ctx.event(plan.correction, Opened(plan)),
            OpeningIsFree(plan.correction, plan.table, frozenset(plan.days), origin),
            plan.table,
        )
        for plan in plans
    ]
    events = ctx.records.ledger.record_all(writings)
    for plan, event in zip(plans, events or (), strict=False):
        context_of(ctx, plan.table).shown(event)
    return plans if events else None


def join_or_open(ctx: StepContext, request: Request) -> Plan:
    """The correction a launch belongs to: one whose window holds its days and still accepts them, else a new one."""
    for progress in open_corrections(ctx).values():
        inside = set(request.all_days) <= set(progress.plan.days)
        if progress.plan.table == request.table and progress.accepts_stagings and inside:
            return progress.plan
    return open_correction(ctx, request)


def named_correction(ctx: StepContext, correction: str, days: Collection[date]) -> Plan:
    """The correction that a launch names, if it may stage these days for it.

    Raises:
        CorrectionUnknown, StagingClosed, DaysOutsideCorrection: when it may not.
    """
    progress = ctx.progress(correction)
    plan = progress.plan
    if plan.table != ctx.table.name:
        raise CorrectionUnknown(correction, open_corrections(ctx))
    if progress.is_closed or (not progress.accepts_stagings and not set(days) <= progress.missing):
        raise StagingClosed(correction, progress.publication.ending or "past its cut over")
    if outside := set(days) - set(plan.days):
        raise DaysOutsideCorrection(correction, outside, plan.window, plan.window.grain.value)
    return plan


def open_corrections(ctx: StepContext) -> dict[str, Progress]:
    """Every correction of any table that is not closed, by id."""
    all_progress = ctx.records.ledger.all_progress()
    return {correction: progress for correction, progress in all_progress.items() if not progress.is_closed}


def abandon(ctx: StepContext, correction: str, note: str) -> Event:
    """Abandon a correction: holds are released, days unclaimed, reports thawed. What is staged stays until swept.

    A cut over that is planned and has not happened will not, whoever is about to commit it.

    Raises:
        NameNeeded: when it is nobody who decides.
        CorrectionClosed: when it is closed already.
        StillLive: when days of it are live.
        SwappedDaysMoved: when somebody brought days live again that had gone back.
    """
    refuse_nameless(ctx, "abandon", correction)
    refuse_follower(ctx.progress(correction).plan, "abandon")
    while True:
        for one in linked(ctx, ctx.progress(correction).plan):
            if one.progress.publication.planned is None:
                _refuse_abandoning(one.progress)
        for one in linked(ctx, ctx.progress(correction).plan):
            call_off(one.ctx, one.correction)
        chain = linked(ctx, ctx.progress(correction).plan)
        for one in chain:
            _refuse_abandoning(one.progress)
        writings = [one.writing(Abandoned(note)) for one in chain if not one.progress.is_closed]
        abandoned = record_together(writings, chain)
        if abandoned:
            break
    for one in chain:
        ctx.records.watermarks.release(one.correction, one.ctx.table.name, by=ctx.actor, at=ctx.now)
    return abandoned[0]


def _refuse_abandoning(progress: Progress) -> None:
    correction = progress.plan.correction
    if progress.is_closed or progress.publication.planned is Step.DECOMMISSION:
        raise CorrectionClosed(correction, progress.publication.ending or "being decommissioned")
    if progress.publication.swapped:
        raise StillLive(correction, progress.publication.swapped, progress.plan.window.grain.value)
    refuse_moved(progress)


def try_again(ctx: StepContext, correction: str) -> Event:
    """Forget failures and the tries of failed days: a person has looked and wants another try.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
        NameNeeded: when it is nobody who has looked.
    """
    ctx.progress(correction)
    refuse_nameless(ctx, "try again", correction)
    return forget_failures(ctx, correction)


def forget_failures(ctx: StepContext, correction: str) -> Event:
    """Give what failed another try, as whoever drives a correction from the command line does."""
    return ctx.record(correction, RetryRequested())


def _drafts(ctx: StepContext, request: Request) -> tuple[Plan, ...]:
    """The plan of the table, and of each one downstream after those that it reads."""
    drafts = [_drafted(ctx, request)]
    for one, downstream in downstream_in_order(ctx, request.downstream):
        read = {draft.table: draft.days for draft in drafts if draft.table in one.table.sources.names}
        slots = {slot for source, days in read.items() for slot in slots_reading(one, source, days)}
        if one.table.sources.carried is not None:
            slots = {*and_later(slots, one.records.days(downstream.table))}
        if not slots:
            raise DownstreamUntouched(downstream.table, dict.fromkeys(read, drafts[0].window))
        window = Window.spanning(slots, one.table.partition.grain)
        days = () if len(slots) == len(window) else tuple(sorted(slots))
        following = replace(
            request,
            table=downstream.table,
            window=window,
            days=days,
            expectation=downstream.expectation,
            correction="",
            downstream=(),
        )
        drafts.append(_drafted(one, following))
    return tuple(drafts)


def _drafted(ctx: StepContext, request: Request) -> Plan:
    """The plan as far as it does not depend on other corrections."""
    table = ctx.table
    if request.table != table.name:
        raise TableUnknown(request.table, [table.name])
    refuse_unnameable(request)
    request = request.in_grain(table.partition.grain)
    live = ctx.records.newest(table.name)
    pins = {source: ctx.records.snapshot(source).commit for source in table.sources.names}
    if live is not None:
        refuse_unplaced(ctx, pins)
    carries_state = table.sources.carried is not None
    if live is not None and carries_state:
        pins |= {table.name: live.commit}
    published = Window.spanning(live.days, table.partition.grain) if live and live.days else None
    if live is None or published is None or not published.covers(request.window):
        has_nightly = table.consumers.has_nightly
        raise WindowOutsideData(table.name, request.window, published, has_nightly=has_nightly)
    refuse_part(ctx, request, live)
    refuse_beyond_retention(ctx, request)
    refuse_unfit(ctx, request, live)
    files = [file for of_day in live.files_of(request.all_days).values() for file in of_day]
    plan = Plan(
        correction=request.correction,
        request=replace(request, downstream=()),
        opened_at=ctx.now,
        opened_by=ctx.actor,
        inputs=PlannedInputs(
            pins,
            table.code.version,
            unpinned=table.sources.unpinned,
            carries_state=carries_state,
            largest=largest_at(ctx, pins, live.days),
        ),
        cost=PlannedCost(bytes_staged=sum(file.size for file in files)),
        reports=ctx.surroundings.reach(request.all_days),
        holders=holders_of(ctx),
        rollback_days=table.rollback_days,
    )
    return estimated(ctx, plan)


def _placed(drafts: Sequence[Plan], histories: Histories) -> tuple[Plan, ...]:
    """The plans with their ids, if nothing in the ledger is in their way; those that follow have ids of the first."""
    lead = drafts[0].request.correction or _next_id(drafts[0], histories)
    names = [lead, *(f"{lead}-{number}" for number in range(2, len(drafts) + 1))]
    if taken := [name for name in names if name in histories]:
        raise CorrectionExists(taken[0])
    for plan in drafts:
        for events in histories.values():
            other = history(events)
            if other.plan.table == plan.table and (taken := other.claims_of(plan.days)):
                claimed = Window.spanning({*other.plan.days, *taken}, plan.window.grain)
                told = (plan.table, plan.window, other.plan.correction, claimed)
                raise WindowOverlaps(*told) if plan is drafts[0] else DownstreamBusy(*told)
    chain = tuple(Member(name, plan.table) for name, plan in zip(names, drafts, strict=True)) if drafts[1:] else ()
    return tuple(
        replace(plan, correction=name, inputs=replace(plan.inputs, chain=chain))
        for name, plan in zip(names, drafts, strict=True)
    )


def _next_id(plan: Plan, taken: Mapping[str, object]) -> str:
    today = f"{plan.opened_at:%Y%m%d}"
    number = 1
    while (name := today if number == 1 else f"{today}_{number}") in taken:
        number += 1
    return name
