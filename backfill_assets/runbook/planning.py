"""What a plan says beyond its request: how long it takes, what it costs, and what has to be live before it."""

from collections.abc import Collection
from dataclasses import replace
from datetime import date

from backfill_assets.core.estimate import estimate, within_rate
from backfill_assets.core.plan import Plan
from backfill_assets.core.waves import ordered_waves
from backfill_assets.errors.request import CorrectedFirst
from backfill_assets.runbook.desk import Desk


def estimated(desk: Desk, plan: Plan) -> Plan:
    """The plan with waves below what its sources can bear, and its time and cost from the runs of the past."""
    policy = within_rate(plan.request.waves, desk.subject.days_per_minute)
    waves = ordered_waves(plan.days, policy)
    expected = estimate(waves, policy, desk.records.builds.past_runs(plan.table))
    return replace(
        plan,
        request=replace(plan.request, waves=policy),
        seconds=round(expected.seconds, 1),
        run_seconds=round(expected.run_seconds, 1),
        seconds_per_day=round(expected.seconds_per_day, 4),
        runs_seen=expected.runs_seen,
        after=corrected_first(desk, plan.days),
    )


def corrected_first(desk: Desk, days: Collection[date]) -> tuple[str, ...]:
    """Open corrections of tables that this one reads, with some of the same days and not live yet.

    This one would be computed from what they are about to replace.
    """
    first = {
        name
        for name, progress in desk.records.ledger.standings().items()
        if progress.plan.table in desk.subject.sources and not progress.claimed.isdisjoint(days)
    }
    return tuple(sorted(first))


def refuse_early(plan: Plan) -> None:
    """Refuse a plan that has to wait for others.

    Raises:
        CorrectedFirst: naming them.
    """
    if plan.after:
        raise CorrectedFirst(plan.table, plan.after)
