"""Opening a correction, joining one, and abandoning one."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Abandoned, Opened, RetryRequested
from backfill_assets.core.fold import history
from backfill_assets.core.plan import Plan, PlannedCost, PlannedInputs, Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import Histories, OpeningIsFree, opened_by
from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window
from backfill_assets.errors.correction import CorrectionClosed, DaysOutsideCorrection, StagingClosed, StillLive
from backfill_assets.errors.request import (
    CorrectionExists,
    CorrectionUnknown,
    TableUnknown,
    WindowOutsideData,
    WindowOverlaps,
)
from backfill_assets.runbook.carrying import refuse_part
from backfill_assets.runbook.context import StepContext, refuse_nameless
from backfill_assets.runbook.looking import refuse_moved
from backfill_assets.runbook.planning import estimated, refuse_early, refuse_unfit, refuse_unplaced
from backfill_assets.runbook.readers import holders_of
from backfill_assets.runbook.swapping import settle


def plan_correction(ctx: StepContext, request: Request) -> Plan:
    """Say what a correction would do, without side effects; ``correction`` is the id it would be given now.

    Raises:
        TableUnknown, WindowOutsideData, WindowOverlaps, CorrectionExists: when it cannot be opened.
        BadInput: what :func:`refuse_unfit` refuses, because it could never be validated.
    """
    return _placed(_drafted(ctx, request), ctx.records.ledger.histories())


def open_correction(ctx: StepContext, request: Request) -> Plan:
    """Open a correction: claim its days and create its empty staged version.

    Of two openings that overlap one is refused; a launch (``request.origin``) that has opened one already is given it.
    """
    draft = _drafted(ctx, request)
    refuse_early(draft)
    plan = _opened(ctx, draft)
    while plan is None:
        plan = _opened(ctx, draft)
    live = ctx.records.table(plan.table)
    ctx.records.staged(plan.table, plan.correction, live.schema).create()
    return plan


def _opened(ctx: StepContext, draft: Plan) -> Plan | None:
    """The plan of what is open now; None when another opening came first, and it has to be looked again."""
    histories = ctx.records.ledger.histories()
    if already := opened_by(draft.request.origin, histories):
        return history(histories[already.plan.correction]).plan
    plan = _placed(draft, histories)
    required = OpeningIsFree(plan.correction, plan.table, frozenset(plan.days), draft.request.origin)
    return plan if ctx.record_if(plan.correction, Opened(plan), required) else None


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
        raise DaysOutsideCorrection(correction, outside, plan.window)
    return plan


def open_corrections(ctx: StepContext) -> dict[str, Progress]:
    """Every correction of any table that is not closed, by id."""
    all_progress = ctx.records.ledger.all_progress()
    return {correction: progress for correction, progress in all_progress.items() if not progress.is_closed}


def abandon(ctx: StepContext, correction: str, note: str) -> Event:
    """Abandon a correction: holds are released, days unclaimed, reports thawed. What is staged stays until swept.

    Raises:
        NameNeeded: when it is nobody who decides.
        CorrectionClosed: when it is closed already.
        StillLive: when days of it are live.
        SwappedDaysMoved: when somebody brought days live again that had gone back.
    """
    ctx.progress(correction)
    refuse_nameless(ctx, "abandon", correction)
    while True:
        settle(ctx, correction)
        progress = ctx.progress(correction)
        if progress.is_closed or progress.publication.planned is Step.DECOMMISSION:
            raise CorrectionClosed(correction, progress.publication.ending or "being decommissioned")
        if progress.publication.swapped:
            raise StillLive(correction, progress.publication.swapped)
        refuse_moved(progress)
        abandoned = ctx.record_next(progress, Abandoned(note))
        if abandoned:
            break
    ctx.records.watermarks.release(correction, ctx.table.name, by=ctx.actor, at=ctx.now)
    return abandoned


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


def _drafted(ctx: StepContext, request: Request) -> Plan:
    """The plan as far as it does not depend on other corrections."""
    table = ctx.table
    if request.table != table.name:
        raise TableUnknown(request.table, [table.name])
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
    refuse_unfit(ctx, request, live)
    files = [file for of_day in live.files_of(request.all_days).values() for file in of_day]
    plan = Plan(
        correction=request.correction,
        request=request,
        opened_at=ctx.now,
        opened_by=ctx.actor,
        inputs=PlannedInputs(pins, table.code.version, unpinned=table.sources.unpinned, carries_state=carries_state),
        cost=PlannedCost(bytes_staged=sum(file.size for file in files)),
        reports=ctx.surroundings.reach(request.all_days),
        holders=holders_of(ctx),
        rollback_days=table.rollback_days,
    )
    return estimated(ctx, plan)


def _placed(plan: Plan, histories: Histories) -> Plan:
    """The plan with its id, if nothing in the ledger is in its way."""
    wanted = plan.request.correction
    if wanted and wanted in histories:
        raise CorrectionExists(wanted)
    for events in histories.values():
        other = history(events)
        if other.plan.table == plan.table and other.claimed & set(plan.days):
            raise WindowOverlaps(plan.table, plan.window, other.plan.correction, other.plan.window)
    return replace(plan, correction=wanted or _next_id(plan, histories))


def _next_id(plan: Plan, taken: Mapping[str, object]) -> str:
    today = f"{plan.opened_at:%Y%m%d}"
    number = 1
    while (name := today if number == 1 else f"{today}_{number}") in taken:
        number += 1
    return name
