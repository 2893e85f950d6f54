"""Positions in a log: how far it was read, in each of its parts; and the bookmark that a consumer keeps of them."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import zip_longest
from typing import Self

# Before anything of a part.
NOTHING = -1


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a log: of each of its parts a number that grows as it is read, such as a commit, or offsets.

    What the numbers count is the log's own affair; a part that is not there yet has been read up to ``NOTHING``. ``at``
    is when the last record before it came, UTC, where that is known; it identifies nothing.
    """

    numbers: tuple[int, ...] = (NOTHING,)
    at: datetime | None = field(default=None, compare=False)

    def reaches(self, other: "Position") -> bool:
        """Whether everything before the other position lies before this one too."""
        return all(mine >= theirs for mine, theirs in self._beside(other))

    def lowest(self, other: "Position") -> "Position":
        """What lies before both, part by part."""
        if other.reaches(self):
            return self
        if self.reaches(other):
            return other
        return Position(tuple(map(min, self._beside(other))))

    def highest(self, other: "Position") -> "Position":
        """What lies before either, part by part."""
        if self.reaches(other):
            return self
        if other.reaches(self):
            return other
        return Position(
            tuple(map(max, self._beside(other))), max((one.at for one in (self, other) if one.at), default=None)
        )

    def _beside(self, other: "Position") -> list[tuple[int, int]]:
        return list(zip_longest(self.numbers, other.numbers, fillvalue=NOTHING))


@dataclass(frozen=True, slots=True)
class Bookmark:
    """How far a consumer has come, as its output says.

    ``commits`` counts its commits to the output, rewinds among them. ``read`` is where it reads on; None before the
    first time. ``owed`` is where it has to read again once it can: slots that a correction has claimed, or that failed,
    were left out since; None where nothing was. ``farthest`` is the farthest that it ever read, which a rewind leaves:
    what is read again is computed as known there, so that no slot goes back to what was known earlier.
    """

    commits: int = 0
    read: Position | None = None
    owed: Position | None = None
    farthest: Position | None = None

    @property
    def begins(self) -> Position | None:
        """Where the next reading begins; None where everything there is has to be read."""
        if self.read is None or self.owed is None:
            return self.read
        return self.read.lowest(self.owed)

    def moved(self, through: Position, owed: Position | None) -> Self:
        """The bookmark after everything up to a position was read, but for what is still owed."""
        farthest = through if self.farthest is None else self.farthest.highest(through)
        return replace(self, commits=self.commits + 1, read=through, owed=owed, farthest=farthest)

    def rewound(self, to: Position) -> Self:
        """The bookmark set back to a position; what is owed from before it stays so."""
        owed = None if self.owed is None or self.owed.reaches(to) else self.owed
        return replace(self, commits=self.commits + 1, read=to, owed=owed)


@dataclass(frozen=True, slots=True)
class Beside:
    """What a correction is read again beside live for: where the consumer reads on once it is cut over.

    ``numbers`` are those of the position, ``replaces`` is the version of the code that is live until then.
    """

    numbers: tuple[int, ...]
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Switch:
    """What a swap does to the consumer of its table; ``is_back`` gives it the bookmark and code that it had."""

    consumer: str
    beside: Beside
    is_back: bool = False
