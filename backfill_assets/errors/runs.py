"""What a run of Dagster's ends in that a person has to hear of: a step, a night, a look at published days."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

from backfill_assets.errors.base import BackfillAssetsError, Refused, at_rate, counted, days_listed, listed, verb
from backfill_assets.errors.failure import Failure, each_once_told


class StepClosed(Refused):
    """A step of a closed correction was launched."""

    def __init__(self, correction: str, step: str, ending: str) -> None:
        super().__init__(
            f"Correction {correction} is {ending}, so its step {step} cannot be taken. Nothing was done. "
            "Open a new correction for these days."
        )


class StagedByOtherCode(Refused):
    """Days of one correction were staged by different versions of the code."""

    def __init__(
        self, correction: str, days: Collection[date], versions: Collection[str], current: str, noun: str = "day"
    ) -> None:
        super().__init__(
            f"{days_listed(days, noun=noun)} of correction {correction} {verb(len(days), 'was', 'were')} staged "
            "by code version "
            f"{listed(versions)}, and the other {noun}s by another. Live is untouched. "
            f"Exactly these {noun}s are staged again by {current or 'the current code'}."
        )


class NightlyIncomplete(BackfillAssetsError):
    """Days or reports of a nightly could not be built."""

    def __init__(self, table: str, why: Mapping[object, Failure]) -> None:
        super().__init__(
            f"Nightly of {table} could not build {listed(why)}. "
            "Everything else is published, and these are as they were. "
            f"Repair the cause; the next nightly builds them by itself. {_reasons(why)}"
        )


class ReportsFailed(BackfillAssetsError):
    """Reports could not follow what a consumer has written."""

    def __init__(self, consumer: str, why: Mapping[str, Failure]) -> None:
        super().__init__(
            f"{consumer} has read on, and {listed(why)} could not be built. "
            "They are as they were. "
            f"Repair the cause; the next turn builds them by itself. {_reasons(why)}"
        )


class SweepIncomplete(BackfillAssetsError):
    """Corrections that were due could not be decommissioned."""

    def __init__(self, table: str, why: Mapping[str, BackfillAssetsError]) -> None:
        reasons = each_once_told({correction: str(error) for correction, error in why.items()})
        super().__init__(
            f"{counted(len(why), 'correction')} of {table} could not be decommissioned. "
            "All their files are still there. "
            f"Repair the cause; the next sweep tries again by itself. {reasons}"
        )


class FoundWrong(BackfillAssetsError):
    """A look at published days found some that are not what they should be."""

    exit_code = 5

    def __init__(self, found: str, requests: Collection[str]) -> None:
        move = f"Open the proposed request ({listed(requests)})" if requests else "Look at the check on the asset"
        super().__init__(f"{found.rstrip('.')}. Nothing was changed. {move}, or correct what it was compared with.")


class NothingLookedAt(BackfillAssetsError):
    """A look at published days met none, which says nothing about them."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"No published day of {table} was examined. Nothing was changed, and nothing is known about it. "
            "Check BACKFILL_LAKE and the days asked for."
        )


class NothingToPublish(BackfillAssetsError):
    """Nightly found no day to publish and none that is published: more likely it looked in the wrong place."""

    def __init__(self, table: str, through: date) -> None:
        super().__init__(
            f"Nothing of {table} is published and nothing has landed up to {through}. Nothing was written. "
            "Check where upstream drops its files, and the last day."
        )


class SourceNotFree(Refused):
    """Days were launched that a source does not bear now."""

    def __init__(
        self, correction: str, days: Collection[date], source: str, days_per_minute: float, noun: str = "day"
    ) -> None:
        told, rate = days_listed(days, noun=noun), at_rate(source, days_per_minute, noun)
        super().__init__(
            f"The launch of {told} is too much now for {rate}. "
            "Nothing was read or staged. "
            f"The driver stages {verb(len(days), 'it', 'them')} by itself for correction {correction}, as does "
            f"`backfill-assets run {correction}`; nothing has to be launched again."
        )


class RefreshHanging(BackfillAssetsError):
    """What refreshes a report outside has not returned in the time that it may take."""

    def __init__(self, report: str, minutes: float) -> None:
        told = f"{minutes:g} {'minute' if minutes == 1 else 'minutes'}"
        super().__init__(
            f"The refresh of {report} has not returned within {told}. It was left to itself, and what "
            f"{report} shows may be old or new. See where it is kept whether it is refreshed, then try again."
        )


def _reasons(why: Mapping[Any, Failure]) -> str:
    return each_once_told({what: failure.message for what, failure in why.items()})


class PaceUnusable(Refused):
    """A pace says nothing, or what cannot be; or nothing is left to which it would apply."""

    def __init__(self, correction: str, why: str) -> None:
        super().__init__(
            f"The pace of correction {correction} was not changed, because {why}. It stages as before. "
            "Say how many waves run at once, that it pauses or resumes, or its budget, while it has days to stage."
        )
