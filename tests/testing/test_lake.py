"""The testing kit, as a user's own tests take it: the README's shop in a folder."""

import os
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets.core.next_step import Finished, WaitForPerson
from backfill_assets.core.window import Window
from backfill_assets.errors.correction import LiveWriteRefused
from backfill_assets.testing import Killed, TestLake
from tests.kinds.stranger import FIRST, NOW, days, location, orders

FORTNIGHT = [str(day) for day in days(14)]


def doubled(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.col("revenue") * 2)


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return location()


@pytest.fixture(scope="module")
def original(definitions: dg.Definitions, tmp_path_factory: pytest.TempPathFactory) -> TestLake:
    """A fortnight of orders, of which the days of four are doubled. Copy it, do not write to it."""
    lake = TestLake(tmp_path_factory.mktemp("original") / "lake", definitions, now=NOW)
    lake.write("orders_log", orders(days(14)))
    lake.publish(FORTNIGHT[0], FORTNIGHT[-1])
    lake.plant(FORTNIGHT[1], FORTNIGHT[4], doubled)
    return lake


@pytest.fixture
def lake(original: TestLake, tmp_path: Path) -> TestLake:
    return original.copy(tmp_path / "lake")


def revenues(lake: TestLake) -> list[int]:
    return lake.rows("daily_orders").group_by("day").agg(pl.col("revenue").sum()).sort("day")["revenue"].to_list()


def test_what_is_published_and_planted_is_read_by_reports_and_has_its_lineage(lake: TestLake):
    assert revenues(lake) == [200, 400, 400, 400, 400] + [200] * 9
    assert lake.rows("weekly_orders")["revenue"].to_list() == [2200, 1400]
    builds = lake.records.builds.of_days("daily_orders", lake.snapshot("daily_orders").files)
    assert [builds[day].code_version == "planted" for day in days(6)] == [False, True, True, True, True, False]


def test_a_correction_goes_to_its_gate_and_through_and_back_and_again(lake: TestLake):
    planted = lake.rows("daily_orders")
    correction = lake.correct(FORTNIGHT[0], FORTNIGHT[6], reason="Counted twice.", watchers=["sales"])

    assert correction.to_gate()["days_complete"].passed
    assert lake.rows("daily_orders").equals(planted)
    correction.approve()
    correction.cut_over()
    assert revenues(lake) == [200] * 14
    assert lake.rows("weekly_orders")["revenue"].to_list() == [1400, 1400]
    assert {"published"} < {notice.event for notice in correction.notices}

    correction.roll_back(note="Too early.")
    assert lake.rows("daily_orders").equals(planted)
    assert lake.rows("weekly_orders")["revenue"].to_list() == [2200, 1400]
    assert isinstance(correction.next_step, WaitForPerson)

    correction.through()
    correction.decommission()
    assert revenues(lake) == [200] * 14
    assert correction.next_step == Finished("decommissioned")


def test_a_correction_is_rebuilt_by_a_host_whose_clock_is_an_hour_behind(lake: TestLake):
    lake.later(-1 / 24)
    lake.correct(FORTNIGHT[0], FORTNIGHT[6], reason="Counted twice.").through()
    assert lake.rows("weekly_orders")["revenue"].to_list() == [1400, 1400]
    built = lake.records.completeness.of_report("weekly_orders", "daily_orders")
    assert all(one.is_of(lake.snapshot("daily_orders")) for one in built.values())


def test_what_is_refused_is_raised_as_it_is(lake: TestLake):
    with pytest.raises(LiveWriteRefused):
        lake.publish(FORTNIGHT[0], FORTNIGHT[1])


def test_a_correction_that_is_not_where_a_test_takes_it_says_where_it_is(lake: TestLake):
    correction = lake.correct(FORTNIGHT[5], FORTNIGHT[6], reason="Nothing is wrong.")

    with pytest.raises(AssertionError, match="Correction 20260120 is closed unchanged"):
        correction.to_gate()


@pytest.mark.parametrize(("number", "after"), [(1, True), (4, False), (8, True)])
def test_killed_anywhere_it_ends_with_the_right_numbers(lake: TestLake, number: int, after: bool):  # noqa: FBT001
    correction = lake.correct(FORTNIGHT[1], FORTNIGHT[4], reason="Counted twice.")

    with lake.killed_at_write(number, after=after) as writes:
        correction.through()
        pytest.fail("it was not killed")
    assert (writes.killed, len(writes)) == (True, number)
    correction.through()

    assert revenues(lake) == [200] * 14
    assert lake.rows("weekly_orders")["revenue"].to_list() == [1400, 1400]


def test_a_process_that_is_killed_goes_on_with_nothing_and_leaves_its_run_as_it_was(lake: TestLake):
    correction = lake.correct(FORTNIGHT[1], FORTNIGHT[4], reason="Counted twice.")

    with lake.killed_at_write(4):
        try:
            correction.to_gate()
        except Killed:
            lake.write("orders_log", orders(days(1)))

    statuses = {run.status for run in lake.instance.get_runs(limit=1)}
    assert statuses == {dg.DagsterRunStatus.STARTED}


def test_a_story_is_killed_at_each_of_its_writes_in_a_copy_and_told_again_there(lake: TestLake, tmp_path: Path):
    told: list[tuple[str, int]] = []
    before = lake.rows("orders_log")

    def story(there: TestLake) -> None:
        for number in (1, 2, 3):
            if there.rows("orders_log", days(number)[-1:])["price"].unique().to_list() != [number]:
                there.write("orders_log", orders(days(number)[-1:]).with_columns(price=pl.lit(number, pl.Int64)))
                told.append((there.folder.name, number))

    copies = [*lake.killed_at_each_write(story, tmp_path / "copies")]

    assert [copy.folder.name for copy in copies] == ["killed-at-1", "killed-at-2", "killed-at-3"]
    assert told == [
        *(("not-killed", number) for number in (1, 2, 3)),
        # What was written before the kill is found by the story when it is told again, and not written again.
        *((copy.folder.name, number) for copy in copies for number in (1, 2, 3)),
    ]
    for copy in copies:
        assert copy.rows("orders_log", days(3)).sort("day")["price"].to_list() == [1, 1, 2, 2, 3, 3]
    assert lake.rows("orders_log").equals(before)


def test_a_story_that_fails_by_itself_is_not_taken_for_one_that_was_killed(lake: TestLake, tmp_path: Path):
    def story(there: TestLake) -> None:
        there.write("orders_log", orders(days(1)))
        raise LookupError

    with pytest.raises(LookupError):
        next(lake.killed_at_each_write(story, tmp_path / "copies"))


def test_nothing_outside_of_the_folder_is_written_and_nobody_is_told(
    lake: TestLake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BACKFILL_NOTIFY_SALES", "json://localhost:9")
    monkeypatch.setenv("BACKFILL_LAKE", str(tmp_path / "production"))
    before = dict(os.environ)

    correction = lake.correct(FORTNIGHT[1], FORTNIGHT[4], reason="Counted twice.", watchers=["sales"])
    correction.to_gate()

    assert dict(os.environ) == before
    assert not (tmp_path / "production").exists()
    assert {delivery.channel for delivery in lake.records.outbox.deliveries()} == {""}


def test_the_code_that_was_wrong_can_be_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from tests.kinds import stranger

    lake = TestLake(tmp_path / "lake", location(), now=NOW)
    lake.write("orders_log", orders(days(3)))
    monkeypatch.setattr(stranger, "FACTOR", [2])
    lake.publish(FIRST, days(3)[-1])
    monkeypatch.setattr(stranger, "FACTOR", [1])

    correction = lake.with_code(location()).correct(FIRST, days(3)[-1], reason="Counted twice.")
    correction.through()

    assert correction.progress.plan.window == Window(FIRST, days(3)[-1])
    assert revenues(lake) == [200] * 3
