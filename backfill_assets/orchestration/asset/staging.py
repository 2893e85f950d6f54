"""The staged sibling: where analysts recompute history, and which correction a launch belongs to."""

from collections.abc import Collection
from typing import Any

import dagster as dg

from backfill_assets.core.plan import Plan, Request
from backfill_assets.core.slots import Slot
from backfill_assets.core.window import Window
from backfill_assets.errors.base import counted
from backfill_assets.orchestration.asset.alone import tried_alone
from backfill_assets.orchestration.asset.declared import attach
from backfill_assets.orchestration.asset.executors import Wide, executor_chosen
from backfill_assets.orchestration.asset.options import of_staged
from backfill_assets.orchestration.asset.run_ends import recording_failure
from backfill_assets.orchestration.asset.siblings import days_of_run
from backfill_assets.orchestration.asset.surroundings import console_named
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.asset.wave import Wave
from backfill_assets.orchestration.asset.wide import WideWave, kept_in_process
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import logging_refusals
from backfill_assets.orchestration.instance.runs import backfill_days, this_process
from backfill_assets.orchestration.instance.slots import TableSlots
from backfill_assets.runbook import StepContext, join_or_open, named_correction
from backfill_assets.runbook.chains import reading_staged
from backfill_assets.runbook.requesting import ask_for_launched

POOL = "backfill"


def staged_sibling(definition: TableDefinition, executor: str | Wide = "") -> dg.AssetsDefinition:
    """The asset ``backfill/<table>``: same function, same partitions, written beside live.

    Its waves are computed on an ``executor``, as the environment or else the code names it.
    """
    compute_spec, grain = definition.compute_spec, definition.slots.grain
    about = (
        f"Recomputes {grain.value}s of {definition.table} beside the live table. Nothing launched here can touch "
        f"published numbers. A launch opens a correction of its {grain.value}s, or joins the open one around them. "
        f"The {grain.value}s are staged, validated, and wait for a person's approval before they are cut over. "
        f"Watch it in the job {definition.table}__correction, in the partition that bears the correction's id. "
        f"Decide by the job {definition.table}__decide_approve, in {console_named()}, or by backfill-assets approve."
    )
    options = {
        **of_staged(definition.declaration.options),
        "description": about,
        "group_name": "backfill",
        "pool": POOL,
    }
    if definition.limits.rates:
        # One run for the whole launch: what its sources do not bear at once is handed over once, not run by run.
        options["backfill_policy"] = dg.BackfillPolicy.single_run()
    hooks = {recording_failure(definition), *options.pop("hooks", ())}

    def staged(context: dg.AssetExecutionContext, config: Any = None) -> Wave:
        ctx, days = definition.step_context_of(context), days_of_run(context)
        with logging_refusals(context):
            plan = correction_of_run(context, ctx, definition.slots, days)
            ctx = reading_staged(ctx, plan)
            _keep_rates(context, ctx, plan, days)
            wide = _wide(context, definition, days, executor)
        context.log.info("Staging %s for correction %s.", counted(len(days), grain.value), plan.correction)
        if wide is not None:
            with logging_refusals(context):
                return WideWave(definition, ctx.records, plan, wide, context.log).computed(context.resources.lake, days)
        given = compute_spec.taken.given(context, config)
        wave = compute_spec.wave(ctx.records, days, correction=plan.correction, pins=plan.pins, given=given)
        return tried_alone(compute_spec, ctx.records, wave, pins=plan.pins, given=given)

    staged.__signature__ = compute_spec.taken.signature()  # pyright: ignore[reportFunctionMemberAccess]

    made: dg.AssetsDefinition = dg.asset(key=definition.staged_key, hooks=hooks, **options)(staged)
    attach(made, definition)
    return made


def _wide(
    context: dg.AssetExecutionContext, definition: TableDefinition, days: Collection[Slot], given: str | Wide
) -> Wide | None:
    """The executor of a wave; None where it is computed in this process, which is said where one was chosen."""
    chosen = executor_chosen(definition.table, given)
    if chosen is not None and (why := kept_in_process(definition, days)):
        context.log.info("The executor %s is not asked, because %s.", chosen.name, why)
        return None
    return chosen


def _keep_rates(context: dg.AssetExecutionContext, ctx: StepContext, plan: Plan, days: Collection[Slot]) -> None:
    """Let a run that somebody launched read limited sources only as one of its correction's waves.

    It is tagged as one, so that its end is heard of like theirs.
    """
    request = context.run.tags.get(tags.REQUEST, "")
    counted = ask_for_launched(ctx, plan, tuple(sorted(days)), request, this_process())
    if counted is not None:
        told = {tags.REQUEST: counted.key, tags.STEP: str(counted.item.step)}
        context.instance.add_run_tags(context.run.run_id, told)


def correction_of_run(
    context: dg.AssetExecutionContext, ctx: StepContext, slots: TableSlots, days: Collection[Slot]
) -> Plan:
    """The correction that a staging run belongs to, opened if need be.

    A run that names one by tag belongs to that. Otherwise the whole target of the run's Dagster backfill, or its own
    partitions, join a correction that holds them or open one. The run is tagged, so that re-executions keep it.

    Raises:
        CorrectionUnknown, StagingClosed, DaysOutsideCorrection, WindowOverlaps, WindowOutsideData: when it may not.
    """
    named = context.run.tags.get(tags.CORRECTION)
    if named:
        return named_correction(ctx, named, days)
    plan = join_or_open(ctx, _request(context, ctx, slots, days))
    context.instance.add_run_tags(context.run.run_id, {tags.CORRECTION: plan.correction})
    context.instance.add_dynamic_partitions(partitions_name(ctx.table.name), [plan.correction])
    return plan


def partitions_name(table: str) -> str:
    """The name of the dynamic partitions, one a correction."""
    return f"{table}__corrections"


def _request(context: dg.AssetExecutionContext, ctx: StepContext, slots: TableSlots, days: Collection[Slot]) -> Request:
    backfill = context.run.tags.get(tags.BACKFILL, "")
    target = backfill_days(context.instance, backfill, context.asset_key, slots) if backfill else ()
    wanted = target or tuple(sorted(days))
    window = Window.spanning(wanted, slots.grain)
    return Request(
        table=ctx.table.name,
        window=window,
        reason=f"Launched on backfill/{ctx.table.name} without a request.",
        days=() if len(wanted) == len(window) else wanted,
        origin=backfill or context.run.run_id,
    )
