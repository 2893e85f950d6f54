"""Refusals around the driver and the steps as Dagster launches them."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import BackfillAssetsError, Refused, counted, days_listed, listed, verb
from backfill_assets.errors.failure import Failure


class StepClosed(Refused):
    """A step of a closed correction was launched."""

    def __init__(self, correction: str, step: str, ending: str) -> None:
        super().__init__(
            f"Correction {correction} is {ending}, so its step {step} cannot be taken. Nothing was done. "
            "Open a new correction for these days."
        )


class StagedByOtherCode(Refused):
    """Days of one correction were staged by different versions of the code."""

    def __init__(self, correction: str, days: Collection[date], versions: Collection[str], current: str) -> None:
        super().__init__(
            f"{days_listed(days)} of correction {correction} {verb(len(days), 'was', 'were')} staged by code version "
            f"{listed(versions)}, and the other days by another. Live is untouched. "
            f"Exactly these days are staged again by {current or 'the current code'}."
        )


class NightlyIncomplete(BackfillAssetsError):
    """Days or reports of a nightly could not be built."""

    def __init__(self, table: str, what: Collection[object], why: Collection[Failure]) -> None:
        reasons = " ".join(failure.message for failure in why)
        super().__init__(
            f"Nightly of {table} could not build {listed(what)}. "
            "Everything else is published, and these are as they were. "
            f"Repair the cause; the next nightly builds them by itself. {reasons}"
        )


class SweepIncomplete(BackfillAssetsError):
    """Corrections that were due could not be decommissioned."""

    def __init__(self, table: str, why: Collection[BackfillAssetsError]) -> None:
        reasons = " ".join(str(error) for error in why)
        super().__init__(
            f"{counted(len(why), 'correction')} of {table} could not be decommissioned. "
            "All their files are still there. "
            f"Repair the cause; the next sweep tries again by itself. {reasons}"
        )
