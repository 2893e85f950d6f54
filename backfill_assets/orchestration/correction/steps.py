"""The nine steps as assets, one partition a correction, each with what a person wants to see of it."""

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import assert_never

import dagster as dg

from backfill_assets import runbook
from backfill_assets.core.board import BOARD, holding
from backfill_assets.core.events import Event, last_of
from backfill_assets.core.facts import Notified, ReportsRebuilt, Swapped, Validated
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import LANES, Ending, Lane, Step
from backfill_assets.errors.correction import GateClosed
from backfill_assets.errors.runs import StepClosed
from backfill_assets.orchestration.asset.executors import Wide
from backfill_assets.orchestration.asset.lateness import told_of_tables
from backfill_assets.orchestration.asset.own_checks import checks_not_asked, own_checks
from backfill_assets.orchestration.asset.run_ends import recording_failure, refreshing_outputs
from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.asset.surroundings import console_named, page_shown
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.asset.wide_comparison import comparing
from backfill_assets.orchestration.correction.checks import check_results, check_specs
from backfill_assets.orchestration.correction.metadata import (
    Shown,
    approval_metadata,
    checks_metadata,
    metadata_of,
    notices_metadata,
    progress_metadata,
    swap_metadata,
    validation_metadata,
)
from backfill_assets.orchestration.correction.rebuild import rebuild
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.materializing import log_materializations
from backfill_assets.orchestration.instance.runner import runner_within
from backfill_assets.runbook import StepContext
from backfill_assets.runbook.looking import refuse_moved
from backfill_assets.runbook.validating import refuse_failed

ABOUT: dict[Step, str] = {
    Step.FREEZE_REPORTS: "Every report downstream keeps showing its last good state.",
    Step.VERIFY_SOURCE: "The raw inputs of every affected day are complete and unaltered, or the correction stops.",
    Step.RESET_WATERMARKS: "Every registered holder of a watermark is set back before the window.",
    Step.STAGE: "Every day of the plan is in the staged version.",
    Step.VALIDATE: "Staged days are compared with live day by day, and with the expectation and the source.",
    Step.APPROVE: "The gate. Somebody who answers for the numbers has approved what was validated. It is decided on "
    "elsewhere; a launch here only looks whether it is.",
    Step.CUT_OVER: "One atomic commit swaps exactly the changed days; no data is moved.",
    Step.REBUILD_DOWNSTREAM: "Exactly the report partitions that the change reaches are rebuilt; reports thaw.",
    Step.COMMUNICATE: "The watchers get the measured summary.",
    Step.DECOMMISSION: "The retired files are deleted, with proof that nothing needs them.",
}


def step_key(table: str, step: Step) -> dg.AssetKey:
    """The asset key of a step: the table's correction, then the step's only spelling."""
    return dg.AssetKey([job_name(table), str(step)])


def job_name(table: str) -> str:
    """The job of the nine steps."""
    return f"{table}__correction"


def step_assets(definition: TableDefinition, executor: str | Wide = "") -> list[dg.AssetsDefinition]:
    """The nine steps and the gate, each depending on the one before; days are compared on the executor."""
    partitions = dg.DynamicPartitionsDefinition(name=partitions_name(definition.table))
    before: dict[Step, tuple[Step, ...]] = {step: (one,) for one, step in pairwise(BOARD)}
    # A run of both has no gate in it: the validation itself lets it through.
    before[Step.CUT_OVER] = (Step.VALIDATE, Step.APPROVE)
    return [_step_asset(definition, step, before.get(step, ()), partitions, executor) for step in BOARD]


def _step_asset(
    definition: TableDefinition,
    step: Step,
    before: Collection[Step],
    partitions: dg.DynamicPartitionsDefinition,
    executor: str | Wide,
) -> dg.AssetsDefinition:
    upstream = [dg.AssetDep(step_key(definition.table, one)) for one in before]
    if step is Step.STAGE:
        # By day on one side, by correction on the other: which days a correction has is the ledger's to say.
        upstream.append(dg.AssetDep(definition.staged_key, partition_mapping=dg.AllPartitionMapping()))

    key, grain = step_key(definition.table, step), definition.slots.grain

    @dg.asset(
        key=key,
        deps=upstream,
        partitions_def=partitions,
        group_name=job_name(definition.table),
        tags={tags.LANE: str(LANES.get(step, Lane.COMMUNICATION))},
        description=f"{grain.worded(ABOUT[step])} Follow it, and decide, in {console_named()}.",
        required_resource_keys={"lake"},
        hooks={recording_failure(definition)},
        kinds={"correction"},
        check_specs=check_specs(key, grain, own_checks(definition.prove)) if step is Step.VALIDATE else None,
    )
    def take(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.AssetCheckResult | dg.AssetObservation | dg.MaterializeResult]:
        ctx, correction = definition.step_context_of(context), context.partition_key
        with refreshing_outputs(context, definition):
            if step is Step.APPROVE:
                yield dg.MaterializeResult(metadata=_passed(definition, ctx, correction))
            elif step is Step.VALIDATE:
                yield from _validate(context, definition, ctx, correction, executor)
            elif (
                step is Step.CUT_OVER and (progress := ctx.progress(correction)).publication.ending is Ending.UNCHANGED
            ):
                # In the run of the validation that closed it; there is nothing to swap.
                yield dg.MaterializeResult(metadata=progress_metadata(progress))
            else:
                yield dg.MaterializeResult(metadata=take_step(context, definition, ctx, step, correction))

    return take


def _passed(definition: TableDefinition, ctx: StepContext, correction: str) -> Shown:
    """Who has let the correction through.

    Raises:
        GateClosed: when nobody has.
    """
    progress = ctx.progress(correction)
    if Step.APPROVE not in holding(progress):
        raise GateClosed(correction, definition.table)
    return {**progress_metadata(progress), **approval_metadata(progress)}


def take_step(
    context: dg.AssetExecutionContext, definition: TableDefinition, ctx: StepContext, step: Step, correction: str
) -> Shown:
    """Take one step of the runbook; returns what it found, as a person sees it.

    Raises:
        StepClosed: when the correction is closed and owes the step nothing.
    """
    _refuse_closed(ctx.progress(correction), step)
    event = _taken(context, definition, ctx, step, correction)
    shown = progress_metadata(ctx.progress(correction))
    return {**shown, **_metadata_of_fact(ctx, event)}


def _metadata_of_fact(ctx: StepContext, event: Event) -> Shown:
    """What a step found, as a person sees it: counts in place of long lists."""
    fact = event.fact
    if isinstance(fact, Notified):
        return notices_metadata(fact)
    if isinstance(fact, Swapped):
        validated = last_of(ctx.records.ledger.events(event.correction), Validated)
        checks = checks_metadata(validated.checks) if validated else {}
        return {**swap_metadata(event, ctx.progress(event.correction).plan.window.grain), **checks}
    if isinstance(fact, ReportsRebuilt):
        rebuilt = {report: len(keys) for report, keys in fact.rebuilt.items()}
        return metadata_of({"rebuilt_partitions": rebuilt or "none", "marks": dict(fact.marks)})
    return metadata_of(event.detail)


def _taken(
    context: dg.AssetExecutionContext, definition: TableDefinition, ctx: StepContext, step: Step, correction: str
) -> Event:
    match step:
        case Step.FREEZE_REPORTS:
            return runbook.freeze_reports(ctx, correction)
        case Step.VERIFY_SOURCE:
            return runbook.verify_source(ctx, correction)
        case Step.RESET_WATERMARKS:
            return runbook.reset_watermarks(ctx, correction)
        case Step.STAGE:
            return runbook.stage(ctx, correction)
        case Step.CUT_OVER:
            # What nobody requested in the ledger was launched by a person.
            event = runbook.cut_over(ctx, correction, again=tags.REQUEST not in context.run.tags)
            tell_changed(context, definition, event)
            return event
        case Step.REBUILD_DOWNSTREAM:
            return _rebuild(context, definition, ctx, correction)
        case Step.COMMUNICATE:
            return runbook.communicate(ctx, correction)
        case Step.DECOMMISSION:
            return runbook.decommission(ctx, correction)
        case Step.VALIDATE | Step.OPEN | Step.APPROVE | Step.ROLL_BACK | Step.ABANDON:
            raise AssertionError(step)
        case _:
            assert_never(step)


def _rebuild(
    context: dg.AssetExecutionContext, definition: TableDefinition, ctx: StepContext, correction: str
) -> Event:
    """Build what is owed, each in a run of its own on this instance, and then prove that nothing is."""
    owed: dict[str, list[str]] = {}
    progress = ctx.progress(correction)
    refuse_moved(progress)
    for report, key in sorted(progress.downstream.owed):
        owed.setdefault(report, []).append(key)
    rebuild(definition, ctx, runner_within(context, {"user": ctx.actor}), correction, owed)
    return runbook.rebuild_downstream(ctx, correction)


def _validate(
    context: dg.AssetExecutionContext,
    definition: TableDefinition,
    ctx: StepContext,
    correction: str,
    executor: str | Wide,
) -> Iterator[dg.AssetCheckResult | dg.AssetObservation | dg.MaterializeResult]:
    """Every check with its verdict first, so that a failed validation shows them too, and then fails the run."""
    progress = ctx.progress(correction)
    _refuse_closed(progress, Step.VALIDATE)
    graph = runner_within(context, {}).definitions.resolve_asset_graph()
    for sentence in checks_not_asked(graph, definition.asset.key, definition.prove):
        context.log.warning(sentence)
    compare = comparing(context, definition, ctx.records, executor)
    found, own = runbook.validate(ctx, correction, compare), own_checks(definition.prove)
    yield from check_results(context.asset_key, found.checks, correction, progress.plan.window.grain, own)
    shown = {**progress_metadata(progress), **validation_metadata(found)}
    if found.failed:
        # A run that fails materializes nothing, and what was found has to be seen all the same.
        yield dg.AssetObservation(context.asset_key, partition=correction, metadata=shown)
    refuse_failed(found, progress.plan)
    yield dg.MaterializeResult(metadata=shown)


def _refuse_closed(progress: Progress, step: Step) -> None:
    """After a correction is closed only what is still owed may happen: reports, notices, the end of its files."""
    left = {Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE, Step.DECOMMISSION}
    if progress.publication.ending is Ending.UNCHANGED and not progress.downstream.owes_notice:
        left.remove(Step.COMMUNICATE)
    if progress.is_closed and step not in left:
        raise StepClosed(progress.plan.correction, str(step), str(progress.publication.ending))


def tell_changed(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, definition: TableDefinition, event: Event
) -> None:
    """Log a materialization of the live key for each day that a swap or roll back changed.

    Swap first, then tell: whatever hears of it reads the new days. The correctable tables that read this one are told
    which of their days are stale then, or are no longer.
    """
    days = event.fact.swap.days if isinstance(event.fact, Swapped) else ()
    told = {"correction": event.correction, "step": str(event.step), **page_shown(event.correction)}
    key, slots = definition.asset.key, definition.slots
    log_materializations(
        context, [dg.AssetMaterialization(key, partition=slots.key(day), metadata=told) for day in days]
    )
    for evaluation in told_of_tables(definition, context.resources.lake.records()):
        context.instance.report_runless_asset_event(evaluation)
