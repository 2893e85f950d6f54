"""A chain of three tables through a real webserver and daemon, each table driven by its own sensor."""

from pathlib import Path

import pytest

from backfill_assets.core.steps import Step
from backfill_assets.testing import TestLake
from tests.e2e import row_served
from tests.e2e.server import dagster_dev, wait_until
from tests.e2e.story import environment_at
from tests.kinds.tables_in_a_row import DAYS_THERE, NOW, day, days, doubled, location, orders

pytestmark = [pytest.mark.dagster, pytest.mark.slow, pytest.mark.timeout(1500)]

TABLES = ("daily", "trailing", "weekly", "both", "by_week")
WORK = 600
"""Seconds for three tables in a row, each of some runs, on a busy machine."""


def test_a_chain_goes_through_and_back_by_the_sensors_of_its_tables(tmp_path: Path):
    lake = TestLake(tmp_path, row_served.defs, now=NOW)
    lake.write("orders_log", orders(days(1, DAYS_THERE)))
    alone = lake.with_code(location(daily={"reports": []}))
    alone.publish(day(1), day(DAYS_THERE), table="daily")
    alone.plant(day(9), day(12), doubled, table="daily")
    lake.publish(day(1), day(DAYS_THERE), table="trailing")
    lake.publish(day(1), day(22), table="weekly")
    planted = {name: lake.rows(name).rows() for name in TABLES}
    records = lake.records

    with dagster_dev(environment_at(tmp_path, lake.now), row_served.__name__) as server:
        lead = lake.correct(
            day(9),
            day(12),
            table="daily",
            reason="Doubled.",
            downstream=["trailing", "weekly"],
            waves={"order": "oldest"},
        ).id
        chain = [lead, f"{lead}-2", f"{lead}-3"]

        def done(step: Step) -> bool:
            standing = [records.ledger.progress(name) for name in chain]
            assert not any(one.failures for one in standing), [one.failures for one in standing]
            return all(step in one.done for one in standing)

        wait_until(lambda: done(Step.VALIDATE), WORK, "the validation of all three")
        assert {name: lake.rows(name).rows() for name in TABLES} == planted

        server.launch_by_hand("daily__approve", lead, by="Ada", note="Looked at all three.")
        wait_until(lambda: done(Step.COMMUNICATE), WORK, "the end of the chain")
        corrected = {name: lake.rows(name).rows() for name in TABLES}
        assert all(corrected[name] != planted[name] for name in TABLES)

        server.launch_by_hand("daily__roll_back", lead, by="Ada", note="Too early.", all_days=True)
        wait_until(
            lambda: {name: lake.rows(name).rows() for name in TABLES} == planted, WORK, "the way back, with the reports"
        )
