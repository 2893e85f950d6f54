"""What it costs to keep the data that corrections are made of, and what corrections cost with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from fractions import Fraction

from backfill_assets.core.exact import exactly
from backfill_assets.core.formats import amount
from backfill_assets.errors.base import counted

GB = 10**9
"""Bytes of a gigabyte, as storage is billed."""
RECENT = timedelta(days=30)
"""Over how many days the bytes of a day are a mean."""
MONTHS, DAYS_A_YEAR, DAYS_A_MONTH = 12, 365, 30
WHOLE = 100
"""From so much on cents are not told."""
CENTS = 2
THOUSAND, MINUTE, HOUR = 1000, 60, 3600
UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")


class Kind(StrEnum):
    """What a table is to corrections."""

    RAW = "raw"
    ARCHIVE = "archive"
    CORRECTABLE = "correctable"
    REPORT = "report"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices per GB and month by tier as they were on a day, and the tier that raw data lies in.

    ``copies`` is how often a broker keeps an event, ``disk`` the price per GB and month of what it keeps it on,
    ``core_hour`` that of a processor core for an hour.
    """

    currency: str
    as_of: date
    source: str
    tiers: Mapping[str, Decimal]
    raw: str
    copies: int
    disk: Decimal
    core_hour: Decimal | None = None

    @property
    def of_raw(self) -> Decimal:
        """Price per GB and month of the tier that raw data lies in."""
        return self.tiers[self.raw]


@dataclass(frozen=True, slots=True)
class TableSize:
    """How large a table is, in bytes; ``by_day`` are the bytes of each calendar day, empty where files are of none.

    ``event_bytes`` is what one row of a raw table takes as an event of its own, ``events_a_day`` how many there are.
    """

    name: str
    kind: Kind
    size: int
    by_day: Mapping[date, int] = field(default_factory=dict[date, int])
    event_bytes: int = 0
    events_a_day: int = 0

    @property
    def a_day(self) -> int:
        """Bytes of a day: the mean of the newest thirty that have any; 0 where files are of no days."""
        return _mean(self._recent(0))

    @property
    def growth(self) -> Fraction | None:
        """By what share the newest thirty days are larger a day than the thirty before; None without both."""
        now, before = self._recent(0), self._recent(1)
        old = sum(before)
        return Fraction(sum(now) * len(before), old * len(now)) - 1 if now and old else None

    def _recent(self, back: int) -> list[int]:
        last = max(self.by_day, default=date.min)
        if last == date.min:
            return []
        end = last - back * RECENT
        return [size for day, size in self.by_day.items() if end - RECENT < day <= end]


@dataclass(frozen=True, slots=True)
class KeptTwice:
    """What a correction keeps beside live, until ``until`` or until it has ended."""

    correction: str
    size: int
    until: datetime | None

    def days_left(self, now: datetime) -> int:
        """How many days it is kept from now on; of one without an end a month is taken."""
        return DAYS_A_MONTH if self.until is None else max(0, -((now - self.until) // timedelta(days=1)))


@dataclass(frozen=True, slots=True)
class MadeCorrection:
    """What a correction was and took: days of its plan, those that it changed, and the seconds of all its runs."""

    correction: str
    table: str
    days: int
    changed: int
    run_seconds: float
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class StorageCost:
    """All of it, as it is ``at`` a time; ``outside`` are sources that lie elsewhere and are not measured."""

    at: datetime
    prices: Prices
    tables: tuple[TableSize, ...]
    kept_twice: tuple[KeptTwice, ...] = ()
    corrections: tuple[MadeCorrection, ...] = ()
    outside: tuple[str, ...] = ()

    @property
    def raw(self) -> tuple[TableSize, ...]:
        """The raw tables."""
        return tuple(one for one in self.tables if one.kind is Kind.RAW)

    @property
    def raw_bytes_a_year(self) -> int:
        """What a year of raw adds, at the rate of the newest days."""
        return DAYS_A_YEAR * sum(one.a_day for one in self.raw)

    @property
    def raw_year(self) -> Decimal:
        """The price of keeping one more year of raw for a year."""
        return cost_a_year(self.raw_bytes_a_year, self.prices.of_raw)

    @property
    def broker_year(self) -> Decimal:
        """The price of keeping the same year of events in a broker for a year."""
        events = sum(one.event_bytes * one.events_a_day for one in self.raw)
        return cost_a_year(events * DAYS_A_YEAR * self.prices.copies, self.prices.disk)

    def twice(self) -> Decimal:
        """The price of what corrections keep beside live until it may be deleted."""
        months = sum((Decimal(one.size) / GB * one.days_left(self.at) for one in self.kept_twice), Decimal())
        return rounded(months / DAYS_A_MONTH * self.prices.tiers[hot_of(self.prices)])

    def told(self, cost: Decimal) -> str:
        """An amount of money with its currency."""
        return f"{price_told(cost)} {self.prices.currency}"

    def answer(self) -> str:
        """What one more year of raw costs, and what the last correction would have cost without it."""
        if not self.raw_bytes_a_year:
            return "No raw table of the lake is kept by day, so what one more year of raw costs cannot be told."
        year = (
            f"One more year of raw is {size_told(self.raw_bytes_a_year)} and costs {self.told(self.raw_year)} a year "
            f"({self.prices.of_raw} {self.prices.currency} per GB and month)"
        )
        if not self.corrections:
            return f"{year}; no correction has been made of it yet."
        last = max(self.corrections, key=lambda one: one.opened_at)
        return (
            f"{year}; correction {last.correction} took {hours_told(last.run_seconds)} of runs with it, and without it "
            f"{counted(last.changed or last.days, 'wrong day')} of {last.table} could not have been computed anew "
            "at any price."
        )


def hot_of(prices: Prices) -> str:
    """The dearest tier, which is where tables lie that are read."""
    return max(prices.tiers, key=lambda tier: prices.tiers[tier])


@exactly
def cost_a_year(size: int, per_gb_month: Decimal) -> Decimal:
    """The price of keeping bytes for a year.

    >>> cost_a_year(10**15, Decimal("0.02"))
    Decimal('240000.00')
    """
    return rounded(Decimal(size) / GB * per_gb_month * MONTHS)


def rounded(cost: Decimal) -> Decimal:
    """To the cent, or where there is less than one, to two digits of it."""
    places = CENTS if cost == 0 or cost.adjusted() >= -CENTS else 1 - cost.adjusted()
    return cost.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)


def price_told(price: Decimal) -> str:
    """An amount of money as people read it, without cents where it is large.

    >>> price_told(Decimal("240000.00")), price_told(Decimal("7.50")), price_told(Decimal("0.0012"))
    ('240,000', '7.50', '0.0012')
    """
    return amount(price, places=0 if price >= WHOLE else None)


def size_told(size: int) -> str:
    """Bytes as people read them, in units of a thousand.

    >>> size_told(999), size_told(10**15), size_told(1_234_567)
    ('999 bytes', '1.0 PB', '1.2 MB')
    """
    value, unit = Fraction(size), 0
    while value >= THOUSAND and unit < len(UNITS) - 1:
        value, unit = value / THOUSAND, unit + 1
    return f"{size:,} {UNITS[0]}" if not unit else f"{float(value):.1f} {UNITS[unit]}"


def hours_told(seconds: float) -> str:
    """How long runs took together."""
    if seconds < 2 * MINUTE:
        return counted(round(seconds), "second")
    if seconds < 2 * HOUR:
        return counted(round(seconds / MINUTE), "minute")
    return f"{seconds / HOUR:,.1f} hours"


def _mean(sizes: list[int]) -> int:
    return round(Fraction(sum(sizes), len(sizes))) if sizes else 0
