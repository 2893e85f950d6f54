"""The web shop: as it was, adopted by a few lines, and corrected by the command line."""

from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from tests.foreign.storefront import before

pytestmark = [pytest.mark.dagster, pytest.mark.slow]


def test_it_runs_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WAREHOUSE", str(tmp_path))
    days = {"dagster/asset_partition_range_start": "2026-01-05", "dagster/asset_partition_range_end": "2026-01-18"}
    weeks = {"dagster/asset_partition_range_start": "2026-01-05", "dagster/asset_partition_range_end": "2026-01-12"}
    job = before.defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        daily = [before.users.key, before.orders.key, before.daily_sales.key]
        assert job.execute_in_process(instance=instance, asset_selection=daily, tags=days).success
        assert job.execute_in_process(instance=instance, asset_selection=[before.weekly_sales.key], tags=weeks).success

    weekly = pl.read_delta(str(tmp_path / "marts/weekly_sales"))
    assert weekly.schema["revenue"] == pl.Float64
    assert weekly.group_by("day").agg(pl.col("orders").sum()).sort("day")["orders"].to_list() == [280, 280]
