"""Who approves what: not what is over, not yet validated or live already; and once more, by another, what waits."""

import pytest

from backfill_assets.core.facts import Approved
from backfill_assets.errors.correction import ApprovalPremature
from backfill_assets.runbook import abandon, approve
from tests.runbook.world import World, world_at
from tests.stores import Root


def opened(world: World, correction: str) -> None:
    """It is not validated yet."""


def abandoned(world: World, correction: str) -> None:
    abandon(world.step_context("grace"), correction, "never mind")


def cut_over(world: World, correction: str) -> None:
    world.through(correction)


PREMATURE = {"it is not validated yet": opened, "it is abandoned": abandoned, "it is cut over already": cut_over}


@pytest.mark.parametrize("why", PREMATURE)
def test_what_waits_for_nobody_is_not_approved(root: Root, why: str):
    world = world_at(root)
    correction = world.open(4, 10).correction
    PREMATURE[why](world, correction)
    before = world.progress(correction)

    with pytest.raises(ApprovalPremature, match=why):
        approve(world.step_context("grace"), correction, "looked")

    assert world.progress(correction) == before


def test_what_is_approved_already_may_be_approved_by_another(root: Root):
    world = world_at(root)
    correction = world.open(4, 10).correction
    world.drive(correction)

    approve(world.step_context("ada"), correction, "looked")
    again = approve(world.step_context("grace"), correction, "looked too")

    assert isinstance(again.fact, Approved)
    assert world.progress(correction).gate.approval.by == "grace"
    world.drive(correction)
    assert world.content() == world.right
