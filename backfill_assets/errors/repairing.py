"""Refusals of a repair."""

from collections.abc import Collection

from backfill_assets.errors.base import BadInput, listed


class TableNotInLake(BadInput):
    """A repair was asked for of a table that the lake has no log of."""

    def __init__(self, table: str, known: Collection[str]) -> None:
        named = f"There is no log of {table} in the lake" if table else "There is no table in the lake"
        there = (
            f"Name one of {listed(known)}, or none for all."
            if known
            else "Look whether BACKFILL_LAKE is the right one."
        )
        super().__init__(f"{named}. Nothing was looked at or changed. {there}")
