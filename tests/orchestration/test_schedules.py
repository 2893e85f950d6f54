"""What runs by the clock does its part for several pending days, and drops only what nothing needs."""

import os
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from backfill_assets.core.plan import Request
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.orchestration.build import missing_limits, warn_without_limits
from backfill_assets.orchestration.correction.steps import step_key
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.instance.runner import Runner
from backfill_assets.orchestration.nightly.jobs import nightly_name, sweep_name
from backfill_assets.revenue.definitions import defs
from backfill_assets.runbook import freeze_reports, open_correction
from tests.e2e.small_lake import FACT
from tests.e2e.story import demo_data
from tests.orchestration.daemon import NOW, by_hand, stage_by_hand
from tests.orchestration.worlds import HISTORY, WRONG, later

pytestmark = pytest.mark.dagster


def run(daemon, job):
    return Runner(defs, daemon.instance).execute(defs.resolve_job_def(job), {})


def landed_again(daemon, days):
    """More days land, and as many pass."""
    demo_data.write_landing(daemon.lake.landing, HISTORY.first, HISTORY.last + timedelta(days=days))
    later(days)


def test_the_schedule_marks_its_run_and_the_job_does_not():
    schedule = next(one for one in defs.schedules if one.name == f"{nightly_name(FACT)}_schedule")
    context = dg.build_schedule_context(scheduled_execution_time=datetime(2026, 1, 23, 2, 15, tzinfo=UTC))
    request = schedule(context)
    assert request.tags[tags.PUBLISH] == tags.PUBLISH_LIVE
    assert int(request.tags[tags.PRIORITY]) > 0
    assert tags.PUBLISH not in defs.resolve_job_def(nightly_name(FACT)).tags


def test_nightly_publishes_every_pending_day_and_leaves_frozen_reports_for_later(daemon):
    correction = open_correction(daemon.lake.step_context(NOW), Request(FACT, WRONG, "Wrong rates.")).correction
    freeze_reports(daemon.lake.step_context(NOW), correction)
    landed_again(daemon, 2)
    assert run(daemon, nightly_name(FACT)).success
    new = {HISTORY.last + timedelta(days=1), HISTORY.last + timedelta(days=2)}
    assert daemon.lake.records.snapshot(FACT).days == {*HISTORY.days, *new}
    refused = daemon.progress(correction).downstream.refused
    assert {("executive_dashboard", str(day)) for day in new} <= refused


def test_a_day_that_did_not_land_makes_nightly_red_and_the_others_are_published(daemon):
    landed_again(daemon, 2)
    missing = HISTORY.last + timedelta(days=1)
    (daemon.lake.landing / f"transactions/{missing}.parquet").unlink()
    ran = run(daemon, nightly_name(FACT))
    assert not ran.success
    assert str(missing) in ran.errors[0]
    assert missing + timedelta(days=1) in daemon.lake.records.snapshot(FACT).days


def test_the_sweep_drops_what_is_due_or_abandoned_and_nothing_else(daemon):
    first, last = str(WRONG.first), str(WRONG.days[3])
    assert stage_by_hand(daemon, first, last).success
    published = daemon.go_on().plan.correction
    by_hand(daemon, "approve", published, by="Ada", note="looked")
    daemon.go_on()
    days = type(WRONG)(WRONG.days[5], WRONG.days[6])
    given_up = open_correction(
        daemon.lake.step_context(NOW), Request(FACT, days, "No.", correction="given_up")
    ).correction
    daemon.go_on()
    by_hand(daemon, "abandon", given_up, by="Ada", note="no")
    daemon.go_on()
    live = daemon.lake.live()
    assert run(daemon, sweep_name(FACT)).success
    assert daemon.progress(given_up).publication.ending == "decommissioned"
    assert daemon.progress(published).publication.ending is None
    os.environ["BACKFILL_NOW"] = (datetime.now(UTC) + timedelta(days=30)).isoformat()
    assert run(daemon, sweep_name(FACT)).success
    assert daemon.progress(published).publication.ending == "decommissioned"
    assert daemon.lake.live().equals(live)
    told = daemon.instance.get_latest_materialization_event(step_key(FACT, Step.DECOMMISSION)).asset_materialization
    assert told.partition == published
    assert "rollback window ended" in told.metadata["why"].value
    done = [event for event in daemon.lake.records.ledger.events(published) if event.outcome is Outcome.DONE]
    assert told.metadata["files_deleted"].value == done[-1].detail["files_deleted"] > 0


def test_everything_that_has_to_happen_regularly_runs_by_the_clock_unless_somebody_stops_it():
    running = {one.job_name for one in defs.schedules if one.default_status is dg.DefaultScheduleStatus.RUNNING}
    regular = (
        "nightly",
        "retention_sweep",
        "reconcile",
        "audit",
        "maintenance",
        "watch",
        "keeping",
        "scrub",
        "purge_landing",
        "expire_personal_data",
    )
    hourly = {f"intraday_revenue__{name}" for name in ("retention_sweep", "maintenance")}
    assert running - hourly == {f"{FACT}__{name}" for name in regular}
    assert hourly <= running


def test_limits_that_leave_nightly_no_place_are_named():
    import yaml

    from tests.e2e.server import ROOT

    ours = yaml.safe_load((ROOT / "backfill_assets/orchestration/instance/dagster.yaml").read_text())
    assert missing_limits(ours) == ()
    assert missing_limits({}) == (
        "limit of runs tagged dagster/backfill",
        "limit of runs tagged backfill_assets/correction",
    )
    ours["concurrency"]["runs"]["max_concurrent_runs"] = 5
    assert missing_limits(ours) == ("max_concurrent_runs above the limits of its tags",)


@pytest.mark.parametrize("text", ["[" * 3000, "- a list", "a text", "\x00", "a: *b"], ids=lambda text: text[:8])
def test_settings_that_are_none_set_no_limits(tmp_path, monkeypatch, text):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    (tmp_path / "dagster.yaml").write_text(text)
    with pytest.warns(UserWarning, match="sets no limit"):
        warn_without_limits()


def test_a_home_without_limits_is_named_and_one_that_is_not_there_yet_is_not(tmp_path, monkeypatch, recwarn):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    warn_without_limits()
    assert not recwarn.list

    (tmp_path / "home").mkdir()
    with pytest.warns(UserWarning, match="home/dagster.yaml sets no limit of runs tagged dagster/backfill"):
        warn_without_limits()
