"""A wave of which days fail: each is found, the others are computed together, and that takes little longer."""

import math
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from backfill_assets.core.slots import Slot
from backfill_assets.core.waves import USUAL_DAYS
from backfill_assets.errors.transform import MeasuresInexact
from backfill_assets.orchestration.asset.failing_days import without_failing

FIRST = date(2026, 1, 1)
MOST = 400


def day(number: int) -> date:
    return FIRST + timedelta(days=number)


class Transform:
    """Computes days together, unless one of them cannot be computed; counts how often it is asked, and for what."""

    def __init__(self, failing: set[int]) -> None:
        self.failing, self.asked = {day(number) for number in failing}, list[int]()

    def __call__(self, days: Sequence[Slot]) -> dict[Slot, pl.DataFrame]:
        self.asked.append(len(days))
        if bad := self.failing.intersection(days):
            raise ValueError(f"{min(bad)} is bad.")
        return {one: pl.DataFrame({"day": [one]}) for one in days}


@given(days=st.integers(1, MOST), failing=st.sets(st.integers(0, MOST - 1), min_size=1))
@example(days=MOST, failing={0})
@example(days=MOST, failing={MOST - 1})
@example(days=1, failing={0})
@example(days=MOST, failing=set(range(MOST)))
def test_exactly_the_days_that_fail_are_left_out_each_with_its_own_reason(days: int, failing: set[int]) -> None:
    compute, wave = Transform(failing), [day(number) for number in range(days)]
    bad = {one for one in compute.failing if one in wave}
    if not bad:
        return
    frames, failed = without_failing(compute, wave)
    assert [*failed] == sorted(bad)
    assert all(f"{one} is bad" in str(why) for one, why in failed.items())
    assert [*frames] == [one for one in wave if one not in bad]
    assert all(frame["day"].to_list() == [one] for one, frame in frames.items())
    assert sum(compute.asked) <= 2 * days
    stretches = math.ceil(days / USUAL_DAYS)
    assert len(compute.asked) <= stretches + USUAL_DAYS * len(bad)


def test_one_bad_day_of_a_year_takes_few_tries() -> None:
    compute = Transform({200})
    without_failing(compute, [day(number) for number in range(366)])
    assert sum(compute.asked) <= 366 + USUAL_DAYS
    assert len(compute.asked) <= 25 + USUAL_DAYS


def test_what_is_wrong_of_every_day_is_a_days_own_reason_where_others_failed_before() -> None:
    def compute(days: Sequence[Slot]) -> dict[Slot, pl.DataFrame]:
        if day(1) in days:
            raise MeasuresInexact("prices", {"price": "Float64"})
        return {one: pl.DataFrame() for one in days}

    frames, failed = without_failing(compute, [day(0), day(1), day(2)])
    assert ([*frames], [*failed]) == ([day(0), day(2)], [day(1)])
    assert "MeasuresInexact" in str(failed[day(1)])
