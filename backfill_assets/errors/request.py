"""Refusals of what was asked for: windows, requests, names."""

from datetime import date

from backfill_assets.errors.base import BadInput


class WindowReversed(BadInput):
    """The last day of a window lies before its first."""

    def __init__(self, first: date, last: date) -> None:
        super().__init__(
            f"The window ends on {last}, before it begins on {first}. Nothing was opened or written. "
            "Swap the two days, or correct the one that is wrong."
        )
