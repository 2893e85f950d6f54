"""Real daemons: nightly beside a large correction, and everything killed in the middle of one."""

import subprocess
import sys
from datetime import date, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from backfill_assets.core.expectation import Expectation
from backfill_assets.core.plan import Approval, Request
from backfill_assets.core.steps import Outcome, Step
from backfill_assets.core.waves import WavePolicy
from backfill_assets.core.window import Window
from backfill_assets.orchestration.instance import tags
from backfill_assets.runbook import open_correction
from tests.composed import DAILY_REVENUE
from tests.e2e.server import dagster_dev, wait_until
from tests.e2e.small_lake import FACT, TABLE_KEYS
from tests.e2e.story import NOW, environment, wrong_lake

pytestmark = [pytest.mark.dagster, pytest.mark.timeout(900)]

MONTHS = Window(date(2025, 10, 20), date(2026, 1, 22))
NINETY = Window(MONTHS.last - timedelta(days=89), MONTHS.last)
LONG = 240
QUEUE_SECONDS = 15
UP_SECONDS = 4
"""What a run's process takes to come up where nothing else is running."""
RUN = "import sys; from backfill_assets.command_line import app; app(['run', sys.argv[1]])"
NIGHTLY = {tags.PUBLISH: tags.PUBLISH_LIVE, tags.PRIORITY: "10"}
EXPECTED = {"columns": ["revenue_usd", "rate_usd", "rate_currency", "fixing_day"], "same_rows": True}


def test_ninety_days_beside_nightly_and_everything_killed_while_staging_and_at_the_cut_over(tmp_path):
    lake = wrong_lake(tmp_path, MONTHS, NINETY)
    request = Request(
        FACT,
        NINETY,
        "The FX join used the rate of the previous day.",
        expectation=Expectation.from_request(EXPECTED),
        approval=Approval.AUTOMATIC,
        waves=WavePolicy(max_days=15),
    )
    correction = open_correction(lake.step_context(NOW), request).correction
    queued: list[float] = []
    with dagster_dev(environment(lake)) as server:
        while not queued or len(lake.records.ledger.progress(correction).staging.staged) < len(NINETY) // 2:
            wait_until(lambda: _in_process(server, "wave/"), LONG, "a wave")
            nightly = server.launch_job(f"{FACT}__nightly", NIGHTLY)
            run = wait_until(lambda nightly=nightly: server.ended(nightly), LONG, "the end of nightly")
            assert run["status"] == "SUCCESS"
            queued.append(_waited(run["stats"]))
        wait_until(lambda: _all_in_process(server, "wave/"), LONG, "more waves")
        server.kill()
    with dagster_dev(environment(lake)) as server:
        wait_until(lambda: _in_process(server, "cut_over"), LONG, "the cut over")
        server.kill()
    ended = subprocess.run([sys.executable, "-c", RUN, correction], env=environment(lake), check=False, timeout=LONG)

    assert ended.returncode == 0
    assert max(queued) < QUEUE_SECONDS, queued
    assert_is_corrected_once(lake, correction)


def assert_is_corrected_once(lake, correction):
    """Right numbers, one swap, one notice, and the killed runs written down as what they were."""
    compute_spec = DAILY_REVENUE.compute_spec
    right = pl.concat(compute_spec.wave(lake.records, MONTHS.days).frames.values()).sort(TABLE_KEYS)
    assert_frame_equal(lake.live(), right)
    assert lake.records.snapshot(FACT).transaction_version(f"correction/{correction}") == 1
    events = lake.records.ledger.events(correction)
    told = [event for event in events if event.step is Step.COMMUNICATE and event.outcome is Outcome.DONE]
    assert [event.detail["event"] for event in told] == ["published"]
    assert any(event.outcome is Outcome.ENDED and "is gone" in event.detail["reason"] for event in events)


def _waited(stats):
    """How long a run was queued, in seconds of a machine that is not busy with other things."""
    slowness = max(1.0, (stats["startTime"] - stats["launchTime"]) / UP_SECONDS)
    return (stats["launchTime"] - stats["enqueuedTime"]) / slowness


def _in_process(server, part):
    """Whether a run of such an work_item has begun to work."""
    return any(_works(run) for run in _under_way(server, part))


def _all_in_process(server, part):
    """Whether such work_items have runs under way, and all of them have begun to work.

    One that is killed before it has is not noticed by its process, but by Dagster, which waits two minutes.
    """
    runs = _under_way(server, part)
    return runs and all(_works(run) for run in runs)


def _under_way(server, part):
    return [run for run in server.runs() if part in run["tags"].get(tags.REQUEST, "") and not run["endTime"]]


def _works(run):
    return run["status"] == "STARTED" and tags.PROCESS in run["tags"]
