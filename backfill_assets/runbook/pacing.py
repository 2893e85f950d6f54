"""The pace of a correction that is being staged: more or fewer waves at once, a pause, and going on."""

from backfill_assets.core.budget import A_BUDGET, Budget, budget_given
from backfill_assets.core.events import Event
from backfill_assets.core.facts import Paced
from backfill_assets.core.given import written
from backfill_assets.core.plan import Plan
from backfill_assets.core.steps import Step
from backfill_assets.core.waves import MOST_RUNS
from backfill_assets.errors.given import BudgetUnreadable
from backfill_assets.errors.runs import PaceUnusable
from backfill_assets.runbook.context import StepContext, refuse_nameless


def pace(
    ctx: StepContext,
    correction: str,
    *,
    at_once: int | None = None,
    paused: bool | None = None,
    budget: Budget | None = None,
    note: str = "",
) -> Event:
    """Change how many waves a correction stages at once, or its budget; pause it, or let it go on; None is as it was.

    What is under way comes to its end: a pause holds from the next wave on. It holds back no launch of a person, and
    none of the steps after staging.

    Raises:
        CorrectionUnknown: when the ledger has none of that id.
        NameNeeded: when it is nobody who decides.
        PaceUnusable: when nothing is said, no such pace can be, or every day is staged.
    """
    progress = ctx.progress(correction)
    refuse_nameless(ctx, "change the pace of", correction)
    if at_once is None and paused is None and budget is None:
        raise PaceUnusable(correction, "nothing was said of it")
    if at_once is not None and not 1 <= at_once <= MOST_RUNS:
        raise PaceUnusable(correction, f"{at_once} waves at once are not between 1 and {MOST_RUNS}")
    if progress.is_closed or not (progress.missing or Step.STAGE not in progress.done):
        raise PaceUnusable(correction, "it has no day left to stage")
    if why := _unusable(progress.plan, budget):
        raise PaceUnusable(correction, why)
    return ctx.record(correction, Paced(at_once, paused, written(note), budget))


def _unusable(plan: Plan, budget: Budget | None) -> str:
    """Why a correction cannot have a budget; empty where it can."""
    if budget is None:
        return ""
    if plan.is_follower:
        return f"its budget is that of correction {plan.lead}"
    known = plan.request.budget
    if budget.is_money and (known is None or known.unit != budget.unit):
        return f"it was opened without a price in {budget.unit}, so that its budget is to be told in core-hours"
    return ""


def budget_of(text: str) -> Budget:
    """The budget that somebody wrote.

    Raises:
        BudgetUnreadable: when it is none.
    """
    found = budget_given(text)
    if found is None:
        raise BudgetUnreadable(text, A_BUDGET)
    return found
