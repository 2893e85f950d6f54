"""Whatever stands in the tags of a run that somebody launches: refused in words, or text; a tick goes on beside it.

A tag is one line of ``TAGS``.
"""

from collections.abc import Iterator, Mapping

import dagster as dg
import pytest
from hypothesis import example, given

from backfill_assets.core.slots import Grain
from backfill_assets.orchestration.driving.sensor import days_of_tags
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.slots import TableSlots
from backfill_assets.testing import TestLake
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.stranger import DAYS, NOW, TABLE, days, location, orders
from tests.kinds.test_hostile_names import ANY

AMONG = tuple(days(3))
SLOTS = TableSlots(TABLE, DAYS, Grain.DAY)
RANGES: Mapping[str, Mapping[str, str]] = {
    "the partition": {tags.PARTITION: "{}"},
    "the first partition": {tags.RANGE_START: "{}", tags.RANGE_END: str(AMONG[-1])},
    "the last partition": {tags.RANGE_START: str(AMONG[0]), tags.RANGE_END: "{}"},
}
TAGS = (tags.CORRECTION, tags.BACKFILL, tags.REQUEST, tags.PUBLISH, tags.STEP, tags.PROCESS, "user")
TEXTS = ("../../x", "' OR '1'='1", "<script>alert(1)</script>", "\u202e\x1b[2J\n")


@pytest.mark.parametrize("place", RANGES)
@example("9999-12-31")
@example("0001-01-01")
@given(text=ANY)
def test_a_range_that_nobody_has_is_of_no_days(place: str, text: str):
    told = {name: value.format(text) for name, value in RANGES[place].items()}
    assert {*days_of_tags(told, SLOTS, AMONG)} <= {*AMONG}


def test_a_range_is_of_its_days():
    told = {tags.RANGE_START: str(AMONG[1]), tags.RANGE_END: str(AMONG[2])}
    assert days_of_tags(told, SLOTS, AMONG) == AMONG[1:]
    assert days_of_tags({tags.PARTITION: str(AMONG[0])}, SLOTS, AMONG) == AMONG[:1]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestLake]:
    made = TestLake(tmp_path_factory.mktemp("tags") / "lake", location(), now=NOW)
    made.write("orders_log", orders(days(5)))
    made.publish(str(AMONG[0]), str(AMONG[-1]))
    with made.entered():
        yield made


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("text", TEXTS)
def test_a_run_with_a_tag_of_somebodys_own_writes_to_no_live_day(lake: TestLake, tag: str, text: str):
    live, there = lake.snapshot(TABLE).commit, {one.name for one in lake.folder.rglob("*") if one.is_dir()}

    done = lake.runner.run_keys([dg.AssetKey(TABLE)], str(AMONG[0]), str(AMONG[0]), {tag: text})
    assert not done.success
    for sentence in done.errors:
        assert_in_three_sentences(sentence.partition(" ")[2] if sentence.startswith("LiveWriteRefused ") else sentence)
    staged = lake.runner.run_keys([dg.AssetKey(["backfill", TABLE])], str(AMONG[0]), str(AMONG[0]), {tag: text})

    assert lake.snapshot(TABLE).commit == live
    assert staged.success is (tag != tags.CORRECTION)
    assert not any(text in name for name in {one.name for one in lake.folder.rglob("*") if one.is_dir()} - there)
    for error in staged.errors:
        assert_in_three_sentences(error)
