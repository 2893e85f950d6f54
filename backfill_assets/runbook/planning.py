"""What is known before a correction opens: its time and cost, what has to be live first, what would make it fail."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from datetime import date

import polars as pl

from backfill_assets.core.condition import NO_ROWS_ALONE, counted_where
from backfill_assets.core.exact import is_exact
from backfill_assets.core.given import A_WATCHER, AN_ID, ID, WATCHER
from backfill_assets.core.partition_column import slots_in
from backfill_assets.core.plan import Approval, Plan, Request
from backfill_assets.core.wave_size import planned_waves
from backfill_assets.core.waves import estimate, in_order, ordered_waves, seconds_of_day, within_rate
from backfill_assets.errors.base import as_words
from backfill_assets.errors.lake import (
    ColumnsNotLive,
    DaysNotPartitions,
    LiveKeysDoubled,
    LiveKeysNull,
    LiveMeasuresInexact,
    LiveTypesUnfit,
    LiveUnreadable,
    PartitionedOtherwise,
    RowsWithoutDay,
)
from backfill_assets.errors.request import CorrectedFirst, RequestFieldInvalid
from backfill_assets.errors.validation import ClauseHoldsNothing, ConditionUnusable, NothingHeldUnchanged
from backfill_assets.runbook.budgeting import core_hour_of, expected_cost
from backfill_assets.runbook.context import StepContext
from backfill_assets.runbook.correctable_table import CorrectableTable
from backfill_assets.storage.features import refuse_unsafe
from backfill_assets.storage.records import Records
from backfill_assets.storage.schema import unstageable
from backfill_assets.storage.snapshot import Snapshot


def estimated(ctx: StepContext, plan: Plan) -> Plan:
    """The plan with waves below what its sources can bear, and its time and cost from the runs of the past."""
    policy = in_order(plan.request.waves) if plan.carries_state else plan.request.waves
    policy = within_rate(policy, min(ctx.table.sources.rates.values(), default=0.0))
    past = ctx.records.builds.past_runs(plan.table)
    per_day, runs_seen = seconds_of_day(past)
    cost = replace(plan.cost, seconds_per_day=round(per_day, 4), runs_seen=runs_seen)
    plan = replace(plan, request=replace(plan.request, waves=policy), cost=cost)
    expected = estimate(ordered_waves(plan.days, planned_waves(plan), plan.window.grain), policy, past)
    return replace(
        plan,
        inputs=replace(plan.inputs, after=corrected_first(ctx, plan.days), rates=dict(ctx.table.sources.rates)),
        cost=replace(
            plan.cost,
            seconds=round(expected.seconds, 1),
            run_seconds=round(expected.run_seconds, 1),
            core_seconds=round(expected_cost(ctx, plan, expected.run_seconds), 3),
            core_hour=core_hour_of(plan.request.budget),
        ),
    )


def corrected_first(ctx: StepContext, days: Collection[date]) -> tuple[str, ...]:
    """Open corrections of tables that this one reads, with some of the same days and not live yet.

    This one would be computed from what they are about to replace.
    """
    read = {source: ctx.table.sources.read_of(source).of(days) for source in ctx.table.sources.names}
    first = {
        name
        for name, progress in ctx.records.ledger.all_progress().items()
        if not progress.claimed.isdisjoint(read.get(progress.plan.table, ()))
    }
    return tuple(sorted(first))


def refuse_unplaced(ctx: StepContext, pins: Mapping[str, int]) -> None:
    """Refuse a table that cannot be swapped by day, and rows that are in no day of it or of a source.

    Raises:
        PartitionedOtherwise: when the table is not partitioned by the column of its slots alone.
        RowsWithoutDay: naming the table or source that has some.
    """
    live = ctx.records.snapshot(ctx.table.name)
    if live.partition_columns != (ctx.table.partition.name,):
        raise PartitionedOtherwise(ctx.table.name, live.partition_columns, ctx.table.partition.name)
    refuse_rows_without_day({ctx.table.name: live, **pinned(ctx, pins)})


def pinned(ctx: StepContext, pins: Mapping[str, int]) -> dict[str, Snapshot]:
    """Each source at the commit that a correction is staged from."""
    return {source: ctx.records.snapshot(source, commit) for source, commit in pins.items()}


def late_days(ctx: StepContext, plan: Plan) -> frozenset[date]:
    """Days of which a source holds other files now than at the commit that the correction is staged from."""
    moved: set[date] = set()
    for source, commit in plan.pins.items():
        pinned, newest = ctx.records.snapshot(source, commit), ctx.records.snapshot(source)
        if source != plan.table and newest.commit != commit and newest.tells_slots:
            read = {day: ctx.table.sources.read_of(source).of([day]) for day in plan.days}
            moved |= {
                day for day, slots in read.items() if pinned.fingerprint_over(slots) != newest.fingerprint_over(slots)
            }
    return frozenset(moved)


def refuse_rows_without_day(tables: Mapping[str, Snapshot]) -> None:
    """Refuse what would be computed without rows that nobody can place.

    Raises:
        RowsWithoutDay: naming the first table that has some.
    """
    for table, snapshot in tables.items():
        if rows := snapshot.rows_without_day():
            raise RowsWithoutDay(table, rows, snapshot.partition.name, snapshot.values_without_day())


def rows_without_day_told(records: Records, tables: Collection[str]) -> list[str]:
    """What people should know of rows that are in no day's figures, a sentence a table."""
    told: list[str] = []
    for name in tables:
        if records.exists(name) and (rows := (snapshot := records.snapshot(name)).rows_without_day()):
            noun = snapshot.partition.grain
            told.append(f"{noun.worded('Rows without a day')} in {name}, {rows}, are in no {noun.value}'s figures.")
    return told


def refuse_unnameable(request: Request) -> None:
    """Refuse names that could not be those of files and folders, whichever way the request came.

    Raises:
        RequestFieldInvalid: naming the field and what it takes.
    """
    if not ID.fullmatch(request.correction):
        raise RequestFieldInvalid("correction", as_words(request.correction), AN_ID)
    for watcher in request.watchers:
        if not WATCHER.fullmatch(watcher):
            raise RequestFieldInvalid("watchers", as_words(watcher), A_WATCHER)


def refuse_early(plan: Plan) -> None:
    """Refuse a plan that has to wait for others.

    Raises:
        CorrectedFirst: naming them.
    """
    if plan.inputs.after:
        raise CorrectedFirst(plan.table, plan.inputs.after)


ROWS_AT_ONCE = 5_000_000


def refuse_unfit(ctx: StepContext, request: Request, live: Snapshot) -> None:
    """Refuse a request that the table, its live days or its own clauses make impossible.

    Raises:
        BadInput: a subclass for each of days, columns, types, clauses and keys.
        FeatureUnsupported: when live has a property under which a swap is not safe.
    """
    table = ctx.table
    if strange := ctx.surroundings.unknown_days(request.all_days):
        raise DaysNotPartitions(table.name, strange, request.window, table.partition.grain.value)
    refuse_unsafe(table.name, live.handle)
    _refuse_columns(table, live.schema)
    keys, columns = (table.partition.name, *table.keys), {**table.columns.declared, **live.schema}
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
    known = {**table.columns.declared, **live}
    if lacking := {*table.keys, *table.measures} - set(known):
        raise ColumnsNotLive(table.name, lacking, set(live))
    types = {name: known[name] for name in table.measures}
    if inexact := {name: str(kind) for name, kind in types.items() if not is_exact(kind)}:
        raise LiveMeasuresInexact(table.name, inexact)
    unfit = {name: str(live[name]) for name in unstageable(live)}
    for name, kind in table.columns.declared.items():
        if name in live and live[name] != kind:
            unfit[name] = f"{live[name]} where the code declares {kind}"
    if unfit:
        raise LiveTypesUnfit(table.name, unfit)


def _refuse_rows(table: CorrectableTable, live: Snapshot, days: Collection[date]) -> None:
    """Refuse live rows that cannot be matched with staged ones."""
    by, keys = table.partition.name, [table.partition.name, *table.keys]
    nulls: Counter[str] = Counter()
    without: set[date] = set()
    doubled: dict[date, int] = {}
    for batch in _batches(live, days):
        rows = _read(table.name, live, batch, lambda rows: table.partition.as_slots(rows.select(keys)))
        nulls.update({name: rows[name].null_count() for name in keys})
        lacking = rows.filter(pl.any_horizontal(pl.col(keys).is_null()))
        without |= {day for day in slots_in(lacking[by]) if day is not None}
        again = rows.group_by(keys).len().filter(pl.col("len") > 1).group_by(by).len()
        doubled |= {day: found for day, found in zip(slots_in(again[by]), again["len"], strict=True) if day is not None}
    noun = table.partition.grain.value
    if without:
        raise LiveKeysNull(table.name, +nulls, without, noun)
    if doubled:
        raise LiveKeysDoubled(table.name, keys, sum(doubled.values()), doubled, noun)


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
        raise LiveUnreadable(table, lost or days, live.partition.grain.value) from error
