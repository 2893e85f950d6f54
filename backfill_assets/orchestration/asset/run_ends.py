"""What is done when a step's run ends: pages are refreshed, pending notices sent, a failure goes into the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from backfill_assets.core.faults import FAULTS
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.jobs import cause_of, logging_refusals, sentence_of
from backfill_assets.orchestration.instance.resources import actor_of
from backfill_assets.runbook.failing import failed, record_end


@contextmanager
def refreshing_outputs(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, definition: TableDefinition
) -> Iterator[None]:
    """Attend to readers when the body is through; what could not be done is a warning in the run's log."""
    try:
        with logging_refusals(context):
            yield
    finally:
        for sentence in definition.refresh_outputs(context.resources.lake.records()):
            context.log.warning(sentence)


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
            record_end(ctx, correction, pending, failed(pending, sentence_of(cause_of(error)), run.run_id))

    return record_failure
