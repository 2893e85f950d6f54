"""Which slots of a source each slot of a table is computed from: those of its time, and those before it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from backfill_assets.core.slots import Grain, Slot


def alike(slot: Slot) -> Sequence[Slot]:
    """The one slot of a source that is partitioned as its table is."""
    return (slot,)


@dataclass(frozen=True, slots=True)
class Reads:
    """Which slots of one source the slots of a table are computed from.

    ``within`` gives the slots of the source whose time lies in a slot of the table, oldest first. ``look_back`` is how
    many slots of the table before it are read as well. What lies before ``first``, the first slot that the table can
    have, is read where it is there and may be missing.
    """

    grain: Grain = Grain.DAY
    look_back: int = 0
    first: Slot | None = None
    within: Callable[[Slot], Sequence[Slot]] = alike

    def before(self, slots: Iterable[Slot]) -> frozenset[Slot]:
        """The slots of the table that some are computed from and that are none of these."""
        own = frozenset(slots)
        return frozenset(before for slot in own for before in self._looked_back(slot)) - own

    def of(self, slots: Iterable[Slot]) -> tuple[Slot, ...]:
        """Every slot of the source that some slots are computed from, oldest first."""
        own = frozenset(slots)
        return tuple(sorted({read for slot in own | self.before(own) for read in self.within(slot)}))

    def needed(self, slot: Slot) -> tuple[Slot, ...]:
        """The slots of the source without which one cannot be computed, oldest first."""
        there = [before for before in self._looked_back(slot) if self.first is None or before >= self.first]
        return tuple(sorted({read for one in (*there, slot) for read in self.within(one)}))

    def _looked_back(self, slot: Slot) -> list[Slot]:
        return [self.grain.after(slot, -steps) for steps in range(1, self.look_back + 1)]
