"""Every partition of every definition has one slot, and every slot leads back to its partition's key.

The next definition is one line.
"""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import dagster as dg
import pytest

from backfill_assets.core.slots import Grain, Hour
from backfill_assets.orchestration.instance.slots import TableSlots, grain_of


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """A time as partitions definitions take it, which put their own time zone to it."""
    return datetime(year, month, day, hour)  # noqa: DTZ001


def by_cron(cron: str, fmt: str = "%Y-%m-%d", **options) -> dg.TimeWindowPartitionsDefinition:
    return dg.TimeWindowPartitionsDefinition(**{"start": at(2026, 1, 5), "cron_schedule": cron, "fmt": fmt, **options})


def hourly(start: datetime, **options) -> dg.HourlyPartitionsDefinition:
    return dg.HourlyPartitionsDefinition(start, **options)


REGULAR = {
    "hours": (hourly(at(2026, 1, 5)), Grain.HOUR),
    "hours of an autumn night in Berlin": (hourly(at(2026, 10, 24), timezone="Europe/Berlin"), Grain.HOUR),
    "hours of a spring night in Berlin": (hourly(at(2026, 3, 28), timezone="Europe/Berlin"), Grain.HOUR),
    "hours where clocks move by half of one": (hourly(at(2026, 4, 4), timezone="Australia/Lord_Howe"), Grain.HOUR),
    "hours of India": (hourly(at(2026, 1, 5), timezone="Asia/Kolkata"), Grain.HOUR),
    "hours from half to half": (hourly(at(2026, 1, 5), minute_offset=30), Grain.HOUR),
    "days": (dg.DailyPartitionsDefinition("2026-01-05"), Grain.DAY),
    "days of New York from six": (
        dg.DailyPartitionsDefinition(at(2026, 1, 5), hour_offset=6, timezone="America/New_York"),
        Grain.DAY,
    ),
    "days, one of which begins at one": (
        dg.DailyPartitionsDefinition(at(2018, 10, 20), timezone="America/Sao_Paulo"),
        Grain.DAY,
    ),
    "days that begin when clocks are set": (
        dg.DailyPartitionsDefinition(at(2026, 3, 20), hour_offset=2, minute_offset=30, timezone="Europe/Berlin"),
        Grain.DAY,
    ),
    "days with compact keys": (dg.DailyPartitionsDefinition(at(2026, 1, 5), fmt="%Y%m%d"), Grain.DAY),
    "days by an alias of cron": (by_cron("@daily"), Grain.DAY),
    "weeks from Sunday": (dg.WeeklyPartitionsDefinition("2026-01-05"), Grain.WEEK),
    "weeks from Monday in Auckland": (
        dg.WeeklyPartitionsDefinition("2026-01-05", day_offset=1, timezone="Pacific/Auckland"),
        Grain.WEEK,
    ),
    "months": (dg.MonthlyPartitionsDefinition("2025-01-01"), Grain.MONTH),
    "months from the 28th in Berlin": (
        dg.MonthlyPartitionsDefinition(at(2025, 1, 28), day_offset=28, timezone="Europe/Berlin"),
        Grain.MONTH,
    ),
}
IRREGULAR = {
    "every six hours": by_cron("0 */6 * * *", "%Y-%m-%d-%H:%M"),
    "working days": by_cron("0 0 * * 1-5"),
    "the first four weeks of months": by_cron("0 0 1-28 * *"),
    "quarters": by_cron("0 0 1 */3 *"),
    "years": by_cron("0 0 1 1 *"),
    "the last of months": by_cron("0 0 31 * *"),
}


@pytest.mark.parametrize("name", REGULAR)
def test_every_slot_leads_to_a_key_and_back_through_a_year_of_clocks(name: str) -> None:
    partitions, grain = REGULAR[name]
    assert grain_of(partitions) is grain
    slots = TableSlots("any", partitions, grain)
    slot, ends = slots.first, []
    for _ in range(400):
        key = slots.key(slot)
        assert slots.of_keys([key]) == {key: slot}
        assert slots.start(slot) < slots.end(slot)
        ends.append((slots.start(slot), slots.end(slot)))
        slot = grain.after(slot)
    assert all(one[1] == following[0] for one, following in pairwise(ends))


@pytest.mark.parametrize("name", IRREGULAR)
def test_partitions_that_are_no_steps_of_one_grain_have_none(name: str) -> None:
    assert grain_of(IRREGULAR[name]) is None


def test_both_hours_of_an_autumn_night_have_keys_of_their_own() -> None:
    slots = TableSlots("any", *REGULAR["hours of an autumn night in Berlin"])
    first = Hour(2026, 10, 25, 0, tzinfo=UTC)
    assert [slots.key(first + timedelta(hours=hour)) for hour in range(3)] == [
        "2026-10-25-02:00",
        "2026-10-25-02:00+0100",
        "2026-10-25-03:00",
    ]


@pytest.mark.parametrize("name", REGULAR)
def test_the_newest_that_is_over_ends_by_now_and_the_next_one_does_not(name: str) -> None:
    slots = TableSlots("any", *REGULAR[name])
    now = slots.end(slots.grain.after(slots.first, 12)) + timedelta(minutes=10)
    newest = slots.newest_over(now)
    assert slots.end(newest) <= now < slots.end(slots.grain.after(newest))
    assert slots.having([newest]) == [newest]
    assert slots.over(now)[-1] == newest
    assert slots.newest_over(slots.start(slots.first)) == slots.grain.before(slots.first)
