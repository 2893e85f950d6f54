"""Which tables of other writers were adopted, in ``_control/adoptions``: written down before the table is touched."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import polars as pl

from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


class Stage(StrEnum):
    """How far an adoption came, in this order; one that was abandoned may still have been on its way."""

    BEGUN = "begun"
    ABANDONED = "abandoned"
    ADOPTED = "adopted"
    RESTORED = "restored"
    UNDONE = "undone"


ORDER = [*Stage]


@dataclass(frozen=True, slots=True)
class Adoption:
    """One row: an adoption and how far it came.

    ``before`` is the commit that the way back leads to, ``after`` the last one that the adoption made itself.
    ``column`` holds the day; ``made_of`` is the column that a rewrite made it of, if it did.
    """

    adoption: str
    table: str
    stage: Stage
    before: int
    after: int
    column: str
    made_of: str
    rewritten: bool
    by: str
    at: datetime

    def come_to(self, stage: Stage, after: int, at: datetime) -> "Adoption":
        """The same, further on."""
        return replace(self, stage=stage, after=after, at=at)


class Adoptions:
    """Every adoption of the lake."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "adoptions", Adoption)

    def record(self, adoption: Adoption) -> None:
        """Write down how far an adoption came."""
        self._rows.append([adoption])

    def of_table(self, table: str) -> tuple[Adoption, ...]:
        """How far each adoption of a table came, in the order of the table's own commits."""
        rows = values_of(Adoption, self._rows.rows().filter(pl.col("table") == table))
        return tuple(sorted(_furthest(rows).values(), key=lambda one: (one.before, one.after)))


def _furthest(rows: Iterable[Adoption]) -> dict[str, Adoption]:
    found: dict[str, Adoption] = {}
    for row in sorted(rows, key=lambda row: ORDER.index(row.stage)):
        found[row.adoption] = row
    return found
