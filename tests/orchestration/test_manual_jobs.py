"""What a person does by hand in the UI, with the config of the launchpad."""

import pytest
from polars.testing import assert_frame_equal

from backfill_assets.core.steps import Step
from tests.e2e.small_lake import FACT
from tests.orchestration.daemon import by_hand, stage_by_hand
from tests.orchestration.worlds import WRONG

pytestmark = pytest.mark.dagster

FIRST, LAST = str(WRONG.first), str(WRONG.last)


def published(daemon):
    assert stage_by_hand(daemon, FIRST, LAST).success
    correction = daemon.go_on().plan.correction
    assert by_hand(daemon, "approve", correction, by="Ada", note="looked").success
    return daemon.go_on()


def test_days_are_rolled_back_the_reports_follow_and_then_the_files_go(daemon):
    before = daemon.lake.live()
    progress = published(daemon)
    correction = progress.plan.correction
    assert by_hand(daemon, "roll_back", correction, by="Bob", note="not agreed", all_days=True).success
    progress = daemon.go_on()
    assert not progress.publication.swapped
    assert progress.done >= {Step.REBUILD_DOWNSTREAM, Step.COMMUNICATE}
    assert_frame_equal(daemon.lake.live(), before)
    assert by_hand(daemon, "abandon", correction, by="Bob", note="not agreed").success
    assert by_hand(daemon, "decommission", correction, by="Bob", now=True).success
    assert_frame_equal(daemon.lake.live(), before)


def test_an_approval_without_anything_to_approve_is_refused_and_nothing_is_recorded(daemon):
    assert stage_by_hand(daemon, FIRST, FIRST).success
    daemon.tick()
    correction = daemon.progress().plan.correction
    before = len(daemon.lake.records.ledger.events(correction))
    ran = by_hand(daemon, "approve", correction, by="Ada")
    assert not ran.success
    assert "not validated yet" in ran.errors[0]
    assert len(daemon.lake.records.ledger.events(correction)) == before
    assert daemon.lake.records.snapshot(FACT).transaction_version(f"correction/{correction}") == 0
