"""Refusals around what a source brings: files that take something back, and the key of its tokens."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import BackfillAssetsError, BadInput, listed


class WithdrawalWaits(BackfillAssetsError):
    """A changed file of a day no longer holds so many rows that a person has to say that this is meant."""

    exit_code = 3

    def __init__(self, file: str, day: date, lost: Collection[str], of: int) -> None:
        self.day = day
        super().__init__(
            f"`{file}` no longer holds {len(lost):,} of the {of:,} rows known of {day} ({listed(lost)}). "
            "Nothing of the file was taken in and what was known stays. Land the whole day again, or say that it is "
            f'meant with `backfill-assets withdrawals --accept {day} --by "your name"`.'
        )


class ArrivalUnannounced(BackfillAssetsError):
    """The raw log holds files of a day of which its manifest knows nothing."""

    def __init__(self, file: str, day: date) -> None:
        super().__init__(
            f"The raw log holds rows of {day} that its manifest does not know, so `{file}` may be among them. "
            "Nothing of the file was taken in. Bring `_control/raw_manifest` back from a copy of the lake."
        )


class NothingWaits(BadInput):
    """A word was given for something that does not wait for one."""

    def __init__(self, what: str, waiting: Collection[str]) -> None:
        there = f"What waits is {listed(waiting)}" if waiting else "Nothing waits at all"
        super().__init__(f"{what} does not wait for a person's word. Nothing was recorded. {there}.")


class DeclarationUnknown(BadInput):
    """What a source is said to declare about its files is none of what it can."""

    def __init__(self, setting: str, value: str, wanted: str) -> None:
        super().__init__(f"{setting} is {value!r}. Nothing was taken in. It takes {wanted}.")


class MissingKey(BadInput):
    """Personal ids cannot be tokenised without a key."""

    def __init__(self) -> None:
        super().__init__(
            "The key that tokenises personal ids is empty. No id was read or written. "
            "Set the key to at least 16 random bytes, and keep it as long as the tokens must match."
        )
