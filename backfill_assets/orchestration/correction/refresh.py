"""After a step, also one that failed: pages in line with the ledger, and pending notices on their way."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from backfill_assets.orchestration.asset.table_definition import Office
from backfill_assets.orchestration.instance.refusals import told_plainly


@contextmanager
def attended(context: dg.AssetExecutionContext | dg.OpExecutionContext, office: Office) -> Iterator[None]:
    """Attend to readers when the body is through; what could not be done is a warning in the run's log."""
    try:
        with told_plainly(context):
            yield
    finally:
        for sentence in office.attend(context.resources.lake.records()):
            context.log.warning(sentence)
