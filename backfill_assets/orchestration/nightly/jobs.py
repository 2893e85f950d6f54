"""What runs by the clock: nightly, which publishes, and the sweep, which drops what nothing needs any more."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
from pydantic import Field

from backfill_assets import runbook
from backfill_assets.core.given import slot_given
from backfill_assets.core.next_step import Finished, TakeSteps, next_step
from backfill_assets.core.progress import Progress
from backfill_assets.core.slots import Grain
from backfill_assets.core.steps import Ending, Step
from backfill_assets.errors.base import BackfillAssetsError, days_listed, verb
from backfill_assets.errors.runs import NightlyIncomplete, SweepIncomplete
from backfill_assets.errors.setup import InputsApart
from backfill_assets.orchestration.asset.lateness import lateness_check
from backfill_assets.orchestration.asset.run_ends import refreshing_outputs
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.correction.metadata import metadata_of, table_of
from backfill_assets.orchestration.correction.steps import step_key
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import (
    BuiltFrom,
    by_the_clock,
    logging_refusals,
    routine_job,
    schedule_name,
    told_in,
)
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.runner import runner_within
from backfill_assets.orchestration.nightly.pipeline import Pipeline, cron_of
from backfill_assets.orchestration.nightly.publish import Nightly, NightlyRun
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.looking import chain_of, looked

SWEEP_CRON = "30 5 * * *"
FIRST_IN_THE_QUEUE = "10"


class NightlyConfig(dg.Config):
    """How far nightly goes."""

    through: str = Field(default="", description="The last day to publish, ISO; empty is the newest one that is over.")


def nightly_name(table: str) -> str:
    """The job of nightly."""
    return f"{table}__nightly"


def sweep_name(table: str) -> str:
    """The job of the sweep."""
    return f"{table}__retention_sweep"


_PIPELINES = BuiltFrom[Pipeline]()


def nightlies_in(definitions: dg.Definitions) -> dict[str, Pipeline]:
    """What nightly runs, by table, for every nightly that was built into the definitions.

    A table comes after those that it is computed from.
    """
    found = _PIPELINES.found_in(definitions)
    if len(found) > 1:
        order: list[dg.AssetKey] = [*definitions.resolve_asset_graph().toposorted_asset_keys]
        found.sort(key=lambda pipeline: order.index(pipeline.definition.asset.key))
    return {pipeline.definition.table: pipeline for pipeline in found}


def nightly_definitions(pipeline: Pipeline, cron: str = "") -> dg.Definitions:
    """Nightly as a job of one op, and its schedule: every pending day, in runs of their own on the same instance.

    The marker that lets a run rewrite the latest days is on the schedule's run, not on the job: a job's tags are
    copied to whatever is launched from its page.

    Raises:
        InputsApart: when an input has other partitions than the table.
    """
    table, grain = pipeline.definition.table, pipeline.definition.slots.grain
    for asset in pipeline.inputs:
        if asset.partitions_def != pipeline.definition.slots.partitions_def:
            raise InputsApart(table, asset.key.to_user_string())

    @dg.op(name=f"{nightly_name(table)}_publish", required_resource_keys={"lake"})
    @told_in(grain)
    def publish(context: dg.OpExecutionContext, config: NightlyConfig) -> None:
        lake: LakeResource = context.resources.lake
        with logging_refusals(context):
            given = slot_given(config.through, "through") if config.through else None
        done = NightlyRun(pipeline, runner_within(context, {"user": "nightly"}), lake).publish(given)
        context.add_output_metadata(nightly_metadata(done, grain))
        for sentence in warnings_of(done, table, grain):
            context.log.warning(sentence)
        if done.failures:
            raise NightlyIncomplete(table, {**done.failed, **done.reports_failed})

    about = f"Publishes every pending {grain.value} of {table}, and what reads it."

    nightly = routine_job(nightly_name(table), about, publish)

    @dg.schedule(
        name=schedule_name(nightly_name(table)),
        job=nightly,
        description=about,
        cron_schedule=cron or cron_of(pipeline.definition.slots.grain),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        marks = {tags.PUBLISH: tags.PUBLISH_LIVE, tags.PRIORITY: FIRST_IN_THE_QUEUE}
        return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%dT%H:%M}", tags=marks)

    _PIPELINES.remember(nightly, pipeline)
    return dg.Definitions(
        jobs=[nightly], schedules=[nightly_schedule], asset_checks=[lateness_check(pipeline.definition)]
    )


def warnings_of(done: Nightly, table: str, grain: Grain = Grain.DAY) -> list[str]:
    """What nightly could not do and what is somebody's to look at, though no day failed."""
    are = verb(len(done.late), "is", "are")
    named = f"{days_listed(done.late, noun=grain.value)} with late data {are} too old for nightly."
    late = [f"{named} Open the correction that `backfill-assets plan --stale {table}` proposes."] if done.late else []
    frozen = [f"{report} is frozen and will be built at the thaw." for report in done.frozen]
    return [*late, *frozen, *done.readers_wait]


def nightly_metadata(done: Nightly, grain: Grain = Grain.DAY) -> Mapping[str, dg.MetadataValue]:
    """What nightly did, and left."""
    days = {"published": done.published, "rebuilt_for_late_data": done.rebuilt, "late": done.late}
    named = {**days, "left_to_corrections": done.claimed, "failed": tuple(done.failed)}
    counted = {f"days_{name}": len(found) for name, found in named.items()}
    told = {name: days_listed(found, noun=grain.value) for name, found in named.items() if found}
    left = {"frozen_reports": ", ".join(done.frozen) or None, "readers_wait": " ".join(done.readers_wait) or None}
    return metadata_of({**counted, **told, **left})


def sweep_definitions(definition: TableDefinition, cron: str = SWEEP_CRON) -> dg.Definitions:
    """The daily sweep of a table: corrections past their rollback window, and staged days of abandoned ones."""
    table = definition.table

    @dg.op(name=f"{sweep_name(table)}_due", required_resource_keys={"lake"})
    def sweep(context: dg.OpExecutionContext) -> None:
        ctx = definition.step_context(context.resources.lake, "retention sweep", context.run_id)
        rows, errors = [], dict[str, BackfillAssetsError]()
        with refreshing_outputs(context, definition):
            for progress, why in due(ctx):
                try:
                    rows.append(_decommission(context, ctx, progress, why))
                except BackfillAssetsError as error:
                    errors[progress.plan.correction] = error
        context.add_output_metadata(
            {"corrections": dg.MetadataValue.int(len(rows)), "dropped": dg.MetadataValue.md(table_of(rows))}
        )
        if errors:
            raise SweepIncomplete(table, errors)

    about = f"Deletes retired and abandoned files of {table} that nothing needs."

    retention_sweep = routine_job(sweep_name(table), about, sweep)
    schedule = by_the_clock(retention_sweep, cron, about)
    return dg.Definitions(jobs=[retention_sweep], schedules=[schedule])


_DELETED_WITHOUT_WINDOW = {
    Ending.ABANDONED: "it was abandoned and none of its days is live",
    Ending.UNCHANGED: "no day of it had to change",
}


def due(ctx: StepContext) -> Iterator[tuple[Progress, str]]:
    """The corrections of the table whose files may go, and why, oldest first."""
    for progress in ctx.records.ledger.all_progress().values():
        if progress.plan.table != ctx.table.name:
            continue
        decided = next_step(looked(ctx.records, progress), ctx.now, chain=chain_of(ctx.records, progress))
        if decided == TakeSteps((Step.DECOMMISSION,)):
            deadline = progress.plan.roll_back_deadline(progress.publication.swapped_at or progress.plan.opened_at)
            yield progress, f"its rollback window ended {deadline:%Y-%m-%d %H:%M} UTC"
        if isinstance(decided, Finished) and (why := _DELETED_WITHOUT_WINDOW.get(decided.ending)):
            yield progress, why


def _decommission(context: dg.OpExecutionContext, ctx: StepContext, progress: Progress, why: str) -> dict[str, Any]:
    """Decommission one, and tell its step's page."""
    correction = progress.plan.correction
    proof = runbook.decommission(ctx, correction).detail
    metadata = {**metadata_of(proof), "why": dg.MetadataValue.text(why)}
    key = step_key(ctx.table.name, Step.DECOMMISSION)
    context.log_event(dg.AssetMaterialization(key, partition=correction, metadata=metadata))
    context.log.info("Decommissioned %s, because %s.", correction, why)
    return {
        "correction": correction,
        "why": why,
        **{name: len(v) if isinstance(v, list) else v for name, v in proof.items()},
    }
