"""Decimal arithmetic that does not depend on the thread's context.

``decimal`` rounds every sum, difference and even ``abs`` to the precision of the context, 28 digits unless somebody's
code has set another, and formats by its rounding. A Decimal(38) column needs more, and nobody's setting may matter.
"""

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Context, DivisionByZero, InvalidOperation, Overflow, localcontext
from functools import wraps
from typing import ParamSpec, TypeVar

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
