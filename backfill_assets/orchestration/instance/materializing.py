"""Materializations of many partitions in few calls of the event log, where the instance takes batches."""

from collections.abc import Iterable

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventBatchMetadata, generate_event_batch_id


def log_materializations(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, materializations: Iterable[dg.AssetMaterialization]
) -> None:
    """Log what a run made of other assets, as ``context.log_event`` does one at a time.

    Dagster stores each event that a run logs by itself. Told that some belong together it hands them to the event log
    in batches of ``DAGSTER_EVENT_BATCH_SIZE``, which the storages of this library set; where that is not set it
    stores them one by one all the same.
    """
    made, batch = list(materializations), generate_event_batch_id()
    step = context.get_step_execution_context()
    for number, materialization in enumerate(made, 1):
        together = DagsterEventBatchMetadata(batch, is_end=number == len(made))
        DagsterEvent.asset_materialization(step, materialization, together)
