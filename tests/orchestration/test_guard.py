"""The guard: published days are nightly's, inside its look-back, unless a correction has claimed them."""

from collections.abc import Collection, Mapping
from datetime import date
from pathlib import Path

import pytest

from backfill_assets.core.events import fact_of
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.correction import LiveWriteRefused
from backfill_assets.orchestration.asset.guard import Guard, claims
from backfill_assets.orchestration.instance import tags
from tests.runbook.world import TABLE, World, day, days, world_at

MARKED = {tags.PUBLISH: tags.PUBLISH_LIVE}
TODAY = day(11)


def refuse(
    world: World, wanted: Collection[date], run_tags: Mapping[str, str] = MARKED, *, has_nightly: bool = True
) -> None:
    guard = Guard(world.records, TABLE, run_tags, TODAY, has_nightly=has_nightly)
    guard.refuse(wanted, world.live.snapshot().days)


@pytest.mark.parametrize(
    "run_tags",
    [
        {},
        {"user": "ada", "dagster/from_ui": "true"},
        {tags.BACKFILL: "abcd"},
        {tags.PARTITION: "2026-01-10"},
        {"dagster/schedule_name": "nightly"},
        {"dagster/auto_materialize": "true"},
        {tags.PUBLISH: "staged"},
        {**MARKED, tags.BACKFILL: "abcd"},
        {tags.CORRECTION: "20260123"},
    ],
    ids=str,
)
def test_a_run_that_is_not_nightly_may_not_rewrite_a_published_day(tmp_path: Path, run_tags: Mapping[str, str]):
    world = world_at(tmp_path)

    with pytest.raises(LiveWriteRefused, match=f"launch the same partitions on backfill/{TABLE}"):
        refuse(world, [day(10)], run_tags)


WHO = {
    "unmarked": ({}, {True: "only nightly may rewrite its latest days", False: "only a correction may rewrite them"}),
    "marked, and early": (MARKED, {True: "nightly looks back to 2026-01-08", False: "it looks back to 2026-01-08"}),
}


@pytest.mark.parametrize("has_nightly", [True, False], ids=["with a nightly", "without one"])
@pytest.mark.parametrize("name", WHO)
def test_nightly_is_spoken_of_where_there_is_one(tmp_path: Path, name: str, *, has_nightly: bool):
    run_tags, told = WHO[name]

    with pytest.raises(LiveWriteRefused, match=told[has_nightly]) as refused:
        refuse(world_at(tmp_path), [day(3)], run_tags, has_nightly=has_nightly)

    assert ("nightly" in str(refused.value)) == has_nightly


def test_anybody_may_write_a_day_that_was_never_published(tmp_path: Path):
    refuse(world_at(tmp_path), [day(11), day(12)], {})


def test_one_published_day_refuses_the_whole_run(tmp_path: Path):
    with pytest.raises(LiveWriteRefused, match=r"1 day \(2026-01-10\)"):
        refuse(world_at(tmp_path), days(10, 12), {})


def test_nightly_may_rewrite_inside_its_look_back_only(tmp_path: Path):
    world = world_at(tmp_path)
    refuse(world, days(8, 10))

    with pytest.raises(LiveWriteRefused, match="looks back to 2026-01-08"):
        refuse(world, days(7, 10))


def test_an_old_scheduled_run_that_is_executed_again_carries_the_marker_and_is_refused(tmp_path: Path):
    with pytest.raises(LiveWriteRefused, match="looks back"):
        refuse(world_at(tmp_path), [day(3)], {**MARKED, "dagster/parent_run_id": "abcd"})


def test_nightly_leaves_claimed_days_until_the_correction_is_over(tmp_path: Path):
    world = world_at(tmp_path)
    correction = world.open(9, 10).correction

    assert claims(world.records, TABLE) == {correction: frozenset(days(9, 10))}
    with pytest.raises(LiveWriteRefused, match=f"correction {correction} has claimed them"):
        refuse(world, [day(10)])
    refuse(world, [day(8)])

    world.step_context().record(correction, fact_of(Step.ABANDON, Outcome.DONE, {"note": ""}))
    refuse(world, [day(10)])


def test_a_claim_of_another_table_is_nothing_to_this_one(tmp_path: Path):
    world = world_at(tmp_path)
    world.open(9, 10)

    Guard(world.records, "another", MARKED, TODAY).refuse([day(10)], [day(10)])


def test_after_the_cut_over_nightly_may_rewrite_again(tmp_path: Path):
    world = world_at(tmp_path)
    world.through(world.open(9, 10).correction)

    refuse(world, days(9, 10))
