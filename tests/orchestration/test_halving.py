"""A wave of which days fail: each is found, the others are computed together, and that takes little longer."""

import math
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
from hypothesis import example, given
from hypothesis import strategies as st

from backfill_assets.core.slots import Slot
from backfill_assets.errors.transform import MeasuresInexact
from backfill_assets.orchestration.asset.halving import without_failing

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
    frames, failed = without_failing(compute, wave, ValueError(f"{min(bad)} is bad."))
    assert {one: str(why) for one, why in failed.items()} == {one: f"{one} is bad." for one in bad}
    assert [*frames] == [one for one in wave if one not in bad]
    assert all(frame["day"].to_list() == [one] for one, frame in frames.items())
    levels = math.ceil(math.log2(days)) if days > 1 else 0
    assert len(compute.asked) <= 2 * len(bad) * levels


def test_one_bad_day_of_a_year_takes_as_many_days_again_and_few_tries() -> None:
    compute = Transform({200})
    without_failing(compute, [day(number) for number in range(366)], ValueError())
    assert sum(compute.asked) < 2 * 366
    assert len(compute.asked) <= 18


def test_what_is_wrong_of_every_day_is_a_days_own_reason_where_others_failed_before() -> None:
    def compute(days: Sequence[Slot]) -> dict[Slot, pl.DataFrame]:
        if day(1) in days:
            raise MeasuresInexact("prices", {"price": "Float64"})
        return {one: pl.DataFrame() for one in days}

    frames, failed = without_failing(compute, [day(0), day(1), day(2)], ValueError("Another."))
    assert ([*frames], [*failed]) == ([day(0), day(2)], [day(1)])
    assert isinstance(failed[day(1)], MeasuresInexact)
