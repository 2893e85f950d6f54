"""What would fail after all days are staged, and can be known before anything is opened."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import date

import polars as pl

from backfill_assets.core.condition import NO_ROWS_ALONE, counted_where
from backfill_assets.core.plan import Approval, Request
from backfill_assets.errors.lake import (
    ColumnsNotLive,
    DaysNotPartitions,
    LiveKeysDoubled,
    LiveKeysNull,
    LiveMeasuresInexact,
    LiveTypesUnfit,
    LiveUnreadable,
)
from backfill_assets.errors.validation import ClauseHoldsNothing, ConditionUnusable, NothingHeldUnchanged
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.correctable_table import CorrectableTable
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.schema import refuse_unsafe, unstageable
from backfill_assets.storage.snapshot import Snapshot

ROWS_AT_ONCE = 5_000_000


def refuse_unfit(ctx: StepContext, request: Request, live: Snapshot) -> None:
    """Refuse a request that the table, its live days or its own clauses make impossible.

    Raises:
        BadInput: a subclass for each of days, columns, types, clauses and keys.
        FeatureUnsupported: when live has a property under which a swap is not safe.
    """
    table = ctx.table
    if strange := ctx.surroundings.unknown_days(request.all_days):
        raise DaysNotPartitions(table.name, strange, request.window)
    refuse_unsafe(table.name, live.handle)
    _refuse_columns(table, live.schema)
    keys, columns = (DAY, *table.keys), {**table.declared, **live.schema}
    expectation = request.expectation
    expectation.check_against(columns, keys=keys, measures=table.measures, days=request.all_days)
    if (
        request.approval is Approval.AUTOMATIC
        and not expectation.is_empty
        and expectation.claims_nothing(columns, keys)
    ):
        raise ClauseHoldsNothing(["columns"], "every column may differ")
    there = sorted(set(request.all_days) & live.days)
    _refuse_rows(table, live, there)
    if expectation.unchanged_where:
        # A column that the code declares and live does not have yet reads as null.
        _refuse_unmet(expectation.unchanged_where, request, replace(live, schema=pl.Schema(columns)), there)


def _refuse_columns(table: CorrectableTable, live: pl.Schema) -> None:
    known = {**table.declared, **live}
    if lacking := {*table.keys, *table.measures} - set(known):
        raise ColumnsNotLive(table.name, lacking, set(live))
    types = {name: known[name] for name in table.measures}
    if inexact := {name: str(kind) for name, kind in types.items() if not (kind.is_decimal() or kind.is_integer())}:
        raise LiveMeasuresInexact(table.name, inexact)
    unfit = {name: str(live[name]) for name in unstageable(live)}
    for name, kind in table.declared.items():
        if name in live and live[name] != kind:
            unfit[name] = f"{live[name]} where the code declares {kind}"
    if unfit:
        raise LiveTypesUnfit(table.name, unfit)


def _refuse_rows(table: CorrectableTable, live: Snapshot, days: Collection[date]) -> None:
    """Refuse live rows that cannot be matched with staged ones."""
    keys = [DAY, *table.keys]
    nulls: Counter[str] = Counter()
    without: set[date] = set()
    doubled: dict[date, int] = {}
    for batch in _batches(live, days):
        rows = _read(table.name, live, batch, lambda rows: rows.select(keys))
        nulls.update({name: rows[name].null_count() for name in keys})
        without |= set(rows.filter(pl.any_horizontal(pl.col(keys).is_null()))[DAY])
        again = rows.group_by(keys).len().filter(pl.col("len") > 1).group_by(DAY).len()
        doubled |= dict(again.iter_rows())
    if without:
        raise LiveKeysNull(table.name, +nulls, without)
    if doubled:
        raise LiveKeysDoubled(table.name, keys, sum(doubled.values()), doubled)


def _refuse_unmet(condition: str, request: Request, live: Snapshot, days: Collection[date]) -> None:
    """Refuse a condition that is true for no live row, where there are any."""
    rows = met = undecided = 0
    for batch in _batches(live, days):
        try:
            counted = _read(request.table, live, batch, lambda rows: counted_where(rows, condition))
        except pl.exceptions.PolarsError as error:
            raise ConditionUnusable(condition, NO_ROWS_ALONE) from error
        rows, met = rows + counted["rows"].item(), met + counted["met"].item()
        undecided += counted["undecided"].item()
    if rows and not met:
        raise NothingHeldUnchanged(condition, request.table, request.window, undecided)


def _batches(live: Snapshot, days: Collection[date]) -> Iterator[list[date]]:
    """Whole days, so many that about ``ROWS_AT_ONCE`` are read together."""
    batch, held = list[date](), 0
    for day, files in live.files_of(days).items():
        rows = sum(file.rows if file.rows >= 0 else ROWS_AT_ONCE for file in files)
        if batch and held + rows > ROWS_AT_ONCE:
            yield batch
            batch, held = [], 0
        batch, held = [*batch, day], held + rows
    if batch:
        yield batch


def _read(
    table: str, live: Snapshot, days: Collection[date], wanted: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> pl.DataFrame:
    """What is wanted of the rows of some live days.

    Raises:
        LiveUnreadable: naming the days whose files are gone.
    """
    try:
        return wanted(live.scan(days)).collect(engine="streaming")
    except (pl.exceptions.PolarsError, OSError) as error:
        gone = live.folder.missing([path for day in days for path, _ in live.names(day)])
        lost = [day for day in days if {path for path, _ in live.names(day)} & gone]
        if not lost and isinstance(error, pl.exceptions.SQLInterfaceError | pl.exceptions.InvalidOperationError):
            raise
        raise LiveUnreadable(table, lost or days) from error
