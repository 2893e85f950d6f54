"""What the ledger says was swapped is looked up in the table before anything is built on it, told, or closed."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake
from typer.testing import CliRunner

from backfill_assets.core.events import Event, fact_of
from backfill_assets.core.formats import slot_told
from backfill_assets.core.next_step import Finished, Stuck, WaitForPerson, WaitUntil, next_step
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.errors.correction import SwappedDaysMoved
from backfill_assets.errors.swaps import DaysRewritten
from backfill_assets.orchestration.correction.steps import step_key
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.revenue.definitions import defs
from backfill_assets.runbook import (
    abandon,
    approve,
    communicate,
    cut_over,
    decommission,
    rebuild_downstream,
    roll_back,
    settling,
)
from tests.e2e.small_lake import FACT
from tests.orchestration.daemon import by_hand, stage_by_hand
from tests.orchestration.worlds import HISTORY
from tests.orchestration.worlds import WRONG as WINDOW
from tests.runbook.world import World, day, days, world_at

WRONG = frozenset(days(6, 9))
BEFORE: dict[str, int] = {}


def swapped(root: Path, *, told: bool = False) -> tuple[World, str]:
    """A correction of ten days, four of which are live, and its readers told or not."""
    world = world_at(root)
    correction = world.open(4, 10).correction
    world.drive(correction)
    BEFORE[str(root)] = world.live.snapshot().commit
    approve(world.step_context(), correction, "looked")
    cut_over(world.step_context(), correction)
    if told:
        assert isinstance(world.drive(correction), WaitUntil)
    return world, correction


def restored(world: World) -> None:
    handle(world).restore(BEFORE[str(world.root)])


def one_day_overwritten(world: World) -> None:
    rows = pl.DataFrame({"day": [day(7)], "shop": ["main"], "revenue": [-7]})
    write_deltalake(world.live.uri, rows, mode="overwrite", predicate="day = '2026-01-07'")


def one_day_emptied(world: World) -> None:
    handle(world).delete("day = '2026-01-07'")


def a_row_added(world: World) -> None:
    rows = pl.DataFrame({"day": [day(7)], "shop": ["other"], "revenue": [1]})
    write_deltalake(world.live.uri, rows, mode="append")


def a_value_updated(world: World) -> None:
    handle(world).update(predicate="day = '2026-01-07'", updates={"revenue": "0"})


def restored_and_brought_back(world: World) -> None:
    restored(world)
    handle(world).restore(BEFORE[str(world.root)] + 1)


def compacted(world: World) -> None:
    a_row = pl.DataFrame({"day": [day(7)], "shop": ["main"], "revenue": [7]}).head(0)
    write_deltalake(world.live.uri, a_row, mode="append")
    handle(world).optimize.compact()
    rows = world.live.snapshot().scan([day(7)]).collect()
    write_deltalake(world.live.uri, rows, mode="overwrite", predicate="day = '2026-01-07'")


def published_anew_by_nightly(world: World) -> None:
    world.publish_live({day(7): 77})


def handle(world: World) -> DeltaTable:
    return DeltaTable(world.live.uri)


CHANGES = [
    (restored, WRONG),
    (one_day_overwritten, {day(7)}),
    (one_day_emptied, {day(7)}),
    (a_row_added, {day(7)}),
    (a_value_updated, {day(7)}),
]
HARMLESS = [restored_and_brought_back, compacted, published_anew_by_nightly]


@pytest.mark.parametrize(("change", "moved"), CHANGES)
@pytest.mark.parametrize("told", [False, True])
def test_days_that_somebody_changed_after_the_cut_over_stop_everything_by_name(
    tmp_path: Path, change: Callable[[World], None], moved: set, *, told: bool
):
    world, correction = swapped(tmp_path, told=told)
    notices = [notice.name for notice in world.told]
    change(world)

    decided = next_step(world.step_context().progress(correction), world.now)

    assert isinstance(decided, Stuck)
    assert all(str(of) in decided.reason for of in moved)
    assert f"cut-over {correction}" in decided.reason
    assert f"roll-back {correction}" in decided.reason
    world.later(400)
    for step in (rebuild_downstream, communicate, decommission):
        with pytest.raises(SwappedDaysMoved) as refused:
            step(world.step_context(), correction)
        assert refused.value.days == moved
    assert [notice.name for notice in world.told] == notices


@pytest.mark.parametrize("change", HARMLESS)
def test_days_that_hold_the_same_or_were_published_by_nightly_since_stop_nothing(
    tmp_path: Path, change: Callable[[World], None]
):
    world, correction = swapped(tmp_path)
    change(world)

    assert isinstance(world.drive(correction), WaitUntil)
    assert "published" in {notice.event for notice in world.told}
    decommission(world.step_context(), correction, now=True)


@pytest.mark.parametrize(("change", "moved"), CHANGES)
def test_cutting_over_again_swaps_the_changed_days_in_once_more_and_the_rest_follows(
    tmp_path: Path, change: Callable[[World], None], moved: set
):
    world, correction = swapped(tmp_path, told=True)
    change(world)

    event = cut_over(world.step_context("Ada"), correction, again=True)

    assert event.detail["days"] == sorted(str(of) for of in moved)
    assert world.content() == world.right
    assert isinstance(world.drive(correction), WaitUntil)
    assert [notice.number for notice in world.told if notice.event == "published"] == [1, 2]
    decommission(world.step_context(), correction, now=True)
    assert world.content() == world.right


@pytest.mark.parametrize(("change", "moved"), CHANGES)
def test_a_driver_that_comes_late_with_its_cut_over_takes_nothing_away_that_somebody_changed_since(
    tmp_path: Path, change: Callable[[World], None], moved: set
):
    """It decided before another process swapped; to swap the changed days in once more is a person's decision."""
    world, correction = swapped(tmp_path, told=True)
    change(world)
    before = world.live.snapshot().commit

    event = cut_over(world.step_context(), correction)

    assert world.live.snapshot().commit == before
    assert event == world.events(correction, Step.CUT_OVER)[-1]
    assert isinstance(world.drive(correction), Stuck)


def cut_over_by_hand(world: World, correction: str) -> Event:
    return cut_over(world.step_context("Ada"), correction, again=True)


def roll_back_by_hand(world: World, correction: str) -> Event:
    return roll_back(world.step_context("Ada"), correction, all_days=True)


@pytest.mark.parametrize(("ask", "step"), [(cut_over_by_hand, Step.CUT_OVER), (roll_back_by_hand, Step.ROLL_BACK)])
def test_a_swap_that_is_asked_for_again_takes_nothing_away_that_came_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[World, str], Event], step: Step
):
    """The first one was killed between its commit and the ledger, and a foreign writer added a row since."""
    world, correction = swapped(tmp_path, told=True)
    if step is Step.CUT_OVER:
        roll_back_by_hand(world, correction)
        world.drive(correction)
        approve(world.step_context(), correction, "after all")
    done = len(world.events(correction, step))
    with monkeypatch.context() as killed:
        killed.setattr(settling, "_tell_swapped", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ask(world, correction)
    a_row_added(world)
    before = world.live.snapshot().commit

    event = ask(world, correction)

    assert (event.step, world.live.snapshot().commit) == (step, before)
    assert len(world.events(correction, step)) == done + 1


def interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_rolling_back_lets_days_go_that_somebody_restored(tmp_path: Path):
    world, correction = swapped(tmp_path)
    planted = world.content() | {of: of.day + 100 for of in WRONG if of.day % 5}
    restored(world)
    commit = world.live.snapshot().commit

    roll_back(world.step_context("Ada"), correction, note="it was restored", all_days=True)

    assert world.content() == planted
    assert world.live.snapshot().commit == commit
    assert isinstance(world.drive(correction), WaitForPerson)
    assert "rolled_back" in {notice.event for notice in world.told}
    assert {str(of) for of in WRONG} <= set(world.built)
    abandon(world.step_context(), correction, "the restored numbers stand")
    assert world.drive(correction) == Finished("abandoned")


def test_days_let_go_can_be_cut_over_again(tmp_path: Path):
    world, correction = swapped(tmp_path)
    restored(world)
    roll_back(world.step_context("Ada"), correction, note="it was restored", all_days=True)
    world.drive(correction)
    approve(world.step_context(), correction, "after all")

    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right


def test_of_days_that_hold_strange_rows_cut_over_and_roll_back_together_leave_those_rows(tmp_path: Path):
    world, correction = swapped(tmp_path)
    one_day_overwritten(world)
    with pytest.raises(DaysRewritten, match=f"cut-over {correction}"):
        roll_back(world.step_context(), correction, [day(7)])

    cut_over(world.step_context("Ada"), correction, again=True)
    roll_back(world.step_context("Ada"), correction, [day(7)])

    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right | {day(7): -7}


def test_a_new_correction_of_the_changed_days_sets_the_first_one_free(tmp_path: Path):
    world, correction = swapped(tmp_path)
    one_day_overwritten(world)
    second = world.open(7, 7).correction

    world.through(second)

    assert world.content() == world.right
    assert isinstance(world.drive(correction), WaitUntil)


def test_a_roll_back_that_somebody_restored_away_is_noticed_and_can_be_taken_again(tmp_path: Path):
    world, correction = swapped(tmp_path, told=True)
    corrected = world.live.snapshot().commit
    roll_back(world.step_context(), correction, all_days=True)
    planted = world.content()
    world.drive(correction)
    handle(world).restore(corrected)

    decided = next_step(world.step_context().progress(correction), world.now)
    assert isinstance(decided, Stuck)
    assert decided.step is Step.ROLL_BACK
    with pytest.raises(SwappedDaysMoved):
        abandon(world.step_context(), correction, "as if nothing was published")

    roll_back(world.step_context("Ada"), correction, all_days=True)

    assert world.content() == planted
    assert isinstance(world.drive(correction), WaitForPerson)


def test_a_roll_back_undone_before_readers_were_told_of_it_is_not_told(tmp_path: Path):
    world, correction = swapped(tmp_path, told=True)
    roll_back(world.step_context(), correction, all_days=True)
    one_day_overwritten(world)

    with pytest.raises(SwappedDaysMoved):
        communicate(world.step_context(), correction)

    assert "rolled_back" not in {notice.event for notice in world.told}
    roll_back(world.step_context("Ada"), correction, all_days=True)
    assert isinstance(world.drive(correction), WaitForPerson)


def test_a_swap_whose_manifest_the_ledger_lost_is_not_believed(tmp_path: Path):
    world, correction = swapped(tmp_path)
    ledger = DeltaTable(f"{world.root}/_control/ledger")
    ledger.update(updates={"manifest": "''"})

    decided = next_step(world.step_context().progress(correction), world.now)

    assert isinstance(decided, Stuck)
    second = world.open(6, 9).correction
    world.right |= dict.fromkeys(WRONG, 5)
    world.through(second)
    assert isinstance(world.drive(correction), WaitUntil)


def test_what_was_looked_up_is_kept_until_the_next_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    world, correction = swapped(tmp_path)
    world.step_context().progress(correction)
    monkeypatch.setattr("backfill_assets.runbook.looking.left_by", lambda *_: pytest.fail("asked once more"))
    world.step_context().progress(correction)
    world.step_context().progress(correction)


def staged_version_deleted(world: World, correction: str) -> None:
    shutil.rmtree(Path(world.live.uri) / f"_backfill_{correction}")


def a_staged_file_deleted(world: World, correction: str) -> None:
    next((Path(world.live.uri) / f"_backfill_{correction}/day=2026-01-07").glob("*.parquet")).unlink()


def certificates_deleted(world: World, correction: str) -> None:
    shutil.rmtree(world.root / "_control/certificates")


@pytest.mark.parametrize("validated", [False, True])
@pytest.mark.parametrize("harm", [staged_version_deleted, a_staged_file_deleted, certificates_deleted])
def test_what_is_gone_of_the_staged_days_and_their_proof_is_made_again_and_not_asked_for_for_ever(
    tmp_path: Path, harm: Callable[[World, str], None], *, validated: bool
):
    world = world_at(tmp_path)
    correction = world.open(4, 10).correction
    if validated:
        world.drive(correction)
        approve(world.step_context(), correction, "looked")
        harm(world, correction)
    else:
        while world.progress(correction).missing:
            world.take(correction, next_step(world.progress(correction), world.now))
        if harm is not certificates_deleted:
            harm(world, correction)

    if isinstance(world.drive(correction), WaitForPerson):
        approve(world.step_context(), correction, "looked again")
    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right


def test_nightly_publishes_the_newest_days_again_that_somebody_took_away_and_report_partitions_that_are_gone(daemon):
    command("nightly")
    whole = daemon.lake.live()
    uri = daemon.lake.records.lake.table_uri
    last = str(HISTORY.last)
    DeltaTable(uri(FACT)).delete(f"day = '{last}'")
    DeltaTable(uri("executive_dashboard")).delete(f"day = '{HISTORY.first}'")

    assert command("nightly")["published"] == [last]

    assert daemon.lake.live().equals(whole)
    assert HISTORY.first in daemon.lake.records.snapshot("executive_dashboard").days


def test_the_driver_and_the_command_line_stop_at_restored_days_and_go_on_once_they_are_swapped_in_again(daemon):
    """From the outside: a launch, an approval, a cut over, and somebody who restores live before the rebuild."""
    assert stage_by_hand(daemon, str(WINDOW.first), str(WINDOW.last)).success
    correction = daemon.go_on().plan.correction
    before = daemon.lake.records.snapshot(FACT).commit
    assert by_hand(daemon, "approve", correction, by="Ada", note="looked").success
    daemon.launch(daemon.tick().run_requests[0])
    corrected = daemon.lake.live()
    DeltaTable(daemon.lake.records.lake.table_uri(FACT)).restore(before)

    tick = daemon.tick()

    assert not tick.run_requests
    assert f"{correction} is stuck at cut_over" in tick.skip_reason.skip_message
    told = command("status", correction)
    assert told["waits_for"] == "repair"
    assert str(WINDOW.first) in told["sentence"]
    assert f"cut-over {correction}" in told["sentence"]
    page = Path(os.environ["BACKFILL_PUBLISHED"]) / "corrections" / correction / "index.html"
    assert 'data-state="changed by hand"' in page.read_text()
    assert command("run", correction, code=4)["waits_for"] == "repair"
    command("pages")
    listed = (page.parents[2] / "index.html").read_text().partition(">Open<")[2].partition(">Published, can")[0]
    assert slot_told(WINDOW.first) in listed
    assert "Why" in listed
    ran = Runner(defs, daemon.instance).run_partition([step_key(FACT, Step.REBUILD_DOWNSTREAM)], correction)
    assert isinstance(ran.refusal, SwappedDaysMoved)
    assert daemon.lake.records.completeness.of_report("executive_dashboard") == {}
    assert "published" not in {one.notice.event for one in daemon.lake.records.outbox.deliveries()}

    command("cut-over", correction)
    assert command("run", correction)["waits_for"] == "time"
    assert daemon.lake.live().equals(corrected)
    assert "published" in {one.notice.event for one in daemon.lake.records.outbox.deliveries()}
    assert 'data-state="live"' in page.read_text()


def command(*arguments: str, code: int = 0) -> dict:
    """A command in this process, asked for JSON."""
    from backfill_assets.command_line import app

    ended = CliRunner().invoke(app, [*arguments, "--json"])
    assert ended.exit_code == code, ended.output
    return json.loads([line for line in ended.stdout.splitlines() if line.startswith("{")][-1])


def test_a_rebuild_that_failed_on_changed_days_goes_on_by_itself_once_they_are_swapped_in_again(tmp_path: Path):
    world, correction = swapped(tmp_path)
    restored(world)
    world.step_context().record(correction, fact_of(Step.REBUILD_DOWNSTREAM, Outcome.FAILED, {"reason": "they moved"}))

    cut_over(world.step_context("Ada"), correction, again=True)

    assert isinstance(world.drive(correction), WaitUntil)
