"""Refusals of questions about what was published at a time."""

from datetime import datetime

from backfill_assets.errors.base import BadInput, Refused


def _told(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


class TimeToCome(BadInput):
    """Somebody asks what was published at a time that is not yet."""

    def __init__(self, table: str, at: datetime, now: datetime) -> None:
        super().__init__(
            f"Nobody knows yet what {table} says at {_told(at)}. Nothing was changed. "
            f"Ask for a time up to {_told(now)}."
        )


class NothingPublished(Refused):
    """At that time the table had no published state."""

    def __init__(self, table: str, at: datetime, begins: datetime | None) -> None:
        instead = f"Its first state is of {_told(begins)}." if begins else "Nothing of it was ever published."
        super().__init__(f"Nothing of {table} was published at {_told(at)}. Nothing was changed. {instead}")


class NotRecorded(Refused):
    """What was published at that time was not recorded."""

    def __init__(self, table: str, at: datetime, begins: datetime) -> None:
        super().__init__(
            f"What {table} showed at {_told(at)} was not recorded before {_told(begins)}. Nothing was changed. "
            "Ask for a later time."
        )
