"""Opening a correction, joining one, and giving one up."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Abandoned, Opened, RetryRequested
from backfill_assets.core.fold import history
from backfill_assets.core.plan import Plan, Request
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
from backfill_assets.runbook.deciding import refuse_nameless
from backfill_assets.runbook.desk import Desk
from backfill_assets.runbook.foreseeing import refuse_unfit
from backfill_assets.runbook.looking import refuse_moved
from backfill_assets.runbook.planning import estimated, refuse_early, refuse_unplaced
from backfill_assets.runbook.readers import holders_of
from backfill_assets.runbook.swapping import settle


def plan_correction(desk: Desk, request: Request) -> Plan:
    """Say what a correction would do, without side effects; ``correction`` is the id it would be given now.

    Raises:
        TableUnknown, WindowOutsideData, WindowOverlaps, CorrectionExists: when it cannot be opened.
        BadInput: what :func:`refuse_unfit` refuses, because it could never be validated.
    """
    return _placed(_drafted(desk, request), desk.records.ledger.histories())


def open_correction(desk: Desk, request: Request) -> Plan:
    """Open a correction: claim its days and create its empty staged version.

    Of two openings that overlap one is refused; a launch (``request.origin``) that has opened one already is given it.
    """
    draft = _drafted(desk, request)
    refuse_early(draft)
    plan = _opened(desk, draft)
    while plan is None:
        plan = _opened(desk, draft)
    live = desk.records.table(plan.table)
    desk.records.staged(plan.table, plan.correction, live.schema).create()
    return plan


def _opened(desk: Desk, draft: Plan) -> Plan | None:
    """The plan of what is open now; None when another opening came first, and it has to be looked again."""
    histories = desk.records.ledger.histories()
    if already := opened_by(draft.request.origin, histories):
        return already.plan
    plan = _placed(draft, histories)
    required = OpeningIsFree(plan.correction, plan.table, frozenset(plan.days), draft.request.origin)
    return plan if desk.tell_if(plan.correction, Opened(plan), required) else None


def join_or_open(desk: Desk, request: Request) -> Plan:
    """The correction a launch belongs to: one whose window holds its days and still accepts them, else a new one."""
    for progress in open_corrections(desk).values():
        inside = set(request.all_days) <= set(progress.plan.days)
        if progress.plan.table == request.table and progress.accepts_stagings and inside:
            return progress.plan
    return open_correction(desk, request)


def named_correction(desk: Desk, correction: str, days: Collection[date]) -> Plan:
    """The correction that a launch names, if it may stage these days for it.

    Raises:
        CorrectionUnknown, StagingClosed, DaysOutsideCorrection: when it may not.
    """
    progress = desk.progress(correction)
    plan = progress.plan
    if plan.table != desk.subject.table:
        raise CorrectionUnknown(correction, open_corrections(desk))
    if progress.is_closed or (not progress.accepts_stagings and not set(days) <= progress.missing):
        raise StagingClosed(correction, progress.publication.ending or "past its cut over")
    if outside := set(days) - set(plan.days):
        raise DaysOutsideCorrection(correction, outside, plan.window)
    return plan


def open_corrections(desk: Desk) -> dict[str, Progress]:
    """Every correction of any table that is not closed, by id."""
    standings = desk.records.ledger.standings()
    return {correction: progress for correction, progress in standings.items() if not progress.is_closed}


def abandon(desk: Desk, correction: str, note: str) -> Event:
    """Give a correction up: holds are released, days unclaimed, reports thawed. What is staged stays until swept.

    Raises:
        NameNeeded: when it is nobody who decides.
        CorrectionClosed: when it is closed already.
        StillLive: when days of it are live.
        SwappedDaysMoved: when somebody brought days live again that had gone back.
    """
    desk.progress(correction)
    refuse_nameless(desk, "abandon", correction)
    while True:
        settle(desk, correction)
        progress = desk.progress(correction)
        if progress.is_closed or progress.publication.planned is Step.DECOMMISSION:
            raise CorrectionClosed(correction, progress.publication.ending or "being decommissioned")
        if progress.publication.swapped:
            raise StillLive(correction, progress.publication.swapped)
        refuse_moved(progress)
        abandoned = desk.tell_next(progress, Abandoned(note))
        if abandoned:
            break
    desk.records.watermarks.release(correction, desk.subject.table, by=desk.actor, at=desk.now)
    return abandoned


def try_again(desk: Desk, correction: str) -> Event:
    """Forget failures and the tries of failed days: a person has looked and wants another try.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
        NameNeeded: when it is nobody who has looked.
    """
    desk.progress(correction)
    refuse_nameless(desk, "try again", correction)
    return forget_failures(desk, correction)


def forget_failures(desk: Desk, correction: str) -> Event:
    """Give what failed another try, as whoever drives a correction from the command line does."""
    return desk.tell(correction, RetryRequested())


def _drafted(desk: Desk, request: Request) -> Plan:
    """The plan as far as it does not depend on other corrections."""
    subject = desk.subject
    if request.table != subject.table:
        raise TableUnknown(request.table, [subject.table])
    live = desk.records.snapshot(subject.table) if desk.records.exists(subject.table) else None
    pins = {source: desk.records.snapshot(source).commit for source in subject.sources}
    if live is not None:
        refuse_unplaced(desk, pins)
    published = Window.spanning(live.days) if live and live.days else None
    if live is None or published is None or not published.covers(request.window):
        raise WindowOutsideData(subject.table, request.window, published)
    refuse_unfit(desk, request, live)
    files = [file for of_day in live.files_of(request.all_days).values() for file in of_day]
    plan = Plan(
        correction=request.correction,
        request=request,
        opened_at=desk.now,
        opened_by=desk.actor,
        pins=pins,
        reports=subject.reach(request.all_days),
        holders=holders_of(desk),
        rollback_days=subject.rollback_days,
        code_version=subject.code_version,
        bytes_staged=sum(file.size for file in files),
    )
    return estimated(desk, plan)


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
