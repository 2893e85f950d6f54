"""The wind farm: as it was, adopted by a few lines, and corrected by the command line."""

from pathlib import Path

import dagster as dg
import duckdb
import pytest

from tests.foreign.windfarm import before

pytestmark = [pytest.mark.dagster, pytest.mark.slow]


def test_it_runs_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FARM_DATABASE", str(tmp_path / "farm.duckdb"))
    hours = {
        "dagster/asset_partition_range_start": "2026-03-02-00:00",
        "dagster/asset_partition_range_end": "2026-03-08-23:00",
    }
    days = {"dagster/asset_partition_range_start": "2026-03-02", "dagster/asset_partition_range_end": "2026-03-08"}
    job = before.defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        told = {"instance": instance}
        by_hour, by_day = (
            [before.readings.key, before.hourly_energy.key],
            [before.peak_hours.key, before.daily_energy.key],
        )
        by_week = [before.weekly_energy.key, before.ranking.key]
        assert job.execute_in_process(asset_selection=by_hour, tags=hours, **told).success
        assert job.execute_in_process(asset_selection=by_hour, partition_key="2026-03-04-05:00", **told).success
        assert job.execute_in_process(asset_selection=by_day, tags=days, **told).success
        assert job.execute_in_process(asset_selection=by_week, partition_key="2026-03-02", **told).success

    with duckdb.connect(str(tmp_path / "farm.duckdb")) as database:
        assert database.execute("select sum(hours), count(distinct day) from daily_energy").fetchone() == (504, 7)
        assert database.execute("select typeof(energy), rank from ranking order by rank").fetchall() == [
            ("DOUBLE", 1),
            ("DOUBLE", 2),
            ("DOUBLE", 3),
        ]
        assert database.execute("select count(*) from peak_hours").fetchone() == (7,)
