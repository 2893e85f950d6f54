"""Real daemons: nightly beside a large correction, and everything killed in the middle of one."""

from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from backfill_assets.core.expectation import Expectation
from backfill_assets.core.plan import Approval, Request
from backfill_assets.core.progress import history
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.window import Window
from backfill_assets.orchestration import tags
from backfill_assets.revenue.pipeline import DAILY_REVENUE
from backfill_assets.runbook import open_correction
from tests.e2e.server import dagster_dev, wait_until
from tests.e2e.small_lake import FACT, TABLE_KEYS
from tests.e2e.story import NOW, environment, wrong_lake

pytestmark = [pytest.mark.dagster, pytest.mark.timeout(900)]

MONTHS = Window(date(2025, 10, 20), date(2026, 1, 22))
NINETY = Window(MONTHS.last - timedelta(days=89), MONTHS.last)
HISTORY = Window(NOW.date().replace(day=1), NOW.date().replace(day=22))
WRONG = Window(HISTORY.days[4], HISTORY.days[15])
LONG = 240
QUEUE_SECONDS = 15
UP_SECONDS = 4
"""What a run's process takes to come up where nothing else is running."""
EXPECTED = {"columns": ["revenue_usd", "rate_usd", "rate_currency", "fixing_day"], "same_rows": True}

NIGHTLY = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TIMES = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status stats { ... on RunStatsSnapshot {
  enqueuedTime launchTime startTime endTime } } } } }"""


def test_everything_is_killed_while_it_stages_and_while_it_cuts_over_and_the_correction_ends_right(tmp_path):
    lake = wrong_lake(tmp_path, HISTORY, WRONG)
    correction = open_correction(
        lake.desk(NOW),
        Request(
            FACT,
            WRONG,
            "The FX join used the rate of the previous day.",
            expectation=Expectation.from_request(EXPECTED),
            approval=Approval.AUTOMATIC,
        ),
    ).correction
    for part in ("wave/", "cut_over"):
        with dagster_dev(environment(lake)) as server:
            wait_until(lambda part=part: _in_process(server, part), LONG, f"a run of {part}")
            server.kill()
    with dagster_dev(environment(lake)):
        wait_until(lambda: Step.COMMUNICATE in _progress(lake, correction).done, LONG, "the end of the correction")
    events = lake.records.ledger.events(correction)
    recipe = DAILY_REVENUE.asset.recipe
    right = pl.concat(recipe.wave(lake.records, HISTORY.days).frames.values()).sort(TABLE_KEYS)
    assert_frame_equal(lake.live(), right)
    assert lake.records.snapshot(FACT).transaction_version(f"correction/{correction}") == 1
    told = [event for event in events if event.step is Step.COMMUNICATE and event.outcome is Outcome.DONE]
    assert [event.detail["event"] for event in told] == ["published"]
    assert any(event.outcome is Outcome.ENDED and "is gone" in event.detail["reason"] for event in events)


def test_nightly_finds_a_place_at_once_while_ninety_days_are_staged(tmp_path):
    lake = wrong_lake(tmp_path, MONTHS, NINETY)
    correction = open_correction(lake.desk(NOW), Request(FACT, NINETY, "Ninety days.")).correction
    queued: list[float] = []
    with dagster_dev(environment(lake)) as server:
        while not queued or not _all_asked_for(lake, correction):
            wait_until(lambda: _in_process(server, "wave/"), LONG, "a wave")
            run = wait_until(lambda: _ended(server, _launch_nightly(server)), LONG, "the end of nightly")
            assert run["status"] == "SUCCESS"
            queued.append(_waited(run["stats"]))
        wait_until(lambda: len(_progress(lake, correction).staged) == len(NINETY.days), LONG, "all ninety days")
    assert max(queued) < QUEUE_SECONDS, queued


def _all_asked_for(lake, correction):
    """Whether no wave is left that has not been asked for, so that nightly has been beside all of them."""
    progress = _progress(lake, correction)
    return len(progress.staged | progress.asked.days) == len(NINETY.days)


def _waited(stats):
    """How long a run was queued, in seconds of a machine that is not busy with other things."""
    slowness = max(1.0, (stats["startTime"] - stats["launchTime"]) / UP_SECONDS)
    return (stats["launchTime"] - stats["enqueuedTime"]) / slowness


def _in_process(server, part):
    """A run of such an errand that has begun to work."""
    runs = [run for run in server.runs() if part in run["tags"].get(tags.REQUEST, "")]
    return next((run for run in runs if run["status"] == "STARTED" and tags.PROCESS in run["tags"]), None)


def _progress(lake, correction):
    return history(lake.records.ledger.events(correction))


def _launch_nightly(server):
    selector = {
        "repositoryName": "__repository__",
        "repositoryLocationName": "backfill_assets",
        "jobName": f"{FACT}__nightly",
    }
    marks = [{"key": tags.PUBLISH, "value": tags.PUBLISH_LIVE}, {"key": tags.PRIORITY, "value": "10"}]
    params = {"selector": selector, "runConfigData": {}, "executionMetadata": {"tags": marks}}
    return server.ask(NIGHTLY, p=params)["launchRun"]["run"]["runId"]


def _ended(server, run_id):
    def look():
        run = server.ask(TIMES, id=run_id)["runOrError"]
        return run if run["status"] in {"SUCCESS", "FAILURE", "CANCELED"} else None

    return wait_until(look, LONG, "nightly")
