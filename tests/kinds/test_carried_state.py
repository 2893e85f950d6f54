"""A table that carries state: each slot is computed from the one before it, live, staged, corrected and rolled back.

The next grain or way is one line.
"""

from functools import partial
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.errors.failure import DaysFailed
from backfill_assets.errors.state import LaterSlotsCarry
from backfill_assets.errors.transform import ColumnsNotReturned
from backfill_assets.orchestration.asset.lateness import stale_days
from tests.kinds.carrying import BAD, DAILY, GRAINS, MEANWHILE, STATE, TABLE, WAYS, Story, from_function, story_at

pytestmark = pytest.mark.dagster

every_grain = pytest.mark.parametrize("grain", GRAINS)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """Eight days of payments, none published."""
    return story_at(tmp_path, DAILY, 7)


@every_grain
def test_slots_are_published_in_order_each_from_the_one_before_it(tmp_path: Path, grain: str) -> None:
    story = story_at(tmp_path, GRAINS[grain], 7)
    story.publish(0, 3)
    story.publish(4, 4)
    done = story.lake.nightly()
    assert story.numbers(done.published) == [5, 6, 7]
    assert story.balances() == [10, 20, 30, 40, 50, 60, 70, 80]
    assert not stale_days(story.lake.definition(), story.lake.records, story.lake.records.days(TABLE))


@pytest.mark.parametrize("way", WAYS)
def test_a_transform_of_any_kind_is_given_the_rows_of_the_slot_before(tmp_path: Path, way: str) -> None:
    story = story_at(tmp_path, DAILY, 3, WAYS[way])
    story.publish(0, 1)
    story.publish(2, 3)
    assert story.balances() == [10, 20, 30, 40]


def test_columns_that_are_carried_and_not_returned_are_refused(tmp_path: Path) -> None:
    story = story_at(tmp_path, DAILY, 1, partial(from_function, carries_state={"before": {**STATE, "limit": pl.Int64}}))
    with pytest.raises(ColumnsNotReturned, match="limit"):
        story.publish(0, 1)


def test_what_was_computed_from_a_slot_that_somebody_writes_meanwhile_is_not_written(story: Story) -> None:
    story.publish(0, 3)
    live, fourth = story.lake.records.table(TABLE), story.lake.rows(TABLE, [DAILY.slot(3)])
    other = fourth.with_columns(pl.col("balance") + 1)
    MEANWHILE.append(lambda: live.replace_days({DAILY.slot(3): other}))
    with pytest.raises(DaysFailed, match="2026-01-08 of balances was written by somebody else"):
        story.publish(4, 6)
    assert story.balances() == [10, 20, 30, 41]
    story.publish(4, 6)
    assert story.balances() == [10, 20, 30, 41, 51, 61, 71]


def test_a_slot_without_the_one_before_it_is_refused_by_name_and_nothing_is_written(story: Story) -> None:
    story.publish(0, 1)
    with pytest.raises(DaysFailed, match="2026-01-09 of balances is computed from 2026-01-08, which is not there"):
        story.publish(4, 5)
    assert story.numbers(story.lake.records.days(TABLE)) == [0, 1]


def test_a_failed_slot_fails_those_after_it_in_the_run_each_by_name(story: Story) -> None:
    BAD.add(DAILY.slot(3))
    done = story.lake.nightly()
    assert story.numbers(done.published) == [0, 1, 2]
    assert story.numbers(done.failed) == [3, 4, 5, 6, 7]
    assert "bad luck" in done.failed[DAILY.slot(3)].message
    assert [done.failed[DAILY.slot(number)].error for number in (4, 5, 6, 7)] == ["StateFailed"] * 4
    BAD.clear()
    assert story.numbers(story.lake.nightly().published) == [3, 4, 5, 6, 7]
    assert story.balances() == [10, 20, 30, 40, 50, 60, 70, 80]


def test_an_older_slot_is_not_written_below_later_ones(story: Story) -> None:
    story.publish(0, 7)
    before = story.lake.rows(TABLE)
    with pytest.raises(LaterSlotsCarry, match=r"2026-01-10 of balances, whose state 2 days \(2026-01-11, 2026-01-12\)"):
        story.publish(5, 5)
    assert story.lake.rows(TABLE).equals(before)


def test_late_data_makes_every_later_slot_late_and_nightly_rebuilds_all_or_none(story: Story) -> None:
    story.publish(0, 7)
    story.land([6], amount=15)
    done = story.lake.nightly()
    assert (story.numbers(done.rebuilt), done.late) == ([6, 7], ())
    assert story.balances()[5:] == [60, 75, 85]
    story.land([2], amount=12)
    done = story.lake.nightly()
    assert (done.rebuilt, story.numbers(done.late)) == ((), [2, 3, 4, 5, 6, 7])
    assert story.balances()[5:] == [60, 75, 85]


def test_a_slot_is_late_when_the_one_before_it_holds_something_else_than_it_was_computed_from(story: Story) -> None:
    story.publish(0, 7)
    live = story.lake.records.table(TABLE)
    rows = story.lake.rows(TABLE)
    fourth = rows.filter(pl.col("day") == DAILY.slot(4))
    live.replace_days({DAILY.slot(4): fourth})
    stale = stale_days(story.lake.definition(), story.lake.records, story.lake.records.days(TABLE))
    assert stale == []
    live.replace_days({DAILY.slot(4): fourth.with_columns(pl.col("balance") + 1)})
    stale = stale_days(story.lake.definition(), story.lake.records, story.lake.records.days(TABLE))
    assert story.numbers(stale) == [5, 6, 7]
