"""What step 7 asks for: runs of consecutive report partitions, and what is handed over to another correction."""

from collections.abc import Mapping, Sequence

import dagster as dg

from backfill_assets.core.asked import Errand
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.orchestration.desks import Office
from backfill_assets.orchestration.freezer import Freezer
from backfill_assets.runbook import Desk


def rebuild_errands(
    office: Office, desk: Desk, progress: Progress, partitions: Mapping[str, Sequence[str]]
) -> list[Errand]:
    """The runs that build these report partitions, nearest report first.

    What another correction holds is handed over to it instead. A report that reads another one waits for it.
    """
    errands: list[Errand] = []
    unbuilt = {report for report, _ in progress.owed}
    for asset in office.reports.assets:
        name = asset.key.path[-1]
        keys = partitions.get(name, ())
        read = {key.path[-1] for key in asset.asset_deps[asset.key]}
        if keys and not unbuilt & read and not _handed_over(desk, progress.plan.correction, name, keys):
            errands += [Errand(report=name, partitions=run) for run in runs_of_keys(asset, keys)]
    return errands


def runs_of_keys(asset: dg.AssetsDefinition, keys: Sequence[str]) -> list[tuple[str, ...]]:
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


def _handed_over(desk: Desk, correction: str, report: str, keys: Sequence[str]) -> bool:
    """Leave partitions to the other corrections that hold the report, if there are any; both ledgers say so."""
    freezer = Freezer(desk.records, {}, desk.now)
    others = {name: held for name, held in freezer.held_by(report).items() if name != correction}
    if not others:
        return False
    for name in others:
        desk.tell(name, Step.FREEZE_REPORTS, Outcome.REFUSED, {"report": report, "partitions": list(keys)})
    detail = {"report": report, "partitions": list(keys), "handed_over_to": sorted(others)}
    desk.tell(correction, Step.REBUILD_DOWNSTREAM, Outcome.PROGRESSED, detail)
    return True
