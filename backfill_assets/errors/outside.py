"""Refusals of what lies outside the lake and is read by a transform."""

from collections.abc import Collection

from backfill_assets.errors.base import BadInput, Refused, listed, verb


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
