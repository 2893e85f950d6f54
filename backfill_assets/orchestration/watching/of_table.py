"""A table beside another one of the lake: a stream's result beside that of the batch path."""

from datetime import date
from typing import Any

import polars as pl

from backfill_assets.core.window import Window
from backfill_assets.errors.setup import ArgumentUnusable
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.watching.against import against
from backfill_assets.orchestration.watching.books import LedgerSpec
from backfill_assets.orchestration.watching.reconciliation import Reconcile, Reconciled
from backfill_assets.storage.records import Records


def against_table(table: str, ledger: LedgerSpec, **options: Any) -> Reconcile:
    """What ``reconcile(...)`` takes to compare a table with another one of the lake, day by day.

    A day or a group that one of the two has and the other has not is a difference, up to the newest day of the other
    table: what that has not come to is not over.

    Args:
        table: the other table; both keep their days in a column ``day``.
        ledger: what is compared, with the table that is, and how it is worded.
        options: as of ``against``.

    Raises:
        ArgumentUnusable: when it names no table, or as ``against``.
    """
    if not ledger.table:
        raise ArgumentUnusable("against_table", "ledger", "a LedgerSpec without a table", "Name the one that watches.")
    compared = against(ledger, lambda records, window: _figures(records, table, ledger, window), **options)

    def compare(lake: LakeResource, through: date | None) -> Reconciled:
        newest = max(lake.records().days(table), default=None)
        if newest is None:
            return Reconciled(ledger.table, through, 0, ())
        return compared(lake, newest if through is None else min(newest, through))

    return compare


def _figures(records: Records, table: str, ledger: LedgerSpec, window: Window) -> pl.DataFrame:
    """The figures of the other table; what only ours has is stated as nothing, since all of a day is added up."""
    ours, theirs = records.snapshot(ledger.table), records.snapshot(table)
    named = [ours.partition.name, *ledger.groups, *ledger.measures]
    nothing = [pl.lit(0).cast(ours.schema[name]).alias(name) for name in ledger.measures]
    days = sorted(window)
    empty = ours.scan(days).select(named).with_columns(nothing).unique()
    return pl.concat([theirs.scan(days).select(named), empty], how="vertical_relaxed").collect()
