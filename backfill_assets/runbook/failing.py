"""Steps that meet a table they cannot use: written down as failed with that reason, so that nobody asks for ever."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from backfill_assets.core.facts import StepFailed
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
