"""Steps 7 to 9: rebuild downstream, communicate, decommission."""

from collections.abc import Mapping
from typing import Any

from backfill_assets.core.events import Event
from backfill_assets.core.notice import write_notices
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.correction import RebuildIncomplete, RetirementPremature
from backfill_assets.runbook.desk import Desk
from backfill_assets.runbook.opening import holders_of
from backfill_assets.storage.retention import decommission as delete_retired


def rebuild_downstream(desk: Desk, correction: str) -> Event:
    """Find every report partition that the change reaches rebuilt, let the watermarks go, and thaw.

    The building itself is done by runs of the reports; this step is the proof that they have.

    Raises:
        RebuildIncomplete: naming what is still owed.
    """
    progress = desk.progress(correction)
    if progress.owed:
        raise RebuildIncomplete(correction, progress.owed)
    watermarks, table = desk.records.watermarks, desk.subject.table
    internal = [name for name in holders_of(desk) if name not in progress.awaited_holders]
    watermarks.release(correction, table, internal, by=desk.actor, at=desk.now)
    rebuilt: dict[str, list[str]] = {}
    for report, key in sorted(progress.rebuilt):
        rebuilt.setdefault(report, []).append(key)
    return desk.tell(correction, Step.REBUILD_DOWNSTREAM, Outcome.DONE, {"rebuilt": rebuilt})


def communicate(desk: Desk, correction: str) -> Event:
    """Tell every watcher what was published, rolled back or given up, in measured figures."""
    progress = desk.progress(correction)
    event = progress.owes_notice or "published"
    events = desk.records.ledger.events(correction)
    number = 1 + sum(
        told.step is Step.COMMUNICATE and told.outcome is Outcome.DONE and told.detail.get("event") == event
        for told in events
    )
    notices = write_notices(progress.plan, event, _figures(desk, progress), number)
    places = [desk.subject.publish(notice) for notice in notices]
    return desk.tell(correction, Step.COMMUNICATE, Outcome.DONE, {"event": event, "notices": places})


def decommission(desk: Desk, correction: str, *, now: bool = False) -> Event:
    """Delete the retired and the left-over staged files, with proof that nothing needs them.

    With ``now`` the rollback window is not waited for. A decommission that was interrupted is taken up again.

    Raises:
        RetirementPremature: when the rollback window is open, or something is still owed.
    """
    progress = desk.progress(correction)
    plan = progress.plan
    if progress.planned is not Step.DECOMMISSION:
        _refuse_premature(desk, progress, now=now)
        desk.tell(correction, Step.DECOMMISSION, Outcome.STARTED, {"now": now})
    open_manifests = [
        manifest
        for other, manifests in desk.records.ledger.manifests().items()
        if other != correction and desk.progress(other).ending != "decommissioned"
        for manifest in manifests
    ]
    proof = delete_retired(
        desk.records.table(plan.table),
        correction=correction,
        own_manifests=desk.records.ledger.manifests(correction).get(correction, ()),
        other_manifests=open_manifests,
    )
    return desk.tell(correction, Step.DECOMMISSION, Outcome.DONE, proof.as_json())


def _refuse_premature(desk: Desk, progress: Progress, *, now: bool) -> None:
    correction = progress.plan.correction
    if progress.ending == "decommissioned":
        raise RetirementPremature(correction, "it is decommissioned already")
    if progress.ending == "abandoned":
        return
    if Step.CUT_OVER not in progress.done and not progress.swapped:
        raise RetirementPremature(correction, "it is still open, abandon it first")
    if Step.REBUILD_DOWNSTREAM not in progress.done or progress.owes_notice:
        raise RetirementPremature(correction, "its reports or notices are not done")
    deadline = progress.plan.roll_back_deadline(progress.swapped_at or progress.plan.opened_at)
    if not now and desk.now < deadline:
        raise RetirementPremature(correction, f"it may be rolled back until {deadline:%Y-%m-%d %H:%M} UTC")


def _figures(desk: Desk, progress: Progress) -> Mapping[str, Any]:
    events = desk.records.ledger.events(progress.plan.correction)
    validated = [event for event in events if event.step is Step.VALIDATE and "totals" in event.detail]
    figures: dict[str, Any] = dict(validated[-1].detail) if validated else {}
    if progress.approval:
        override = ", overriding failed checks" if progress.approval.override else ""
        figures["approved_by"] = progress.approval.by + override
        figures["note"] = progress.approval.note
    if progress.swapped_at and progress.swapped:
        figures["roll_back_until"] = f"{progress.plan.roll_back_deadline(progress.swapped_at):%Y-%m-%d}"
    return figures
