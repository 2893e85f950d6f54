"""Requested runs that fail write so into the ledger themselves: whoever drives reads facts, never Dagster's log."""

import dagster as dg

from backfill_assets.core.faults import FAULTS
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.refusals import cause_of, sentence_of
from backfill_assets.orchestration.instance.resources import actor_of
from backfill_assets.runbook.failing import failed, record_end


def recording_failure(definition: TableDefinition) -> dg.HookDefinition:
    """The hook that writes down why a step of a requested run failed, unless the ledger has heard of it already.

    A run that is killed or cancelled has no word of its own; its end is written down by whoever drives next.
    """

    @dg.failure_hook(name=f"{definition.table}__record_failure", required_resource_keys={"lake"})
    def record_failure(context: dg.HookContext) -> None:
        error, run = context.op_exception, context.instance.get_run_by_id(context.run_id)
        if run is None or not isinstance(error, FAULTS) or not {tags.REQUEST, tags.CORRECTION} <= run.tags.keys():
            return
        correction = run.tags[tags.CORRECTION]
        ctx = definition.step_context(context.resources.lake, actor_of(run.tags), run.run_id)
        pending = ctx.progress(correction).runs.pending.get(run.tags[tags.REQUEST])
        if pending is not None:
            record_end(ctx, correction, failed(pending, sentence_of(cause_of(error)), run.run_id))

    return record_failure
