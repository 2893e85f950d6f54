"""What step 7 builds: the owed report partitions, in runs of consecutive ones, in this process."""

from collections.abc import Mapping, Sequence

import dagster as dg

from backfill_assets.errors.setup import PartitionUnknown
from backfill_assets.orchestration.asset.table_definition import TableDefinition
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.runner import Runner, RunResult
from backfill_assets.orchestration.instance.slots import in_order
from backfill_assets.orchestration.reports.freeze import Freezer
from backfill_assets.orchestration.reports.reach import Report
from backfill_assets.runbook import StepContext


def rebuild(
    definition: TableDefinition,
    ctx: StepContext,
    runner: Runner,
    correction: str,
    partitions: Mapping[str, Sequence[str]],
) -> list[RunResult]:
    """Build these partitions of each report, nearest first; what another correction holds is handed over to it.

    Each run of consecutive partitions is a Dagster run of its own, so one that fails does not stop the others, and
    starting a process for each is saved.
    """
    ran: list[RunResult] = []
    freezer = Freezer(ctx.records, {"user": ctx.actor}, ctx.now)
    for report in definition.reports.assets:
        name = table_of(report.key)
        keys = partitions.get(name, ())
        if keys and not freezer.hand_over(correction, name, keys):
            marks = {tags.REBUILD_FOR: correction, tags.CORRECTION: correction}
            ran += [runner.run_keys([*report.selection], *ends, marks) for ends in runs_of_keys(report, keys)]
    return ran


def runs_of_keys(asset: Report, keys: Sequence[str]) -> list[tuple[str, str]]:
    """Group partition keys into runs of consecutive ones, each as its first and last, in the order of time.

    Raises:
        PartitionUnknown: when the report has no such partition, perhaps any more.
    """
    wanted = set(keys)
    runs: list[tuple[str, str]] = []
    previous = False
    partitions = asset.partitions_def
    ordered = in_order(asset.name, partitions, wanted)
    if beyond := _outside(partitions, ordered):
        raise PartitionUnknown(asset.name, beyond, str(partitions))
    between = (
        partitions.get_partition_keys_in_range(dg.PartitionKeyRange(ordered[0], ordered[-1]))
        if partitions and ordered
        else ()
    )
    for key in between:
        if key in wanted:
            runs = [*runs[:-1], (runs[-1][0], key)] if previous else [*runs, (key, key)]
        previous = key in wanted
    return runs


def _outside(partitions: dg.PartitionsDefinition | None, keys: Sequence[str]) -> list[str]:
    """Keys that lie before the first partition of a definition or after its end."""
    if not isinstance(partitions, dg.TimeWindowPartitionsDefinition):
        return []
    windows = {key: partitions.time_window_for_partition_key(key) for key in [*keys[:1], *keys[-1:]]}
    first, end = partitions.start.timestamp(), partitions.end.timestamp() if partitions.end else None
    return [
        key
        for key, window in windows.items()
        if window.start.timestamp() < first or (end is not None and window.end.timestamp() > end)
    ]
