"""Refusals of object stores: those that do not keep what a commit rests on, that keep silent, that delete nothing."""

from backfill_assets.errors.answers import said
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


class StoreUnreachable(Refused):
    """An object store did not answer in the middle of something, or did not let us in."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(
            f"The object store cannot be reached ({said(error)}). "
            "What was declared before is as it was, and nothing else counts. "
            "Check the store and the rights on it, then run the same again, which goes on where this one ended."
        )
