"""What the source declares about its files: the whole day or an addition, and how much a file may take back unasked.

What a whole day's file no longer holds is withdrawn, transaction by transaction: the raw log gets a row of the arrival
with the same id and a null amount, as it does for a withdrawn fixing. So every commit of the log can be read by itself.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import polars as pl

from backfill_assets.core.people import is_person, written
from backfill_assets.errors.deciding import NameNeeded
from backfill_assets.errors.withdrawals import DeclarationUnknown
from backfill_assets.revenue.schemas import schema_of
from backfill_assets.storage.control import ControlTable
from backfill_assets.storage.layout import Lake

WHOLE_DAY, ADDITION = "whole-day", "addition"
MOST_WITHDRAWN = "10%"
PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?) ?%")
WORDS = pl.Schema(
    {
        "what": pl.String(),
        "sha256": pl.String(),
        "accepted": pl.Boolean(),
        "by": pl.String(),
        "note": pl.String(),
        "at": pl.Datetime("us", "UTC"),
        "sequence": pl.Int64(),
    }
)


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


class Words:
    """What people said about files that wait, in ``_control/withdrawal_words``: append-only, the latest counts.

    A word is about one content of one file: a file that changes again waits again.
    """

    def __init__(self, lake: Lake) -> None:
        self._rows = ControlTable(lake, "withdrawal_words", WORDS)

    def current(self) -> Mapping[tuple[str, str], bool]:
        """Whether it was accepted, by what a file speaks of (a day, or the path of fixings) and its SHA-256."""
        rows = self._rows.rows().sort("sequence")
        return {(what, sha256): accepted for what, sha256, accepted in rows.select(*WORDS.names()[:3]).iter_rows()}

    def say(  # noqa: PLR0913 - everything that is written down
        self, what: str, sha256: str, *, accepted: bool, by: str, note: str, at: datetime
    ) -> None:
        """Write a word down.

        Raises:
            NameNeeded: when it is nobody who decides.
        """
        if not is_person(by):
            raise NameNeeded(f"decide on what was taken back in {what}", by)
        said = {"what": what, "sha256": sha256, "accepted": accepted, "by": written(by), "note": note, "at": at}
        self._rows.append(lambda known: pl.DataFrame([{**said, "sequence": known.height + 1}], schema=WORDS))
