"""Refusals around what is kept: raw logs, archives, the landing, and how long they are kept."""

from collections.abc import Collection, Sequence

from backfill_assets.errors.base import BackfillAssetsError, BadInput, counted, listed, verb


class RawLogUnrecorded(BadInput):
    """Something of a raw log is asked for of which nothing ever arrived."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"No arrival of {table} was ever written down in this lake. Nothing was changed. "
            "Look whether BACKFILL_LAKE is the right one, and take its files in first."
        )


class RawLogUnknown(BadInput):
    """A raw log is named that the code location does not declare."""

    def __init__(self, table: str, known: Collection[str]) -> None:
        there = f"Name one of {listed(known)}" if known else "Declare it by keeping=Keeping(logs=[...])"
        super().__init__(f"{table} is no raw log that this code location declares. Nothing was changed. {there}.")


class LandingUnknown(BadInput):
    """A landing is to be looked at, and nobody said where it is."""

    def __init__(self) -> None:
        super().__init__(
            "This code location does not say where its files land. Nothing was deleted. "
            "Give keeping=Keeping(landing=...) a function that returns the folder."
        )


class RetentionDeclaredWrongly(BadInput):
    """A retention cannot be what it is declared to be; ``fault`` is how it is declared."""

    def __init__(self, source: str, what: str, fault: str) -> None:
        super().__init__(
            f"The {what} of {source} is declared to be kept {fault}. Nothing was loaded. "
            "Say once how long, as a number of days or None for ever, by what duty, and warn less than that before."
        )


class BeyondRetention(BadInput):
    """A window has slots of which a source is not kept any more."""

    def __init__(self, table: str, told: str, reachable: str) -> None:
        super().__init__(
            f"Not all of this window of {table} can be corrected, because {told}. Nothing was opened. {reachable}"
        )


class FilesUnwhole(BackfillAssetsError):
    """A scrub found files that are not what they were; ``sentences`` say of each what and what to do."""

    exit_code = 5

    def __init__(self, sentences: Sequence[str]) -> None:
        super().__init__(
            f"{counted(len(sentences), 'file')} of what is kept {verb(len(sentences), 'is', 'are')} not whole. "
            f"Nothing was changed. {' '.join(sentences)}"
        )
