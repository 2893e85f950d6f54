"""Ids of people are personal data: what is stored is a token that only the holder of the key can match to a person."""

import hmac

import polars as pl

from backfill_assets.errors.withdrawals import MissingKey

SHORTEST_KEY = 16


def tokenised(ids: pl.Series, key: bytes) -> pl.Series:
    """HMAC-SHA256 of each id in UTF-8 under the key, as 64 hexadecimal digits; null stays null.

    Only distinct ids are hashed.

    Raises:
        MissingKey: when the key is shorter than 16 bytes.
    """
    if len(key) < SHORTEST_KEY:
        raise MissingKey
    distinct = ids.drop_nulls().unique()
    tokens = [hmac.digest(key, one.encode(), "sha256").hex() for one in distinct]
    return ids.replace_strict(distinct, pl.Series(tokens, dtype=pl.String), default=None, return_dtype=pl.String)
