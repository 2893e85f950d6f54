"""Refusals of swaps: of a cut over, a roll back, and what they find in the table."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import Refused, corrections_listed, days_listed


class SwapUnverified(Refused):
    """After the commit, the affected days do not hold exactly the files that the plan named."""

    def __init__(self, correction: str, commit: int, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Commit {commit} of correction {correction} left {days_listed(days, noun=noun)} with other files "
            "than planned. "
            f"The earlier files are still in the lake. Roll the correction back before anything reads these {noun}s."
        )


class LiveDaysMoved(Refused):
    """Live days are not the ones the certificate was given for."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Live changed on {days_listed(days, noun=noun)} after correction {correction} was validated or planned. "
            f"Live is untouched. Stage and validate these {noun}s again."
        )


class StagedDaysMoved(Refused):
    """Staged days are not the ones the certificate was given for."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"The staged version of correction {correction} is not the validated one on "
            f"{days_listed(days, noun=noun)}. "
            f"Live is untouched. Validate these {noun}s again."
        )


class StagedFilesMissing(Refused):
    """Files that were to enter live are not in the lake."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Staged files of correction {correction} are gone from the lake on {days_listed(days, noun=noun)}. "
            f"Live is untouched. Stage and validate these {noun}s again."
        )


class RetiredFilesMissing(Refused):
    """Files that a roll back was to bring back are not in the lake."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Retired files that roll back of correction {correction} needs are gone on "
            f"{days_listed(days, noun=noun)}. "
            f"Live is untouched. Roll back the other {noun}s, and correct these with a new correction."
        )


class DaysRewritten(Refused):
    """Someone wrote other content to days since the correction swapped them."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Other content was written on {days_listed(days, noun=noun)} after correction {correction} had "
            "swapped them. "
            f"Live is untouched. Roll back the other {noun}s, swap these in again with cut-over {correction} first, "
            "or correct them with a new correction."
        )


class LaterCorrectionFirst(Refused):
    """Days were swapped by another correction since."""

    def __init__(self, correction: str, later: Collection[str], days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Live holds {days_listed(days, noun=noun)} of {corrections_listed(later)}, swapped in after "
            f"correction {correction}. "
            f"Live is untouched. Roll back the later correction first, or leave these {noun}s out."
        )


class NothingSwapped(Refused):
    """A roll back named days which the correction has not swapped, or has already brought back."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Correction {correction} has not swapped {days_listed(days, noun=noun)}, or has brought them back "
            "already. "
            f"Live is untouched. Name only {noun}s that the correction has in live."
        )


class SwapNumberTaken(Refused):
    """The number of a swap was used by another swap of the same correction."""

    def __init__(self, correction: str, swap_count: int, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Swap {swap_count} of correction {correction} is another swap, without {days_listed(days, noun=noun)}. "
            "Live is untouched by this one. Plan it again with the next number."
        )


class SwapNumberBurnt(Refused):
    """The swap was settled without a commit, by whoever refused it or abandoned the correction."""

    def __init__(self, correction: str, swap_count: int) -> None:
        super().__init__(
            f"Swap {swap_count} of correction {correction} was refused meanwhile by another process. "
            "Live is untouched by it, and its number is used up. "
            f"See the status of {correction} for what became of it."
        )


class SwapCalledOff(Refused):
    """A planned cut over is not to happen, because somebody abandons the correction."""

    def __init__(self, correction: str, swap_count: int) -> None:
        super().__init__(
            f"Swap {swap_count} of correction {correction} was called off, because the correction is being abandoned. "
            "Live is untouched, and the number is used up. "
            f"Abandon {correction}, or run it again to cut it over with the next number."
        )


class SwapUnrecorded(Refused):
    """The table has a swap that the ledger does not know, and its log does not show any more which files it was of."""

    def __init__(self, correction: str, table: str, swap_count: int) -> None:
        super().__init__(
            f"{table} holds swap {swap_count} of correction {correction}, of which the ledger knows nothing and the "
            "table's log no details. Live is untouched. "
            "Bring the newest entries of the ledger back from a copy of the lake, then run the same again."
        )


class RollBackOvertaken(Refused):
    """Live days were written between the plan of a roll back and its commit."""

    def __init__(self, correction: str, days: Collection[date], noun: str = "day") -> None:
        super().__init__(
            f"Live was written on {days_listed(days, noun=noun)} after the roll back of correction {correction} "
            "was planned. "
            "Live is untouched by the roll back. Plan it again, which checks whether the rows are the same."
        )
