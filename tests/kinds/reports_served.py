"""The code location with reports of every kind as Dagster loads it, and a job of those of the same partitions."""

import dagster as dg

from tests.kinds.reports import DAYS, KINDS, MONTHS, WEEKS, location, names_of

JOBS = {"by_day": DAYS, "by_week": WEEKS, "by_month": MONTHS, "outside": None}
"""What somebody schedules of the reports, by their partitions."""


def reports_of(job: str) -> list[str]:
    """The reports that a job builds."""
    return [name for kind, one in KINDS.items() if one.partitions is JOBS[job] for name in names_of(kind)]


defs = dg.Definitions.merge(
    location(),
    dg.Definitions(
        jobs=[dg.define_asset_job(name, selection=reports_of(name)) for name in JOBS], executor=dg.in_process_executor
    ),
)
