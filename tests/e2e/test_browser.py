"""An analyst with nothing but a browser who launches on the live table is told where to go."""

import pytest
from polars.testing import assert_frame_equal

from tests.e2e.browser import Analyst, chromium_page
from tests.e2e.small_lake import FACT
from tests.e2e.story import HISTORY

pytestmark = [pytest.mark.dagster, pytest.mark.browser, pytest.mark.timeout(400)]


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


def _ended(server, backfill):
    return next((run for run in server.runs(dagster__backfill=backfill) if run["endTime"]), None)
