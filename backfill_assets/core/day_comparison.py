"""One day, one column, one row of a comparison: the values that a reconciliation is made of.

Everything is exact: sums and differences are decimals, shares are fractions.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, get_args

from backfill_assets.core.exact import EXACT
from backfill_assets.errors.base import counted

NOTHING = Decimal(0)

Kind = Literal["changed", "only old", "only new"]
COUNTS = ("rows_old", "rows_new", "equal", "differing", "only_old", "only_new")
KINDS: tuple[Kind, ...] = get_args(Kind)


def percent(share: Fraction | None) -> str:
    """A share for people, with up to four decimals; "from nothing" where there was nothing to divide by.

    >>> percent(Fraction(1, 50))
    '2%'
    """
    if share is None:
        return "from nothing"
    rounded = f"{float(share * 100):.4f}".rstrip("0").rstrip(".")
    return "<0.0001%" if share and rounded in {"0", "-0"} else f"{rounded}%"


@dataclass(frozen=True, slots=True)
class Sums:
    """The sum of one measure on both sides."""

    old: Decimal = NOTHING
    new: Decimal = NOTHING

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(EXACT.add(self.old, other.old), EXACT.add(self.new, other.new))

    @property
    def change(self) -> Decimal:
        """New minus old."""
        return EXACT.subtract(self.new, self.old)

    @property
    def share(self) -> Fraction | None:
        """The absolute change as a share of the absolute old sum; None when old is zero and new is not."""
        if not self.change:
            return Fraction(0)
        return abs(Fraction(self.change) / Fraction(self.old)) if self.old else None


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one column that differ in rows present on both sides.

    ``total`` and ``largest`` are absolute differences, a null counting as zero; None for columns that are
    neither decimals nor integers.
    """

    count: int = 0
    total: Decimal | None = None
    largest: Decimal | None = None

    def __add__(self, other: "Cells") -> "Cells":
        if not (self.count and other.count):
            return self if self.count else other
        if self.total is None or other.total is None or self.largest is None or other.largest is None:
            return Cells(self.count + other.count)
        return Cells(self.count + other.count, EXACT.add(self.total, other.total), max(self.largest, other.largest))

    def as_json(self) -> dict[str, Any]:
        """The count, and the amounts as strings where there are any."""
        amounts = {"total": self.total, "largest": self.largest}
        return {"count": self.count} | {name: f"{amount:f}" for name, amount in amounts.items() if amount is not None}

    def __str__(self) -> str:
        amounts = "" if self.total is None else f", by {self.total:f} in all and {self.largest:f} at most"
        return f"{counted(self.count, 'row')}{amounts}"


@dataclass(frozen=True, slots=True)
class DayComparison:
    """One day, old against new.

    ``exists`` says of the old and the new side whether the day is there, which a day without rows may be. ``differing``
    counts rows present on both sides of which some cell differs. ``sums`` holds every measure, ``cells`` what differs.
    """

    day: date
    exists: tuple[bool, bool] = (True, True)
    rows_old: int = 0
    rows_new: int = 0
    only_old: int = 0
    only_new: int = 0
    differing: int = 0
    sums: Mapping[str, Sums] = field(default_factory=dict[str, Sums])
    cells: Mapping[str, Cells] = field(default_factory=dict[str, Cells])

    def __add__(self, other: "DayComparison") -> "DayComparison":
        """Two parts of the same day as one."""
        return DayComparison(
            self.day,
            self.exists,
            self.rows_old + other.rows_old,
            self.rows_new + other.rows_new,
            self.only_old + other.only_old,
            self.only_new + other.only_new,
            self.differing + other.differing,
            {name: self.sums.get(name, Sums()) + other.sums.get(name, Sums()) for name in {**self.sums, **other.sums}},
            {
                name: self.cells.get(name, Cells()) + other.cells.get(name, Cells())
                for name in {**self.cells, **other.cells}
            },
        )

    @property
    def in_old(self) -> bool:
        """Whether the old side has the day."""
        return self.exists[0]

    @property
    def in_new(self) -> bool:
        """Whether the new side has the day."""
        return self.exists[1]

    @property
    def equal(self) -> int:
        """Rows present on both sides with every cell equal."""
        return self.rows_old - self.only_old - self.differing

    @property
    def changed(self) -> bool:
        """Whether anything at all differs, the existence of the day included."""
        return self.in_old != self.in_new or bool(self.only_old or self.only_new or self.differing)

    @property
    def severity(self) -> tuple[Any, ...]:
        """Sorts days from the largest change of the first measure to the smallest, the oldest first among equals."""
        moved = [-abs(Fraction(sums.change)) for sums in self.sums.values()]
        return (*moved, -self.only_old - self.only_new - self.differing, self.day)

    def as_text(self) -> dict[str, str]:
        """Counts and sums as text, ready for a row of a table."""
        text = {name: str(getattr(self, name)) for name in COUNTS}
        for name, sums in self.sums.items():
            text |= {f"old {name}": f"{sums.old:f}", f"new {name}": f"{sums.new:f}"}
            text |= {f"change {name}": f"{sums.change:+f} ({percent(sums.share)})"}
        return text


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """One row that differs: its key (with the day), and per column that differs the old and the new value."""

    kind: Kind
    key: Mapping[str, Any]
    values: Mapping[str, tuple[Any, Any]]

    def as_json(self) -> dict[str, Any]:
        """All values as strings, nulls as None."""
        text = {name: str(value) for name, value in self.key.items()}
        pairs = {name: [None if side is None else str(side) for side in pair] for name, pair in self.values.items()}
        return {"kind": self.kind, "key": text, "values": pairs}

    def __str__(self) -> str:
        key = " ".join(f"{name} {value}" for name, value in self.key.items())
        told = {name: ["nothing" if side is None else side for side in pair] for name, pair in self.values.items()}
        values = ", ".join(f"{name} {old} to {new}" for name, (old, new) in told.items())
        return f"{key} ({self.kind}) {values}".rstrip()


def places(sums: Iterable[Sums | None]) -> int:
    """The decimal places that hold all the sums."""
    amounts = [amount for found in sums if found for amount in (found.old, found.new)]
    return max((-int(amount.as_tuple().exponent) for amount in amounts), default=0)
