"""Refusals of object stores that do not keep what a commit rests on."""

from backfill_assets.errors.lake import Unusable


class StoreOverwrites(Unusable):
    """The object store puts a file where one is although it was asked not to."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"{bucket} puts a file in the place of another although it is asked not to (If-None-Match), so of two "
            "commits at once one would be lost without an error. Nothing was written. "
            "Use a store or a setting of it that honours conditional puts; docs/reliability.md says more."
        )
