"""Samples: the rows that were computed a second time, source row by source row, in ``_control/samples``."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from backfill_assets.core.sampling import Sample
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample as it is stored; ``number`` counts those of its correction."""

    correction: str
    number: int
    sample: Sample


class Samples:
    """Every sample that validation has drawn, of any correction, counted from 1 within it."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "samples", Drawn)

    def keep(self, sample: Sample) -> int:
        """Write a sample down and return its number; the same as the latest again is left as it is."""

        def decide(known: pl.DataFrame) -> Decision[Sequence[Drawn], int]:
            mine = _drawn(known, sample.correction)
            if mine and mine[-1].sample == sample:
                return Decision((), len(mine))
            new = Drawn(sample.correction, len(mine) + 1, sample)
            return Decision([new], new.number)

        return self._rows.append_decided(decide)

    def latest(self, correction: str) -> Sample | None:
        """The sample of the latest validation of a correction, None before the first."""
        mine = _drawn(self._rows.rows(), correction)
        return mine[-1].sample if mine else None


def _drawn(rows: pl.DataFrame, correction: str) -> list[Drawn]:
    return values_of(Drawn, rows.filter(pl.col("correction") == correction).sort("number"))
