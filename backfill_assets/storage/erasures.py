"""Who must not be known any more, and since when: tombstones of tokens, and the days whose mappings have expired.

A tombstone names a token and never the person. It is written before anything of the person is deleted, and kept for
ever: whoever would map a token again looks here first, on the very commit that the mapping is made from.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from backfill_assets.storage.commits import Decision
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.row_table import RowTable


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the fingerprint of the key that it was made with."""

    key: str
    token: str


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A token that stands for somebody who was erased: by which erasure, by whom, why and when."""

    erasure: int
    key: str
    token: str
    by: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Expiry:
    """From which day on people of a raw log are mapped; what was before has expired."""

    table: str
    before: date
    by: str
    at: datetime


class Erasures:
    """``_control/erasures`` and ``_control/expiries``, both append-only."""

    def __init__(self, lake: Lake) -> None:
        self._tombstones = RowTable(lake, "erasures", Tombstone)
        self._expiries = RowTable(lake, "expiries", Expiry)

    def erased(self) -> Mapping[str, frozenset[str]]:
        """The tokens of erased people, by the key that they were made with."""
        return self._tombstones.made_of_rows(["key", "token"], _by_key)

    def people(self) -> pl.DataFrame:
        """The tokens of erased people with the ``key`` of each and the number of its ``erasure``."""
        return self._tombstones.rows(["erasure", "key", "token"])

    def number_of(self, tokens: Collection[Token]) -> int | None:
        """The erasure of a person with one of these tokens; None where there was none."""
        return _number(self.people(), tokens)

    def entomb(self, tokens: Collection[Token], by: str, reason: str, at: datetime) -> int:
        """Write down that these tokens are of one person who is erased; returns the number of the erasure.

        A person who was erased before keeps that number, and only tokens that are not known yet are written.
        """

        def decide(known: pl.DataFrame) -> Decision[Sequence[Tombstone], int]:
            there = {*known.select("key", "token").iter_rows()}
            number = _number(known, tokens) or (int(known["erasure"].max() or 0) + 1)  # type: ignore[arg-type]
            new = sorted((one.key, one.token) for one in tokens if (one.key, one.token) not in there)
            return Decision([Tombstone(number, key, token, by, reason, at) for key, token in new], number)

        return self._tombstones.append_decided(decide)

    def expired_before(self, table: str) -> date | None:
        """The first day of a raw log whose people are still mapped; None where nothing has expired."""
        known = self._expiries.rows(["table", "before"])
        found: date | None = known.filter(pl.col("table") == table)["before"].max()  # type: ignore[assignment]
        return found

    def expire(self, tables: Collection[str], before: date, by: str, at: datetime) -> None:
        """Write down that what was before a day has expired; an earlier day than before changes nothing."""

        def decide(known: pl.DataFrame) -> Decision[Sequence[Expiry], None]:
            since = dict(known.group_by("table").agg(pl.col("before").max()).select("table", "before").iter_rows())
            later = [table for table in sorted(tables) if since.get(table, date.min) < before]
            return Decision([Expiry(table, before, by, at) for table in later], None)

        self._expiries.append_decided(decide)


def _by_key(rows: pl.DataFrame) -> Mapping[str, frozenset[str]]:
    return {key: frozenset(of["token"]) for (key,), of in rows.partition_by("key", as_dict=True).items()}


def _number(known: pl.DataFrame, tokens: Collection[Token]) -> int | None:
    there = known.filter(pl.col("token").is_in([one.token for one in tokens]))
    return None if there.is_empty() else int(there["erasure"].min())  # type: ignore[arg-type]
