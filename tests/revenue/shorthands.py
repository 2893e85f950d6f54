"""Short ways to what many tests of the example ask for."""

from functools import partial

import polars as pl

from backfill_assets import validated
from backfill_assets.revenue.fixings import stated_fixings
from backfill_assets.revenue.schemas import MODELS


def read_fixings(content: bytes, file: str) -> pl.DataFrame:
    """The fixings of the ECB's history file; ``N/A`` is no fixing."""
    return stated_fixings(content, file).filter(pl.col("rate").is_not_null())


def checked(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as it is, once every rule of the table's model holds.

    Raises:
        pandera.errors.SchemaErrors: all rules that are broken, in one report.
    """
    validated(partial(MODELS[table].validate, lazy=True), frame)
    return frame
