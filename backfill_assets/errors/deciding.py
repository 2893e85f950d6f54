"""Refusals of what is no decision: without a person's name, without its extent, on a month that cannot be read."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import BadInput, Refused, days_listed, listed


class NameNeeded(BadInput):
    """A decision is signed by nobody, by a machine or by a placeholder.

    Args:
        what: the decision, as the end of "To … a person's name is needed".
        given: what was given for a name.
    """

    def __init__(self, what: str, given: str) -> None:
        there = f"{given!r} is none" if given.strip() else "none was given"
        super().__init__(
            f"To {what} a person's name is needed, and {there}. Nothing was changed. "
            "Write your own name, in the field by of the form or after --by on the command line."
        )


class ExtentUnsaid(BadInput):
    """A roll back says neither which days nor that it means all."""

    def __init__(self, correction: str, noun: str = "day") -> None:
        super().__init__(
            f"It is not stated which {noun}s of correction {correction} are to be rolled back. Nothing was changed. "
            f"Name the {noun}s, or say all of them, by all_days in the form or --all on the command line."
        )


class ExtentContradictory(BadInput):
    """A roll back names days and says all."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        told = days_listed(days, noun=noun)
        super().__init__(
            f"Correction {correction} is asked to roll back all {noun}s and also {told} by name. "
            f"Nothing was changed. Name the {noun}s or say all of them, not both."
        )


class MonthUnreadable(BadInput):
    """A month is not written as year and month."""

    def __init__(self, month: str) -> None:
        super().__init__(
            f"{month!r} is not a month. Nothing was closed or opened. Write it as year and month, such as 2026-01."
        )


class SecondNameNeeded(Refused):
    """One person approved twice what two have to approve."""

    def __init__(self, correction: str, by: str, months: Collection[str]) -> None:
        super().__init__(
            f"{by} has approved correction {correction} already, and it changes closed months ({listed(months)}). "
            "Nothing was recorded. Somebody else has to approve it too."
        )
