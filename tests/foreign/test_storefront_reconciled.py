"""The web shop is reconciled with its bank by the real daemon: from a red check to a correction that closes it."""

import os
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from deltalake import write_deltalake

from backfill_assets.storage.findings import Findings
from backfill_assets.testing import TestLake
from tests.e2e.server import Server, dagster_dev, wait_until
from tests.foreign.project import Story, commanded
from tests.foreign.storefront import reconciled

pytestmark = [pytest.mark.dagster, pytest.mark.slow, pytest.mark.timeout(900)]

TABLE, MODULE = "core__daily_sales", "tests.foreign.storefront.reconciled"
CHECK = dg.AssetCheckKey(reconciled.daily_sales.key, "agrees_with_ledger")
MINUTES = 120


def looked(lake: TestLake, *, passed: bool) -> dg.AssetCheckEvaluation:
    """What the last look by the clock said, once one has ended so; looks tell of themselves outside of any step."""

    def look() -> dg.AssetCheckEvaluation | None:
        for record in lake.instance.event_log_storage.get_asset_check_execution_history(CHECK, limit=5):
            event = record.event.dagster_event if record.event and not record.event.run_id else None
            if event is not None:
                told = event.event_specific_data
                return told if told.passed is passed else None
        return None

    return wait_until(look, MINUTES, f"a look that {'passed' if passed else 'failed'}")


def by_the_clock(server: Server) -> set[str]:
    """The schedules by which the table was compared."""
    runs = [run for run in server.runs() if run["jobName"] == f"{TABLE}__reconcile"]
    return {run["tags"].get("dagster/schedule_name", "") for run in runs}


def test_a_scheduled_look_finds_what_the_bank_says_otherwise_and_its_correction_closes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("BACKFILL_STORAGES", "reusing")
    monkeypatch.setenv("SHOP_BANK", str(tmp_path / "bank"))
    lake = TestLake(tmp_path / "lake", reconciled.defs, now="2026-02-02T06:00:00+00:00")
    lake.publish("2026-01-01", "2026-01-31")
    right = lake.rows("core/daily_sales")
    booked = right.select(pl.col("order_date").alias("booked_on"), "country", amount=pl.col("revenue").cast(pl.Float64))
    write_deltalake(str(tmp_path / "bank"), booked)
    in_germany = pl.when(pl.col("country") == "DE").then(2).otherwise(1)
    lake.plant("2026-01-12", "2026-01-25", lambda rows: rows.with_columns(pl.col("revenue") * in_germany))
    story = Story(lake, "core/daily_sales", "", "", ())

    with lake.entered(), dagster_dev(dict(os.environ), MODULE) as server, commanded(reconciled):
        red = looked(lake, passed=False)
        (finding,) = Findings(lake.lake.lake()).open(TABLE)
        request = str(red.metadata["request"].value)
        name = str(story.run("open", request).told["correction"])
        wait_until(lambda: story.run("status", name).told["waits_for"] == "person", MINUTES, "the gate")
        story.run("approve", name, "--by", "Ada", "--note", "As the bank says.")
        wait_until(lambda: story.run("status", name).told["waits_for"] == "time", MINUTES, "the cut over")
        green = looked(lake, passed=True)
        assert by_the_clock(server) == {f"{TABLE}__reconcile_schedule"}

    assert (str(finding.since), finding.detail["groups"]) == ("2026-01-12", ["DE"])
    assert "amounts since 2026-01-12 (DE)" in str(red.description)
    assert "Live agrees with the ledger" in str(green.description)
    assert lake.rows("core/daily_sales").equals(right)
    assert [found.state for found in Findings(lake.lake.lake()).latest(TABLE)] == ["closed"]
    checks = lake.correction(name).checks
    assert {checks[one].passed for one in ("unchanged_where", "change_per_day", "change_total", "estimate")} == {True}
