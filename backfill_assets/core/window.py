"""A window: an inclusive run of days."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

from backfill_assets.errors.request import WindowReversed

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """All days from ``first`` to ``last``, both included.

    Raises:
        WindowReversed: when the last day lies before the first.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise WindowReversed(self.first, self.last)

    @classmethod
    def spanning(cls, days: Collection[date]) -> Self:
        """The smallest window that holds all the days, of which there is at least one."""
        return cls(min(days), max(days))

    @property
    def days(self) -> tuple[date, ...]:
        """Every day, oldest first."""
        return tuple(self)

    def __iter__(self) -> Iterator[date]:
        return (self.first + ONE_DAY * offset for offset in range(len(self)))

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    def covers(self, other: "Window") -> bool:
        """Whether every day of the other lies in this one."""
        return self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        return f"{self.first}..{self.last}"


def contiguous(days: Collection[date], most: int | None = None) -> tuple[Window, ...]:
    """Group days into the fewest windows that hold exactly them, oldest first, each of at most ``most`` days."""
    windows: list[Window] = []
    for day in sorted(set(days)):
        if windows and windows[-1].last + ONE_DAY == day and (most is None or len(windows[-1]) < most):
            windows[-1] = Window(windows[-1].first, day)
        else:
            windows.append(Window(day, day))
    return tuple(windows)
