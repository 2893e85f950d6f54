"""Slots are stepped, counted, written and read alike for every grain."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.slots import Grain, Hour, Slot, read_slot
from backfill_assets.core.waves import WaveOrder, WavePolicy, ordered_waves
from backfill_assets.core.window import Window, contiguous
from backfill_assets.errors.request import HourWithoutZone, SlotsApart, WindowReversed

BERLIN = ZoneInfo("Europe/Berlin")
FIRST: dict[Grain, Slot] = {
    Grain.HOUR: Hour.of(datetime(2026, 10, 24, 22, tzinfo=UTC)),
    Grain.DAY: date(2025, 12, 30),
    Grain.WEEK: date(2025, 12, 29),
    Grain.MONTH: date(2025, 11, 1),
}


@given(grain=st.sampled_from([*Grain]), steps=st.integers(0, 500))
def test_a_slot_is_as_many_steps_away_as_were_taken(grain: Grain, steps: int) -> None:
    first = FIRST[grain]
    last = grain.after(first, steps)
    assert grain.distance(first, last) == steps
    assert grain.after(last, -steps) == first
    window = Window(first, last, grain)
    assert len(window) == len(window.days) == steps + 1
    assert window.days[0] == first
    assert window.days[-1] == last
    assert contiguous(window.days, grain=grain) == (window,)


@given(grain=st.sampled_from([*Grain]), steps=st.integers(-500, 500))
def test_what_is_written_is_read_back(grain: Grain, steps: int) -> None:
    slot = grain.after(FIRST[grain], steps)
    for text in (str(slot), f"{slot}", slot.isoformat()):
        assert read_slot(text) == slot
        assert type(read_slot(text)) is type(slot)
        assert str(read_slot(text)) == text


def test_an_autumn_night_has_both_of_its_hours() -> None:
    one = Hour.of(datetime(2026, 10, 25, 2, tzinfo=BERLIN, fold=0))
    other = Hour.of(datetime(2026, 10, 25, 2, tzinfo=BERLIN, fold=1))
    assert other - one == timedelta(hours=1)
    assert len({one: 1, other: 2}) == 2
    assert [str(one), str(other)] == ["2026-10-25T00:00Z", "2026-10-25T01:00Z"]
    assert type(Grain.HOUR.after(one)) is Hour


def test_an_hour_without_a_time_zone_is_refused() -> None:
    with pytest.raises(HourWithoutZone):
        Hour.of(datetime(2026, 10, 25, 2))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    ("grain", "last"),
    [
        (Grain.HOUR, Hour(2026, 10, 24, 22, 30, tzinfo=UTC)),
        (Grain.WEEK, date(2026, 1, 4)),
        (Grain.MONTH, date(2025, 12, 2)),
    ],
)
def test_slots_that_are_not_whole_steps_apart_are_refused(grain: Grain, last: Slot) -> None:
    with pytest.raises(SlotsApart, match=grain.value):
        Window(FIRST[grain], last, grain)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(WindowReversed):
        Window(FIRST[Grain.MONTH], date(2025, 10, 1), Grain.MONTH)


def test_slots_apart_make_windows_apart() -> None:
    months = [date(2025, 11, 1), date(2025, 12, 1), date(2026, 2, 1)]
    assert [str(window) for window in contiguous(months, grain=Grain.MONTH)] == [
        "2025-11-01..2025-12-01",
        "2026-02-01..2026-02-01",
    ]


def test_a_plan_of_months_has_waves_of_several():
    months = [*Grain.MONTH.between(date(2026, 1, 1), date(2026, 6, 1))]

    waves = ordered_waves(months, WavePolicy(max_days=3, order=WaveOrder.OLDEST), Grain.MONTH)

    assert [len(wave) for wave in waves] == [3, 3]
