"""Refusals of what lies outside the lake and is read by a transform."""

from collections.abc import Collection

from backfill_assets.errors.base import BadInput, Refused, in_one_line, listed, verb


class OutsideColumnMissing(BadInput):
    """An outside table has no column of the name that is to tell its slots apart."""

    def __init__(self, uri: str, column: str, there: Collection[str]) -> None:
        super().__init__(
            f"The table at {uri} has no column {column}, by which its rows would be told apart. "
            f"Nothing was read or written. Give day as one of {listed(there)}."
        )


class VariableMissing(Refused):
    """Storage options of an outside table are to come from environment variables that are not set."""

    def __init__(self, uri: str, names: Collection[str]) -> None:
        super().__init__(
            f"The table at {uri} is reached by {listed(names)}, which the environment lacks. "
            "Nothing was read or written. "
            f"Set {verb(len(names), 'it', 'them')} where runs are executed."
        )


class OutsideFilesMissing(Refused):
    """No file fits the pattern of an outside source."""

    def __init__(self, pattern: str) -> None:
        super().__init__(
            f"No file fits {pattern}, which a source is read from. Nothing was read or written. "
            "Bring the files there, or correct the pattern, in which * stands for a part of a name and ** for folders."
        )


class OutsideFilesChanged(Refused):
    """Files of an outside source are gone, or are not what they were when the correction was opened."""

    def __init__(self, folder: str, paths: Collection[str]) -> None:
        are = verb(len(paths), "is", "are")
        super().__init__(
            f"{listed(paths)} in {folder} {are} gone or changed since the correction was opened. "
            "Nothing was computed from it. "
            "Bring the files back as they were, or abandon the correction and open another."
        )


class QueryFailed(Refused):
    """A database did not answer a query."""

    def __init__(self, source: str, error: Exception) -> None:
        why = in_one_line(str(error)).replace(": ", ", ").rstrip(".")[:300]
        super().__init__(
            f"The query of {source} failed, because {type(error).__name__} says {why!r}. "
            "Nothing was computed from it. Correct the query or the connection, and run the days again."
        )


class FiguresUnfit(BadInput):
    """Figures of somebody else cannot be compared; ``found`` is the rest of a sentence, ``instead`` a whole one."""

    def __init__(self, ledger: str, found: str, instead: str) -> None:
        super().__init__(f"The figures of {ledger} {found}. Nothing was compared. {instead}")
