"""Refusals around what people read: closed months, pages, printing."""

from collections.abc import Collection

from backfill_assets.errors.base import BadInput, Refused, listed


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
