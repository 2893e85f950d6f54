"""Figures of corrections as validation saw them, in ``_control/figures``: afterwards the old days are retired."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from backfill_assets.core.figures import Figures
from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable, values_of


@dataclass(frozen=True, slots=True)
class Kept:
    """The figures behind one certificate as they are stored."""

    correction: str
    certificate: str
    figures: Figures


class KeptFigures:
    """The figures behind each certificate of each correction."""

    def __init__(self, lake: Lake) -> None:
        self._rows = RowTable(lake, "figures", Kept)

    def keep(self, correction: str, certificate: str, found: Figures) -> None:
        """Write figures down; those of the same certificate again are left as they are."""
        row = Kept(correction, certificate, found)

        def decide(known: pl.DataFrame) -> Decision[Sequence[Kept], None]:
            return Decision(() if len(_behind(known, correction, certificate)) else [row], None)

        self._rows.append_decided(decide)

    def find(self, correction: str, certificate: str) -> Figures | None:
        """The figures behind a certificate, None when there are none."""
        found = values_of(Kept, _behind(self._rows.rows(), correction, certificate))
        return found[0].figures if found else None


def _behind(rows: pl.DataFrame, correction: str, certificate: str) -> pl.DataFrame:
    return rows.filter(pl.col("correction") == correction, pl.col("certificate") == certificate)
