"""The pace of a staging, which somebody may change while it runs: how many waves, whether any begins, for how much."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from backfill_assets.core.facts import Paced
from backfill_assets.core.progress import Pace, Progress
from backfill_assets.core.waves import plan_waves
from backfill_assets.core.window import Window


@dataclass(frozen=True, slots=True)
class Paused:
    """No wave begins until somebody resumes the staging; ``by`` says who has paused it, and why."""

    by: str


@dataclass(frozen=True, slots=True)
class BudgetSpent:
    """No wave begins until somebody raises the budget; ``told`` says how far it has gone, in a sentence."""

    told: str


def width(progress: Progress) -> int:
    """How many waves may run side by side: what was set last, or what the request says."""
    return progress.staging.pace.at_once or progress.plan.request.waves.at_once


def paced(pace: Pace, actor: str, fact: Paced) -> Pace:
    """The pace after somebody has changed it; what the fact does not speak of is as before."""
    by = f"{actor}, {fact.note}" if fact.note else actor
    return replace(
        pace,
        at_once=pace.at_once if fact.at_once is None else fact.at_once,
        paused_by={None: pace.paused_by, True: by, False: ""}[fact.paused],
        budget=fact.budget or pace.budget,
    )


def may_begin(
    progress: Progress, waves: Sequence[Window], chain: Collection[Progress] = ()
) -> tuple[Window, ...] | Paused | BudgetSpent:
    """The first of some waves, as far as the budget pays for them and those under way; or what holds them all back.

    A ``chain``, of which these are the others, has one budget, that of its lead.
    """
    if by := progress.staging.pace.paused_by:
        return Paused(by)
    members = (progress, *chain)
    budget = next((one.budget for one in members if not one.plan.is_follower), progress.budget)
    if budget is None or not waves:
        return tuple(waves)
    # None longer than usual, so that what is left pays for one more.
    usual = progress.plan.request.waves
    waves = [part for wave in waves for part in plan_waves(wave.days, usual, wave.grain, canary_done=True)]
    price, cost = progress.plan.cost.core_hour, sum(one.staging.spent.core_seconds for one in members)
    under_way = sum(one.cost_of_day * len(one.runs.days) for one in members)
    left = budget.core_seconds(price) - cost - under_way
    ends = accumulate(progress.cost_of_day * len(wave) for wave in waves)
    fitting = tuple(wave for wave, end in zip(waves, ends, strict=True) if left > 0 and end <= left)
    in_all = budget.told(cost + sum(one.cost_of_day * len(one.missing) for one in members), price)
    so_far = f"The staging has cost {budget.told(cost, price)} of its budget of {budget}"
    return fitting or BudgetSpent(f"{so_far}, and is expected to cost {in_all} in all.")
