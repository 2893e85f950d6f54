"""What makes a decision one: a person's name, and how far it goes, said in so many words."""

from collections.abc import Collection
from datetime import date

from backfill_assets.core.given import is_person
from backfill_assets.errors.deciding import ExtentContradictory, ExtentUnsaid, NameNeeded
from backfill_assets.runbook.context import StepContext


def refuse_nameless(ctx: StepContext, what: str, correction: str) -> None:
    """Refuse a decision that nobody signs. ``what`` is the decision, such as "roll back".

    Raises:
        NameNeeded: when whoever sits at the ctx is no person.
    """
    if not is_person(ctx.actor):
        raise NameNeeded(f"{what} correction {correction}", ctx.actor)


def refuse_without_extent(correction: str, days: Collection[date], *, all_days: bool) -> None:
    """Refuse a roll back that does not say what it is of: some days by name, or all of them.

    Raises:
        ExtentUnsaid, ExtentContradictory: when neither is said, or both.
    """
    if not days and not all_days:
        raise ExtentUnsaid(correction)
    if days and all_days:
        raise ExtentContradictory(correction, days)
