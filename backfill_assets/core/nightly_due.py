"""By when nightly has to have published, and from when on corrections that are being staged give way to it."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import cast


@dataclass(frozen=True, slots=True)
class NightlyDue:
    """Nightly has to have published by this time of each day, UTC; ``spare`` before it, corrections give way."""

    by: time
    spare: timedelta = timedelta(hours=1)

    @property
    def is_usable(self) -> bool:
        """Whether it is of the kinds that it says; a time with a zone of its own would be taken for one of UTC."""
        by, spare = cast("object", self.by), cast("object", self.spare)
        is_time = isinstance(by, time) and by.tzinfo is None
        return is_time and isinstance(spare, timedelta) and timedelta(0) < spare < timedelta(days=1)

    def deadline_near(self, now: datetime) -> datetime | None:
        """The deadline that is less than ``spare`` away; None where it is further, or has passed."""
        today = datetime.combine(now.astimezone(UTC).date(), self.by, UTC)
        return next((one for one in (today, today + timedelta(days=1)) if one - self.spare <= now < one), None)


@dataclass(frozen=True, slots=True)
class WaitForNightly:
    """No wave begins before nightly has published the newest slot of this table, or missed its deadline."""

    table: str
    deadline: datetime
    until: datetime
    """When to look again."""
