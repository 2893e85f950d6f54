"""What a person does by hand in the UI, with the config of the launchpad."""

import logging

import dagster as dg
import pytest
from polars.testing import assert_frame_equal

from backfill_assets.core.steps import Step
from backfill_assets.orchestration.driving.sensor import driver_name
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.revenue.definitions import defs
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


def test_what_was_typed_for_another_correction_is_refused(daemon):
    assert stage_by_hand(daemon, FIRST, LAST).success
    correction = daemon.go_on().plan.correction
    before = len(daemon.lake.records.ledger.events(correction))
    ran = by_hand(daemon, "approve", correction, by="Ada", note="looked", correction="20250101")
    assert not ran.success
    assert "was filled in for correction 20250101" in ran.errors[0]
    assert len(daemon.lake.records.ledger.events(correction)) == before
    assert by_hand(daemon, "approve", correction, by="Ada", note="looked", correction=f" {correction} ").success


def test_the_log_says_what_was_decided_and_what_is_next(daemon):
    assert stage_by_hand(daemon, FIRST, LAST).success
    correction = daemon.go_on().plan.correction
    ran = by_hand(daemon, "approve", correction, by="Ada", note="looked")
    told = [record.user_message for record in daemon.instance.all_logs(ran.run_id)]
    assert f"Ada on correction {correction}. Approved (looked)." in told
    assert f"Correction {correction} continues with cut_over." in told


def test_a_tick_that_asks_for_runs_logs_what_each_correction_is_at(daemon):
    assert stage_by_hand(daemon, FIRST, LAST).success
    correction = daemon.progress().plan.correction
    sensor = next(sensor for sensor in defs.sensors or () if sensor.name == driver_name(FACT))
    heard: list[str] = []
    with dg.build_sensor_context(instance=daemon.instance, resources={"lake": defs.resources["lake"]}) as context:
        context.log.addHandler(_Hearing(heard))
        assert sensor(context).run_requests
    assert [one for one in heard if one.startswith(f"Correction {correction} continues with ")]


class _Hearing(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__()
        self.heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.append(record.getMessage())


def test_a_refusal_is_seen_on_the_page_of_the_live_asset(daemon):
    ran = Runner(defs, daemon.instance).run_keys([dg.AssetKey(FACT)], FIRST, FIRST)
    assert not ran.success
    key = dg.AssetKey(FACT)
    (seen,) = daemon.instance.fetch_observations(key, limit=1).records
    assert f"backfill/{FACT}" in (seen.asset_observation.description or "")
