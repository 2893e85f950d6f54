"""What a correction changes, read from the files of both sides: before its swap, while it is live, and taken back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from backfill_assets.core.comparison import compare
from backfill_assets.core.figures import Line, lines_by
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
    """Old against new, row by row, and added up per value of a column where that was asked for.

    ``old`` is what readers saw before the correction, ``new`` what it stages.
    """

    comparison: Comparison
    by_value: tuple[Line, ...] = ()

    @property
    def by_day(self) -> tuple[Line, ...]:
        """The same per day that differs."""
        return tuple(
            Line(str(day.day), day.rows_old, day.rows_new, day.sums) for day in self.comparison.days if day.changed
        )

    @property
    def total(self) -> Line:
        """All days together."""
        found = self.comparison
        return Line("total", found.rows_old, found.rows_new, found.totals)


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
    retired = {day: files for day, files in _before(ctx, correction).items() if day in wanted}
    sides = (_old(correction, live, retired, wanted), staged.snapshot().scan(wanted))
    old, new = (table.partition.as_slots(side) for side in sides)
    found = compare(
        old,
        new,
        keys=table.keys,
        measures=table.measures,
        by=table.partition.name,
        old_days=[day for day in wanted if retired.get(day, day in live.days)],
        new_days=wanted,
    ).in_grain(plan.window.grain)
    return Difference(found, lines_by(by, old, new, table.measures) if by else ())


def _old(
    correction: str, live: Snapshot, retired: Mapping[date, Sequence[DataFile]], days: Sequence[date]
) -> pl.LazyFrame:
    """The rows of before: from retired files where days were swapped, else the live ones."""
    files = [file for of_day in retired.values() for file in of_day]
    if gone := days_missing(live, files):
        raise FilesDeleted(correction, gone, live.partition.grain.value)
    old = live.scan([day for day in days if day not in retired])
    if not files:
        return old
    there = [(file.path, file.day) for file in files]
    return pl.concat([old, live.folder.scan_days(there, live.schema, live.partition)])


def _before(ctx: StepContext, correction: str) -> dict[date, tuple[DataFile, ...]]:
    """For each day that was ever swapped, the files that its first swap retired."""
    before: dict[date, tuple[DataFile, ...]] = {}
    for manifest in sorted(happened(ctx.records, correction), key=lambda one: one.swap_count):
        retired = by_day(manifest.retired)
        before = {day: retired.get(day, ()) for day in manifest.days} | before
    return before
