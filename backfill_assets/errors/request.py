"""Refusals of what was asked for: windows, requests, names."""

import re
from collections.abc import Collection
from datetime import date, datetime
from typing import Protocol

from backfill_assets.errors.base import BadInput, Refused, corrections_listed, counted, listed, verb


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


class HourWithoutZone(BadInput):
    """A moment that should name an hour does not say of which time zone it is."""

    def __init__(self, moment: datetime) -> None:
        super().__init__(
            f"The hour {moment} has no time zone. Nothing was read or written. "
            "Give it one, such as 2026-01-05T13:00Z, because local time has some hours twice."
        )


class SlotsApart(BadInput):
    """Two slots of one table do not lie a whole number of slots apart."""

    def __init__(self, first: date, last: date, grain: str) -> None:
        super().__init__(
            f"From {first} to {last} is no whole number of partitions by {grain}. Nothing was opened or written. "
            "Name the starts of two partitions of the table."
        )


class SlotsOfOtherGrain(BadInput):
    """Days were named of a table that has hours, or hours of one that has none."""

    def __init__(self, table: str, slots: Collection[object], grain: str) -> None:
        such = "such as 2026-01-23T13:00Z" if grain == "hour" else "such as 2026-01-23"
        super().__init__(
            f"The table {table} is partitioned by {grain}, and {listed(slots)} {verb(len(slots), 'is', 'are')} none. "
            f"Nothing was opened or written. Name the start of a partition, {such}."
        )


def in_line(error: BadInput, line: int) -> BadInput:
    """The error, told with the line that it is about; unchanged where there is none.

    >>> str(in_line(BadInput("The field is empty. Nothing was opened. Fill it in."), 3))
    'In line 3, the field is empty. Nothing was opened. Fill it in.'
    """
    if line:
        error.args = (f"In line {line}, {_within(str(error))}",)
    return error


def _within(sentence: str) -> str:
    """A sentence as it stands within another."""
    first = sentence.partition(" ")[0]
    return sentence[:1].lower() + sentence[1:] if first in _ARTICLES else sentence


_ARTICLES = frozenset({"The", "An", "A", "It", "Two", "One"})


class RequestFaulty(BadInput):
    """A request has more than one fault; each is told with its line, in the order of the lines.

    Args:
        faults: the line (0 where there is none) and what would be told of each alone.
    """

    def __init__(self, faults: Collection[tuple[int, BadInput]]) -> None:
        ordered = sorted(faults, key=lambda fault: fault[0])
        self.faults = tuple(in_line(error, line) for line, error in ordered[:MOST_FAULTS])
        told = "; ".join(_within_a_list(str(fault)) for fault in self.faults)
        beyond = f" and {len(ordered) - MOST_FAULTS} more" if len(ordered) > MOST_FAULTS else ""
        super().__init__(
            f"The request has {counted(len(ordered), 'fault')} ({told}{beyond}). Nothing was opened. "
            "Correct all of them."
        )


MOST_FAULTS = 20
_UNTOUCHED = re.compile(r"\. Nothing was opened(?: or written)?\. ")


def _within_a_list(message: str) -> str:
    """What is wrong and what to do, without what was left untouched, as one of several."""
    what, *moves = _UNTOUCHED.split(message.removesuffix("."), maxsplit=1)
    told = what[:1].lower() + what[1:] if what.startswith("In line") else _within(what)
    return ", ".join([told, *(move[:1].lower() + move[1:] for move in moves)])


class RequestAmbiguous(BadInput):
    """A request says the same thing twice, or in a way in which one text means another.

    Args:
        what: what stands there, as a clause.
        instead: what to write, as a sentence without its full stop.
    """

    def __init__(self, what: str, instead: str) -> None:
        super().__init__(f"The request is ambiguous ({what}). Nothing was opened. {instead}.")


class RequestFieldEmpty(BadInput):
    """A field is there and nothing stands in it; that could mean none, all, or forgotten."""

    def __init__(self, name: str) -> None:
        super().__init__(f"The field {name} is empty. Nothing was opened. Write its value, or leave the field out.")


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


class BudgetUnpriced(BadInput):
    """A budget is of money, and there is no price in it for computing."""

    def __init__(self, budget: str, currency: str, *, has_price: bool) -> None:
        why = f"the prices are in {currency}" if has_price else "the prices have none for a core for an hour"
        super().__init__(
            f"A budget of {budget} cannot be kept, because {why}. Nothing was opened or changed. "
            "Give the budget in core-hours, or name a file of prices of your own by BACKFILL_PRICES."
        )


class RequestUnreadable(BadInput):
    """A request is not there, or cannot be read as YAML in UTF-8."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            f"The request file {path} cannot be read ({why}). Nothing was opened. "
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

    def __init__(self, table: str, window: Window, published: Window | None, *, has_nightly: bool) -> None:
        by = "nightly publishes new days" if has_nightly else f"materialize {table} to publish new days"
        there = f"{table} is published for {published}" if published else f"{table} has no published day yet"
        super().__init__(
            f"The window {window} reaches beyond the data, because {there}. Nothing was opened. "
            f"Narrow the window to published days; {by}."
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
            f"{table} reads days that {corrections_listed(corrections)} {verb(len(corrections), 'is', 'are')} about "
            "to replace. "
            f"Nothing was opened. Cut over or abandon {listed(corrections)} first, then open this one."
        )


class CodeVersionUnknown(BadInput):
    """No live day was built by this code version."""

    def __init__(self, code_version: str, table: str, known: Collection[str]) -> None:
        super().__init__(
            f"No live day of {table} was built by code version {code_version}. Nothing was proposed. "
            f"{f'Name one of {listed(known)}' if known else 'No day has lineage yet'}."
        )
