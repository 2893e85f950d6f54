"""Step 6 and its way back: cut over and roll back, each exactly once, however often it is called."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from backfill_assets.core.events import Event
from backfill_assets.core.progress import history
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.base import Refused
from backfill_assets.errors.correction import NothingToRollBack, RollBackClosed
from backfill_assets.errors.lake import CommitContended, StagedFilesMissing, SwapUnverified
from backfill_assets.runbook.deciding import refuse_nameless, refuse_without_extent
from backfill_assets.runbook.desk import Desk, iso
from backfill_assets.runbook.failing import stuck_when_unusable
from backfill_assets.runbook.gate import plan_again, plan_cut_over, plan_roll_back, with_days_let_go
from backfill_assets.runbook.readers import rewind_readers
from backfill_assets.runbook.telling import measured_sums
from backfill_assets.storage import swap
from backfill_assets.storage.ledger import Histories
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.stored import committed_at
from backfill_assets.storage.swap import Manifest
from backfill_assets.storage.table import Commit, Table


@stuck_when_unusable(Step.CUT_OVER)
def cut_over(desk: Desk, correction: str) -> Event:
    """Swap the changed days in by one commit, after the gate.

    One that was planned and may or may not have happened is settled first: the table's log knows. Days that somebody
    has changed since they were swapped in are swapped in again.

    Raises:
        NotApproved: when the gate is closed.
        CertificateOutdated: when live or staged moved since validation; exactly those days are staged again.
    """
    while True:
        settle(desk, correction)
        progress = desk.progress(correction)
        if progress.planned in TAKE:
            continue
        again = progress.moved & progress.swapped
        if Step.CUT_OVER in progress.done and not again:
            return _last(desk, correction, Step.CUT_OVER)
        manifest = plan_again(desk, progress, again) if again else plan_cut_over(desk, progress)
        if desk.tell_next(progress, Step.CUT_OVER, Outcome.PLANNED, _planned(manifest), manifest=manifest):
            return _take(desk, Step.CUT_OVER, manifest)


def roll_back(
    desk: Desk, correction: str, days: Collection[date] = (), note: str = "", *, all_days: bool = False
) -> Event:
    """Bring the retired days back, those named or with ``all_days`` all; every day that landed since stays.

    One that was planned and may or may not have happened is settled first. That is all that is done when neither
    is said: the decision was taken then, and a machine may bring it to its end. Days that hold what they held before
    already, because somebody restored them, are let go; days that had gone back and were changed since are brought
    back again.

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
        inside, undone = progress.swapped, progress.moved - progress.swapped
        taken_up = settled is not None and settled.step is Step.ROLL_BACK
        back = settled.detail["days"] if settled and taken_up else ()
        wanted = inside | undone if all_days else {day for day in days if str(day) not in back}
        if settled and taken_up and not wanted:
            return settled
        if not wanted or not wanted <= inside | undone:
            raise NothingToRollBack(correction, frozenset(wanted) - inside - undone)
        manifest = plan_roll_back(desk, progress, wanted)
        detail = {**_planned(manifest), "days": iso(wanted), "note": note}
        if desk.tell_next(progress, Step.ROLL_BACK, Outcome.PLANNED, detail, manifest=manifest):
            return _take(desk, Step.ROLL_BACK, manifest, {"note": note}, wanted)


def settle(desk: Desk, correction: str) -> Event | None:
    """Bring a swap that was planned and may or may not have happened to its end; None when there is none."""
    progress = desk.progress(correction)
    if progress.planned is not Step.CUT_OVER and progress.planned is not Step.ROLL_BACK:
        return None
    manifest = desk.records.ledger.manifests(correction)[correction][-1]
    planned = _last(desk, correction, progress.planned, Outcome.PLANNED).detail
    note = {"note": planned["note"]} if "note" in planned else {}
    return _take(desk, progress.planned, manifest, note, [date.fromisoformat(day) for day in planned["days"]])


def _take(
    desk: Desk,
    step: Step,
    manifest: Manifest,
    detail: Mapping[str, Any] | None = None,
    days: Collection[date] = (),
) -> Event:
    """Commit a planned swap and write down, once, that it happened, or that it was refused and why.

    ``days`` are those that it is about, also where live holds already what it would bring there.
    """
    live_table = _live_table(desk, step, manifest)
    metadata = {
        "backfill_assets/step": str(step),
        "backfill_assets/run": desk.run_id,
        "backfill_assets/actor": desk.actor,
        "backfill_assets/code_version": desk.subject.code_version,
        "backfill_assets/git_commit": desk.subject.git_commit,
    }
    if not manifest.days:
        done = {**_done(desk, step, manifest, desk.now, None, days), **(detail or {})}
        return _tell_settled(desk, step, manifest, Outcome.DONE, done)
    try:
        commit = TAKE[step](live_table, manifest, metadata=metadata)
    except CommitContended:
        raise
    except SwapUnverified as error:
        done = _done(desk, step, manifest, swapped_at(live_table.snapshot(), manifest) or desk.now, None, days)
        _tell_settled(desk, step, manifest, Outcome.DONE, {**done, "unverified": str(error)})
        raise
    except Refused as error:
        restage = _moved(live_table.snapshot(), manifest)
        if isinstance(error, StagedFilesMissing):
            restage = list(manifest.days)
        if set(manifest.days) & desk.progress(manifest.correction).swapped:
            restage = []  # swapped in once, they are not to be computed anew
        refused = {"reason": str(error), "restage": iso(restage)}
        _tell_settled(desk, step, manifest, Outcome.REFUSED, refused)
        raise
    at = commit.at if commit else swapped_at(live_table.snapshot(), manifest) or desk.now
    done = {**_done(desk, step, manifest, at, commit, days), **(detail or {})}
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


def _moved(live: Snapshot, manifest: Manifest) -> list[date]:
    held = {
        day: frozenset((file.path, file.size) for file in manifest.retired if file.day == day) for day in manifest.days
    }
    return [day for day in manifest.days if live.names(day) != held[day]]


def _planned(manifest: Manifest) -> dict[str, Any]:
    return {"version": manifest.version, "days": iso(manifest.days)}


def _done(  # noqa: PLR0913, PLR0917 - what there is to tell of a swap
    desk: Desk, step: Step, manifest: Manifest, at: datetime, commit: Commit | None, days: Collection[date]
) -> dict[str, Any]:
    about = with_days_let_go(desk, manifest, days)
    window = desk.records.ledger.standing(manifest.correction).plan.window
    return {
        **_planned(about),
        "swapped_at": at.isoformat(),
        "commit": commit.number if commit else None,
        "milliseconds": round(commit.milliseconds, 1) if commit else None,
        "sums": measured_sums(desk, about, back=step is Step.ROLL_BACK),
        "reach": {report: list(keys) for report, keys in desk.subject.reach(about.days).items()},
        "rewound": rewind_readers(desk, manifest.correction, window, about.days),
    }
