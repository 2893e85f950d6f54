"""Reports are frozen only when there is something to freeze them for, and let go when there is nothing any more."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from backfill_assets import runbook
from backfill_assets.core.events import fact_of
from backfill_assets.core.expectation import Expectation
from backfill_assets.core.next_step import Finished, Stuck, TakeSteps, WaitForPerson, WaitUntil, next_step
from backfill_assets.core.plan import Request
from backfill_assets.core.steps import Ending, Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.errors.correction import StepsMissing
from backfill_assets.runbook import abandon, approve, cut_over, decommission, validate
from backfill_assets.runbook.opening import join_or_open
from tests.e2e.small_lake import FACT
from tests.orchestration.daemon import NOW, by_hand, stage_by_hand
from tests.orchestration.worlds import HISTORY
from tests.runbook.killing import killed_everywhere
from tests.runbook.world import REPORT, TABLE, World, day, days, world_at

TAKEN = [Step.VERIFY_SOURCE, Step.RESET_WATERMARKS, Step.STAGE, Step.VALIDATE]


def launch(world: World, first: int, last: int, origin: str = "backfill") -> str:
    """A launch of days without a request, staged."""
    window = Window(day(first), day(last))
    correction = join_or_open(world.step_context(), Request(TABLE, window, "Launched.", origin=origin)).correction
    world.stage_wave(correction, days(first, last))
    return correction


def validated(world: World, correction: str) -> str:
    """As far as the validation, and no further."""
    while Step.VALIDATE not in world.progress(correction).done:
        world.take(correction, next_step(world.progress(correction), world.now))
    return correction


def taken(world: World, correction: str) -> list[Step]:
    done = [event for event in world.records.ledger.events(correction) if event.outcome is Outcome.DONE]
    return [event.step for event in done if event.step is not Step.OPEN]


def held(world: World) -> dict[str, object]:
    return {name: one.holds for name, one in world.records.watermarks.holders(TABLE).items() if one.holds}


def test_a_launch_that_changes_nothing_closes_itself_and_nobody_ever_hears_of_it(tmp_path: Path):
    world = world_at(tmp_path)
    correction = launch(world, 1, 4)

    assert world.drive(correction) == Finished(Ending.UNCHANGED)

    assert taken(world, correction) == [*TAKEN, Step.REBUILD_DOWNSTREAM]
    assert world.told == []
    assert world.built == []
    assert held(world) == {}
    assert world.progress(correction).claimed == frozenset()
    assert launch(world, 1, 4, "another") != correction


def test_a_launch_that_changes_something_is_validated_and_freezes_the_reports_then(tmp_path: Path):
    world = world_at(tmp_path)
    correction = launch(world, 4, 9)

    assert isinstance(world.drive(correction), WaitForPerson)
    assert taken(world, correction) == [*TAKEN, Step.FREEZE_REPORTS]
    assert world.progress(correction).downstream.frozen == {REPORT}

    approve(world.step_context(), correction, "looked")
    assert isinstance(world.drive(correction), WaitUntil)
    assert world.content() == world.right


def test_a_request_freezes_first_and_lets_go_by_itself_when_nothing_changes(tmp_path: Path):
    world = world_at(tmp_path)
    correction = world.open(1, 4).correction
    world.take(correction, next_step(world.progress(correction), world.now))
    assert world.progress(correction).downstream.frozen == {REPORT}
    refused = {"report": REPORT, "partitions": ["2026-01-10"]}
    world.step_context().record(correction, fact_of(Step.FREEZE_REPORTS, Outcome.REFUSED, refused))

    assert world.drive(correction) == Finished(Ending.UNCHANGED)

    assert world.progress(correction).downstream.frozen == frozenset()
    assert world.built == ["2026-01-10"]
    assert [notice.event for notice in world.told] == ["opened", "unchanged"]
    assert "equals the published one" in world.told[-1].body
    assert held(world) == {}


def test_an_automatic_request_that_changes_nothing_lets_go_too(tmp_path: Path):
    world = world_at(tmp_path)
    expected = Expectation.from_request({"same_rows": True})
    correction = world.open(1, 4, approval="automatic", expectation=expected).correction

    assert world.drive(correction) == Finished(Ending.UNCHANGED)
    assert world.swaps() == []


def test_what_is_staged_for_nothing_is_swept(tmp_path: Path):
    world = world_at(tmp_path)
    correction = launch(world, 1, 4)
    world.drive(correction)

    decommission(world.step_context(), correction)

    assert world.progress(correction).publication.ending == "decommissioned"
    assert world.told == []
    assert not list((world.root / TABLE).glob("_backfill_*/day=*/*.parquet"))


def test_a_launch_that_joins_one_that_is_frozen_and_takes_its_change_back_lets_go(tmp_path: Path):
    world = world_at(tmp_path)
    correction = launch(world, 4, 6)
    assert isinstance(world.drive(correction), WaitForPerson)
    world.right |= {day(6): 106}
    assert launch(world, 4, 6, "a second") == correction

    assert world.drive(correction) == Finished(Ending.UNCHANGED)
    assert world.progress(correction).downstream.frozen == frozenset()
    assert {notice.event for notice in world.told} == {"waiting", "opened", "unchanged"}


def test_days_staged_while_nothing_was_found_to_change_are_validated_too(tmp_path: Path, monkeypatch):
    world = world_at(tmp_path)
    correction = launch(world, 1, 4)
    keep, joined = type(world.records.certificates).keep, []

    def joined_meanwhile(store, certificate, at, head):
        if not joined:
            joined.append(1)
            world.stage_wave(correction, [day(2)], {day(2): 22})
        return keep(store, certificate, at, head)

    monkeypatch.setattr(type(world.records.certificates), "keep", joined_meanwhile)

    assert isinstance(world.drive(correction), WaitForPerson)
    assert world.progress(correction).gate.changed == {day(2)}


def test_days_that_drifted_into_what_was_staged_close_an_approved_launch(tmp_path: Path):
    world = world_at(tmp_path)
    correction = launch(world, 6, 7)
    world.drive(correction)
    approve(world.step_context(), correction, "looked")
    world.publish_live({day(6): 6, day(7): 7})

    assert world.drive(correction) == Finished(Ending.UNCHANGED)
    assert world.swaps() == []


def test_a_launch_whose_validation_failed_freezes_when_somebody_lets_it_through(tmp_path: Path):
    world = world_at(tmp_path)
    correction = validated(world, launch(world, 4, 9))
    detail = {**world.events(correction, Step.VALIDATE)[-1].detail, "reason": "too large"}
    world.step_context().record(correction, fact_of(Step.VALIDATE, Outcome.FAILED, detail))
    assert isinstance(world.drive(correction), Stuck)
    assert world.progress(correction).downstream.frozen == frozenset()

    approve(world.step_context("Ada"), correction, "it is right", override=True)
    assert next_step(world.progress(correction), world.now) == TakeSteps((Step.FREEZE_REPORTS,))
    assert isinstance(world.drive(correction), WaitUntil)


def test_a_cut_over_by_hand_before_reports_are_frozen_is_refused(tmp_path: Path):
    world = world_at(tmp_path)
    correction = validated(world, launch(world, 4, 9))
    approve(world.step_context(), correction, "quick")

    with pytest.raises(StepsMissing, match="freeze_reports"):
        cut_over(world.step_context(), correction)
    assert world.swaps() == []


def test_a_request_is_not_validated_before_reports_are_frozen(tmp_path: Path):
    world = world_at(tmp_path)
    correction = world.open(4, 9).correction
    runbook.verify_source(world.step_context(), correction)
    runbook.reset_watermarks(world.step_context(), correction)
    world.stage_wave(correction, days(4, 9))

    with pytest.raises(StepsMissing, match="freeze_reports"):
        validate(world.step_context(), correction)


def test_a_launch_given_up_before_anybody_heard_of_it_is_given_up_quietly(tmp_path: Path):
    world = world_at(tmp_path)
    correction = launch(world, 4, 9)

    abandon(world.step_context(), correction, "wrong branch")

    assert world.drive(correction) == Finished("abandoned")
    assert world.told == []


@pytest.mark.parametrize(("first", "last", "ends"), [(1, 4, Finished), (4, 9, WaitForPerson)])
def test_a_launch_killed_at_any_write_ends_as_one_that_was_not(tmp_path: Path, first: int, last: int, ends: type):
    def story(world: World) -> str:
        """Launched once; a run that was killed while it staged is executed again."""
        known = next(iter(world.records.ledger.histories()), None)
        correction = known or launch(world, first, last)
        if world.progress(correction).missing:
            world.stage_wave(correction, days(first, last))
        world.drive(correction)
        return correction

    tried = 0
    for world, correction in killed_everywhere(world_at(tmp_path / "lake"), tmp_path, story):
        tried += 1
        assert isinstance(world.drive(correction), ends), tried
        assert bool(held(world)) is (ends is WaitForPerson), tried
        assert bool(world.progress(correction).downstream.frozen) is (ends is WaitForPerson), tried
    assert tried > 8


def test_a_launch_in_the_ui_that_changes_nothing_is_closed_by_the_driver_and_no_page_ever_bears_a_banner(daemon):
    first, last = str(HISTORY.first), str(HISTORY.days[1])
    assert stage_by_hand(daemon, first, last, user="ada").success
    correction = next(iter(daemon.lake.records.ledger.histories()))
    while requests := daemon.tick().run_requests:
        for request in requests:
            assert daemon.launch(request).success
        assert daemon.progress().downstream.frozen == frozenset()
        assert "Frozen since" not in _index()
    assert daemon.launched == [
        f"{correction}/verify_source+reset_watermarks+stage+validate/1",
        f"{correction}/rebuild_downstream/1",
    ]
    assert next_step(daemon.progress(), NOW) == Finished(Ending.UNCHANGED)
    told = _command("status", correction)
    assert (told["waits_for"], told["ending"]) == ("nothing", Ending.UNCHANGED)
    assert Ending.UNCHANGED in _index()
    assert not daemon.lake.records.outbox.deliveries()
    ran = stage_by_hand(daemon, first, last, backfill_assets__correction=correction)
    assert f"{correction} is {Ending.UNCHANGED}" in ran.errors[0]
    assert by_hand(daemon, "decommission", correction, by="Ada").success


def test_a_request_that_changes_nothing_is_closed_by_the_command_line(daemon):
    request = Request(FACT, Window(HISTORY.first, HISTORY.days[1]), "To be sure.")
    correction = runbook.open_correction(daemon.lake.step_context(NOW), request).correction

    assert _command("run", correction)["waits_for"] == "nothing"

    assert daemon.progress().downstream.frozen == frozenset()
    told = {one.notice.event for one in daemon.lake.records.outbox.deliveries()}
    assert told == {"opened", "unchanged"}


def _index() -> str:
    page = Path(os.environ["BACKFILL_PUBLISHED"]) / "index.html"
    return page.read_text() if page.exists() else ""


def _command(*arguments: str) -> dict:
    """A command in this process, asked for JSON."""
    from backfill_assets.command_line import app

    ended = CliRunner().invoke(app, [*arguments, "--json"])
    assert ended.exit_code == 0, ended.output
    return json.loads([line for line in ended.stdout.splitlines() if line.startswith("{")][-1])
