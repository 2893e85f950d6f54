"""A decision of a person, taken in this process by the very job that the Dagster UI would launch for it."""

from collections.abc import Mapping

from backfill_assets.orchestration.asset.staging import partitions_name
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.correction.manual_jobs import manual_job_name
from backfill_assets.orchestration.instance.runner import Runner, RunResult


def take_by_hand(
    definition: TableDefinition, runner: Runner, correction: str, step: str, config: Mapping[str, object]
) -> RunResult:
    """Run one of the jobs for things done by hand for a correction; ``step`` is one of theirs, or ``try_again``."""
    runner.instance.add_dynamic_partitions(partitions_name(definition.table), [correction])
    job = manual_job_name(definition.table, step)
    return runner.run_job(job, correction, f"{job}_by_hand", config)
