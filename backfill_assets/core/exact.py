"""Exact decimals: arithmetic that no context changes, and how far a figure as it was printed may lie from ours."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow, localcontext
from functools import wraps
from typing import ParamSpec, TypeVar

import polars as pl

# Whatever is not said here is taken from DefaultContext, which somebody may have changed.
EXACT = Context(
    prec=200,
    rounding=ROUND_HALF_EVEN,
    Emin=-999_999,
    Emax=999_999,
    capitals=1,
    clamp=0,
    flags=[],
    traps=[InvalidOperation, DivisionByZero, Overflow],
)
P = ParamSpec("P")
R = TypeVar("R")


def exactly(function: Callable[P, R]) -> Callable[P, R]:
    """The function, with its decimals in ``EXACT`` while it runs."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(EXACT):
            return function(*args, **kwargs)

    return run


def is_exact(kind: pl.DataType) -> bool:
    """Whether values of a type can be summed exactly, in any order, as a measure is: decimals and integers.

    >>> is_exact(pl.Decimal(38, 4)), is_exact(pl.Int64()), is_exact(pl.Float64())
    (True, True, False)
    """
    return kind.is_decimal() or kind.is_integer()


def from_units(units: int, places: int) -> Decimal:
    """Units of the last decimal place as a decimal; ``Decimal.scaleb`` would round to 28 digits.

    >>> from_units(-1205, 2)
    Decimal('-12.05')
    """
    return Decimal((int(units < 0), tuple(map(int, str(abs(units)))), -places))


EVERY = "*"
MOST_PADDED = 30
"""Of so many figures with decimals one ends in a zero, unless such zeros are left out: the chance is 24 in 25."""


def scale_of(printed: str) -> int:
    """How many decimals a figure is printed with; zeros at its end count.

    >>> scale_of("12.30"), scale_of("-12"), scale_of("12.")
    (2, 0, 0)
    """
    return len(printed.partition(".")[2])


def half_unit(scale: int) -> Decimal:
    """Half of the last digit of a figure of that many decimals; a negative scale is of tens, hundreds and so on.

    >>> half_unit(2), half_unit(0), half_unit(-3)
    (Decimal('0.005'), Decimal('0.5'), Decimal('500'))
    """
    return Decimal(f"{Decimal(5).scaleb(-scale - 1, EXACT):f}")


def scales_of(printed: Collection[str]) -> dict[str, int]:
    """The scale of each figure of one source.

    Each states its own, also beside figures of others. Where the source leaves zeros at the end out, 12.3 may be
    12.3000: all its figures have the scale of its longest. It does when of many figures none ends in a zero.
    """
    scales = {text: scale_of(text) for text in printed}
    with_decimals = [text for text in printed if scales[text]]
    if len(with_decimals) >= MOST_PADDED and not any(text.endswith("0") for text in with_decimals):
        return dict.fromkeys(scales, max(scales.values()))
    return scales


@dataclass(frozen=True, slots=True)
class Precision:
    """What is known of the figures of one source beyond how they are printed.

    ``scales`` are the decimals that hold for a group, ``*`` for all others, whatever is printed.
    """

    scales: Mapping[str, int] = field(default_factory=dict[str, int])

    def scale(self, group: str, printed: int) -> int:
        """The scale of a figure of a group that is printed with so many decimals."""
        return self.scales.get(group, self.scales.get(EVERY, printed))


def agrees(ours: Decimal, stated: Decimal, scale: int, *, figures: int = 1) -> bool:
    """Whether a stated sum of rounded figures may be ours.

    >>> agrees(Decimal("12.3449"), Decimal("12.34"), 2), agrees(Decimal("12.3501"), Decimal("12.34"), 2)
    (True, False)
    """
    return abs(ours - stated) <= half_unit(scale) * max(figures, 1)
