"""What the source declares about its files: the whole day or an addition, and how much a file may take back unasked.

What a whole day's file no longer holds is withdrawn, transaction by transaction: the raw log gets a row of the arrival
with the same id and a null amount, as it does for a withdrawn fixing. So every commit of the log can be read by itself.
"""

import re
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from backfill_assets.revenue.schemas import schema_of
from backfill_assets.sources import DeclarationUnknown

WHOLE_DAY, ADDITION = "whole-day", "addition"
MOST_WITHDRAWN = "10%"
PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")


@dataclass(frozen=True, slots=True)
class Declaration:
    """How a landed file stands to what is known of its day; ``most_withdrawn`` is a share between 0 and 1."""

    files: str = WHOLE_DAY
    most_withdrawn: Decimal = Decimal("0.1")

    def is_too_much(self, withdrawn: int, known: int) -> bool:
        """Whether a person has to say that so many of what is known are meant to go."""
        return withdrawn > self.most_withdrawn * known


def declared(files: str, most_withdrawn: str) -> Declaration:
    """The declaration as people write it.

    Raises:
        DeclarationUnknown: when it is none.
    """
    share = PERCENT.fullmatch(most_withdrawn.strip())
    if files not in {WHOLE_DAY, ADDITION}:
        raise DeclarationUnknown("BACKFILL_LANDED_FILES", files, f"{WHOLE_DAY} or {ADDITION}")
    if share is None or Decimal(share[1]) > 100:  # noqa: PLR2004 - per cent
        raise DeclarationUnknown("BACKFILL_MOST_WITHDRAWN", most_withdrawn, "a share such as 10%")
    return Declaration(files, Decimal(share[1]) / 100)


def lost_transactions(standing: pl.DataFrame, arrived: pl.DataFrame) -> pl.DataFrame:
    """The transactions that stand, of one day, and that a file of the whole day does not hold."""
    return standing.join(arrived, on="transaction_id", how="anti").sort("transaction_id")


def withdrawal_rows(lost: pl.DataFrame, number: int) -> pl.DataFrame:
    """The rows of ``raw_transactions`` by which an arrival withdraws transactions; whose they were is not repeated."""
    rows = lost.with_columns(
        customer=pl.lit(None, pl.String), amount=pl.lit(None, pl.Decimal(18, 4)), arrival=pl.lit(number, pl.Int64)
    )
    return rows.select(list(schema_of("raw_transactions")))
