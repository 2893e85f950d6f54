from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.core.waves import (
    SECONDS_PER_RUN,
    PastRun,
    WaveOrder,
    WavePolicy,
    estimate,
    ordered_waves,
    within_rate,
)
from backfill_assets.core.window import Window

FIRST = date(2026, 1, 1)
DAYS = [FIRST + timedelta(days=offset) for offset in range(31)]
SECOND_A_DAY = [PastRun(10, 10.0)]


def laid(policy: WavePolicy, past=SECOND_A_DAY, days=DAYS):
    return estimate(ordered_waves(days, policy), policy, past)


def test_the_canary_comes_back_before_any_other_wave_starts():
    waves = laid(WavePolicy(max_days=10, at_once=2)).waves
    assert waves[0].window == Window(DAYS[-1], DAYS[-1])
    assert all(wave.starts_after >= waves[0].seconds for wave in waves[1:])


def test_two_at_once_take_about_half_the_time_and_cost_the_same():
    one, two = (laid(WavePolicy(10, at_once, WaveOrder.OLDEST)) for at_once in (1, 2))
    assert one.run_seconds == two.run_seconds == pytest.approx(31 + 4 * SECONDS_PER_RUN)
    assert one.seconds == one.run_seconds
    assert two.seconds == pytest.approx(10 + 10 + 2 * SECONDS_PER_RUN)


def test_one_slow_run_of_the_past_does_not_decide():
    past = [PastRun(10, 10.0), PastRun(10, 11.0), PastRun(10, 10_000.0)]
    assert laid(WavePolicy(), past).seconds_per_day == pytest.approx(1.1)


def test_without_a_measured_run_it_says_that_it_guesses():
    assert laid(WavePolicy(), []).runs_seen == 0
    assert laid(WavePolicy(), [PastRun(0, 3.0), PastRun(5, 0.0)]).runs_seen == 0


def test_nothing_to_stage_takes_no_time():
    assert laid(WavePolicy(), days=[]).seconds == 0


@given(
    rate=st.floats(0.5, 50),
    policy=st.builds(WavePolicy, st.integers(1, 40), st.integers(1, 5), st.sampled_from(list(WaveOrder))),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
)
def test_a_plan_never_asks_a_source_for_more_days_a_minute_than_it_bears(rate, policy, days):
    kept = within_rate(policy, rate)
    found = laid(kept, days=sorted(days))
    assert kept.at_once == 1
    asked = [(wave.starts_after, len(wave.window)) for wave in found.waves]
    for start, _ in asked:
        within = sum(count for at, count in asked if start <= at < start + 60 - 1e-6)
        assert within <= max(1, rate) + max(1, int(rate))
    total = sum(count for _, count in asked)
    assert found.seconds >= total * 60 / rate - 1e-6


@given(
    policy=st.builds(WavePolicy, st.integers(1, 40), st.integers(1, 5), st.sampled_from(list(WaveOrder))),
    days=st.sets(st.sampled_from(DAYS)),
)
def test_every_day_is_in_exactly_one_wave_and_no_wave_is_too_long(policy, days):
    waves = ordered_waves(days, policy)
    assert sorted(day for wave in waves for day in wave) == sorted(days)
    assert all(len(wave) <= policy.max_days for wave in waves)


def test_a_rate_limit_survives_the_plan_in_the_ledger():
    from datetime import UTC, datetime

    from backfill_assets.core.plan import Plan, PlannedCost, PlannedInputs, Request

    request = Request("t", Window(FIRST, FIRST), "wrong", correction="a", waves=within_rate(WavePolicy(), 3.0))
    plan = Plan(
        "a",
        request,
        datetime(2026, 1, 1, tzinfo=UTC),
        "ada",
        PlannedInputs(after=("b",)),
        PlannedCost(seconds_per_day=2.0),
    )
    assert Plan.from_json(plan.as_json()) == plan
