"""What a correction changes, read from the files of both sides: before its swap, while it is live, and taken back."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from backfill_assets.core.comparison import compare
from backfill_assets.core.figures import Figures, figures
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.core.steps import Ending, Step
from backfill_assets.errors.differing import ColumnUnknown, DaysNotStaged, FilesDeleted
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.looking import happened
from backfill_assets.storage.actions import DataFile
from backfill_assets.storage.snapshot import Snapshot
from backfill_assets.storage.swap import by_day, days_missing


@dataclass(frozen=True, slots=True)
class Difference:
    """Old against new: by day, and added up by one column where that was asked for.

    ``old`` is what readers saw before the correction, ``new`` what it stages.
    """

    comparison: Comparison
    figures: Figures


def difference(ctx: StepContext, correction: str, days: Collection[date] = (), by: str = "") -> Difference:
    """Compare what readers saw before a correction with what it stages, for some days or all that are staged.

    Days that it has swapped are compared with the files that it retired, also once it is rolled back.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
        DaysNotStaged: naming days that are not staged, or when none is.
        ColumnUnknown: when the table has no column of that name.
        FilesDeleted: when the files of one side are deleted, as after a decommission.
    """
    progress = ctx.progress(correction)
    decommissioned = progress.publication.ending is Ending.DECOMMISSIONED
    if decommissioned or progress.publication.planned is Step.DECOMMISSION:
        raise FilesDeleted(correction, (), progress.plan.window.grain.value)
    plan, table = progress.plan, ctx.table
    staged_days = progress.staging.staged & set(plan.days)
    wanted = sorted(days or staged_days)
    if not wanted or not staged_days >= set(wanted):
        raise DaysNotStaged(correction, set(wanted) - staged_days, plan.window.grain.value)
    staged = ctx.records.staged(plan.table, correction)
    live = ctx.records.table(plan.table, staged.schema).snapshot()
    if by and by not in live.schema:
        raise ColumnUnknown(plan.table, by, live.schema)
    sides = _sides(ctx, correction, live, staged.snapshot(), wanted)
    old, new = (table.partition.as_slots(side) for side in sides)
    found = compare(
        old, new, keys=table.keys, measures=table.measures, by=table.partition.name, new_days=wanted
    ).in_grain(plan.window.grain)
    keys = [by] if by else []
    return Difference(
        found, figures(old, new, keys=keys, measures=table.measures, days=wanted, by=table.partition.name)
    )


def _sides(
    ctx: StepContext, correction: str, live: Snapshot, staged: Snapshot, days: Sequence[date]
) -> tuple[pl.LazyFrame, pl.LazyFrame]:
    """The rows of before, from retired files where days were swapped, and the staged ones."""
    retired = _before(ctx, correction)
    files = [file for day in days for file in retired.get(day, ())]
    if gone := days_missing(live, files):
        raise FilesDeleted(correction, gone, ctx.table.partition.grain.value)
    old = live.scan([day for day in days if day not in retired])
    if files:
        there = [(file.path, file.day) for file in files]
        old = pl.concat([old, live.folder.scan_days(there, live.schema, live.partition)])
    return old, staged.scan(days)


def _before(ctx: StepContext, correction: str) -> dict[date, tuple[DataFile, ...]]:
    """For each day that was ever swapped, the files that its first swap retired."""
    before: dict[date, tuple[DataFile, ...]] = {}
    for manifest in sorted(happened(ctx.records, correction), key=lambda one: one.swap_count):
        retired = by_day(manifest.retired)
        before = {day: retired.get(day, ()) for day in manifest.days} | before
    return before
