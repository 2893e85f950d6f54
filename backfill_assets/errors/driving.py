"""Refusals around the driver and the steps as Dagster launches them."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import BackfillAssetsError, Refused, days_listed, listed


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


class NightlyIncomplete(BackfillAssetsError):
    """Days or reports of a nightly could not be built."""

    def __init__(self, table: str, what: Collection[object], why: Collection[BackfillAssetsError]) -> None:
        reasons = " ".join(str(error) for error in why)
        super().__init__(
            f"Nightly of {table} could not build {listed(what)}. Everything else is published, these are as they were. "
            f"Mend the cause, the next nightly takes them up by itself. {reasons}"
        )


class SweepIncomplete(BackfillAssetsError):
    """Corrections that were due could not be decommissioned."""

    def __init__(self, table: str, why: Collection[BackfillAssetsError]) -> None:
        reasons = " ".join(str(error) for error in why)
        super().__init__(
            f"{len(why)} corrections of {table} could not be decommissioned. Their files are all there. "
            f"Mend the cause, the next sweep takes them up by itself. {reasons}"
        )
