"""Steps 7 to 9: rebuild downstream, communicate, decommission."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from typing import TypedDict

from backfill_assets.core.events import Event
from backfill_assets.core.facts import Decommissioned, DecommissionStarted, Notified, ReportOwed, ReportsRebuilt
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending, NoticeKind, Step
from backfill_assets.errors.base import listed
from backfill_assets.errors.correction import RebuildIncomplete, RetirementPremature
from backfill_assets.errors.lake import CommitGone
from backfill_assets.runbook.as_reported import keep_reported
from backfill_assets.runbook.chains import linked, refuse_follower
from backfill_assets.runbook.context import StepContext, refuse_nameless
from backfill_assets.runbook.failing import stuck_when_unusable
from backfill_assets.runbook.looking import refuse_moved
from backfill_assets.runbook.notify import notify_watchers, owed_notices
from backfill_assets.runbook.readers import release_left
from backfill_assets.runbook.settling import settle
from backfill_assets.runbook.watermark_steps import move_own_marks, note_advanced, stale_reports
from backfill_assets.storage.retention import Deletion, Pinned, plan_decommission
from backfill_assets.storage.retention import decommission as delete_retired
from backfill_assets.storage.swap import Manifest


@stuck_when_unusable(Step.REBUILD_DOWNSTREAM)
def rebuild_downstream(ctx: StepContext, correction: str) -> Event:
    """Find every report partition that the change reaches rebuilt, let the watermarks go, and thaw.

    The building itself is done by runs of the reports; this step is the proof that they have.

    Raises:
        SwappedDaysMoved: when live does not hold what the reports are to be built from.
        RebuildIncomplete: naming what is still owed.
    """
    progress = ctx.progress(correction)
    refuse_moved(progress)
    if stale := stale_reports(ctx, progress):
        for report, keys in stale.items():
            ctx.record(correction, ReportOwed(report, tuple(keys)))
        progress = ctx.progress(correction)
    if progress.downstream.owed:
        raise RebuildIncomplete(correction, progress.downstream.owed)
    marks = move_own_marks(ctx, correction)
    rebuilt: dict[str, list[str]] = {}
    for report, key in sorted(progress.downstream.rebuilt):
        rebuilt.setdefault(report, []).append(key)
    fact = ReportsRebuilt(
        rebuilt={report: tuple(keys) for report, keys in rebuilt.items()},
        marks={holder: str(day) for holder, day in marks.items()},
    )
    ctx.surroundings.show(ctx.event(correction, fact))
    event = ctx.record(correction, fact)
    release_left(ctx)  # of whoever settled the same swap meanwhile, and held them again
    return event


@stuck_when_unusable(Step.COMMUNICATE)
def communicate(ctx: StepContext, correction: str) -> Event:
    """Tell every watcher what was published, rolled back or abandoned, in measured figures.

    Raises:
        SwappedDaysMoved: when that is not what readers would find.
    """
    progress = ctx.progress(correction)
    refuse_moved(progress)
    events = ctx.records.ledger.events(correction)
    owed = owed_notices(progress, events)
    places: list[str] = []
    for event in owed:
        number = 1 + sum(event in _told_of(told) for told in events)
        places += notify_watchers(ctx, progress, event, number)
    return ctx.record(correction, Notified(owed[-1], tuple(places), owed))


def _told_of(event: Event) -> Collection[NoticeKind]:
    """What a communication told of."""
    return event.fact.told_of if isinstance(event.fact, Notified) else ()


@stuck_when_unusable(Step.DECOMMISSION)
def decommission(ctx: StepContext, correction: str, *, now: bool = False) -> Event:
    """Delete the retired and the left-over staged files, with proof that nothing needs them.

    With ``now`` the rollback window is not waited for, of no table of its chain. A decommission that was interrupted is
    taken up again.

    Raises:
        NameNeeded: when nobody says ``now``.
        RetirementPremature: when the rollback window is open, or something is still owed.
        LedByAnother: when another correction leads its chain.
        SwappedDaysMoved: when live does not hold what would be final.
    """
    plan = ctx.progress(correction).plan
    if now:
        refuse_nameless(ctx, "decommission now", correction)
        refuse_follower(plan, "decommission")
        for one in reversed(linked(ctx, plan)[1:]):
            if one.progress.publication.ending is not Ending.DECOMMISSIONED:
                _decommissioned(one.ctx, one.correction, now=True)
    return _decommissioned(ctx, correction, now=now)


def _decommissioned(ctx: StepContext, correction: str, *, now: bool) -> Event:
    while True:
        settle(ctx, correction)
        note_advanced(ctx)
        progress = ctx.progress(correction)
        if progress.publication.planned is Step.DECOMMISSION:
            break
        _refuse_premature(ctx, progress, now=now)
        if ctx.record_next(progress, DecommissionStarted(now)):
            break
    plan = progress.plan
    if progress.publication.swap_count:
        keep_reported(ctx, scan=True)
    proof = delete_retired(ctx.records.table(plan.table), **_naming(ctx, correction))
    if progress.was_announced and progress.publication.ending is not Ending.UNCHANGED:
        notify_watchers(ctx, progress, NoticeKind.DECOMMISSIONED)
    return ctx.record(correction, Decommissioned(proof.as_json()))


def deletion_of(ctx: StepContext, correction: str) -> Deletion:
    """What a decommission would delete now, and what it would keep; nothing is deleted."""
    return plan_decommission(ctx.records.snapshot(ctx.table.name), **_naming(ctx, correction))


class _Naming(TypedDict):
    correction: str
    own_manifests: Iterable[Manifest]
    other_manifests: Iterable[Manifest]
    pinned: Iterable[Pinned]


def _naming(ctx: StepContext, correction: str) -> _Naming:
    """Everything that names files which the correction staged or retired."""
    return _Naming(
        correction=correction,
        own_manifests=ctx.records.ledger.manifests_of(correction),
        other_manifests=_other_manifests(ctx, correction),
        pinned=_pinned(ctx, correction),
    )


def _other_manifests(ctx: StepContext, correction: str) -> Iterator[Manifest]:
    """The swaps of every other correction of the table that is not decommissioned.

    Read when the first is asked for, which has to be after live was read: a file that leaves live in between is then
    named by the manifest that was written before.
    """
    all_progress = ctx.records.ledger.all_progress()
    for other, manifests in ctx.records.ledger.manifests().items():
        # A correction that was opened between the two readings is not decommissioned either.
        progress = all_progress.get(other)
        ours = progress is None or progress.plan.table == ctx.table.name
        if other != correction and ours and not (progress and progress.publication.ending is Ending.DECOMMISSIONED):
            yield from manifests


def _pinned(ctx: StepContext, correction: str) -> Iterator[tuple[str, str]]:
    """The files of the table that other open corrections, of any table, are staged from, with the id of each.

    A commit that cannot be opened any more names none: whoever is pinned to it is told so by its own steps.
    """
    table = ctx.table.name
    for other, progress in ctx.records.ledger.all_progress().items():
        if other == correction or progress.is_closed or table not in progress.plan.pins:
            continue
        with suppress(CommitGone):
            there = ctx.records.snapshot(table, progress.plan.pins[table])
            yield from ((other, path) for slot in there.files for path, _ in there.names(slot))


def _refuse_premature(ctx: StepContext, progress: Progress, *, now: bool) -> None:
    correction = progress.plan.correction
    if progress.publication.ending is Ending.DECOMMISSIONED:
        raise RetirementPremature(correction, "it is decommissioned already")
    if progress.publication.ending is Ending.ABANDONED:
        return
    refuse_moved(progress)
    if not progress.is_closed and Step.CUT_OVER not in progress.done and not progress.publication.swapped:
        raise RetirementPremature(correction, "it is still open and has to be abandoned first")
    if Step.REBUILD_DOWNSTREAM not in progress.done or progress.downstream.owes_notice:
        raise RetirementPremature(correction, "its reports or notices are not finished")
    if awaited := progress.downstream.awaited_holders:
        raise RetirementPremature(correction, f"it waits for {listed(awaited)} to read again")
    if progress.publication.ending is Ending.UNCHANGED:
        return
    deadline = progress.plan.roll_back_deadline(progress.publication.swapped_at or progress.plan.opened_at)
    if not now and ctx.now < deadline:
        raise RetirementPremature(correction, f"it may be rolled back until {deadline:%Y-%m-%d %H:%M} UTC")
