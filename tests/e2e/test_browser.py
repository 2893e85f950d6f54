"""An analyst with nothing but a browser: told where to go, and then correcting thirty days."""

import json
import re
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step
from tests.composed import DAILY_REVENUE
from tests.e2e.browser import Analyst, chromium_page
from tests.e2e.server import Server
from tests.e2e.small_lake import FACT, TABLE_KEYS, SmallLake
from tests.e2e.story import HISTORY, WRONG

pytestmark = [pytest.mark.dagster, pytest.mark.browser, pytest.mark.timeout(400)]

STEPS = f"/locations/backfill_assets/jobs/{FACT}__correction/partitions"
STEP = f"/assets/{FACT}__correction"
WORK = 150
"""Seconds for what takes two ticks of Dagster's backfill daemon and the work, on a busy machine."""


def test_a_range_on_the_live_table_is_refused_and_names_the_way(story):
    lake, server = story
    before, commit = lake.live(), lake.records.snapshot(FACT).commit
    with chromium_page() as page:
        analyst = Analyst(page, server.url, "refusal")
        first, last = HISTORY.days[0], HISTORY.days[2]
        backfill = analyst.launch_range(FACT, str(first), str(last))
        run = analyst.wait(lambda: _ended(server, backfill), 150, "the end of the run")
        assert run["status"] == "FAILURE"
        analyst.go(f"/runs/{run['runId']}")
        page.get_by_text(f"To recompute history, launch the same partitions on backfill/{FACT}").first.wait_for()
        page.wait_for_timeout(1000)
        analyst.see("run")
    assert lake.records.snapshot(FACT).commit == commit
    assert_frame_equal(lake.live(), before)


def test_an_analyst_corrects_thirty_days_in_the_browser(story):
    lake, server = story
    with chromium_page() as page:
        analyst = Analyst(page, server.url, "correction")
        analyst.launch_range(f"backfill/{FACT}", str(WRONG.first), str(WRONG.last))
        correction = analyst.wait(lambda: _opened(lake), WORK, "the correction that the launch opens")
        _see_steps(analyst, "opened")
        waiting = analyst.wait(lambda: _standing(lake, correction, Step.VALIDATE), WORK, "the validation")
        _see_steps(analyst, "validated")
        told = _see_validation(analyst, lake, correction)
        assert not waiting.publication.swapped
        analyst.run_job(f"{FACT}__approve", correction, {"by": "Ada", "note": "looked at all thirty days"})
        done = analyst.wait(lambda: _standing(lake, correction, Step.COMMUNICATE), WORK, "the end of the correction")
        _see_steps(analyst, "communicated")
        _see_the_rest(analyst, correction, done)
    _is_right(lake, server, correction, done, told)


def _opened(lake: SmallLake) -> str:
    return max(lake.records.ledger.all_progress(), default="")


def _standing(lake: SmallLake, correction: str, step: Step) -> Progress | None:
    progress = lake.records.ledger.progress(correction)
    assert not progress.failures, progress.failures
    return progress if step in progress.done else None


def _see_steps(analyst: Analyst, name: str) -> None:
    """The page on which a row is a step and a column a correction."""
    analyst.go(STEPS)
    analyst.page.get_by_role("button", name="Show per-asset status").click()
    analyst.page.get_by_text(re.compile("freeze_reports")).first.wait_for()
    analyst.page.wait_for_timeout(1500)
    analyst.see(f"steps-{name}")


def _see_validation(analyst: Analyst, lake: SmallLake, correction: str) -> dict[str, Decimal]:
    """The checks and the totals; returns the totals of the ledger, which are those on the screen."""
    page = analyst.page
    analyst.go(f"{STEP}/validate?view=checks")
    page.get_by_text("control_totals").first.click()
    page.get_by_text("Passed").first.wait_for()
    assert page.get_by_text("Failed", exact=True).count() == 0
    analyst.see("checks")
    analyst.go(f"{STEP}/validate?view=partitions&partition={correction}")
    events = lake.records.ledger.events(correction)
    totals = next(event.detail["totals"] for event in reversed(events) if "totals" in event.detail)
    revenue = {side: Decimal(amount) for side, amount in totals["revenue_usd"].items()}
    page.get_by_text(f"{revenue['new']:,f}").first.wait_for()
    page.get_by_text(f"{revenue['old']:,f}").first.wait_for()
    analyst.see("validation")
    return revenue


def _see_the_rest(analyst: Analyst, correction: str, done: Progress) -> None:
    page = analyst.page
    analyst.go(f"{STEP}/cut_over?view=partitions&partition={correction}")
    page.get_by_text("days_swapped").first.wait_for()
    assert page.get_by_text(str(len(done.publication.swapped)), exact=True).count()
    analyst.see("swap")
    analyst.go(f"{STEP}/rebuild_downstream?view=partitions&partition={correction}")
    page.get_by_text("rebuilt_partitions").first.wait_for()
    analyst.see("rebuilt")
    analyst.go(f"{STEP}/communicate?view=partitions&partition={correction}")
    page.get_by_text("published").first.wait_for()
    analyst.see("notice")
    analyst.go(f"/automation/sensors/{FACT}__correction_driver")
    page.wait_for_timeout(1500)
    analyst.see("driver")


def _is_right(lake: SmallLake, server: Server, correction: str, done: Progress, told: dict[str, Decimal]) -> None:
    """The numbers of the screen are those of the ledger are those of the table, and there was one swap."""
    compute_spec = DAILY_REVENUE.compute_spec
    right = pl.concat(compute_spec.wave(lake.records, HISTORY.days).frames.values()).sort(TABLE_KEYS)
    assert_frame_equal(lake.live(), right)
    sums = lake.live().filter(pl.col("day").is_between(WRONG.first, WRONG.last))["revenue_usd"].sum()
    assert sums == told["new"]
    live = lake.records.snapshot(FACT)
    assert live.transaction_version(f"correction/{correction}") == 1
    assert [event.step for event in lake.records.ledger.events(correction)].count(Step.OPEN) == 1
    assert done.plan.window == WRONG
    staged = [run for run in server.runs(backfill_assets__correction=correction) if "dagster/backfill" in run["tags"]]
    assert {run["status"] for run in staged} == {"SUCCESS"}
    assert json.dumps(sorted(run["tags"]["dagster/asset_partition_range_start"] for run in staged)) == json.dumps(
        [str(WRONG.first), str(WRONG.days[15])]
    )


def _ended(server, backfill):
    return next((run for run in server.runs(dagster__backfill=backfill) if run["endTime"]), None)
