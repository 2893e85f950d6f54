"""The web shop: as it was, adopted by a few lines, and corrected by the command line."""

from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets.testing import TestLake
from tests.foreign.project import MOST_LINES, Story, commanded, lines_to_adopt, loaded_by_dagster, spelled
from tests.foreign.storefront import adopted, before

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
    assert weekly.group_by("week").agg(pl.col("orders").sum()).sort("week")["orders"].to_list() == [280, 280]


def test_it_is_adopted_by_few_lines():
    lines = lines_to_adopt(before, adopted)

    assert 0 < len(lines) <= MOST_LINES, "\n".join(lines)
    assert loaded_by_dagster(adopted) is adopted.defs


def test_floats_are_refused_with_the_cast_to_write_and_nothing_of_the_fact_is_written(tmp_path: Path):
    floats = spelled(adopted, ".cast(pl.Decimal(18, 2))", "")
    lake = TestLake(tmp_path / "lake", floats.defs, now="2026-01-08T06:00:00+00:00")
    story = Story(lake, "core/daily_sales", "", "", ())

    with commanded(floats):
        refused = story.run("nightly", code=2)

    assert 'pl.col("revenue").cast(pl.Decimal(38, 4))' in refused.reasons["2026-01-01"]
    assert lake.records.days("core__daily_sales") == frozenset()
    assert len(lake.with_code(adopted.defs).nightly().published) == 7


def test_sixty_days_are_corrected_taken_back_and_corrected_again_by_command(tmp_path: Path):
    lake = TestLake(tmp_path / "lake", adopted.defs, now="2026-04-02T06:00:00+00:00")
    story = Story(lake, "core/daily_sales", "2026-01-15", "2026-03-15", ("marts/weekly_sales", "marts/monthly_sales"))

    with commanded(adopted):
        published = story.run("nightly").told
        assert len(published["published"]) == 91
        assert lake.rows("core/daily_sales").schema["revenue"] == pl.Decimal(38, 2)
        assert lake.rows("core/daily_sales", ["2026-01-15"])["order_date"].unique().to_list() == [date(2026, 1, 15)]
        assert lake.rows("marts/monthly_sales")["month"].n_unique() == 3
        story.correct_and_return(lambda rows: rows.with_columns(pl.col("revenue") * 2), slots=60)
