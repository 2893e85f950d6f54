"""The days that can be, and the months around them: from the first day that is known to the last one that is over.

The first day is ``BACKFILL_FIRST_DAY``, else the earliest that ever landed, by the lake or by the landing as it is now.
Definitions are made of it when they are composed; whoever runs them meets the days that they were composed with.
"""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg

from backfill_assets import BackfillAssetsError, FirstDayUnknown, FirstDayUnreadable, LakeResource, now_utc
from backfill_assets.revenue.landing import ISO_DAY
from backfill_assets.revenue.raw_log import TRANSACTIONS

VARIABLE = "BACKFILL_FIRST_DAY"
MOST_YEARS = 100
"""How long before today a file's name alone can make history begin: one wrong digit would make it centuries."""


def first_day(lake: LakeResource, landing: Path, table: str) -> date | None:
    """The first day there can be; None when nothing is said and nothing ever landed.

    Raises:
        FirstDayUnreadable: when ``BACKFILL_FIRST_DAY`` is no day.
        FirstDayUnknown: when it is not set and the lake cannot be asked.
    """
    if told := os.environ.get(VARIABLE):
        try:
            return date.fromisoformat(ISO_DAY.fullmatch(told)[0])  # pyright: ignore[reportOptionalSubscript]
        except (TypeError, ValueError):
            raise FirstDayUnreadable(VARIABLE, told) from None
    try:
        noted = lake.records().first_days.known(table)
    except BackfillAssetsError:
        raise
    except Exception as error:
        raise FirstDayUnknown(lake.lake().root, VARIABLE, type(error).__name__) from error
    oldest = now_utc().year - MOST_YEARS
    landed = (day for day in TRANSACTIONS.landed(landing) if day.year >= oldest)
    return min([*landed, *([noted] if noted else [])], default=None)


def days_since(first: date, today: date | None) -> dg.DailyPartitionsDefinition:
    """Every day that is over, from the first; with a ``today`` that stands in for the real one, by that.

    Dagster knows the real time only, so a day that is ahead of it takes as many further partitions.
    """
    if today is None:
        return dg.DailyPartitionsDefinition(start_date=str(first))
    ahead = today - datetime.now(UTC).date()
    return dg.DailyPartitionsDefinition(start_date=str(first), end_date=str(today), end_offset=max(0, ahead.days))


def months_since(first: date, today: date | None) -> dg.MonthlyPartitionsDefinition:
    """Every month from that of the first day; the one that is still running too."""
    start = str(first.replace(day=1))
    if today is None:
        return dg.MonthlyPartitionsDefinition(start_date=start, end_offset=1)
    after = (today.replace(day=1) + timedelta(days=31)).replace(day=1)
    now = datetime.now(UTC).date()
    ahead = (after.year - now.year) * 12 + after.month - now.month
    return dg.MonthlyPartitionsDefinition(start_date=start, end_date=str(after), end_offset=max(1, ahead))


def covers(loaded: tuple[date, date | None], known: tuple[date, date | None]) -> bool:
    """Whether partitions that were made of a first day and a real one's stand-in hold every day that can be by now."""
    (first, end), (known_first, today) = loaded, known
    if first != known_first:
        return False
    return end is None if today is None else today <= (end or datetime.now(UTC).date())
