"""Refusals around what lands: unusable files, files that take something back, and the key of their tokens."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import ClassVar

from backfill_assets.errors.base import (
    BackfillAssetsError,
    BadInput,
    counted,
    days_listed,
    fault_told,
    listed,
    quoted,
)


class BadLanding(BadInput):
    """A landed file of one day cannot be used; ``finding`` says why, as the rest of a sentence."""

    advice: ClassVar[str] = "Ask upstream for a corrected file of the day."

    def __init__(self, file: str, day: date, finding: str) -> None:
        self.file = file
        self.day = day
        self.finding = quoted(finding)
        super().__init__(f"`{file}` of {day} {self.finding}. Nothing of it was kept. {self.advice}")


class UnreadableFile(BadLanding):
    """A truncated or damaged file. ``culprits`` are lines, or nothing where the format has none."""

    advice = "Land the file again, complete; a day without anything is a complete file without rows."

    def __init__(self, file: str, day: date, culprits: Collection[str] = ()) -> None:
        where = f" at {listed(culprits)}" if culprits else ""
        super().__init__(file, day, f"is truncated or damaged{where}")


class NotRead(BadInput):
    """A file in the landing cannot be read as it lies there; ``finding`` says why, as the rest of a sentence."""

    advice: ClassVar[str] = (
        "Land a whole file in the format of its name, under another name until it is complete; "
        "BACKFILL_LARGEST_FILE says how large one may be."
    )

    def __init__(self, file: str, finding: str) -> None:
        self.file = file
        self.finding = quoted(finding)
        super().__init__(f"`{quoted(file)}` {self.finding}. Nothing of it was kept. {self.advice}")


class UnfitFile(BadLanding):
    """A file of one day cannot be read as it lies there."""

    advice = NotRead.advice


class UnforeseenInFile(BadLanding):
    """A file of one day failed in a way that nobody foresaw; what is said of it ``is_quoted`` where nobody is in it."""

    advice = "Ask upstream for a corrected file of the day, and report this message if the file is right."

    def __init__(self, file: str, day: date, error: BaseException, *, is_quoted: bool = True) -> None:
        told = fault_told(error) if is_quoted else f"{type(error).__name__}, which may quote somebody and is not told"
        super().__init__(file, day, f"cannot be used because of an unexpected error ({told})")


class WrongColumns(BadLanding):
    """Columns are missing, or nobody expects them."""

    def __init__(self, file: str, day: date, missing: Collection[str], unexpected: Collection[str]) -> None:
        lacks = [f"lacks the columns {listed(missing)}"] if missing else []
        has = [f"has the unexpected columns {listed(unexpected)}"] if unexpected else []
        super().__init__(file, day, " and ".join(lacks + has))


class WrongTypes(BadLanding):
    """Columns hold another type; ``columns`` maps each to the type that was found."""

    def __init__(self, file: str, day: date, columns: Mapping[str, str]) -> None:
        found = listed([f"{column} as {kind}" for column, kind in columns.items()])
        super().__init__(file, day, f"holds columns of a wrong type ({found})")


class MissingValues(BadLanding):
    """Required values are absent; ``columns`` maps each column to the number of rows."""

    def __init__(self, file: str, day: date, columns: Mapping[str, int]) -> None:
        gaps = listed([f"{column} in {counted(rows, 'row')}" for column, rows in columns.items()])
        super().__init__(file, day, f"lacks values ({gaps})")


class DuplicateRows(BadLanding):
    """Keys occur more than once in one file."""

    def __init__(self, file: str, day: date, keys: Collection[str]) -> None:
        super().__init__(file, day, f"holds {counted(len(keys), 'key')} more than once ({listed(keys)})")


class UnusableValues(BadLanding):
    """Values that the type of their column does not hold; ``columns`` maps each column to the number of rows."""

    advice = "Ask upstream for a file whose values are of the declared types, to the last digit."

    def __init__(self, file: str, day: date, columns: Mapping[str, int]) -> None:
        named = listed([f"{column} in {counted(rows, 'row')}" for column, rows in columns.items()])
        super().__init__(file, day, f"holds unusable values ({named})")


class SeveralProblems(BadLanding):
    """All that is wrong with one file, in one report; ``problems`` are the single refusals."""

    def __init__(self, problems: Sequence[BadLanding]) -> None:
        self.problems = tuple(problems)
        findings = "; it ".join(problem.finding for problem in problems)
        super().__init__(problems[0].file, problems[0].day, findings)


class MissingDays(BadInput):
    """No file landed for these days; ``folder`` is where it would lie."""

    def __init__(self, folder: str, days: Collection[date]) -> None:
        self.days = frozenset(days)
        super().__init__(
            f"No file of {folder} landed for {days_listed(days)}. Nothing was read or written. "
            f"Land {folder}/{min(days)}.parquet (or .csv, .ndjson) and its like; "
            "a day without anything is a file without rows."
        )


class AmbiguousDay(BadInput):
    """A day landed in several formats at once."""

    def __init__(self, day: date, files: Collection[str]) -> None:
        super().__init__(
            f"{day} landed as {len(files)} files ({listed(files)}). Nothing of the day was kept. "
            "Remove all but the one that counts."
        )


class WithdrawalWaits(BackfillAssetsError):
    """A changed file of a day no longer holds so much that a person has to say that this is meant.

    ``lost`` are the keys of the rows that would go, ``known`` counts those that are known, with their noun.
    """

    exit_code = 3

    def __init__(self, file: str, day: date, lost: Collection[str], known: str) -> None:
        self.day = day
        super().__init__(
            f"`{file}` no longer holds {len(lost):,} of the {known} known of {day} ({listed(lost)}). "
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


class ArrivalMiswritten(BackfillAssetsError):
    """A data file of the raw log does not hold what landed."""

    def __init__(self, file: str, day: date) -> None:
        super().__init__(
            f"What was written of `{file}` ({day}) was read back, and does not add up to what landed. "
            "Nothing of it became visible. Take the file in again, and look at the disk if this comes again."
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
            "The key that tokenises personal ids is empty or too short. No id was read or written. "
            "Set the key to at least 16 random bytes, and keep it as long as the tokens must match."
        )
