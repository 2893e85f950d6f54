"""What was published, when, and how much of each day it was: the states of a table, one after another."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from backfill_assets.core.exact import exactly
from backfill_assets.core.slots import Slot


class Origin(StrEnum):
    """What made a state of a published table."""

    PUBLISHED = "published"
    CUT_OVER = "cut_over"
    ROLL_BACK = "roll_back"
    ANOTHER = "another"
    BEFORE = "before"

    def told(self, correction: str) -> str:
        """In a few words; ``correction`` is the one that it is of."""
        return f"{_TOLD[self]} {correction}".strip()


_TOLD = {
    Origin.PUBLISHED: "published by a run",
    Origin.CUT_OVER: "cut over by correction",
    Origin.ROLL_BACK: "rolled back by correction",
    Origin.ANOTHER: "written by another writer",
    Origin.BEFORE: "there when the record begins",
}


@dataclass(frozen=True, slots=True)
class Amounts:
    """The rows of a day and the exact sum of each measure."""

    rows: int
    sums: Mapping[str, Decimal] = field(default_factory=dict[str, Decimal])

    @exactly
    def __add__(self, other: "Amounts") -> "Amounts":
        """Both together, of the measures that both tell."""
        shared = {name: value + other.sums[name] for name, value in self.sums.items() if name in other.sums}
        return Amounts(self.rows + other.rows, shared)


@dataclass(frozen=True, slots=True)
class Stated:
    """What one state of a table says of a day: its amounts, that it is not published, or that they are not known."""

    commit: int
    at: datetime
    origin: Origin
    correction: str
    day: Slot
    amounts: Amounts | None
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class History:
    """What each state of a table says of the days that it changed; the newest of a day counts, in the order of commits.

    ``times`` are those of the commits, and never go back: a clock that did shows the time of the commit before.
    ``since`` is the first commit of which all days are known, and 0 where nothing came before.
    """

    table: str
    stated: Sequence[Stated]
    times: Mapping[int, datetime]
    since: int

    def commit_at(self, at: datetime) -> int | None:
        """The last commit before a moment, or at it; None when there is none."""
        return max((commit for commit, made in self.in_order.items() if made <= at), default=None)

    @property
    def in_order(self) -> dict[int, datetime]:
        """The time of each commit, no earlier than that of any commit before it."""
        found: dict[int, datetime] = {}
        newest: datetime | None = None
        for commit, at in sorted(self.times.items()):
            newest = at if newest is None else max(newest, at)
            found[commit] = newest
        return found

    def at_commit(self, commit: int) -> dict[Slot, Stated]:
        """What counts of each day at a commit; known amounts of a commit before those that were not known then."""
        found: dict[Slot, Stated] = {}
        for one in sorted(self.stated, key=lambda one: (one.commit, one.amounts is not None or one.is_gone)):
            if one.commit <= commit:
                found[one.day] = one
        return found


def total(amounts: Iterable[Amounts]) -> Amounts:
    """All of some amounts together; no rows when there are none."""
    first, *others = [*amounts] or [Amounts(0)]
    for other in others:
        first += other
    return first
