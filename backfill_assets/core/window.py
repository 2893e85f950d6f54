"""A window: an inclusive run of slots; and the months and quarters that days lie in."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Self

from backfill_assets.core.slots import Grain, Slot, read_slot
from backfill_assets.errors.request import WindowReversed

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """All slots of a table from ``first`` to ``last``, both included; a window of hours is of no other grain.

    Raises:
        WindowReversed: when the last slot lies before the first.
        SlotsApart: when they do not lie a whole number of slots apart.
    """

    first: Slot
    last: Slot
    grain: Grain = field(default=Grain.DAY, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "grain", self.grain.of(self.first))
        if self.last < self.first:
            raise WindowReversed(self.first, self.last)
        self.grain.distance(self.first, self.last)

    @classmethod
    def spanning(cls, days: Collection[Slot], grain: Grain = Grain.DAY) -> Self:
        """The smallest window that holds all the slots, of which there is at least one."""
        return cls(min(days), max(days), grain)

    @classmethod
    def from_list(cls, stored: Sequence[str]) -> Self:
        """Read what :meth:`as_list` wrote."""
        first, last, *grain = stored
        return cls(read_slot(first), read_slot(last), Grain(grain[0]) if grain else Grain.DAY)

    @classmethod
    def from_json(cls, stored: Mapping[str, str]) -> Self:
        """Read what :meth:`as_json` wrote."""
        return cls.from_list([stored[name] for name in ("first", "last", "grain") if name in stored])

    def as_list(self) -> list[str]:
        """Both ends, and the grain where it is not the day."""
        return [str(self.first), str(self.last), *([] if self.grain is Grain.DAY else [self.grain.value])]

    def as_json(self) -> dict[str, str]:
        """The same by name."""
        return dict(zip(("first", "last", "grain"), self.as_list(), strict=False))

    @property
    def days(self) -> tuple[Slot, ...]:
        """Every slot, oldest first."""
        return _between(self.first, self.last, self.grain)

    def __iter__(self) -> Iterator[Slot]:
        return self.grain.between(self.first, self.last)

    def __len__(self) -> int:
        return self.grain.distance(self.first, self.last) + 1

    def __contains__(self, day: object) -> bool:
        return isinstance(day, type(self.first)) and self.first <= day <= self.last

    def covers(self, other: "Window") -> bool:
        """Whether every slot of the other lies in this one."""
        return self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


@lru_cache(maxsize=64)
def _between(first: Slot, last: Slot, grain: Grain) -> tuple[Slot, ...]:
    """The slots of a window: progress asks for those of its plan at every fact."""
    return tuple(grain.between(first, last))


def contiguous(days: Collection[Slot], most: int | None = None, grain: Grain = Grain.DAY) -> tuple[Window, ...]:
    """Group slots into the fewest windows that hold exactly them, oldest first, each of at most ``most`` slots."""
    windows: list[Window] = []
    for day in sorted(set(days)):
        if windows and windows[-1].grain.after(windows[-1].last) == day and (most is None or len(windows[-1]) < most):
            windows[-1] = Window(windows[-1].first, day, grain)
        else:
            windows.append(Window(day, day, grain))
    return tuple(windows)


def month_of(day: date) -> str:
    """The month of a day.

    >>> month_of(date(2026, 1, 22))
    '2026-01'
    """
    return f"{day:%Y-%m}"


def quarter_of(month: str) -> str:
    """The quarter of a month.

    >>> quarter_of("2026-05")
    '2026 Q2'
    """
    year, number = month.split("-")
    return f"{year} Q{(int(number) + 2) // 3}"


def months_of(days: Iterable[date]) -> tuple[str, ...]:
    """The months that some days lie in, each once, oldest first."""
    return tuple(sorted({month_of(day) for day in days}))


def closed_among(days: Iterable[date], closed: Collection[str]) -> tuple[str, ...]:
    """The closed months that some days lie in, oldest first."""
    return tuple(month for month in months_of(days) if month in closed)
