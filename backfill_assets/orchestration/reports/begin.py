"""Reports: runs that build what people read, and are refused while a correction holds it."""

from dataclasses import dataclass
from datetime import date

import dagster as dg

from backfill_assets.orchestration.instance.naming import table_of
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.instance.slots import slots_of
from backfill_assets.orchestration.reports.completeness import begin_reading
from backfill_assets.orchestration.reports.freeze import Freezer
from backfill_assets.storage.records import Records


@dataclass(frozen=True, slots=True)
class ReportRun:
    """A run of a report that may go ahead: the lake's records, and its partitions as the days they begin with."""

    records: Records
    days: tuple[date, ...]


def begin_report(context: dg.AssetExecutionContext, lake: LakeResource) -> ReportRun:
    """Start a report's run, or refuse it before any compute and remember what was refused.

    Raises:
        ReportFrozen: while a correction other than the run's own holds the report.
    """
    records = lake.records()
    keys = list(context.partition_keys)
    freezer = Freezer(records, context.run.tags, lake.now())
    for asset in context.selected_asset_keys:
        freezer.refuse(table_of(asset), keys)
    begin_reading(context, records)
    asset = next(iter(sorted(context.selected_asset_keys)))
    days = slots_of(table_of(asset), context.assets_def.specs_by_key[asset].partitions_def, keys)
    return ReportRun(records, tuple(sorted(days.values())))
