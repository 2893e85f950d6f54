"""Steps 7 to 9: rebuild downstream, communicate, decommission."""

from collections.abc import Collection, Iterator

from backfill_assets.core.events import Event
from backfill_assets.core.progress import Progress
from backfill_assets.core.standing import UNCHANGED
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import listed
from backfill_assets.errors.correction import RebuildIncomplete, RetirementPremature
from backfill_assets.runbook.deciding import refuse_nameless
from backfill_assets.runbook.desk import Desk
from backfill_assets.runbook.failing import stuck_when_unusable
from backfill_assets.runbook.holding import move_own_marks, note_advanced, stale_reports
from backfill_assets.runbook.looking import refuse_moved
from backfill_assets.runbook.swapping import settle
from backfill_assets.runbook.telling import owed_notices, tell_watchers
from backfill_assets.storage.retention import decommission as delete_retired
from backfill_assets.storage.swap import Manifest


@stuck_when_unusable(Step.REBUILD_DOWNSTREAM)
def rebuild_downstream(desk: Desk, correction: str) -> Event:
    """Find every report partition that the change reaches rebuilt, let the watermarks go, and thaw.

    The building itself is done by runs of the reports; this step is the proof that they have.

    Raises:
        SwappedDaysMoved: when live does not hold what the reports are to be built from.
        RebuildIncomplete: naming what is still owed.
    """
    progress = desk.progress(correction)
    refuse_moved(progress)
    if stale := stale_reports(desk, progress):
        for report, keys in stale.items():
            desk.tell(correction, Step.FREEZE_REPORTS, Outcome.REFUSED, {"report": report, "partitions": keys})
        progress = desk.progress(correction)
    if progress.owed:
        raise RebuildIncomplete(correction, progress.owed)
    marks = move_own_marks(desk, correction)
    rebuilt: dict[str, list[str]] = {}
    for report, key in sorted(progress.rebuilt):
        rebuilt.setdefault(report, []).append(key)
    detail = {"rebuilt": rebuilt, "marks": {holder: str(day) for holder, day in marks.items()}}
    desk.subject.show(desk.event(correction, Step.REBUILD_DOWNSTREAM, Outcome.DONE, detail))
    return desk.tell(correction, Step.REBUILD_DOWNSTREAM, Outcome.DONE, detail)


@stuck_when_unusable(Step.COMMUNICATE)
def communicate(desk: Desk, correction: str) -> Event:
    """Tell every watcher what was published, rolled back or given up, in measured figures.

    Raises:
        SwappedDaysMoved: when that is not what readers would find.
    """
    progress = desk.progress(correction)
    refuse_moved(progress)
    events = desk.records.ledger.events(correction)
    owed = owed_notices(progress, events)
    places: list[str] = []
    for event in owed:
        number = 1 + sum(event in _told_of(told) for told in events)
        places += tell_watchers(desk, progress, event, number)
    detail = {"event": owed[-1], "events": list(owed), "notices": places}
    return desk.tell(correction, Step.COMMUNICATE, Outcome.DONE, detail)


def _told_of(event: Event) -> Collection[str]:
    """The events that a communication told of."""
    if event.step is not Step.COMMUNICATE or event.outcome is not Outcome.DONE:
        return ()
    return event.detail.get("events") or (str(event.detail.get("event")),)


@stuck_when_unusable(Step.DECOMMISSION)
def decommission(desk: Desk, correction: str, *, now: bool = False) -> Event:
    """Delete the retired and the left-over staged files, with proof that nothing needs them.

    With ``now`` the rollback window is not waited for. A decommission that was interrupted is taken up again.

    Raises:
        NameNeeded: when nobody says ``now``.
        RetirementPremature: when the rollback window is open, or something is still owed.
        SwappedDaysMoved: when live does not hold what would be final.
    """
    desk.progress(correction)
    if now:
        refuse_nameless(desk, "decommission now", correction)
    while True:
        settle(desk, correction)
        note_advanced(desk)
        progress = desk.progress(correction)
        if progress.planned is Step.DECOMMISSION:
            break
        _refuse_premature(desk, progress, now=now)
        if desk.tell_next(progress, Step.DECOMMISSION, Outcome.STARTED, {"now": now}):
            break
    plan = progress.plan
    proof = delete_retired(
        desk.records.table(plan.table),
        correction=correction,
        own_manifests=desk.records.ledger.manifests(correction).get(correction, ()),
        other_manifests=_other_manifests(desk, correction),
    )
    if progress.was_announced and progress.ending != UNCHANGED:
        tell_watchers(desk, progress, "decommissioned")
    return desk.tell(correction, Step.DECOMMISSION, Outcome.DONE, proof.as_json())


def _other_manifests(desk: Desk, correction: str) -> Iterator[Manifest]:
    """The swaps of every other correction of the table that is not decommissioned.

    Read when the first is asked for, which has to be after live was read: a file that leaves live in between is then
    named by the manifest that was written before.
    """
    standings = desk.records.ledger.standings()
    for other, manifests in desk.records.ledger.manifests().items():
        # A correction that was opened between the two readings is not decommissioned either.
        standing = standings.get(other)
        ours = standing is None or standing.plan.table == desk.subject.table
        if other != correction and ours and not (standing and standing.ending == "decommissioned"):
            yield from manifests


def _refuse_premature(desk: Desk, progress: Progress, *, now: bool) -> None:
    correction = progress.plan.correction
    if progress.ending == "decommissioned":
        raise RetirementPremature(correction, "it is decommissioned already")
    if progress.ending == "abandoned":
        return
    refuse_moved(progress)
    if not progress.is_closed and Step.CUT_OVER not in progress.done and not progress.swapped:
        raise RetirementPremature(correction, "it is still open, abandon it first")
    if Step.REBUILD_DOWNSTREAM not in progress.done or progress.owes_notice:
        raise RetirementPremature(correction, "its reports or notices are not done")
    if progress.awaited_holders:
        raise RetirementPremature(correction, f"it waits for {listed(progress.awaited_holders)} to read again")
    if progress.ending == UNCHANGED:
        return
    deadline = progress.plan.roll_back_deadline(progress.swapped_at or progress.plan.opened_at)
    if not now and desk.now < deadline:
        raise RetirementPremature(correction, f"it may be rolled back until {deadline:%Y-%m-%d %H:%M} UTC")
