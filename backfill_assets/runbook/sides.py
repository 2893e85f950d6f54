"""What validation compares: the days of a correction in live and in its staged version, here or share by share."""

from collections.abc import Callable
from dataclasses import dataclass

from backfill_assets.core.comparison import compare
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.core.slots import Slot
from backfill_assets.runbook.correctable_table import CorrectableTable
from backfill_assets.storage.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Sides:
    """Some days of a table as its readers see them, and as a correction staged them."""

    table: CorrectableTable
    correction: str
    live: Snapshot
    staged: Snapshot
    days: tuple[Slot, ...]


Compare = Callable[[Sides], Comparison]


def compared(sides: Sides) -> Comparison:
    """Both sides, compared in this process.

    Raises:
        BadInput: as :func:`backfill_assets.core.comparison.compare`.
    """
    table, days = sides.table, frozenset(sides.days)
    old, new = (table.partition.as_slots(side.scan(sides.days)) for side in (sides.live, sides.staged))
    return compare(
        old,
        new,
        keys=table.keys,
        measures=table.measures,
        by=table.partition.name,
        old_days=days & sides.live.days,
        new_days=days & sides.staged.days,
    )
