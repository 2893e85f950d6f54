"""Which days of a wave fail, and the rows of the others."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.core.slots import Slot
from backfill_assets.core.waves import USUAL_DAYS
from backfill_assets.errors.failure import Failure, failure_of

Computed = dict[Slot, pl.DataFrame]


def without_failing(
    compute: Callable[[Sequence[Slot]], Computed], days: Sequence[Slot]
) -> tuple[Computed, dict[Slot, Failure]]:
    """The rows of some days that could not be computed together, and why those failed that do.

    They are computed in stretches as long as a wave usually is, and those of a stretch that fails one by one: however
    many fail, no day is computed more than twice.
    """
    stretches = [*stretches_of(days)]
    frames, failed = Computed(), dict[Slot, Failure]()
    for some in stretches if len(stretches) > 1 else _alone(days):
        try:
            frames |= compute(some)
        except FAULTS as error:  # whatever an author's function raises is the reason
            reason = said(error)
        else:
            continue
        if len(some) == 1:
            failed[some[0]] = reason
        else:
            sound, unsound = without_failing(compute, some)
            frames |= sound
            failed |= unsound
    return frames, failed


def stretches_of(days: Sequence[Slot]) -> Iterator[Sequence[Slot]]:
    """Some days in stretches of about the same length, none longer than a wave usually is."""
    number = -(-len(days) // USUAL_DAYS)
    ends = [len(days) * stretch // number for stretch in range(number + 1)] if number else []
    return (days[first:last] for first, last in pairwise(ends))


def said(error: BaseException) -> Failure:
    """Why a day failed; an error that is not ours is unforeseen."""
    return failure_of(error, "The day")


def _alone(days: Sequence[Slot]) -> list[Sequence[Slot]]:
    return [[day] for day in days]
