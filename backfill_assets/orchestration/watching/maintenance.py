"""Maintenance, every week: compact, vacuum and clean logs, as far as the open corrections allow."""

from typing import Any

import dagster as dg
from pydantic import Field

from backfill_assets.core.given import number_given
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance.jobs import by_the_clock, logging_refusals, routine_job
from backfill_assets.orchestration.instance.resources import actor_of
from backfill_assets.runbook.maintaining import RETENTION_DAYS, maintain_all

MAINTENANCE_CRON = "30 6 * * 0"


class MaintenanceConfig(dg.Config):
    """How long files that nothing names any more are kept."""

    retention_days: int = Field(default=RETENTION_DAYS, description="Days; never shorter than the rollback window.")


def maintenance_job_name(table: str) -> str:
    """The job of a table's maintenance."""
    return f"{table}__maintenance"


def maintenance_op_name(table: str) -> str:
    """Its one op."""
    return f"{table}__maintain"


def maintenance_definitions(definition: TableDefinition, cron: str = MAINTENANCE_CRON) -> dg.Definitions:
    """The job that maintains a correctable table, its reports, its sources and the control tables; its schedule."""

    @dg.op(name=maintenance_op_name(definition.table), required_resource_keys={"lake"})
    def maintain(context: dg.OpExecutionContext, config: MaintenanceConfig) -> dict[str, Any]:
        ctx = definition.step_context(context.resources.lake, actor_of(context.run_tags), context.run_id)
        with logging_refusals(context):
            done = maintain_all(ctx, number_given(config.retention_days, "retention_days"))
        told = {"tables": [one.as_json() for one in done]}
        context.add_output_metadata(
            {
                "days_compacted": sum(len(one.compacted) for one in done),
                "files_deleted": sum(len(one.deleted) for one in done),
                "log_files_deleted": sum(len(one.log_deleted) for one in done),
                "tables": dg.MetadataValue.json(told),
            }
        )
        return told

    about = f"Compacts, vacuums and cleans logs around {definition.table}, as far as open corrections allow."

    maintenance = routine_job(maintenance_job_name(definition.table), about, maintain)
    schedule = by_the_clock(maintenance, cron, about)
    return dg.Definitions(jobs=[maintenance], schedules=[schedule])
