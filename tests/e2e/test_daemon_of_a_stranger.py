"""A stranger's hours through a real webserver and daemon: launched, approved and taken back by GraphQL alone."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from backfill_assets.core.slots import Grain, Hour
from backfill_assets.core.steps import Step
from backfill_assets.core.window import Window
from backfill_assets.testing import TestLake
from tests.e2e.server import dagster_dev, wait_until
from tests.e2e.story import environment_at
from tests.foreign.windfarm import served
from tests.sockets import listened_at

pytestmark = [pytest.mark.dagster, pytest.mark.slow, pytest.mark.timeout(900)]

TABLE, REPORT = "hourly_kwh", "peak_hours"
DAY = Window(Hour.fromisoformat("2026-03-03T00:00Z"), Hour.fromisoformat("2026-03-03T23:00Z"), Grain.HOUR)
WRONG = Window(DAY.days[6], DAY.days[17], Grain.HOUR)
WORK = 240
"""Seconds for what takes two ticks of Dagster's backfill daemon and the work, on a busy machine."""


def test_hours_are_launched_approved_and_taken_back_by_graphql(tmp_path: Path):
    lake = TestLake(tmp_path, served.defs, now="2026-03-04T00:30:00+00:00")
    lake.publish(str(DAY.first), str(DAY.last), table=TABLE)
    right = tables(lake)
    lake.plant(str(WRONG.first), str(WRONG.last), lambda rows: rows.with_columns(rows["energy"] * 2), table=TABLE)
    planted = tables(lake)
    assert all(planted[name] != right[name] for name in right)
    records = lake.records

    with dagster_dev(environment_at(tmp_path, lake.now), served.__name__) as server:
        listening = listened_at(server.process.pid)
        assert server.port in listening
        assert [address for address in listening.values() if not address.is_loopback] == []

        def done(step: Step) -> bool:
            progress = records.ledger.progress(correction)
            assert not progress.failures, progress.failures
            return step in progress.done

        backfill = server.launch_backfill(
            ["backfill", TABLE], [lake.definition(TABLE).slots.key(slot) for slot in WRONG]
        )
        correction = wait_until(lambda: max(records.ledger.all_progress(), default=""), WORK, "the correction")
        wait_until(lambda: done(Step.VALIDATE), WORK, "the validation")
        progress = records.ledger.progress(correction)
        assert (progress.plan.window, progress.gate.changed) == (WRONG, frozenset(WRONG))
        assert {run["status"] for run in server.runs(dagster__backfill=backfill)} == {"SUCCESS"}
        assert tables(lake) == planted

        server.launch_by_hand(f"{TABLE}__approve", correction, by="Ada", note="Looked at all twelve hours.")
        wait_until(lambda: done(Step.COMMUNICATE), WORK, "the end of the correction")
        assert tables(lake) == right

        server.launch_by_hand(f"{TABLE}__roll_back", correction, by="Ada", note="Too early.", all_days=True)
        wait_until(lambda: tables(lake) == planted, WORK, "the way back, with the report")
        assert {tick["status"] for tick in server.ticks()[f"{TABLE}__correction_driver"]} <= {
            "SUCCESS",
            "SKIPPED",
            "STARTED",
        }


def tables(lake: TestLake) -> Mapping[str, list[tuple[object, ...]]]:
    return {name: lake.rows(name).rows() for name in (TABLE, REPORT)}
