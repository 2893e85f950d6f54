"""Refusals of what was asked for: windows, requests, names."""

from collections.abc import Collection
from datetime import date
from typing import Protocol

from backfill_assets.errors.base import BadInput, Refused, listed


class Window(Protocol):
    """A run of days that prints as ``first..last``."""

    def __str__(self) -> str: ...


class WindowReversed(BadInput):
    """The last day of a window lies before its first."""

    def __init__(self, first: date, last: date) -> None:
        super().__init__(
            f"The window ends on {last}, before it begins on {first}. Nothing was opened or written. "
            "Swap the two days, or correct the one that is wrong."
        )


class RequestFieldsUnknown(BadInput):
    """A request has fields that mean nothing, most often a typing error."""

    def __init__(self, unknown: Collection[str], known: Collection[str]) -> None:
        super().__init__(
            f"The request has fields that are not known ({listed(unknown)}). Nothing was opened. "
            f"The known ones are {', '.join(known)}."
        )


class RequestFieldMissing(BadInput):
    """A request lacks what no correction can do without."""

    def __init__(self, missing: Collection[str]) -> None:
        super().__init__(
            f"The request lacks {listed(missing)}. Nothing was opened. Add the missing fields and open it again."
        )


class RequestFieldInvalid(BadInput):
    """A field of a request has a value of another shape."""

    def __init__(self, name: str, value: object, wanted: str) -> None:
        super().__init__(f"The request's field {name} is {value!r}. Nothing was opened. It takes {wanted}.")


class RequestUnreadable(BadInput):
    """A request file is not there or is not YAML."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"The request file {path} cannot be read, {why}. Nothing was opened. "
            "Give the path of a YAML file such as the README shows."
        )


class TableUnknown(BadInput):
    """A request or command names a table around which no correction was built."""

    def __init__(self, table: str, known: Collection[str]) -> None:
        super().__init__(
            f"{table} is not a correctable table here. Nothing was opened or written. "
            f"Correctable are {listed(known)}; wrap another asset in correctable_asset to add it."
        )


class WindowOutsideData(BadInput):
    """A window reaches days that were never published."""

    def __init__(self, table: str, window: Window, published: Window | None) -> None:
        there = f"{table} is published for {published}" if published else f"{table} has no published day yet"
        super().__init__(
            f"The window {window} reaches beyond the data, {there}. Nothing was opened. "
            "Narrow the window to published days, new days are nightly's."
        )


class WindowOverlaps(Refused):
    """Another correction that is still being staged has claimed some of the days."""

    exit_code = 2

    def __init__(self, table: str, window: Window, correction: str, claimed: Window) -> None:
        super().__init__(
            f"The window {window} of {table} overlaps correction {correction}, which has claimed {claimed}. "
            f"Nothing was opened. Finish or abandon {correction} first, or choose days outside it."
        )


class CorrectionExists(Refused):
    """The id asked for is taken."""

    exit_code = 2

    def __init__(self, correction: str) -> None:
        super().__init__(
            f"A correction {correction} is in the ledger already. Nothing was opened. "
            "Leave the id out to be given the next free one, or choose another."
        )


class CorrectionUnknown(BadInput):
    """No correction of that id is in the ledger."""

    def __init__(self, correction: str, known: Collection[str]) -> None:
        there = f"The ledger knows {listed(known)}" if known else "The ledger is empty"
        super().__init__(f"There is no correction {correction}. Nothing was done. {there}.")


class CorrectedFirst(Refused):
    """A table that this one reads is being corrected itself, on some of the same days."""

    def __init__(self, table: str, corrections: Collection[str]) -> None:
        super().__init__(
            f"{table} reads what correction {listed(corrections)} is about to replace. Nothing was opened. "
            f"Let {listed(corrections)} cut over or abandon it, then open this one."
        )


class CodeVersionUnknown(BadInput):
    """No live day was built by this code version."""

    def __init__(self, code_version: str, table: str, known: Collection[str]) -> None:
        super().__init__(
            f"No live day of {table} was built by code version {code_version}. Nothing was proposed. "
            f"Name one of {listed(known) or 'nothing, no day has lineage yet'}."
        )
