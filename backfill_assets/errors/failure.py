"""Failures as data, for whoever has to act on them: name, sentences and exit code, which nobody takes apart again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from backfill_assets.errors.base import BackfillAssetsError, Unforeseen, counted, days_listed, fault_told, verb

# Each day has its own cause, and this message is all that a run leaves of it.
MOST_REASONS = 100


@dataclass(frozen=True, slots=True)
class Failure:
    """What an error says of itself. As text it begins with the name of the error."""

    error: str
    message: str
    exit_code: int = BackfillAssetsError.exit_code

    def __str__(self) -> str:
        return f"{self.error} {self.message}"


def failure_of(error: BaseException, what: str) -> Failure:
    """The failure of an error; one that is not ours is an unforeseen failure of ``what``.

    >>> str(failure_of(KeyError("day"), "The day"))[:61]
    'Unforeseen The day failed with an unexpected error (KeyError,'
    """
    known = error if isinstance(error, BackfillAssetsError) else Unforeseen(what, fault_told(error))
    return Failure(type(known).__name__, str(known), known.exit_code)


class DaysFailed(BackfillAssetsError):
    """Some days of a wave could not be computed; the others were written."""

    def __init__(self, table: str, reasons: Mapping[date, Failure], written: int) -> None:
        self.reasons = dict(reasons)
        shown = " ".join(f"[{day}] {why}" for day, why in sorted(reasons.items())[:MOST_REASONS])
        super().__init__(
            f"{days_listed(reasons)} of {table} could not be computed. "
            f"{_others_written(written)}, and the failed "
            f"{verb(len(reasons), 'day is as it was', 'days are as they were')}. "
            f"Repair the cause and run again. {shown}"
        )


def _others_written(written: int) -> str:
    if not written:
        return "No other day of the wave was written"
    return f"The other {counted(written, 'day')} of the wave {verb(written, 'was', 'were')} written"
