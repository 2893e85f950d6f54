"""From when on corrections give way to a nightly, and what they do then."""

from datetime import UTC, datetime, time, timedelta, timezone

import pytest

from backfill_assets.core import facts
from backfill_assets.core.fold import fold
from backfill_assets.core.next_step import NextStep, StageWaves, TakeSteps, WaitForRuns, next_step
from backfill_assets.core.nightly_due import NightlyDue, WaitForNightly
from backfill_assets.core.pace import Paused
from tests.core.test_pace import PAUSE, PLAN
from tests.core.test_rate import T0, asked, events, staged

DUE = NightlyDue(time(6, 30))
WAITS = WaitForNightly("fct", T0 + timedelta(minutes=30), T0)


def at(told: str) -> datetime:
    return datetime.fromisoformat(told).replace(tzinfo=UTC)


NEAR: dict[str, tuple[NightlyDue, datetime, str]] = {
    "an hour before": (DUE, at("2026-01-23T05:30"), "2026-01-23T06:30"),
    "a second earlier": (DUE, at("2026-01-23T05:29:59"), ""),
    "a second before": (DUE, at("2026-01-23T06:29:59"), "2026-01-23T06:30"),
    "when it is due": (DUE, at("2026-01-23T06:30"), ""),
    "past it": (DUE, at("2026-01-23T09:00"), ""),
    "the evening before, shortly after midnight": (NightlyDue(time(0, 15)), at("2026-01-22T23:30"), "2026-01-23T00:15"),
    "with more to spare": (NightlyDue(time(6, 30), timedelta(hours=3)), at("2026-01-23T03:30"), "2026-01-23T06:30"),
    "on another clock": (DUE, datetime(2026, 1, 23, 7, 0, tzinfo=timezone(timedelta(hours=1))), "2026-01-23T06:30"),
}


@pytest.mark.parametrize("what", NEAR)
def test_a_deadline_is_near_from_its_spare_time_until_it_has_passed(what: str) -> None:
    due, now, wanted = NEAR[what]

    assert due.deadline_near(now) == (at(wanted) if wanted else None)


def next_after(*told: facts.Fact, nightly: WaitForNightly | None = WAITS) -> NextStep:
    return next_step(fold(PLAN, events(PLAN, *((0.0, fact) for fact in told))), T0, nightly=nightly)


def test_no_wave_begins_while_nightly_may_be_late() -> None:
    assert next_after() == WAITS
    assert isinstance(next_after(nightly=None), StageWaves)


def test_what_is_under_way_goes_on_and_so_does_all_but_staging() -> None:
    assert next_after(asked(1, 4), asked(5, 8)) == WaitForRuns((asked(1, 4).request, asked(5, 8).request))
    assert isinstance(next_after(staged(1, 20)), TakeSteps)


def test_a_pause_is_told_first() -> None:
    assert next_after(PAUSE) == Paused("ada")
