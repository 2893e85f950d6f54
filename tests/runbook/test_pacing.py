"""A staging that somebody makes wider, pauses and lets go on; and a pace that cannot be."""

import pytest

from backfill_assets.core.next_step import WaitForPerson, WaitUntil
from backfill_assets.core.pace import Paused
from backfill_assets.core.steps import Step
from backfill_assets.errors.deciding import NameNeeded
from backfill_assets.errors.request import CorrectionUnknown
from backfill_assets.errors.runs import PaceUnusable
from backfill_assets.runbook import abandon
from backfill_assets.runbook.pacing import pace
from tests.runbook.world import days, world_at
from tests.stores import Root


def test_a_paused_staging_stands_still_until_it_is_resumed(root: Root):
    world = world_at(root)
    correction = world.open(4, 10).correction
    pace(world.step_context("grace"), correction, paused=True, note="month end")

    assert world.drive(correction) == Paused("grace, month end")
    assert world.progress(correction).missing == frozenset(days(4, 10))
    assert Step.RESET_WATERMARKS in world.progress(correction).done

    pace(world.step_context("grace"), correction, at_once=4, paused=False)
    assert isinstance(world.drive(correction), WaitForPerson)
    assert world.progress(correction).staging.pace.at_once == 4
    world.through(correction)
    assert world.content() == world.right


def test_a_paused_correction_can_be_abandoned(root: Root):
    world = world_at(root)
    correction, before = world.open(4, 10).correction, world.content()
    pace(world.step_context(), correction, paused=True)

    abandon(world.step_context("grace"), correction, "never mind")
    world.drive(correction)

    assert world.content() == before
    assert world.progress(correction).is_closed


UNUSABLE = {
    "nothing said": {},
    "no wave": {"at_once": 0},
    "fewer than none": {"at_once": -1},
    "more than any instance runs": {"at_once": 51},
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_a_pace_that_cannot_be_is_refused_and_the_staging_goes_on_as_before(root: Root, what: str):
    world = world_at(root)
    correction = world.open(4, 10).correction

    with pytest.raises(PaceUnusable):
        pace(world.step_context(), correction, **UNUSABLE[what])

    assert world.progress(correction).sequence == 1


def test_a_pace_is_somebodys_and_of_a_correction_that_is_staged(root: Root):
    world = world_at(root)
    correction = world.open(4, 10).correction

    with pytest.raises(NameNeeded):
        pace(world.step_context(""), correction, paused=True)
    with pytest.raises(CorrectionUnknown):
        pace(world.step_context(), "nowhere", paused=True)
    world.drive(correction)
    with pytest.raises(PaceUnusable, match="no day left to stage"):
        pace(world.step_context(), correction, paused=True)
    world.through(correction)
    assert isinstance(world.drive(correction), WaitUntil)
