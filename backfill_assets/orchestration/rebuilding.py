"""What step 7 asks for: runs of consecutive report partitions, and what is handed over to another correction."""

from collections.abc import Mapping, Sequence

import dagster as dg

from backfill_assets.core.asked import Errand
from backfill_assets.core.progress import Progress
from backfill_assets.orchestration.desks import Office
from backfill_assets.orchestration.freezer import Freezer
from backfill_assets.orchestration.reach import Report
from backfill_assets.runbook import Desk


def rebuild_errands(
    office: Office, desk: Desk, progress: Progress, partitions: Mapping[str, Sequence[str]]
) -> list[Errand]:
    """The runs that build these report partitions, nearest report first.

    What another correction holds is handed over to it instead. A report that reads another one waits for it.
    """
    errands: list[Errand] = []
    freezer = Freezer(desk.records, {"user": desk.actor}, desk.now)
    unbuilt = {report for report, _ in progress.owed}
    for asset in office.reports.assets:
        name = asset.key.path[-1]
        keys = partitions.get(name, ())
        read = {key.path[-1] for key in asset.asset_deps[asset.key]}
        if keys and not unbuilt & read and not freezer.hand_over(progress.plan.correction, name, keys):
            errands += [Errand(report=name, partitions=run) for run in runs_of_keys(asset, keys)]
    return errands


def runs_of_keys(asset: Report, keys: Sequence[str]) -> list[tuple[str, ...]]:
    """Group partition keys into runs of consecutive ones."""
    wanted = set(keys)
    runs: list[tuple[str, ...]] = []
    previous = False
    partitions = asset.partitions_def
    between = partitions.get_partition_keys_in_range(dg.PartitionKeyRange(min(keys), max(keys))) if partitions else []
    for key in between:
        if key in wanted:
            runs = [*runs[:-1], (*runs[-1], key)] if previous else [*runs, (key,)]
        previous = key in wanted
    return runs


