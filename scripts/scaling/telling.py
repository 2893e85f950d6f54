"""How numbers and tables are told in the document."""

from collections.abc import Sequence

from backfill_assets.core.storage_cost import size_told
from scripts.scaling.limits import Limit

MINUTE, HOUR, LITTLE = 60, 3_600, 0.01


def as_table(*rows: Sequence[str]) -> str:
    """Rows as Markdown, the first is the head; all columns but the first are numbers."""
    head, *others = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ("---", *("--:",) * (len(head) - 1)), *others))


def amount(one: Limit, value: float) -> str:
    """So much of what a limit is of."""
    if one.unit == "bytes":
        return size(value)
    return (
        seconds(value) if one.unit == "s" else f"{value:,.3g} {one.unit if value != 1 else one.unit.removesuffix('s')}"
    )


def times(value: float) -> str:
    """How many times what is borne; bold where it gives way."""
    if value < LITTLE:
        return f"< {LITTLE}"
    told = f"{value:,.2g}" if value < 10 else f"{value:,.0f}"
    return f"**{told}**" if value >= 1 else told


def size(value: float) -> str:
    """Bytes."""
    return size_told(round(value))


def seconds(value: float) -> str:
    """A time, short or long."""
    if value < 2 * MINUTE:
        return f"{value:.2g} s" if value < 10 else f"{value:.0f} s"
    return f"{value / MINUTE:.0f} min" if value < 2 * HOUR else f"{value / HOUR:,.1f} h"


def plainly(value: float) -> str:
    """A constant to three digits, as people and ``constants_of`` read it."""
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"
