"""Step 6 and its way back: cut over and roll back, each exactly once, however often it is called."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.events import Event
from backfill_assets.core.periods import closed_among
from backfill_assets.core.progress import Progress, history
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import Refused, listed
from backfill_assets.errors.correction import CertificateOutdated, NotApproved, NothingToRollBack, RollBackClosed
from backfill_assets.errors.lake import CommitContended, StagedFilesMissing, SwapUnverified
from backfill_assets.runbook.deciding import refuse_nameless, refuse_without_extent
from backfill_assets.runbook.desk import Desk, iso
from backfill_assets.runbook.readers import rewind_readers
from backfill_assets.runbook.telling import measured_sums
from backfill_assets.storage import swap
from backfill_assets.storage.ledger import Histories
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
    while True:
        settle(desk, correction)
        progress = desk.progress(correction)
        if progress.planned in TAKE:
            continue
        if Step.CUT_OVER in progress.done:
            return _last(desk, correction, Step.CUT_OVER)
        manifest = _plan_cut_over(desk, progress)
        if desk.tell_next(progress, Step.CUT_OVER, Outcome.PLANNED, _planned(manifest), manifest=manifest):
            return _take(desk, Step.CUT_OVER, manifest)


def roll_back(
    desk: Desk, correction: str, days: Collection[date] = (), note: str = "", *, all_days: bool = False
) -> Event:
    """Bring the retired days back, those named or with ``all_days`` all; every day that landed since stays.

    One that was planned and may or may not have happened is settled first. That is all that is done when neither
    is said: the decision was taken then, and a machine may bring it to its end.

    Raises:
        ExtentUnsaid, ExtentContradictory: when no roll back is planned and neither is said, or both.
        NameNeeded: when it is nobody who decides.
        RollBackClosed: when the correction is decommissioned or about to be.
        NothingToRollBack: when none of the days is live.
    """
    if not days and not all_days and desk.progress(correction).planned is Step.ROLL_BACK:
        return settle(desk, correction) or _last(desk, correction, Step.ROLL_BACK)
    refuse_without_extent(correction, days, all_days=all_days)
    refuse_nameless(desk, "roll back", correction)
    settled: Event | None = None
    while True:
        settled = settle(desk, correction) or settled
        progress = desk.progress(correction)
        if progress.planned in TAKE:
            continue
        if progress.is_closed or progress.planned is Step.DECOMMISSION:
            raise RollBackClosed(correction)
        taken_up = settled is not None and settled.step is Step.ROLL_BACK
        back = settled.detail["days"] if settled and taken_up else ()
        wanted = progress.swapped if all_days else {day for day in days if str(day) not in back}
        if settled and taken_up and not wanted:
            return settled
        if not wanted or not wanted <= progress.swapped:
            raise NothingToRollBack(correction, frozenset(wanted) - progress.swapped)
        manifest = swap.plan_roll_back(
            desk.records.snapshot(progress.plan.table),
            _happened(desk, correction),
            correction=correction,
            version=_next_version(desk, correction),
            days=wanted,
        )
        detail = {**_planned(manifest), "note": note}
        if desk.tell_next(progress, Step.ROLL_BACK, Outcome.PLANNED, detail, manifest=manifest):
            return _take(desk, Step.ROLL_BACK, manifest, {"note": note})


def settle(desk: Desk, correction: str) -> Event | None:
    """Bring a swap that was planned and may or may not have happened to its end; None when there is none."""
    progress = desk.progress(correction)
    if progress.planned is not Step.CUT_OVER and progress.planned is not Step.ROLL_BACK:
        return None
    manifest = desk.records.ledger.manifests(correction)[correction][-1]
    note = _last(desk, correction, progress.planned, Outcome.PLANNED).detail.get("note")
    return _take(desk, progress.planned, manifest, {} if note is None else {"note": note})


def _plan_cut_over(desk: Desk, progress: Progress) -> Manifest:
    plan, correction = progress.plan, progress.plan.correction
    _refuse_unapproved(progress)
    certificate = desk.records.certificates.find(progress.certificate)
    _refuse_unseconded(desk, progress, certificate)
    staged_table = desk.records.staged(plan.table, correction)
    live, staged = desk.records.table(plan.table, staged_table.schema).snapshot(), staged_table.snapshot()
    _refuse_moved(desk, progress, certificate, live, staged)
    return swap.plan_cut_over(
        live,
        staged,
        correction=correction,
        version=_next_version(desk, correction),
        days=frozenset(certificate.changed_days) - progress.swapped,
        certified_live=certificate.live,
        certified_staged=certificate.staged,
    )


def _take(desk: Desk, step: Step, manifest: Manifest, detail: Mapping[str, Any] | None = None) -> Event:
    """Commit a planned swap and write down, once, that it happened, or that it was refused and why."""
    live_table = _live_table(desk, step, manifest)
    metadata = {
        "backfill_assets/step": str(step),
        "backfill_assets/run": desk.run_id,
        "backfill_assets/actor": desk.actor,
        "backfill_assets/code_version": desk.subject.code_version,
        "backfill_assets/git_commit": desk.subject.git_commit,
    }
    if not manifest.days:
        return _tell_settled(desk, step, manifest, Outcome.DONE, _done(desk, step, manifest, desk.now, None))
    try:
        commit = TAKE[step](live_table, manifest, metadata=metadata)
    except CommitContended:
        raise
    except SwapUnverified as error:
        done = _done(desk, step, manifest, swapped_at(live_table.snapshot(), manifest) or desk.now, None)
        _tell_settled(desk, step, manifest, Outcome.DONE, {**done, "unverified": str(error)})
        raise
    except Refused as error:
        restage = _moved(live_table.snapshot(), manifest)
        if isinstance(error, StagedFilesMissing):
            restage = list(manifest.days)
        refused = {"reason": str(error), "restage": iso(restage)}
        _tell_settled(desk, step, manifest, Outcome.REFUSED, refused)
        raise
    at = commit.at if commit else swapped_at(live_table.snapshot(), manifest) or desk.now
    done = {**_done(desk, step, manifest, at, commit), **(detail or {})}
    return _tell_settled(desk, step, manifest, Outcome.DONE, done)


TAKE: Mapping[Step, Callable[..., Commit | None]] = {Step.CUT_OVER: swap.cut_over, Step.ROLL_BACK: swap.roll_back}


def _live_table(desk: Desk, step: Step, manifest: Manifest) -> Table:
    """Live, with the columns that the staged version brings when it is swapped in."""
    table = desk.subject.table
    if step is Step.CUT_OVER and manifest.days:
        return desk.records.table(table, desk.records.staged(table, manifest.correction).schema)
    return desk.records.table(table)


def _tell_settled(desk: Desk, step: Step, manifest: Manifest, outcome: Outcome, detail: Mapping[str, Any]) -> Event:
    """Write down what became of a planned swap; of two that took it at once, one does."""
    event = desk.event(manifest.correction, step, outcome, detail)

    def decide(histories: Histories) -> Event | None:
        return event if _is_open(histories[manifest.correction], step, manifest) else None

    told = desk.records.ledger.record(decide, table=desk.subject.table)
    return desk.shown(told) if told else _settled(desk, step, manifest, outcome)


def _is_open(events: Sequence[Event], step: Step, manifest: Manifest) -> bool:
    """Whether this very swap is planned and not settled: another of the same step may be planned by now."""
    planned = [event for event in events if event.step is step and event.outcome is Outcome.PLANNED]
    return history(events).planned is step and planned[-1].detail["version"] == manifest.version


def _settled(desk: Desk, step: Step, manifest: Manifest, outcome: Outcome) -> Event:
    """What somebody else wrote down about a swap."""
    events = [event for event in desk.records.ledger.events(manifest.correction) if event.step is step]
    mine = [event for event in events if event.detail.get("version") == manifest.version and event.outcome is outcome]
    return mine[-1] if mine else _last(desk, manifest.correction, step, outcome)


def _last(desk: Desk, correction: str, step: Step, outcome: Outcome = Outcome.DONE) -> Event:
    events = desk.records.ledger.events(correction)
    return next(event for event in reversed(events) if event.step is step and event.outcome is outcome)


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


def _refuse_unseconded(desk: Desk, progress: Progress, certificate: Certificate) -> None:
    """Two names for days of a month that is closed by now, also when it was open at validation."""
    closed = closed_among(certificate.changed_days, desk.records.closed_months.current())
    if closed and progress.seconded is None:
        correction = progress.plan.correction
        error = NotApproved(
            correction, f"it changes closed months ({listed(closed)}), which two people have to approve"
        )
        desk.tell_next(progress, Step.CUT_OVER, Outcome.FAILED, {"reason": str(error), "closed_months": list(closed)})
        raise error


def _refuse_moved(desk: Desk, progress: Progress, certificate: Certificate, live: Snapshot, staged: Snapshot) -> None:
    """Refuse when any certified day moved, also one that was found unchanged: it may not be any more."""
    correction = progress.plan.correction
    moved = {
        day
        for day in certificate.staged.keys() - progress.swapped
        if live.fingerprint(day) != certificate.live.get(day, "") or staged.fingerprint(day) != certificate.staged[day]
    }
    certified = {day: digest for day, digest in certificate.contents.items() if day not in {*moved, *progress.swapped}}
    moved |= {day for day, digest in staged.contents(certified).items() if digest != certified[day]}
    if moved:
        error = CertificateOutdated(correction, moved)
        desk.tell_next(progress, Step.CUT_OVER, Outcome.REFUSED, {"reason": str(error), "restage": iso(moved)})
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


def _done(desk: Desk, step: Step, manifest: Manifest, at: datetime, commit: Commit | None) -> dict[str, Any]:
    return {
        **_planned(manifest),
        "swapped_at": at.isoformat(),
        "commit": commit.number if commit else None,
        "milliseconds": round(commit.milliseconds, 1) if commit else None,
        "sums": measured_sums(desk, manifest, back=step is Step.ROLL_BACK),
        "reach": {report: list(keys) for report, keys in desk.subject.reach(manifest.days).items()},
        "rewound": rewind_readers(desk, desk.progress(manifest.correction).plan.window, manifest),
    }
