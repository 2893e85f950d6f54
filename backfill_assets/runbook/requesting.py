"""Requesting runs: written into the ledger first, so that of two who want the same run one gets it."""

from datetime import date, datetime

from backfill_assets.core.facts import LaunchPostponed, RunRequested
from backfill_assets.core.in_flight import Pending
from backfill_assets.core.plan import Plan
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import RunIsFree
from backfill_assets.core.steps import WorkItem
from backfill_assets.core.window import Window
from backfill_assets.errors.runs import SourceNotFree
from backfill_assets.runbook.context import StepContext


def ask(
    ctx: StepContext,
    progress: Progress,
    item: WorkItem,
    process: str = "",
    at: datetime | None = None,
    *,
    launched: bool = False,
) -> Pending | None:
    """Write down that a run is asked for; None when somebody else has asked for it, or it may not begin now.

    ``process`` names the process that will run it itself; empty when the daemon launches it. ``at`` is the time by
    which the rates of sources are kept, by default the context's. What a person ``launched`` no pause holds back.
    """
    correction = progress.plan.correction
    key = progress.runs.next_key(correction, item)
    requested = RunRequested(key, item, process)
    if ctx.record_if(correction, requested, RunIsFree(correction, key, item, at or ctx.now, launched)) is None:
        return None
    return ctx.progress(correction).runs.pending.get(key)


def ask_for_launched(
    ctx: StepContext, plan: Plan, days: tuple[date, ...], request: str, process: str
) -> Pending | None:
    """Count a launched run among the waves of its correction, where the rate of a source has to be kept.

    None where there is no such source, or the run was asked for under ``request`` and is counted already. What the
    sources do not bear is left to whoever drives the correction.

    Raises:
        SourceNotFree: when they do not.
    """
    progress = ctx.progress(plan.correction)
    if not plan.rates or request in progress.runs.pending:
        return None
    wave = Window.spanning(days, plan.window.grain)
    fits = len(days) <= plan.request.waves.usual_days and len(days) == len(wave)
    pending = ask(ctx, progress, WorkItem(wave=wave), process, launched=True) if fits else None
    if pending is None:
        source, rate = min(plan.rates.items(), key=lambda limit: limit[1])
        ctx.record(plan.correction, LaunchPostponed(days, source, rate))
        raise SourceNotFree(plan.correction, days, source, rate, plan.window.grain.value)
    return pending
