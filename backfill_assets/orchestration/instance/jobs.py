"""What jobs share: the clock by which they run, and refusals as one red line in the run's log."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dagster as dg

from backfill_assets.errors.base import BackfillAssetsError


def by_the_clock(job: Any, name: str, cron: str, description: str | None = None) -> dg.ScheduleDefinition:
    """A schedule, in UTC, of a job that needs no telling; it runs unless somebody stops it."""
    return dg.ScheduleDefinition(
        name=name,
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )


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
