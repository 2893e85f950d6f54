"""The driver: one sensor a table that takes every open correction forward, a step at a time.

A tick hears how the runs it had asked for ended, folds the ledger, asks ``next_step``, and asks Dagster for runs.
It keeps nothing of its own: a restart, a double tick, a lost code server or a deleted run only mean that the next
tick folds again. The command line goes through the same ledger, so the two never do the same thing twice.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import dagster as dg

from backfill_assets.core.advance import advance
from backfill_assets.core.facts import StagingStopped
from backfill_assets.core.in_flight import Pending
from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.core.progress import Progress
from backfill_assets.core.sentences import sentence_of
from backfill_assets.core.slots import Slot
from backfill_assets.core.steps import Ending, Step, WorkItem
from backfill_assets.errors.base import counted
from backfill_assets.errors.setup import PartitionUnknown
from backfill_assets.orchestration.asset.own_checks import checks_not_asked, own_checks
from backfill_assets.orchestration.asset.surroundings import published_root
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.correction.board import show_on_board
from backfill_assets.orchestration.correction.checks import check_keys
from backfill_assets.orchestration.correction.manual_jobs import manual_job_name
from backfill_assets.orchestration.correction.steps import job_name, step_key
from backfill_assets.orchestration.driving.giving_way import nightly_at_risk
from backfill_assets.orchestration.driving.run_requests import (
    fail_orphaned_runs,
    others_of,
    run_tags,
    settle,
    unasked_runs,
)
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runs import days_under_way, how_stopped
from backfill_assets.orchestration.instance.slots import TableSlots
from backfill_assets.pages.publishing import show_moved
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.looking import chain_of
from backfill_assets.runbook.requesting import ask
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
        result = tick(definition, context.instance, definition.step_context(lake, driver_name(definition.table)))
        # A tick that asks for nothing says it by its skip reason; in a log, every terminal would repeat it.
        for sentence in result.sentences if result.requests else ():
            context.log.info("%s", sentence)
        if result.requests and context.repository_def is not None:
            graph = context.repository_def.asset_graph
            for sentence in checks_not_asked(graph, definition.asset.key, definition.prove):
                context.log.warning("%s", sentence)
        return dg.SensorResult(
            run_requests=list(result.requests),
            skip_reason=None if result.requests else dg.SkipReason(result.sentence),
        )

    return drive


@dataclass(frozen=True, slots=True)
class TickResult:
    """What a tick came to: runs to launch, every correction of the table, and a sentence for each that is open."""

    requests: tuple[dg.RunRequest, ...]
    corrections: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """All of them."""
        return " ".join(self.sentences) or "No correction is open."


def tick(definition: TableDefinition, instance: dg.DagsterInstance, ctx: StepContext) -> TickResult:
    """Look at all corrections of a table and request the runs of what is next; deleting files is the daily sweep's."""
    fail_orphaned_runs(instance)
    note_advanced(ctx)
    show_moved(ctx, published_root())
    launcher = DaemonLauncher(definition, instance, ctx)
    found = ctx.records.ledger.all_progress().items()
    ours = {name: progress for name, progress in found if progress.plan.table == definition.table}
    decided = {
        name: advance(launcher, name, leaves={Step.DECOMMISSION})
        for name, progress in ours.items()
        if progress.publication.ending is not Ending.DECOMMISSIONED
    }
    show_on_board(instance, definition.table, ctx.records.ledger, ctx.now)
    sentences = tuple(sentence_of(name, one) for name, one in decided.items())
    return TickResult(tuple(launcher.requests), tuple(ours), sentences)


@dataclass(frozen=True)
class DaemonLauncher:
    """Requests runs of Dagster's daemon, each written into the ledger first."""

    definition: TableDefinition
    instance: dg.DagsterInstance
    ctx: StepContext
    requests: list[dg.RunRequest] = field(default_factory=list[dg.RunRequest])

    def progress(self, correction: str) -> Progress:
        """Where the correction stands, once the ends of runs are written down; runs that never were are requested."""
        progress = self.ctx.progress(correction)
        settled = settle(self.ctx, self.instance, progress)
        if self._tell_stopped_backfill(progress) or settled.changed:
            progress = self.ctx.progress(correction)
        self.requests.extend(self._request(correction, one) for one in settled.unlaunched)
        return progress

    def now(self) -> datetime:
        """The time of the tick."""
        return self.ctx.now

    def busy(self, progress: Progress) -> Collection[date]:
        """Days that somebody's own backfill or run is staging for the correction."""
        busy = set(days_under_way(self.instance, self.definition.staged_key, self.definition.slots))
        for run in unasked_runs(self.instance, progress):
            if self.definition.staged_key in (run.asset_selection or {self.definition.staged_key}):
                busy.update(days_of_tags(run.tags, self.definition.slots, progress.plan.days))
        return busy

    def others(self, progress: Progress, /) -> Collection[Progress]:
        """Other corrections that read a source whose rate the correction keeps."""
        return others_of(self.ctx, self.instance, progress)

    def nightly(self) -> WaitForNightly | None:
        """The nightly that may miss its deadline, if there is one."""
        return nightly_at_risk(self.definition, self.ctx.records, self.now())

    def chain(self, progress: Progress, /) -> Collection[Progress]:
        """The other corrections of its chain, as the tables have them."""
        return chain_of(self.ctx.records, progress)

    def wait(self, _until: datetime, /) -> bool:
        """Not here: the next tick comes by itself."""
        return False

    def launch(self, progress: Progress, items: Sequence[WorkItem]) -> bool:
        """Request the runs of work items; what somebody else requested is left to him."""
        asked = (ask(self.ctx, progress, item) for item in items)
        self.requests.extend(self._request(progress.plan.correction, one) for one in asked if one is not None)
        return False

    def _request(self, correction: str, one: Pending) -> dg.RunRequest:
        """The run of a work item. Requested again under the same key it is the same run."""
        table, work_item = self.definition.table, one.item
        told = run_tags(correction, one, self.definition.slots)
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
            asset_check_keys=self._checks() if Step.VALIDATE in work_item.steps else [],
        )

    def _checks(self) -> list[dg.AssetCheckKey]:
        return check_keys(step_key(self.definition.table, Step.VALIDATE), own_checks(self.definition.prove))

    def _tell_stopped_backfill(self, progress: Progress) -> bool:
        """Say once that the backfill whose launch opened the correction was stopped; a person goes on from there."""
        origin = progress.plan.request.origin
        if not origin or not progress.missing or not progress.accepts_stagings:
            return False
        events = self.ctx.records.ledger.events(progress.plan.correction)
        stopped = (event.fact for event in events if isinstance(event.fact, StagingStopped))
        if any(fact.backfill == origin for fact in stopped):
            return False
        how = how_stopped(self.instance, origin)
        if not how:
            return False
        launched, noun = self.definition.staged_key.to_user_string(), self.definition.slots.grain.value
        reason = (
            f"Backfill {origin}, whose launch opened the correction, {how} with "
            f"{counted(len(progress.missing), noun)} not "
            f"staged. What is staged stays. Launch the missing {noun}s on {launched}, or try again."
        )
        self.ctx.record(progress.plan.correction, StagingStopped(reason, origin))
        return True


def days_of_tags(run_tags: Mapping[str, str], slots: TableSlots, among: Collection[Slot]) -> tuple[Slot, ...]:
    """Those of some slots that a run is for, by its tags; none where they name what is no partition of the table.

    Whoever launched it wrote them, and the run itself is refused for them in words.
    """
    first = run_tags.get(tags.RANGE_START) or run_tags.get(tags.PARTITION)
    last = run_tags.get(tags.RANGE_END) or first
    if not first or not last:
        return ()
    try:
        ends = slots.of_keys([first, last])
    except PartitionUnknown:
        return ()
    return tuple(slot for slot in among if ends[first] <= slot <= ends[last])
