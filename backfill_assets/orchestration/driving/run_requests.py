"""Asking Dagster for runs, and hearing how they ended: everything through the ledger, whoever drives.

Sensor and command line share this module. Whoever wants a run writes so into the ledger first, by compare and swap,
so that of two who want the same one gets it; and before anything is decided the ends of runs that said nothing
themselves are written down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import dagster as dg

from backfill_assets.core.in_flight import Pending
from backfill_assets.core.progress import Progress
from backfill_assets.core.rate import sharing
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.pulses import gone_among
from backfill_assets.orchestration.instance.runs import (
    ENDED,
    UNFINISHED,
    process_of,
    reasons_of,
    runs_of_requests,
)
from backfill_assets.orchestration.instance.slots import TableSlots
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.failing import died, ended, failed, record_end


@dataclass(frozen=True, slots=True)
class Settled:
    """What settling found: whether the ledger changed, and the work items that no run was ever made for."""

    changed: bool = False
    unlaunched: tuple[Pending, ...] = field(default_factory=tuple)


def settle(ctx: StepContext, instance: dg.DagsterInstance, progress: Progress) -> Settled:
    """Write down the ends of runs that were asked for and said nothing themselves."""
    pending, correction = progress.runs.pending, progress.plan.correction
    if not pending:
        return Settled()
    runs = runs_of_requests(instance, pending)
    gone = _gone_before_a_run(instance, pending, runs)
    changed = False
    unlaunched: list[Pending] = []
    for key, one in pending.items():
        run = runs.get(key)
        if run is None and one.process in gone:
            record_end(ctx, correction, one, ended(one, "The process that was to run it is gone.", ""))
            changed = True
        elif run is None and not one.process:
            unlaunched.append(one)
        elif run is not None and run.status in ENDED:
            _tell_ended_run(ctx, instance, progress, one, run)
            changed = True
    return Settled(changed, tuple(unlaunched))


def others_of(ctx: StepContext, instance: dg.DagsterInstance, progress: Progress) -> tuple[Progress, ...]:
    """The other corrections that read a limited source of this one, once the ends of their waves are written down."""
    if not progress.plan.rates:
        return ()
    ledger = ctx.records.ledger
    reading = [other for other in sharing(progress, ledger.all_progress()) if other.runs.waves]
    if reading:
        fail_orphaned_runs(instance)
    for other in reading:
        theirs = replace(ctx, table=replace(ctx.table, name=other.plan.table))
        waves = replace(other.runs, pending={one.key: one for one in other.runs.waves})
        settle(theirs, instance, replace(other, runs=waves))
    return sharing(progress, ledger.all_progress())


def take_over(ctx: StepContext, instance: dg.DagsterInstance, progress: Progress) -> None:
    """Take back what was asked for and has not started: a person drives now.

    A run that is queued is cancelled. One that has started is left to itself.
    """
    runs, correction = runs_of_requests(instance, progress.runs.pending), progress.plan.correction
    gone = _gone_before_a_run(instance, progress.runs.pending, runs)
    for key, one in progress.runs.pending.items():
        run = runs.get(key)
        if run is None and (not one.process or one.process in gone):
            record_end(ctx, correction, one, ended(one, "", ""))
        elif run is not None and run.status in {dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.NOT_STARTED}:
            instance.report_run_canceled(run, f"{ctx.actor} drives correction {correction} now.")
            record_end(ctx, correction, one, ended(one, "", run.run_id))


def fail_orphaned_runs(instance: dg.DagsterInstance) -> None:
    """Tell Dagster of runs whose process was killed, so that they neither look alive nor hold a place in the queue."""
    runs = [record.dagster_run for record in instance.get_run_records(dg.RunsFilter(statuses=UNFINISHED))]
    processes = {run.run_id: process_of(run.run_id, run.tags.get(tags.PROCESS, "")) for run in runs}
    gone = gone_among(instance, {*processes.values()} - {""})
    for run_id in [run.run_id for run in runs if processes[run.run_id] in gone]:
        # Looked at once more, because it may have ended before its process did, and after it was read.
        run = instance.get_run_by_id(run_id)
        if run is not None and run.status in UNFINISHED:
            instance.report_run_failed(run, f"Its process {processes[run_id]} is gone.")


def _gone_before_a_run(
    instance: dg.DagsterInstance, pending: Mapping[str, Pending], runs: Mapping[str, dg.DagsterRun]
) -> frozenset[str]:
    """Those processes that were to run something themselves, and ended before there was a run."""
    return gone_among(instance, {one.process for key, one in pending.items() if key not in runs} - {""})


def run_tags(correction: str, one: Pending, slots: TableSlots) -> Mapping[str, str]:
    """The tags of a run that was asked for."""
    told = {tags.CORRECTION: correction, tags.REQUEST: one.key, tags.STEP: str(one.item.step)}
    if one.item.wave is not None:
        ends = {tags.RANGE_START: slots.key(one.item.wave.first), tags.RANGE_END: slots.key(one.item.wave.last)}
        return {**told, **ends, tags.PRIORITY: "-1"}
    return told


def _tell_ended_run(
    ctx: StepContext, instance: dg.DagsterInstance, progress: Progress, one: Pending, run: dg.DagsterRun
) -> None:
    """A run that ended without settling its work_item: died, was cancelled, failed in code, or found nothing to do."""
    correction = progress.plan.correction
    if run.status is dg.DagsterRunStatus.SUCCESS:
        record_end(ctx, correction, one, ended(one, "", run.run_id))
        return
    if run.status is dg.DagsterRunStatus.CANCELED:
        reason = f"Run {run.run_id[:8]} of {one.item.name} was cancelled. What it had done stays."
        record_end(ctx, correction, one, failed(one, reason, run.run_id))
        return
    in_code, reasons = reasons_of(instance, run.run_id)
    reason = " ".join(reasons) or f"Run {run.run_id[:8]} ended without a reason."
    if in_code:
        record_end(ctx, correction, one, failed(one, reason, run.run_id))
        return
    # Read once more: it may have staged some of its days just before.
    progress = ctx.progress(correction)
    if left := progress.runs.pending.get(one.key):
        record_end(ctx, correction, left, died(progress, left, reason, run.run_id))


def unasked_runs(instance: dg.DagsterInstance, progress: Progress) -> tuple[dg.DagsterRun, ...]:
    """Unfinished runs of a correction that nobody asked for through the ledger: launched by hand."""
    tagged = {tags.CORRECTION: progress.plan.correction}
    found = instance.get_run_records(dg.RunsFilter(tags=tagged, statuses=UNFINISHED))
    return tuple(one.dagster_run for one in found if tags.REQUEST not in one.dagster_run.tags)
