"""Short ways to what many tests of the example ask for."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import polars as pl

from backfill_assets import validated
from backfill_assets.revenue.fixings import stated_fixings
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.revenue.schemas import MODELS
from backfill_assets.sources import LandedFile
from backfill_assets.sources.ingestion import read_one


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


def read_day(root: Path, day: date) -> LandedFile:
    """What landed for a day, checked."""
    return read_one(TRANSACTIONS, root, day)


def as_raw(landed: LandedFile, number: int, key: bytes) -> pl.DataFrame:
    """The rows of the raw log for a landed file."""
    return TRANSACTIONS.rows_of(landed, number, key)


def totals(landed: LandedFile) -> Mapping[str, Decimal]:
    """Its exact sum of amounts per currency."""
    return TRANSACTIONS.totals_of(landed.frame)["amount"]
