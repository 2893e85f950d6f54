"""Reports of every kind under a real daemon: held, remembered, and rebuilt after cut over and after roll back."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window
from backfill_assets.orchestration.instance import tags
from backfill_assets.orchestration.reports.reach import WHOLE
from backfill_assets.testing import TestLake
from tests.e2e.server import Server, dagster_dev, wait_until
from tests.e2e.story import environment_at
from tests.kinds import reports_served
from tests.kinds.reports import KINDS, TABLE, names_of, shown
from tests.kinds.reports_served import JOBS, reports_of

pytestmark = [pytest.mark.dagster, pytest.mark.slow, pytest.mark.timeout(900)]

HISTORY = Window(date(2026, 1, 19), date(2026, 2, 1))
WRONG = Window(date(2026, 1, 30), date(2026, 2, 1))
LAUNCHED = {"by_day": "2026-01-20", "by_week": "2026-01-19", "by_month": "2026-01-01", "outside": ""}
NAMES = [name for kind in KINDS for name in names_of(kind)]
WORK = 240


def told(lake: TestLake) -> Mapping[str, Mapping[str, int]]:
    with lake.entered():
        return {name: shown(name, lake) for name in NAMES}


def launched(server: Server, job: str) -> str:
    """Somebody's own run of all reports of the same partitions; returns how it ended."""
    key = LAUNCHED[job]
    run = server.launch_job(job, {tags.PARTITION: key} if key else {})
    return str(wait_until(lambda: server.ended(run), WORK, f"the end of {job}")["status"])


def test_reports_of_every_kind_are_held_and_rebuilt_by_the_daemon(tmp_path: Path):
    lake = TestLake(tmp_path, reports_served.defs, now="2026-02-02T06:00:00+00:00")
    lake.publish(HISTORY.first, HISTORY.last)
    right = told(lake)
    lake.plant(WRONG.first, WRONG.last, lambda rows: rows.with_columns(pl.col("revenue") * 2))
    planted, records = told(lake), lake.records
    correction = lake.correct(WRONG.first, WRONG.last, reason="Counted twice.", by="Ada").id

    def done(step: Step) -> bool:
        progress = records.ledger.progress(correction)
        assert not progress.failures, progress.failures
        return step in progress.done

    with dagster_dev(environment_at(tmp_path, lake.now), reports_served.__name__) as server:
        wait_until(lambda: done(Step.VALIDATE), WORK, "the validation")
        assert {launched(server, job) for job in JOBS} == {"FAILURE"}
        remembered = records.ledger.progress(correction).downstream.refused
        assert remembered == {(name, LAUNCHED[job] or WHOLE) for job in JOBS for name in reports_of(job)}
        assert told(lake) == planted

        server.launch_by_hand(f"{TABLE}__approve", correction, by="Ada", note="Looked at all three days.")
        wait_until(lambda: done(Step.COMMUNICATE), WORK, "the end of the correction")
        assert told(lake) == right
        assert launched(server, "by_week") == "SUCCESS"

        server.launch_by_hand(f"{TABLE}__roll_back", correction, by="Ada", note="Too early.", all_days=True)
        wait_until(lambda: told(lake) == planted, WORK, "the way back, with all reports")
        wait_until(lambda: done(Step.REBUILD_DOWNSTREAM), WORK, "the end of the way back")
        assert not records.ledger.progress(correction).downstream.frozen
