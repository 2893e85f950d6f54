"""Revenue the slow way: one fraction per transaction. Shares nothing with the code under test."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from fractions import Fraction

Sums = dict[tuple[date, str], tuple[int, Decimal]]


def half_even(exact: Fraction) -> Fraction:
    """Four decimals, ties to the even neighbour: what ``round`` does to a Fraction."""
    return round(exact, 4)


def half_up(exact: Fraction) -> Fraction:
    """Four decimals, ties upwards: the rule that is not ours."""
    return Fraction((exact * 10**4 * 2 + 1) // 2, 10**4)


def in_usd(amount: Decimal, rate_usd: Decimal, rate_currency: Decimal) -> Fraction:
    """The exact value, before any rounding."""
    return Fraction(amount) * Fraction(rate_usd) / Fraction(rate_currency)


def revenue(
    transactions: Iterable[tuple[date, str, Decimal]],
    rates: dict[tuple[date, str], Decimal],
    rounded: Callable[[Fraction], Fraction] = half_even,
) -> Sums:
    """Per day and currency: how many transactions, and the sum of their rounded revenue."""
    counts: dict[tuple[date, str], int] = defaultdict(int)
    sums: dict[tuple[date, str], Fraction] = defaultdict(Fraction)
    for day, currency, amount in transactions:
        counts[day, currency] += 1
        sums[day, currency] += rounded(in_usd(amount, rates[day, "USD"], rates[day, currency]))
    return {key: (count, Decimal(int(sums[key] * 10**4)).scaleb(-4)) for key, count in counts.items()}
