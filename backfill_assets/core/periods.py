"""Months and quarters of days, and which of them finance has closed."""

import unicodedata
from collections.abc import Collection, Iterable
from datetime import date

from backfill_assets.core.people import written


def month_of(day: date) -> str:
    """The month of a day, as finance writes it.

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


def is_same_person(name: str, other: str) -> bool:
    """Whether two names are one person's: case, spaces and what cannot be seen do not make another."""
    one, two = (unicodedata.normalize("NFKC", written(each)).casefold() for each in (name, other))
    return one == two
