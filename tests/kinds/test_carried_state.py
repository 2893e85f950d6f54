"""A table that carries state: each slot is computed from the one before it, live, staged, corrected and rolled back.

The next grain or way is one line.
"""

import re
from collections.abc import Callable
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from rich.console import Console

from backfill_assets import CorrectableAsset, correctable_asset
from backfill_assets.command_line.printing import print_plan
from backfill_assets.core.audited import Audit
from backfill_assets.core.facts import Approved, RunRequested, Swapped
from backfill_assets.core.given import days_given
from backfill_assets.core.next_step import Stuck
from backfill_assets.core.slots import Grain
from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window
from backfill_assets.errors.failure import DaysFailed
from backfill_assets.errors.given import DaysUnreadable
from backfill_assets.errors.request import WindowOverlaps
from backfill_assets.errors.state import (
    LaterSlotsCarry,
    LaterSlotsLeft,
    LaterSlotsPublished,
    NothingBefore,
    StateOutOfOrder,
    WindowEndsEarly,
)
from backfill_assets.errors.transform import ColumnsNotReturned
from backfill_assets.orchestration.asset.lateness import lateness, stale_days, waiting_days
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.watching.audit import audit_table
from backfill_assets.pages.publishing import page_path
from backfill_assets.runbook import cut_over, validate
from backfill_assets.storage.table import Change
from backfill_assets.testing import TestCorrection, TestLake
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.carrying import (
    BAD,
    DAILY,
    FACTOR,
    GRAINS,
    HOURLY,
    MEANWHILE,
    SOURCE,
    STATE,
    TABLE,
    WAYS,
    Story,
    copied,
    from_function,
    story_at,
)
from tests.profiles import every_write

pytestmark = pytest.mark.dagster

every_grain = pytest.mark.parametrize("grain", GRAINS)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    """Eight days of payments, none published."""
    return story_at(tmp_path, DAILY, 7)


RIGHT = [10 * number for number in range(1, 9)]
"""The balances of the eight days."""


@pytest.fixture(scope="module")
def once_mistaken(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The eight days as code that counts twice has published them, with the code deployed that does not."""
    story = story_at(tmp_path_factory.mktemp("mistaken"), DAILY, 7)
    wrong(story, 7)
    return story


@pytest.fixture(scope="module")
def once_at_gate(once_mistaken: Story, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """All of them staged and validated by a correction that nobody has approved yet."""
    story = copied(once_mistaken, tmp_path_factory.mktemp("at_gate"))
    correct(story, 0, 7, watchers=["finance"]).to_gate()
    return story


@pytest.fixture(scope="module")
def once_corrected(once_at_gate: Story, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """All of them corrected, with time left to roll back."""
    story = copied(once_at_gate, tmp_path_factory.mktemp("corrected"))
    correction_of(story).through()
    assert story.balances() == RIGHT
    return story


@pytest.fixture
def mistaken(once_mistaken: Story, tmp_path: Path) -> Story:
    return copied(once_mistaken, tmp_path)


@pytest.fixture
def at_gate(once_at_gate: Story, tmp_path: Path) -> Story:
    return copied(once_at_gate, tmp_path)


@pytest.fixture
def corrected(once_corrected: Story, tmp_path: Path) -> Story:
    return copied(once_corrected, tmp_path)


def correction_of(story: Story) -> TestCorrection:
    """The only correction of a lake."""
    (name,) = story.lake.records.ledger.all_progress()
    return story.lake.correction(name)


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


def test_a_new_slot_on_the_night_of_late_data_is_computed_anew_with_what_is_before_it(story: Story) -> None:
    story.publish(0, 7)
    story.land([6], amount=15)
    time_passes(story, 8)
    done = story.lake.nightly()
    assert (story.numbers(done.published), story.numbers(done.rebuilt), done.failed) == ([8], [6, 7, 8], {})
    assert story.balances()[5:] == [60, 75, 85, 95]
    assert sound(story)


def test_what_an_open_correction_will_stage_is_not_proposed_as_another(mistaken: Story) -> None:
    correct(mistaken, 0, 7)
    time_passes(mistaken, 8)
    mistaken.land([2], amount=12)
    done = mistaken.lake.nightly()
    assert (mistaken.numbers(done.published), done.late, done.failed) == ([8], (), {})
    assert not waiting_days(mistaken.lake.definition(), mistaken.lake.records)
    with pytest.raises(WindowOverlaps, match=r"has claimed 2026-01-05\.\.2026-01-13"):
        correct(mistaken, 8, 8)


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


def wrong(story: Story, last: int) -> list[int]:
    """Publish everything by code that counts twice, and deploy the code that does not; returns the right balances."""
    FACTOR[0] = 2
    story.publish(0, last)
    FACTOR[0] = 1
    assert story.balances() == [20 * number for number in range(1, last + 2)]
    return [10 * number for number in range(1, last + 2)]


def correct(story: Story, first: int, last: int, **fields: Any) -> TestCorrection:
    ends = (story.kind.slot(first), story.kind.slot(last))
    return story.lake.correct(*ends, reason="Counted twice.", **fields)


def waves_of(correction: TestCorrection) -> list[str]:
    """The waves that were asked for, in order."""
    facts = [event.fact for event in correction.place.records.ledger.events(correction.id)]
    return [str(fact.item.wave) for fact in facts if isinstance(fact, RunRequested) and fact.item.wave]


@every_grain
@pytest.mark.parametrize("max_days", [3, 20], ids=["many waves", "one wave"])
def test_a_correction_stages_every_slot_from_the_staged_one_before_it(
    tmp_path: Path, grain: str, max_days: int
) -> None:
    story = story_at(tmp_path, GRAINS[grain], 7)
    right = wrong(story, 7)
    correction = correct(story, 0, 7, waves={"max_days": max_days, "at_once": 4})
    checks = correction.to_gate()
    assert checks["same_alone"].passed
    assert len(waves_of(correction)) == (3 if max_days == 3 else 1)
    correction.through()
    assert story.balances() == right
    assert not stale_days(story.lake.definition(), story.lake.records, story.lake.records.days(TABLE))


def test_the_first_slot_of_a_window_is_computed_from_the_live_one_before_it(mistaken: Story) -> None:
    correct(mistaken, 4, 7).through()
    assert mistaken.balances() == [20, 40, 60, 80, 90, 100, 110, 120]
    assert not stale_days(mistaken.lake.definition(), mistaken.lake.records, mistaken.lake.records.days(TABLE))


def test_a_failed_slot_stops_the_later_ones_and_a_retry_resumes_there(mistaken: Story) -> None:
    BAD.add(DAILY.slot(4))
    correction = correct(mistaken, 0, 7, waves={"max_days": 3})
    stuck = correction.drive()
    assert isinstance(stuck, Stuck)
    assert "bad luck" in stuck.reason
    assert "2026-01-10" not in stuck.reason
    assert mistaken.numbers(correction.progress.staging.staged) == [0, 1, 2, 3]
    assert correction.progress.staging.tries == {DAILY.slot(4): 3}
    tried = ["2026-01-08..2026-01-10", "2026-01-09..2026-01-11", "2026-01-09..2026-01-09"]
    assert waves_of(correction) == ["2026-01-05..2026-01-07", *tried]
    BAD.clear()
    correction.through()
    assert mistaken.balances() == RIGHT
    assert waves_of(correction)[4:] == ["2026-01-09..2026-01-11", "2026-01-12..2026-01-12"]


def test_slots_staged_again_are_followed_by_all_that_come_after_them(at_gate: Story) -> None:
    correction = correction_of(at_gate)
    with at_gate.lake.entered():
        key = dg.AssetKey(["backfill", TABLE])
        told = {tags.CORRECTION: correction.id}
        assert at_gate.lake.runner.run_keys([key], "2026-01-08", "2026-01-08", told).success
    assert at_gate.numbers(correction.progress.staging.staged) == [0, 1, 2, 3]
    correction.through()
    assert at_gate.balances() == RIGHT


def test_a_slot_that_is_launched_before_the_one_before_it_is_staged_is_refused_by_name(mistaken: Story) -> None:
    correction = correct(mistaken, 0, 7)
    with mistaken.lake.entered():
        key = dg.AssetKey(["backfill", TABLE])
        ran = mistaken.lake.runner.run_keys([key], "2026-01-08", "2026-01-09", {tags.CORRECTION: correction.id})
    told = {str(day): why.error for day, why in ran.failed_days.items()}
    assert told == {"2026-01-08": "StateMissing", "2026-01-09": "StateFailed"}
    assert "2026-01-07, which is not there" in str(ran.refusal)


def test_what_is_staged_from_another_state_than_is_staged_before_it_is_staged_again(at_gate: Story) -> None:
    correction = correction_of(at_gate)
    staged = at_gate.lake.records.staged(TABLE, correction.id)
    fourth = staged.snapshot().scan([DAILY.slot(3)]).collect()
    staged.replace_days({DAILY.slot(3): fourth.with_columns(pl.col("balance") + 1)})
    definition = at_gate.lake.definition()
    with at_gate.lake.entered(), pytest.raises(StateOutOfOrder, match="2026-01-08"):
        validate(definition.step_context(at_gate.lake.lake, "ada"), correction.id)
    assert at_gate.numbers(correction.progress.staging.staged) == [0, 1, 2]
    correction.through()
    assert at_gate.balances() == RIGHT


WINDOWS = {
    "that ends before the newest": ((2, 5), WindowEndsEarly, "Ask for 2026-01-07..2026-01-12"),
    "of one slot": ((0, 0), WindowEndsEarly, "Ask for 2026-01-05..2026-01-12"),
}


@pytest.mark.parametrize("name", WINDOWS)
def test_a_window_that_does_not_reach_the_newest_slot_is_refused_with_the_one_to_ask_for(
    mistaken: Story, name: str
) -> None:
    (first, last), error, said = WINDOWS[name]
    with pytest.raises(error, match=said) as refused:
        correct(mistaken, first, last)
    assert_in_three_sentences(str(refused.value))


def test_a_window_whose_first_slot_has_nothing_before_it_is_refused_with_the_one_to_ask_for(mistaken: Story) -> None:
    gone = mistaken.lake.snapshot(TABLE).files_of([DAILY.slot(3)])[DAILY.slot(3)]
    mistaken.lake.records.table(TABLE).commit(lambda _: Change((), gone))
    with pytest.raises(NothingBefore, match=r"Ask for 2026-01-08\.\.2026-01-12") as refused:
        correct(mistaken, 4, 7)
    assert_in_three_sentences(str(refused.value))
    correct(mistaken, 3, 7).through()
    assert mistaken.balances() == [20, 40, 60, 70, 80, 90, 100, 110]


def test_a_launch_of_some_slots_is_refused_with_the_window_to_launch(mistaken: Story) -> None:
    key = dg.AssetKey(["backfill", TABLE])
    with mistaken.lake.entered():
        ran = mistaken.lake.runner.run_keys([key], "2026-01-07", "2026-01-09", {})
        assert isinstance(ran.refusal, WindowEndsEarly)
        ran = mistaken.lake.runner.run_keys([key], "2026-01-05", "2026-01-12", {})
        assert ran.success, ran.errors
    (name,) = mistaken.lake.records.ledger.all_progress()
    mistaken.lake.correction(name).through()
    assert mistaken.balances() == RIGHT


def test_plan_notice_and_page_say_that_state_is_carried(tmp_path: Path) -> None:
    story = story_at(tmp_path, HOURLY, 3)
    wrong(story, 3)
    correction = correct(story, 0, 3, watchers=["finance"])
    correction.to_gate()
    said = "carried from hour to hour, so every hour after a changed one may change too"
    printed = StringIO()
    print_plan(Console(file=printed, width=200), correction.progress.plan)
    assert said in printed.getvalue()
    assert {said in notice.body for notice in correction.notices} == {True}
    page = page_path(story.lake.folder / "published", correction.id)
    assert said in page.read_text()


def time_passes(story: Story, number: int) -> None:
    """The payments of one more slot land, and it is over."""
    story.land([number])
    story.lake.now = story.kind.at(number)


def sound(story: Story) -> bool:
    """Whether every live slot was computed from the one before it as that is now."""
    return not stale_days(story.lake.definition(), story.lake.records, story.lake.records.days(TABLE))


@every_grain
def test_a_slot_that_nightly_published_meanwhile_is_staged_before_the_swap_and_keeps_the_approval(
    tmp_path: Path, grain: str
) -> None:
    story = story_at(tmp_path, GRAINS[grain], 7)
    right = wrong(story, 7)
    correction = correct(story, 0, 7)
    correction.to_gate()
    correction.approve()
    time_passes(story, 8)
    assert story.numbers(story.lake.nightly().published) == [8]
    assert story.balances()[8] == 170
    correction.cut_over()
    assert story.balances() == [*right, 90]
    assert sound(story)
    assert correction.progress.plan.window == Window(story.kind.slot(0), story.kind.slot(8), story.kind.grain)
    facts = [event.fact for event in story.lake.records.ledger.events(correction.id)]
    assert len([fact for fact in facts if isinstance(fact, Approved)]) == 1
    certificate = story.lake.records.certificates.find(correction.progress.gate.certificate)
    assert story.kind.slot(8) in certificate.staged
    assert waves_of(correction)[-1] == str(Window(story.kind.slot(8), story.kind.slot(8), story.kind.grain))


def test_what_landed_late_meanwhile_is_staged_again_from_there_on(at_gate: Story) -> None:
    correction = correction_of(at_gate)
    at_gate.land([5], amount=15)
    time_passes(at_gate, 8)
    at_gate.lake.nightly()
    correction.approve()
    correction.cut_over()
    assert at_gate.balances() == [10, 20, 30, 40, 50, 65, 75, 85, 95]
    assert sound(at_gate)
    assert waves_of(correction)[-1] == "2026-01-10..2026-01-13"


def test_nightly_waits_from_the_extension_to_the_swap_and_then_computes_from_what_was_swapped_in(
    at_gate: Story,
) -> None:
    correction = correction_of(at_gate)
    correction.approve()
    time_passes(at_gate, 8)
    at_gate.lake.nightly()
    with pytest.raises(LaterSlotsPublished, match="2026-01-13"), at_gate.lake.entered():
        cut_over(at_gate.lake.definition().step_context(at_gate.lake.lake, "ada"), correction.id)
    time_passes(at_gate, 9)
    done = at_gate.lake.nightly()
    assert (done.published, at_gate.numbers(done.claimed)) == ((), list(range(10)))
    BAD.add(DAILY.slot(8))
    assert isinstance(correction.drive(), Stuck)
    assert not correction.progress.claims_later
    BAD.clear()
    correction.cut_over()
    assert at_gate.balances() == [*RIGHT, 90]
    assert at_gate.numbers(at_gate.lake.nightly().published) == [9]
    assert at_gate.balances() == [*RIGHT, 90, 100]
    assert sound(at_gate)


def test_a_slot_that_was_computed_while_its_state_was_swapped_is_not_published(at_gate: Story) -> None:
    correction = correction_of(at_gate)
    correction.approve()
    time_passes(at_gate, 8)
    MEANWHILE.append(correction.cut_over)
    done = at_gate.lake.nightly()
    assert done.published == ()
    assert done.failed[DAILY.slot(8)].error == "StateMoved"
    assert at_gate.balances() == RIGHT
    assert at_gate.numbers(at_gate.lake.nightly().published) == [8]
    assert at_gate.balances() == [*RIGHT, 90]
    assert sound(at_gate)


def test_nightly_may_publish_at_any_write_of_a_cut_over_and_no_slot_stays_computed_from_what_is_gone(
    at_gate: Story, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    correction = correction_of(at_gate)
    correction.approve()
    time_passes(at_gate, 8)
    with (counted := at_gate.lake.copy(tmp_path / "counted")).killed_at_write(0) as writes:
        counted.correction(correction.id, by="ada").cut_over()
    record_property("writes", len(writes))
    for number in range(1, len(writes) + 1, every_write(3)):
        there = Story(at_gate.kind, at_gate.lake.copy(tmp_path / f"killed-{number}"))
        with there.lake.killed_at_write(number):
            there.lake.correction(correction.id, by="ada").cut_over()
        there.lake.nightly()
        there.lake.correction(correction.id, by="ada").cut_over()
        assert sound(there), writes.tables[number - 1]
        there.lake.nightly()
        assert there.balances() == [*RIGHT, 90]


def published_after_swap(corrected: Story) -> TestCorrection:
    """A correction that is live, and a slot that nightly has published from it since."""
    time_passes(corrected, 8)
    corrected.lake.nightly()
    assert corrected.balances() == [*RIGHT, 90]
    return correction_of(corrected)


def rolled_back(correction: TestCorrection) -> Swapped:
    """What the ledger says of the last roll back."""
    facts = [event.fact for event in correction.place.records.ledger.events(correction.id)]
    return [fact for fact in facts if isinstance(fact, Swapped) and fact.step is Step.ROLL_BACK][-1]


PARTS = {
    "one day in the middle": ([3], "--day 2026-01-08..2026-01-12"),
    "all but the last": (range(7), "--day 2026-01-05..2026-01-12"),
    "two days apart": ([2, 7], "--day 2026-01-07..2026-01-12"),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_part_is_rolled_back_to_its_end_or_refused_with_the_right_call(corrected: Story, name: str) -> None:
    numbers, call = PARTS[name]
    correction = correction_of(corrected)
    with pytest.raises(LaterSlotsLeft, match=re.escape(call)) as refused:
        correction.roll_back([DAILY.slot(number) for number in numbers])
    assert_in_three_sentences(str(refused.value))
    assert corrected.balances() == RIGHT


RANGES: dict[str, tuple[Grain, list[str], list[str]]] = {
    "days": (Grain.DAY, ["2026-01-05..2026-01-07", "2026-01-06"], ["2026-01-05", "2026-01-06", "2026-01-07"]),
    "weeks": (Grain.WEEK, ["2026-01-05..2026-01-12"], ["2026-01-05", "2026-01-12"]),
    "hours": (Grain.HOUR, ["2026-01-05T22:00Z..2026-01-05T23:00Z"], ["2026-01-05T22:00Z", "2026-01-05T23:00Z"]),
    "the wrong way round": (Grain.DAY, ["2026-01-07..2026-01-05"], []),
    "days of weeks": (Grain.WEEK, ["2026-01-05..2026-01-07"], []),
    "days of hours": (Grain.HOUR, ["2026-01-05..2026-01-07"], []),
    "half of one": (Grain.DAY, ["2026-01-05.."], []),
    "three of them": (Grain.DAY, ["2026-01-05..2026-01-06..2026-01-07"], []),
}


@pytest.mark.parametrize("name", RANGES)
def test_days_to_roll_back_are_written_one_by_one_or_from_one_to_another(name: str) -> None:
    grain, texts, read = RANGES[name]
    if read:
        assert [str(slot) for slot in days_given(texts, "days", grain)] == read
    else:
        with pytest.raises(DaysUnreadable):
            days_given(texts, "days", grain)


def test_rolled_back_from_a_day_to_the_end_it_may_be_cut_over_again(corrected: Story) -> None:
    correction = correction_of(corrected)
    correction.roll_back(DAILY.slots(4, 7))
    assert corrected.balances() == [10, 20, 30, 40, 100, 120, 140, 160]
    (rolled,) = [
        event for event in correction.place.records.ledger.events(correction.id) if event.step is Step.ROLL_BACK
    ][-1:]
    assert isinstance(rolled.fact, Swapped)
    assert corrected.numbers(rolled.fact.stale) == [4, 5, 6, 7]
    time_passes(corrected, 8)
    assert corrected.numbers(corrected.lake.nightly().published) == [8]
    correction.approve()
    correction.drive()
    assert corrected.balances() == [*RIGHT, 90]
    assert sound(corrected)


def test_a_roll_back_names_what_was_published_from_it_since_and_nightly_computes_that_anew(corrected: Story) -> None:
    correction = published_after_swap(corrected)
    correction.roll_back()
    rolled = rolled_back(correction)
    assert corrected.numbers(rolled.stale) == [8]
    assert "2026-01-13) was computed from a state that is gone" in rolled.summary()
    assert ["13 January 2026" in notice.body for notice in correction.notices if notice.event == "rolled_back"] == [
        True
    ]
    assert not sound(corrected)
    assert corrected.numbers(corrected.lake.nightly().rebuilt) == [8]
    assert corrected.balances() == [*(20 * number for number in range(1, 9)), 170]
    assert sound(corrected)


def test_what_is_too_old_for_nightly_after_a_roll_back_is_late_and_its_correction_is_proposed(corrected: Story) -> None:
    """While it is open, the one that was rolled back would stage it; opening another is refused."""
    correction = published_after_swap(corrected)
    correction.roll_back()
    corrected.lake.later(30)
    definition = corrected.lake.definition()
    assert not corrected.lake.nightly(DAILY.slot(8)).late
    with pytest.raises(WindowOverlaps):
        correct(corrected, 8, 8)
    correction.abandon()
    done = corrected.lake.nightly(DAILY.slot(8))
    assert corrected.numbers(done.late) == [8]
    told = lateness(definition, waiting_days(definition, corrected.lake.records))
    assert "Open a correction of 2026-01-13..2026-01-13" in str(told.description)
    correct(corrected, 0, 8).through()
    assert corrected.balances() == [10 * number for number in range(1, 10)]
    assert sound(corrected)


def test_an_audit_computes_each_day_from_the_live_one_before_it(story: Story) -> None:
    definition, days = story.lake.definition(), 5
    wrong(story, 7)

    def audited(seed: str = "a") -> Audit:
        return audit_table(definition, story.lake.records, days=days, seed=seed, today=story.lake.now.date())

    found = audited()
    assert {str(replay.verdict) for replay in found.replays} == {"differs"}
    assert found.window is not None
    assert found.window.last == DAILY.slot(7)
    FACTOR[0] = 2
    assert not audited().differing
    FACTOR[0] = 1
    correct(story, 0, 7).through()
    assert not audited().differing
    assert len(audited().compared) == days


def test_an_adopted_table_begins_where_its_history_does(story: Story) -> None:
    rows = pl.DataFrame(
        [(DAILY.slot(number), account, 100) for number in range(3, 8) for account in ("a", "b")],
        {"day": pl.Date, "account": pl.String, "balance": pl.Int64}, orient="row",
    )  # fmt: skip
    story.lake.write(TABLE, rows)
    with pytest.raises(NothingBefore):
        correct(story, 3, 7)
    story.lake.records.first_days.note(TABLE, DAILY.slot(3), story.lake.now)
    correct(story, 3, 7).through()
    assert story.balances() == [10, 20, 30, 40, 50]
    assert sound(story)


@pytest.mark.slow
def test_killed_at_each_write_a_correction_is_carried_on_to_the_same_content(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    story = story_at(tmp_path, DAILY, 2)
    right = wrong(story, 2)

    def told(lake: TestLake) -> None:
        known = [*lake.records.ledger.all_progress()]
        ends = (DAILY.slot(0), DAILY.slot(2))
        fields = {"reason": "Counted twice.", "waves": {"max_days": 2}}
        (lake.correction(known[0]) if known else lake.correct(*ends, **fields)).through()

    every = every_write(6)
    copies = story.lake.killed_at_each_write(told, tmp_path / "killed", every=every)
    killed = [Story(DAILY, lake) for lake in copies]
    record_property("writes", every * len(killed))
    assert len(killed) > 20 / every
    assert [one.balances() for one in killed] == [right] * len(killed)
    assert all(map(sound, killed))
    assert story.balances() == [20, 40, 60]


def test_the_document_shows_a_running_balance_that_works(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "your-own-asset.md").read_text()
    (shown,) = re.findall(r"```python\n(@correctable_asset\([^`]*?carries_state[^`]*?)```", text)

    def as_shown(**told: Any) -> CorrectableAsset:
        made: dict[str, Any] = {"pl": pl, "days": told["partitions_def"]}
        made["correctable_asset"] = partial(correctable_asset, code_version="v1")
        exec(shown, made)
        return made["balances"]

    story = story_at(tmp_path, DAILY, 3, as_shown)
    nothing = story.lake.rows(SOURCE).clear()
    story.lake.records.table(SOURCE).replace_days({DAILY.slot(2): nothing})
    story.publish(0, 3)
    assert story.balances() == [10, 20, 20, 30]
    story.land([1], amount=15)
    correct(story, 1, 3).through()
    assert story.balances() == [10, 25, 25, 35]


def test_what_is_planted_is_what_wrong_code_would_have_carried_on(story: Story) -> None:
    story.publish(0, 7)
    story.lake.plant(DAILY.slot(2), DAILY.slot(7), lambda rows: rows.with_columns(pl.col("balance") + 5))
    assert story.balances() == [10, 20, 35, 45, 55, 65, 75, 85]
    assert sound(story)
    correct(story, 2, 7).through()
    assert story.balances() == [10, 20, 30, 40, 50, 60, 70, 80]
    assert sound(story)
