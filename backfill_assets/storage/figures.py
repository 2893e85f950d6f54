"""Figures of corrections as validation saw them, in ``_control/figures``: afterwards the old days are retired."""

import json

import polars as pl

from backfill_assets.core.figures import Figures
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

SCHEMA = pl.Schema({"correction": pl.String(), "certificate": pl.String(), "figures": pl.String()})


class KeptFigures:
    """The figures behind each certificate of each correction."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "figures", SCHEMA)

    def keep(self, correction: str, certificate: str, found: Figures) -> None:
        """Write figures down; those of the same certificate again are left as they are."""
        row = {"correction": correction, "certificate": certificate, "figures": json.dumps(found.as_json())}

        def rows(known: pl.DataFrame) -> pl.DataFrame | None:
            there = known.filter(pl.col("correction") == correction, pl.col("certificate") == certificate)
            return None if there.height else pl.DataFrame([row], schema=SCHEMA)

        self._rows.append(rows)

    def find(self, correction: str, certificate: str) -> Figures | None:
        """The figures behind a certificate, None when there are none."""
        rows = self._rows.rows()
        found = rows.filter(pl.col("correction") == correction, pl.col("certificate") == certificate)
        return Figures.from_json(json.loads(found["figures"][0])) if found.height else None
