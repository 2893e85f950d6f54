"""Samples: the rows that were computed a second time, source row by source row, in ``_control/samples``."""

import json

import polars as pl

from backfill_assets.core.sampling import Sample
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

SCHEMA = pl.Schema({"correction": pl.String(), "number": pl.Int64(), "sample": pl.String()})


class Samples:
    """Every sample that validation has drawn, of any correction, counted from 1 within it."""

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "samples", SCHEMA)

    def keep(self, sample: Sample) -> int:
        """Write a sample down and return its number; the same as the latest again is left as it is."""
        text = json.dumps(sample.as_json())
        number = [1]

        def rows(known: pl.DataFrame) -> pl.DataFrame | None:
            mine = known.filter(pl.col("correction") == sample.correction).sort("number")
            number[0] = mine.height + 1
            if mine.height and mine["sample"][-1] == text:
                number[0] = mine.height
                return None
            row = {"correction": sample.correction, "number": number[0], "sample": text}
            return pl.DataFrame([row], schema=SCHEMA)

        self._rows.append(rows)
        return number[0]

    def latest(self, correction: str) -> Sample | None:
        """The sample of the latest validation of a correction, None before the first."""
        mine = self._rows.rows().filter(pl.col("correction") == correction).sort("number")
        return Sample.from_json(json.loads(mine["sample"][-1])) if mine.height else None
