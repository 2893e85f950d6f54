"""How many days a wave has where its request does not say, by how long a day takes. The next case is one line."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core import facts
from backfill_assets.core.budget import budget_given
from backfill_assets.core.events import Event
from backfill_assets.core.fold import after
from backfill_assets.core.next_step import StageWaves, next_step
from backfill_assets.core.plan import Plan, PlannedCost, Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step, WorkItem
from backfill_assets.core.wave_size import MOST_DAYS, DayTakes, planned_waves, sized, waves_now
from backfill_assets.core.waves import USUAL_DAYS, WaveOrder, WavePolicy
from backfill_assets.core.window import Window
from backfill_assets.runbook.failing import died

FIRST, NOW = date(2026, 1, 1), datetime(2036, 1, 23, 6, tzinfo=UTC)
KIB, MIB = 2.0**10, 2.0**20


class Size(NamedTuple):
    days: int
    of_day: DayTakes
    expected: int
    policy: WavePolicy = WavePolicy()


ONE, THIRTY = WavePolicy(at_once=1), WavePolicy(at_once=30)
SIZES: dict[str, Size] = {
    "nothing is known": Size(3_650, DayTakes(), 15),
    "the request says": Size(3_650, DayTakes(0.01), 4, WavePolicy(max_days=4)),
    "the request says more than is worth a run": Size(3_650, DayTakes(3600.0), 40, WavePolicy(max_days=40)),
    "quick days": Size(3_650, DayTakes(0.1), 100),
    "days that take nothing": Size(3_650, DayTakes(0.001), MOST_DAYS),
    "all days are worth one run": Size(90, DayTakes(0.02), 90, ONE),
    "each run gets its share": Size(89, DayTakes(0.02), 45),
    "a share below the usual days": Size(20, DayTakes(0.02), 15),
    "days of a second": Size(3_650, DayTakes(1.0), 15),
    "days of a minute": Size(3_650, DayTakes(60.0), 10),
    "days of hours": Size(180, DayTakes(14_400.0), 1),
    "days of hours, one at a time": Size(180, DayTakes(14_400.0), 1, ONE),
    "more runs than shares of usual length": Size(180, DayTakes(12.0), 6, THIRTY),
    "shares so small that no run is worth it": Size(180, DayTakes(1.0), 10, THIRTY),
    "more runs than days": Size(20, DayTakes(12.0), 1, THIRTY),
    "one day": Size(1, DayTakes(0.1), 15),
    "quick days with many bytes": Size(3_650, DayTakes(0.1, 16 * MIB), 15),
    "quick days with some bytes": Size(3_650, DayTakes(0.1, 1 * MIB), 64),
    "quick days with few bytes": Size(3_650, DayTakes(0.1, 8 * KIB), 100),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_wave_has_so_many_days(name: str) -> None:
    one = SIZES[name]
    assert sized(one.policy, one.days, one.of_day).max_days == one.expected


@given(
    days=st.integers(1, 5_000), seconds=st.floats(0, 1e6), size=st.floats(0, 1e12), at_once=st.integers(1, 50),
)  # fmt: skip
def test_a_wave_has_a_day_and_never_more_than_a_year(days: int, seconds: float, size: float, at_once: int) -> None:
    found = sized(WavePolicy(at_once=at_once), days, DayTakes(seconds, size)).max_days
    assert found is not None
    assert 1 <= found <= MOST_DAYS
    assert found <= USUAL_DAYS or found * seconds <= 10
    assert found <= USUAL_DAYS or found * size <= 64 * MIB


# ---- as waves come back


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


def opened(days: int = 1_000, cost: PlannedCost | None = None, waves: WavePolicy = ONE) -> Progress:
    request = Request("t", Window(day(0), day(days - 1)), "Wrong.", waves=waves)
    return Progress(Plan("c", request, NOW, "ada", cost=cost or PlannedCost(seconds_per_day=0.2)))


def told(progress: Progress, *told: facts.Fact) -> Progress:
    for fact in (facts.ReportsFrozen(), facts.SourceVerified(), facts.WatermarksReset(), *told):
        event = Event("c", fact, NOW, "ada", "", progress.sequence + 1)
        progress = replace(after(progress, event), sequence=event.sequence, runs=progress.runs.after(event))
    return progress


def staged(first: int, last: int, seconds: float) -> facts.DaysStaged:
    return facts.DaysStaged(tuple(day(number) for number in range(first, last + 1)), seconds=seconds)


def dying(wave: Window) -> tuple[facts.Fact, facts.Fact]:
    item = WorkItem(wave=wave)
    return facts.RunRequested("k", item), facts.RunEnded(item.step, "k", "Gone.", "r")


MEASURED = PlannedCost(seconds_per_day=0.1, runs_seen=3)
CANARY = staged(999, 999, 0.9)
HISTORIES: dict[str, tuple[Progress, tuple[facts.Fact, ...], int]] = {
    "a canary goes first": (opened(cost=MEASURED), (), 1),
    "no canary, and nothing was ever measured": (opened(waves=WavePolicy(at_once=1, order=WaveOrder.OLDEST)), (), 15),
    "no canary, and runs of before tell": (
        opened(cost=MEASURED, waves=WavePolicy(at_once=1, order=WaveOrder.OLDEST)), (), 100,
    ),
    "a quick canary, and nothing was ever measured": (opened(), (CANARY,), 50),
    "a quick canary, and runs of before tell": (opened(cost=MEASURED), (CANARY,), 100),
    "a canary slower than runs of before": (opened(cost=MEASURED), (staged(999, 999, 3.0),), 15),
    "a canary of minutes": (opened(cost=MEASURED), (staged(999, 999, 121.0),), 5),
    "a wave quicker than expected": (opened(), (CANARY, staged(0, 49, 2.0)), 366),
    "a wave slower than expected": (opened(), (CANARY, staged(0, 49, 52.0)), 15),
    "a wave as slow as expected": (opened(), (CANARY, staged(0, 49, 11.2)), 50),
    "facts of before say no seconds": (opened(cost=MEASURED), (staged(999, 999, 0.0),), 100),
    "the last days are left": (opened(), (CANARY, staged(0, 978, 10.0)), 20),
    "wider since": (opened(), (CANARY, staged(0, 98, 3.0), facts.Paced(at_once=20)), 45),
}  # fmt: skip


@pytest.mark.parametrize("name", HISTORIES)
def test_the_next_wave_has_so_many_days(name: str) -> None:
    progress, happened, expected = HISTORIES[name]
    decided = next_step(told(progress, *happened), NOW)
    assert isinstance(decided, StageWaves)
    assert len(decided.waves[0]) == expected


def test_once_a_run_has_died_no_wave_is_longer_than_usual_until_somebody_tries_again() -> None:
    quick = told(opened(), CANARY)
    lost = told(quick, *dying(Window(day(0), day(49))))
    assert waves_now(quick).max_days == 50
    assert waves_now(lost).max_days == 15
    assert waves_now(told(lost, facts.RetryRequested())).max_days == 50


@pytest.mark.parametrize(("seconds", "alive", "dead"), [(14_400.0, 1, 1), (121.0, 5, 4), (61.0, 10, 8), (2.0, 15, 15)])
@pytest.mark.parametrize("runs_seen", [0, 1])
def test_after_a_run_has_died_days_that_take_long_go_in_short_waves_all_the_same(
    seconds: float, alive: int, dead: int, runs_seen: int
) -> None:
    cost = PlannedCost(seconds_per_day=seconds - 1 if runs_seen else 0.2, runs_seen=runs_seen)
    slow = told(opened(cost=cost), staged(999, 999, seconds))
    lost = told(slow, *dying(Window(day(0), day(0))))
    assert (waves_now(slow).max_days, waves_now(lost).max_days) == (alive, dead)


def test_the_death_of_a_run_of_steps_says_nothing_of_waves() -> None:
    item = WorkItem(steps=(Step.FREEZE_REPORTS,))
    lost = facts.RunRequested("k", item), facts.RunEnded(item.step, "k", "Gone.", "r")
    assert waves_now(told(opened(), *lost, CANARY)).max_days == 50


@pytest.mark.parametrize("attempts", [1, 3])
def test_a_wave_longer_than_usual_that_dies_is_asked_for_in_shorter_ones_however_few_tries_there_are(
    attempts: int,
) -> None:
    quick = told(opened(waves=WavePolicy(at_once=1, attempts=attempts)), CANARY)
    requested, _ = dying(Window(day(0), day(49)))
    asked = told(quick, requested)
    told_of = died(asked, asked.runs.pending["k"], "It was killed.", "run")
    assert isinstance(told_of, facts.RunEnded)
    decided = next_step(told(asked, told_of), NOW)
    assert isinstance(decided, StageWaves)
    assert {len(wave) for wave in decided.waves[:-1]} == {15}


def test_a_budget_is_kept_in_waves_of_usual_length() -> None:
    quick = told(opened(), CANARY)
    request = replace(quick.plan.request, budget=budget_given("5 core-hours"))
    limited = replace(quick, plan=replace(quick.plan, request=request))
    decided = next_step(limited, NOW)
    assert isinstance(decided, StageWaves)
    assert len(decided.waves[0]) == USUAL_DAYS


def test_what_a_plan_says_of_its_waves_is_what_is_asked_for_where_runs_of_before_tell() -> None:
    plan = opened(90, PlannedCost(seconds_per_day=0.02, runs_seen=4), WavePolicy()).plan
    assert planned_waves(plan).max_days == 45
