"""What was found wrong with published days: nothing was refused, and nothing is well."""

from collections.abc import Collection
from datetime import date

from backfill_assets.errors.base import BackfillAssetsError, listed


class FoundWrong(BackfillAssetsError):
    """A look at published days found some that are not what they should be."""

    exit_code = 5

    def __init__(self, found: str, requests: Collection[str]) -> None:
        move = f"Open the proposed request ({listed(requests)})" if requests else "Look at the check on the asset"
        super().__init__(f"{found.rstrip('.')}. Nothing was changed. {move}, or correct what it was compared with.")


class NothingLookedAt(BackfillAssetsError):
    """A look at published days met none, which says nothing about them."""

    def __init__(self, table: str) -> None:
        super().__init__(
            f"No published day of {table} was examined. Nothing was changed, and nothing is known about it. "
            "Check BACKFILL_LAKE and the days asked for."
        )


class NothingToPublish(BackfillAssetsError):
    """Nightly found no day to publish and none that is published: more likely it looked in the wrong place."""

    def __init__(self, table: str, through: date) -> None:
        super().__init__(
            f"Nothing of {table} is published and nothing has landed up to {through}. Nothing was written. "
            "Check where upstream drops its files, and the last day."
        )
