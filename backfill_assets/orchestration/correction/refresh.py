"""After a step, also one that failed: pages in line with the ledger, and pending notices on their way."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance.refusals import logging_refusals


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
