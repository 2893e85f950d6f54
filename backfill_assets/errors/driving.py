"""Refusals around the driver and the steps as Dagster launches them."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import Refused, days_listed, listed


class StepClosed(Refused):
    """A step of a closed correction was launched."""

    def __init__(self, correction: str, step: str, ending: str) -> None:
        super().__init__(
            f"Correction {correction} is {ending} and takes no {step} any more. Nothing was done. "
            "Open a new correction for these days."
        )


class StagedByOtherCode(Refused):
    """Days of one correction were staged by different versions of the code."""

    def __init__(self, correction: str, days: Collection[date], versions: Collection[str], current: str) -> None:
        super().__init__(
            f"{days_listed(days)} of correction {correction} were staged by code version {listed(versions)}, others by "
            f"another. Live is untouched. Exactly these days are staged again by {current or 'the current code'}."
        )
