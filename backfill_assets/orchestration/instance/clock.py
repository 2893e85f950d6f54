"""What time it is: that of the machine, or in demonstrations that of ``BACKFILL_NOW``.

``2026-01-23T07:30:00+00:00`` stands still. ``2026-01-23T07:30:00+00:00 since 2026-11-28T22:40:00+00:00`` runs, and
showed the first time when the machine's clock showed the second; with ``x60`` behind it, it runs sixty times as fast.
"""

import os
import re
from datetime import UTC, datetime

from backfill_assets.core.given import time_given

NOW = "BACKFILL_NOW"
_TOLD = re.compile(r"(?P<start>\S+)(?: since (?P<since>\S+)(?: x(?P<pace>[0-9]{1,4}))?)?")


def now_utc() -> datetime:
    """The machine's time, or that of ``BACKFILL_NOW``.

    Raises:
        TimeUnreadable: when that is none.
    """
    return clock_told() or datetime.now(UTC)


def clock_told() -> datetime | None:
    """The time of ``BACKFILL_NOW``; None where the machine's clock counts.

    Raises:
        TimeUnreadable: when that is none.
    """
    if not (told := os.environ.get(NOW)):
        return None
    parts = _TOLD.fullmatch(told)
    start = time_given(parts["start"] if parts else told, NOW)
    if not parts or not parts["since"]:
        return start
    return start + (datetime.now(UTC) - time_given(parts["since"], NOW)) * int(parts["pace"] or 1)
