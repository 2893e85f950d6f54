"""Refusals where people look for them: one red line in the run's log, above the stack trace."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from backfill_assets.errors.base import BackfillAssetsError


@contextmanager
def logging_refusals(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Iterator[None]:
    """Log the sentences of a refusal before Dagster wraps it."""
    try:
        yield
    except BackfillAssetsError as error:
        context.log.error("%s", error)  # noqa: TRY400 - the stack trace follows anyway
        raise
