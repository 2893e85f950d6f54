"""Refusals of stores: those that do not keep what a commit rests on, and those that let go of nothing."""

from backfill_assets.errors.base import Refused
from backfill_assets.errors.lake import Unusable


class StoreOverwrites(Unusable):
    """The object store puts a file where one is although it was asked not to."""

    def __init__(self, bucket: str) -> None:
        super().__init__(
            f"{bucket} puts a file in the place of another although it is asked not to (If-None-Match), so of two "
            "commits at once one would be lost without an error. Nothing was written. "
            "Use a store or a setting of it that honours conditional puts; docs/reliability.md says more."
        )


class FilesUndeleted(Refused):
    """The store does not let go of files."""

    def __init__(self, uri: str, why: str) -> None:
        super().__init__(
            f"Files of {uri} could not be deleted ({why}). Nothing needs them, and what was not deleted is as it was. "
            "Check the store and the rights on it, then run the same again, which deletes the rest."
        )
