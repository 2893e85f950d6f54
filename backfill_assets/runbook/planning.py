"""What a plan says beyond its request: how long it takes, what it costs, and what has to be live before it."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date

from backfill_assets.core.plan import Plan
from backfill_assets.core.waves import estimate, ordered_waves, within_rate
from backfill_assets.errors.lake import PartitionedOtherwise, RowsWithoutDay
from backfill_assets.errors.request import CorrectedFirst
from backfill_assets.runbook.context import StepContext
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.records import Records
from backfill_assets.storage.snapshot import Snapshot


def estimated(ctx: StepContext, plan: Plan) -> Plan:
    """The plan with waves below what its sources can bear, and its time and cost from the runs of the past."""
    policy = within_rate(plan.request.waves, ctx.table.sources.days_per_minute)
    waves = ordered_waves(plan.days, policy)
    expected = estimate(waves, policy, ctx.records.builds.past_runs(plan.table))
    return replace(
        plan,
        request=replace(plan.request, waves=policy),
        inputs=replace(plan.inputs, after=corrected_first(ctx, plan.days)),
        cost=replace(
            plan.cost,
            seconds=round(expected.seconds, 1),
            run_seconds=round(expected.run_seconds, 1),
            seconds_per_day=round(expected.seconds_per_day, 4),
            runs_seen=expected.runs_seen,
        ),
    )


def corrected_first(ctx: StepContext, days: Collection[date]) -> tuple[str, ...]:
    """Open corrections of tables that this one reads, with some of the same days and not live yet.

    This one would be computed from what they are about to replace.
    """
    first = {
        name
        for name, progress in ctx.records.ledger.all_progress().items()
        if progress.plan.table in ctx.table.sources.names and not progress.claimed.isdisjoint(days)
    }
    return tuple(sorted(first))


def refuse_unplaced(ctx: StepContext, pins: Mapping[str, int]) -> None:
    """Refuse a table that cannot be swapped by day, and rows that are in no day of it or of a source.

    Raises:
        PartitionedOtherwise: when the table is not partitioned by day alone.
        RowsWithoutDay: naming the table or source that has some.
    """
    live = ctx.records.snapshot(ctx.table.name)
    if live.partition_columns != (DAY,):
        raise PartitionedOtherwise(ctx.table.name, live.partition_columns)
    refuse_rows_without_day({ctx.table.name: live, **pinned(ctx, pins)})


def pinned(ctx: StepContext, pins: Mapping[str, int]) -> dict[str, Snapshot]:
    """Each source at the commit that a correction is staged from."""
    return {source: ctx.records.snapshot(source, commit) for source, commit in pins.items()}


def refuse_rows_without_day(tables: Mapping[str, Snapshot]) -> None:
    """Refuse what would be computed without rows that nobody can place.

    Raises:
        RowsWithoutDay: naming the first table that has some.
    """
    for table, snapshot in tables.items():
        if rows := snapshot.rows_without_day():
            raise RowsWithoutDay(table, rows)


def rows_without_day_told(records: Records, tables: Collection[str]) -> list[str]:
    """What people should know of rows that are in no day's figures, a sentence a table."""
    counted = {name: records.snapshot(name).rows_without_day() for name in tables if records.exists(name)}
    return [f"Rows without a day in {name}, {rows}, are in no day's figures." for name, rows in counted.items() if rows]


def refuse_early(plan: Plan) -> None:
    """Refuse a plan that has to wait for others.

    Raises:
        CorrectedFirst: naming them.
    """
    if plan.inputs.after:
        raise CorrectedFirst(plan.table, plan.inputs.after)
