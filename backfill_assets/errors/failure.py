"""Failures as data, for whoever has to act on them: name, sentences and exit code, which nobody takes apart again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from backfill_assets.errors.answers import is_of_a_store
from backfill_assets.errors.base import BackfillAssetsError, Unforeseen, counted, days_listed, fault_told, listed, verb
from backfill_assets.errors.store import StoreUnreachable

# Days may have causes of their own, and this message is all that a run leaves of them.
MOST_REASONS = 100

Named = TypeVar("Named")


@dataclass(frozen=True, slots=True)
class Failure:
    """What an error says of itself. As text it begins with the name of the error."""

    error: str
    message: str
    exit_code: int = BackfillAssetsError.exit_code

    def __str__(self) -> str:
        return f"{self.error} {self.message}"


def known_as(error: BaseException, what: str) -> BackfillAssetsError:
    """The error as one of ours; an object store that does not answer is known, anything else is not foreseen."""
    if isinstance(error, BackfillAssetsError):
        return error
    return StoreUnreachable(error) if is_of_a_store(error) else Unforeseen(what, fault_told(error))


def failure_of(error: BaseException, what: str) -> Failure:
    """The failure of an error; one that is not ours is an unforeseen failure of ``what``.

    >>> str(failure_of(KeyError("day"), "The day"))[:61]
    'Unforeseen The day failed with an unexpected error (KeyError,'
    """
    known = known_as(error, what)
    return Failure(type(known).__name__, str(known), known.exit_code)


def each_once(reasons: Mapping[Named, str]) -> dict[str, tuple[Named, ...]]:
    """Each reason once, with all that it is the reason of; two that differ in the name of that alone are one.

    >>> each_once({"5 May": "no 5 May", "6 May": "no 6 May", "7 May": "no file"})
    {'no 5 May': ('5 May', '6 May'), 'no file': ('7 May',)}
    """
    found: dict[str, list[Named]] = {}
    for one, why in reasons.items():
        found.setdefault(why.replace(str(one), "\0"), []).append(one)
    return {why.replace("\0", str(of[0])): tuple(of) for why, of in found.items()}


def each_once_told(reasons: Mapping[Named, str], most: int = MOST_REASONS) -> str:
    """Each reason once, after what it is the reason of in square brackets.

    >>> each_once_told({"5 May": "no 5 May", "6 May": "no 6 May", "7 May": "no file"})
    '[5 May, 6 May] no 5 May [7 May] no file'
    """
    return " ".join(f"[{listed(of)}] {why}" for why, of in [*each_once(reasons).items()][:most])


@dataclass(frozen=True, slots=True)
class FailedAlike:
    """A failure, as it was told of the first of those that failed by it, and the names of them all."""

    failure: Failure
    of: tuple[str, ...]


def failed_alike(failures: Mapping[Named, Failure]) -> tuple[FailedAlike, ...]:
    """Each failure once, with all that failed by it."""
    told = each_once({one: str(failure) for one, failure in failures.items()})
    return tuple(FailedAlike(failures[of[0]], tuple(map(str, of))) for of in told.values())


class DaysFailed(BackfillAssetsError):
    """Some days of a wave could not be computed; the others were written."""

    def __init__(self, table: str, reasons: Mapping[date, Failure], written: int, noun: str = "day") -> None:
        self.reasons = dict(reasons)
        shown = each_once_told({day: str(why) for day, why in sorted(reasons.items())})
        super().__init__(
            f"{days_listed(reasons, noun=noun)} of {table} could not be computed. "
            f"{_others_written(written, noun)}, and the failed "
            f"{verb(len(reasons), f'{noun} is as it was', f'{noun}s are as they were')}. "
            f"Repair the cause and run again. {shown}"
        )


def _others_written(written: int, noun: str) -> str:
    if not written:
        return f"No other {noun} of the wave was written"
    return f"The other {counted(written, noun)} of the wave {verb(written, 'was', 'were')} written"
