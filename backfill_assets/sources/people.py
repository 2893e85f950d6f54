"""Whose tokens an ingestion makes, and whom it may map: not who was erased, nor whose day has expired.

Mappings are readable before the rows that name their tokens. A crash between the two leaves a mapping that nobody
uses, and never a token that nobody can resolve although he may.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import polars as pl

from backfill_assets.errors.base import counted
from backfill_assets.errors.personal import KeysMissing
from backfill_assets.sources.arrivals import Arrival
from backfill_assets.sources.log_rows import LogRows
from backfill_assets.sources.token_keys import TokenKeys
from backfill_assets.storage.erasures import Erasures
from backfill_assets.storage.layout import DAY
from backfill_assets.storage.records import Records
from backfill_assets.storage.vault import COLUMN, KEY, TOKEN, VALUE, VAULT, Judged, Vault


@dataclass(frozen=True)
class People:
    """The people of a raw log, by the keys that are given."""

    log: LogRows
    records: Records
    keys: TokenKeys

    def refuse_unknown(self) -> None:
        """Refuse to make tokens while nobody could tell whether they are of somebody who was erased.

        Raises:
            KeysMissing: when a tombstone was made with a key that is not given.
        """
        if not self.log.personal or not self.keys.secrets:
            return
        if lacking := self.keys.lacking(Erasures(self.records.lake).erased()):
            raise KeysMissing(lacking, "Tombstones of erased people", self.keys.fingerprints)

    def key_of(self, day: date, latest: Mapping[str, Any] | None) -> str:
        """The fingerprint of the key that a day's tokens are made with: that of its earlier arrivals.

        So a row that landed before keeps its token, whatever key is in use by now. Arrivals of before
        there was more than one key do not name it: it is the oldest.

        Raises:
            KeysMissing: when that key is not given, and the day has not expired.
        """
        if not self.log.personal or latest is None or not self.keys.secrets:
            return self.keys.in_use
        before = latest["token_key"] or self.keys.oldest
        if not self.keys.lacking([before]):
            return before
        expired = Erasures(self.records.lake).expired_before(self.log.table)
        if expired is not None and day < expired:
            return self.keys.in_use
        raise KeysMissing([before], f"The tokens of {day} in {self.log.table}", self.keys.fingerprints)

    def mapped(self, arrivals: Mapping[date, Arrival]) -> dict[date, Arrival]:
        """Map the people of arrivals who may be; the same arrivals, which tell of those who may not.

        Raises:
            KeysMissing: as :meth:`refuse_unknown`.
        """
        if not self.log.personal:
            return {**arrivals}
        pairs = pl.concat([_pairs(self.log, one) for one in arrivals.values()])
        refused = Vault(self.records.lake, self.log.table).keep(lambda: self._judged(pairs))
        told = self._told(arrivals, refused)
        return {day: replace(one, of_people=told.get(day, "")) for day, one in arrivals.items()}

    def _judged(self, pairs: pl.DataFrame) -> Judged:
        """The mappings that may be kept, and those that may not because somebody was erased or a day has expired."""
        self.refuse_unknown()
        erasures = Erasures(self.records.lake)
        gone = [pairs.filter(pl.col(TOKEN).is_in(list(self._of_erased(pairs, erasures.erased()))))]
        if before := erasures.expired_before(self.log.table):
            gone.append(pairs.filter(pl.col(DAY) < before))
        may_not = pl.concat(gone).unique()
        return pairs.join(may_not, on=[DAY, COLUMN, TOKEN], how="anti"), may_not

    def _of_erased(self, pairs: pl.DataFrame, erased: Mapping[str, frozenset[str]]) -> set[str]:
        """Those of the tokens whose people were erased, under whatever key."""
        people = pairs.select(VALUE, TOKEN).unique()
        found: set[str] = set()
        for key, tokens in erased.items():
            under = pl.Series(self.keys.tokens(people[VALUE].to_list(), key), dtype=pl.String)
            found |= {*people[TOKEN].filter(under.is_in(list(tokens)))}
        return found

    def _told(self, arrivals: Mapping[date, Arrival], refused: pl.DataFrame) -> dict[date, str]:
        days = {day: of for (day,), of in refused.partition_by(DAY, as_dict=True).items()}
        return {day: _sentence(self.log, arrivals[day], of) for day, of in days.items()}


def _pairs(log: LogRows, arrival: Arrival) -> pl.DataFrame:
    """The people of an arrival with their tokens, in the shape of the vault."""
    landed = arrival.landed.frame
    stored = arrival.frame.head(landed.height)  # what it withdraws comes behind, and is of nobody
    frames = [
        pl.DataFrame({VALUE: landed[name], TOKEN: stored[token]})
        .drop_nulls()
        .unique()
        .select(
            pl.lit(arrival.landed.day, pl.Date).alias(DAY),
            pl.lit(name).alias(COLUMN),
            pl.lit(arrival.token_key).alias(KEY),
            TOKEN,
            VALUE,
        )
        for name, token in log.personal.items()
    ]
    return pl.concat([VAULT.to_frame(), *frames])


def _sentence(log: LogRows, arrival: Arrival, refused: pl.DataFrame) -> str:
    """What a person should know of those whom an arrival names and nobody may map, without naming them."""
    rows = arrival.frame.filter(pl.any_horizontal(_are(log, refused))).height
    people = counted(refused.select(COLUMN, VALUE).n_unique(), "person")
    return (
        f"`{arrival.landed.path}` holds {counted(rows, log.noun)} of {arrival.landed.day} of {people} who may not be "
        f"known any more; what it holds counts, under the token alone."
    )


def _are(log: LogRows, refused: pl.DataFrame) -> Collection[pl.Expr]:
    by_column = {name: of[TOKEN].to_list() for (name,), of in refused.partition_by(COLUMN, as_dict=True).items()}
    return [pl.col(log.personal[name]).is_in(tokens) for name, tokens in by_column.items()]
