"""Steps and runs that fail: written down with their reason, so that nobody asks for them for ever."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from backfill_assets.core.facts import DaysFailed, RunEnded, RunFailed, StepFailed
from backfill_assets.core.in_flight import Pending
from backfill_assets.core.progress import Progress
from backfill_assets.core.requirements import RunIsPending
from backfill_assets.core.steps import Step
from backfill_assets.errors.lake import Unusable
from backfill_assets.runbook.context import StepContext

Given = ParamSpec("Given")
Got = TypeVar("Got")
Take = Callable[Concatenate[StepContext, str, Given], Got]


def stuck_when_unusable(step: Step) -> Callable[[Take[Given, Got]], Take[Given, Got]]:
    """Write a step down as failed when a table cannot be used until a person has looked, and raise as before."""

    def decorated(take: Take[Given, Got]) -> Take[Given, Got]:
        @wraps(take)
        def taken(ctx: StepContext, correction: str, *args: Given.args, **kwargs: Given.kwargs) -> Got:
            try:
                return take(ctx, correction, *args, **kwargs)
            except Unusable as error:
                if ctx.progress(correction).failures.get(step) != str(error):
                    ctx.record(correction, StepFailed(step, str(error)))
                raise

        return taken

    return decorated


def failed(one: Pending, reason: str, run: str) -> RunFailed:
    """A requested run failed, under the first step that it has not settled."""
    return RunFailed(_step_of(one), one.key, reason, run)


def ended(one: Pending, reason: str, run: str) -> RunEnded:
    """A requested run ended without a word of its own."""
    return RunEnded(_step_of(one), one.key, reason, run)


def died(progress: Progress, one: Pending, reason: str, run: str) -> RunEnded | RunFailed | DaysFailed:
    """A requested run ended without a word of its own, and whoever wanted it is still there.

    It is asked for again as often as the request allows. A wave only once: what killed it may have had nothing to do
    with its days. When it dies again, and where it is one day, the days count as failed and are tried alone, so that
    a day that kills its process each time stops no other. A canary is there to stop all others, and the days of a
    wave that was longer than usual are asked for in shorter ones.
    """
    policy = progress.plan.request.waves
    again = progress.runs.is_tried_again(one.item, policy.attempts)
    is_canary = policy.has_canary and not progress.staging.has_come_back
    if one.item.wave is None or is_canary:
        return ended(one, reason, run) if again else failed(one, reason, run)
    if policy.max_days is None and len(one.item.wave) > policy.usual_days:
        return ended(one, reason, run)
    is_first = len(one.days) > 1 and not progress.runs.fruitless.get(one.item.name, 0)
    if again and is_first:
        return ended(one, reason, run)
    told = reason if run[:8] in reason else f"{reason} It was run {run[:8]}."
    return DaysFailed(dict.fromkeys(sorted(one.days), told))


def record_end(ctx: StepContext, correction: str, one: Pending, fact: RunFailed | RunEnded | DaysFailed) -> None:
    """Write the end of a requested run down once, whoever else sees it."""
    ctx.record_if(correction, fact, RunIsPending(correction, one.key))


def _step_of(one: Pending) -> Step:
    left = [step for step in one.item.steps if step in one.steps]
    return left[0] if left else one.item.step
