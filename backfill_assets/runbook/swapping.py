"""Step 6 and its way back: cut over and roll back, each exactly once, however often it is called."""

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from typing import Any

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.events import Event
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import Refused
from backfill_assets.errors.correction import CertificateOutdated, NotApproved, NothingToRollBack, RollBackClosed
from backfill_assets.errors.lake import CommitContended
from backfill_assets.runbook.desk import Desk, iso
from backfill_assets.storage import swap
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.stored import committed_at
from backfill_assets.storage.swap import Manifest
from backfill_assets.storage.table import Commit, Table


def cut_over(desk: Desk, correction: str) -> Event:
    """Swap the changed days in by one commit, after the gate.

    One that was planned and may or may not have happened is settled first: the table's log knows.

    Raises:
        NotApproved: when the gate is closed.
        CertificateOutdated: when live or staged moved since validation; exactly those days are staged again.
    """
    progress = desk.progress(correction)
    plan = progress.plan
    staged_table = desk.records.staged(plan.table, correction)
    live_table = desk.records.table(plan.table, staged_table.schema)
    if progress.planned is Step.CUT_OVER:
        manifest = desk.records.ledger.manifests(correction)[correction][-1]
    else:
        _refuse_unapproved(progress)
        certificate = desk.records.certificates.find(progress.certificate)
        days = frozenset(certificate.changed_days) - progress.swapped
        live, staged = live_table.snapshot(), staged_table.snapshot()
        _refuse_moved(desk, progress, certificate, live, staged, days)
        manifest = swap.plan_cut_over(
            live,
            staged,
            correction=correction,
            version=_next_version(desk, correction),
            days=days,
            certified_live=certificate.live,
            certified_staged=certificate.staged,
        )
        desk.tell(correction, Step.CUT_OVER, Outcome.PLANNED, _planned(manifest), manifest=manifest)
    return _take(desk, Step.CUT_OVER, manifest, live_table, swap.cut_over)


def roll_back(desk: Desk, correction: str, days: Collection[date] = (), note: str = "") -> Event:
    """Bring the retired days back, all or some; every day that landed since stays.

    Raises:
        RollBackClosed: when the correction is decommissioned or about to be.
        NothingToRollBack: when none of the days is live.
    """
    progress = desk.progress(correction)
    plan = progress.plan
    live_table = desk.records.table(plan.table)
    if progress.planned is Step.ROLL_BACK:
        manifest = desk.records.ledger.manifests(correction)[correction][-1]
        return _take(desk, Step.ROLL_BACK, manifest, live_table, swap.roll_back, {"note": note})
    if progress.is_closed or progress.planned is Step.DECOMMISSION:
        raise RollBackClosed(correction)
    if progress.planned is Step.CUT_OVER:
        cut_over(desk, correction)
        progress = desk.progress(correction)
    wanted = frozenset(days) & progress.swapped if days else progress.swapped
    if not wanted or (days and wanted != frozenset(days)):
        raise NothingToRollBack(correction, frozenset(days) - progress.swapped)
    manifest = swap.plan_roll_back(
        live_table.snapshot(),
        _happened(desk, correction),
        correction=correction,
        version=_next_version(desk, correction),
        days=wanted,
    )
    desk.tell(correction, Step.ROLL_BACK, Outcome.PLANNED, _planned(manifest), manifest=manifest)
    return _take(desk, Step.ROLL_BACK, manifest, live_table, swap.roll_back, {"note": note})


def _take(
    desk: Desk,
    step: Step,
    manifest: Manifest,
    live_table: Table,
    take: Callable[..., Commit | None],
    detail: Mapping[str, Any] | None = None,
) -> Event:
    """Commit a planned swap and write down that it happened, or that it was refused and why."""
    correction = manifest.correction
    metadata = {
        "backfill_assets/step": str(step),
        "backfill_assets/run": desk.run_id,
        "backfill_assets/actor": desk.actor,
        "backfill_assets/code_version": desk.subject.code_version,
    }
    if not manifest.days:
        return desk.tell(correction, step, Outcome.DONE, _done(desk, manifest, desk.now, None))
    try:
        commit = take(live_table, manifest, metadata=metadata)
    except CommitContended:
        raise
    except Refused as error:
        moved = _moved(live_table.snapshot(), manifest)
        desk.tell(correction, step, Outcome.REFUSED, {"reason": str(error), "restage": iso(moved or manifest.days)})
        raise
    at = commit.at if commit else swapped_at(live_table.snapshot(), manifest) or desk.now
    return desk.tell(correction, step, Outcome.DONE, {**_done(desk, manifest, at, commit), **(detail or {})})


def swapped_at(live: Snapshot, manifest: Manifest) -> datetime | None:
    """When the swap was committed, by the table's own log; None when the log no longer says."""
    marks = {"backfill_assets/correction": manifest.correction, "backfill_assets/swap": str(manifest.version)}
    return committed_at(live, marks)


def _refuse_unapproved(progress: Progress) -> None:
    correction = progress.plan.correction
    if progress.is_closed:
        raise NotApproved(correction, f"it is {progress.ending}")
    if not progress.certificate:
        raise NotApproved(correction, "it has not been validated")
    if not progress.is_approved:
        why = "nobody has approved it" if progress.approval is None else "its validation failed after the approval"
        raise NotApproved(correction, why)


def _refuse_moved(
    desk: Desk, progress: Progress, certificate: Certificate, live: Snapshot, staged: Snapshot, days: Collection[date]
) -> None:
    correction = progress.plan.correction
    moved = {
        day
        for day in days
        if live.fingerprint(day) != certificate.live.get(day, "")
        or staged.fingerprint(day) != certificate.staged.get(day)
    }
    if moved:
        error = CertificateOutdated(correction, moved)
        desk.tell(correction, Step.CUT_OVER, Outcome.REFUSED, {"reason": str(error), "restage": iso(moved)})
        raise error


def _next_version(desk: Desk, correction: str) -> int:
    """One more than any swap of the correction was ever planned with, so that no number is used twice."""
    planned = desk.records.ledger.manifests(correction).get(correction, ())
    return 1 + max((manifest.version for manifest in planned), default=0)


def _happened(desk: Desk, correction: str) -> list[Manifest]:
    done = {
        event.detail["version"]
        for event in desk.records.ledger.events(correction)
        if event.step in {Step.CUT_OVER, Step.ROLL_BACK} and event.outcome is Outcome.DONE
    }
    planned = desk.records.ledger.manifests(correction).get(correction, ())
    return [manifest for manifest in planned if manifest.version in done]


def _moved(live: Snapshot, manifest: Manifest) -> list[date]:
    held = {
        day: frozenset((file.path, file.size) for file in manifest.retired if file.day == day) for day in manifest.days
    }
    return [day for day in manifest.days if live.names(day) != held[day]]


def _planned(manifest: Manifest) -> dict[str, Any]:
    return {"version": manifest.version, "days": iso(manifest.days)}


def _done(desk: Desk, manifest: Manifest, at: datetime, commit: Commit | None) -> dict[str, Any]:
    return {
        **_planned(manifest),
        "swapped_at": at.isoformat(),
        "commit": commit.number if commit else None,
        "milliseconds": round(commit.milliseconds, 1) if commit else None,
        "reach": {report: list(keys) for report, keys in desk.subject.reach(manifest.days).items()},
    }
