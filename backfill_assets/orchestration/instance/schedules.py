"""What happens regularly."""

from typing import Any

import dagster as dg


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
