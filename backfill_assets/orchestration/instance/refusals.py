"""Refusals where people look for them: one red line in the run's log, above the stack trace."""

import traceback
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


def cause_of(error: BaseException) -> BaseException:
    """The error of ours that a failure goes back to; where there is none, the one that it began with."""
    while not isinstance(error, BackfillAssetsError) and error.__cause__ is not None:
        error = error.__cause__
    return error


def sentence_of(error: BaseException) -> str:
    """What an error says: a refusal its sentences, anything else as Python prints it, with the name of its class."""
    if isinstance(error, BackfillAssetsError):
        return str(error)
    return "".join(traceback.format_exception_only(error)).strip()
