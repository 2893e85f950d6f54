"""Which days of a wave fail, found by halves: the sound ones are computed together as far as they can be."""

from collections.abc import Callable, Sequence

import polars as pl

from backfill_assets.core.faults import FAULTS
from backfill_assets.core.slots import Slot

Computed = dict[Slot, pl.DataFrame]


def without_failing(
    compute: Callable[[Sequence[Slot]], Computed], days: Sequence[Slot], error: BaseException
) -> tuple[Computed, dict[Slot, BaseException]]:
    """The rows of some days that could not be computed together because of an error, and why those failed that do.

    Of a few among many it takes about as long again as all of them together; where all fail, two tries for each.
    """
    if len(days) == 1:
        return {}, {days[0]: error}
    half = len(days) // 2
    frames, failed = Computed(), dict[Slot, BaseException]()
    for some in (days[:half], days[half:]):
        try:
            frames |= compute(some)
        except FAULTS as again:  # whatever an author's function raises is the reason
            sound, unsound = without_failing(compute, some, again)
            frames |= sound
            failed |= unsound
    return frames, failed
