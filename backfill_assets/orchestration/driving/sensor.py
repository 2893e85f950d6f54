"""The driver: one sensor a table that takes every open correction forward, a step at a time.

A tick hears how the runs it had asked for ended, folds the ledger, asks ``next_step``, and asks Dagster for runs.
It keeps nothing of its own: a restart, a double tick, a lost code server or a deleted run only mean that the next
tick folds again. The command line goes through the same ledger, so the two never do the same thing twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import dagster as dg

from backfill_assets.core.events import Event
from backfill_assets.core.facts import StagingStopped
from backfill_assets.core.in_flight import Pending
from backfill_assets.core.next_step import NextStep, RebuildReports, StageWaves, Stuck, TakeSteps, next_step, thawing
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Ending, Step
from backfill_assets.core.window import Window
from backfill_assets.core.work import WorkItem
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.asset.surroundings import published_root
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.correction.checks import check_keys
from backfill_assets.orchestration.correction.manual_jobs import manual_job_name
from backfill_assets.orchestration.correction.steps import job_name, step_key
from backfill_assets.orchestration.driving.run_requests import ask, fail_orphaned_runs, run_tags, settle, unasked_runs
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.backfills import days_under_way, how_stopped
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.pages.publishing import show_moved
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.looking import looked
from backfill_assets.runbook.watermark_steps import note_advanced

SECONDS = 10


def driver_name(table: str) -> str:
    """The name of a table's driver."""
    return f"{table}__correction_driver"


def staging_job_name(table: str) -> str:
    """The job of the waves that the driver asks for."""
    return f"{table}__staging"


def driver_sensor(definition: TableDefinition, jobs: Sequence[Any]) -> dg.SensorDefinition:
    """The driver of a table, running by default. ``jobs`` are those it may launch."""

    @dg.sensor(
        name=driver_name(definition.table),
        jobs=list(jobs),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=SECONDS,
        description=f"Takes every open correction of {definition.table} forward: requests its waves, steps, rebuilds.",
    )
    def drive(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult:
        result = Tick(definition, context.instance, definition.step_context(lake, driver_name(definition.table))).take()
        known = set(context.instance.get_dynamic_partitions(partitions_name(definition.table)))
        partitions = dg.DynamicPartitionsDefinition(name=partitions_name(definition.table))
        new = [name for name in result.corrections if name not in known]
        return dg.SensorResult(
            run_requests=list(result.requests),
            skip_reason=None if result.requests else dg.SkipReason(result.sentence),
            dynamic_partitions_requests=[partitions.build_add_request(new)] if new else None,
        )

    return drive


@dataclass(frozen=True, slots=True)
class TickResult:
    """What a tick came to: runs to launch, every correction of the table, and a sentence for the sensor's page."""

    requests: tuple[dg.RunRequest, ...]
    corrections: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class Tick:
    """One look at all corrections of a table."""

    definition: TableDefinition
    instance: dg.DagsterInstance
    ctx: StepContext

    def take(self) -> TickResult:
        """Hear what ended, fold, and ask for what is next."""
        fail_orphaned_runs(self.instance)
        note_advanced(self.ctx)
        show_moved(self.ctx, published_root())
        ledger = self.ctx.records.ledger
        # In this order: a correction that is opened in between is taken up by the next tick.
        all_progress, histories = ledger.all_progress(), ledger.histories()
        folded = {name: (progress, histories[name]) for name, progress in all_progress.items()}
        ours = {
            name: (looked(self.ctx.records, progress), events)
            for name, (progress, events) in folded.items()
            if progress.plan.table == self.definition.table
        }
        requests: list[dg.RunRequest] = []
        sentences: list[str] = []
        for name, (progress, events) in ours.items():
            if progress.publication.ending is Ending.DECOMMISSIONED:
                continue
            asked, decided = self._take(progress, events)
            requests += asked
            sentences.append(f"{name} {sentence_of(decided)}")
        return TickResult(tuple(requests), tuple(ours), "; ".join(sentences) or "No correction is open.")

    def _take(self, progress: Progress, events: Sequence[Event]) -> tuple[list[dg.RunRequest], NextStep]:
        settled = settle(self.ctx, self.instance, progress)
        stopped = self._tell_stopped_backfill(progress, events)
        if settled.changed or stopped:
            progress = self.ctx.progress(progress.plan.correction)
        again = [self._request(progress, one) for one in settled.unlaunched]
        decided = next_step(progress, self.ctx.now)
        if isinstance(decided, StageWaves):
            decided = next_step(progress, self.ctx.now, self._busy(progress))
        asked = (ask(self.ctx, progress, work_item) for work_item in self._work_items(progress, decided))
        return [*again, *(self._request(progress, one) for one in asked if one is not None)], decided

    def _work_items(self, progress: Progress, decided: NextStep) -> Sequence[WorkItem]:
        match decided:
            case TakeSteps(steps=(Step.DECOMMISSION,)) if progress.publication.planned is None:
                return ()  # deleting what is due is the daily sweep's
            case TakeSteps(steps=steps):
                return (WorkItem(steps=steps),)
            case StageWaves(waves=waves, at_once=at_once):
                return tuple(WorkItem(wave=wave) for wave in waves[:at_once])
            case RebuildReports():
                return (WorkItem(steps=thawing(progress)),)
            case _:
                return ()

    def _request(self, progress: Progress, one: Pending) -> dg.RunRequest:
        """The run of an work_item. Asked for again under the same key it is the same run."""
        correction, table, work_item = progress.plan.correction, self.definition.table, one.item
        told = run_tags(correction, one)
        if work_item.wave is not None:
            return dg.RunRequest(one.key, job_name=staging_job_name(table), tags=told)
        if work_item.steps == (Step.ROLL_BACK,):
            return dg.RunRequest(
                one.key, job_name=manual_job_name(table, Step.ROLL_BACK), tags=told, partition_key=correction
            )
        return dg.RunRequest(
            one.key,
            job_name=job_name(table),
            tags=told,
            partition_key=correction,
            asset_selection=[step_key(table, step) for step in work_item.steps],
            asset_check_keys=check_keys(step_key(table, Step.VALIDATE)) if Step.VALIDATE in work_item.steps else [],
        )

    def _busy(self, progress: Progress) -> frozenset[date]:
        """Days that somebody's own backfill or run is staging for the correction."""
        busy = set(days_under_way(self.instance, self.definition.asset.staged_key))
        for run in unasked_runs(self.instance, progress):
            if self.definition.asset.staged_key in (run.asset_selection or {self.definition.asset.staged_key}):
                busy.update(days_of_tags(run.tags))
        return frozenset(busy)

    def _tell_stopped_backfill(self, progress: Progress, events: Sequence[Event]) -> bool:
        """Say once that the backfill whose launch opened the correction was stopped; a person goes on from there."""
        origin = progress.plan.request.origin
        if not origin or not progress.missing or not progress.accepts_stagings:
            return False
        stopped = (event.fact for event in events if isinstance(event.fact, StagingStopped))
        if any(fact.backfill == origin for fact in stopped):
            return False
        how = how_stopped(self.instance, origin)
        if not how:
            return False
        launched = self.definition.asset.staged_key.to_user_string()
        reason = (
            f"Backfill {origin}, whose launch opened the correction, {how} with {len(progress.missing)} days not "
            f"staged. What is staged stays. Launch the missing days on {launched}, or try again."
        )
        self.ctx.record(progress.plan.correction, StagingStopped(reason, origin))
        return True


def days_of_tags(run_tags: Mapping[str, str]) -> tuple[date, ...]:
    """The days a run is for, by its tags."""
    first = run_tags.get(tags.RANGE_START) or run_tags.get(tags.PARTITION)
    last = run_tags.get(tags.RANGE_END) or first
    return Window(date.fromisoformat(first), date.fromisoformat(last)).days if first and last else ()


def sentence_of(decided: NextStep) -> str:
    """A few words on what is next, for the sensor's page."""
    match decided:
        case TakeSteps(steps=steps):
            return f"goes on with {', '.join(steps)}"
        case Stuck(step=step, reason=reason):
            return f"is stuck at {step}, {reason}"
        case _:
            return type(decided).__name__
