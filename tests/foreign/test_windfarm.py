"""The wind farm: as it was, adopted by a few lines, and corrected by the command line."""

from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest

from backfill_assets.testing import TestLake
from tests.foreign.project import MOST_LINES, Story, commanded, lines_to_adopt, loaded_by_dagster
from tests.foreign.windfarm import adopted, before

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
            [before.readings.key, before.hourly_kwh.key],
            [before.peak_hours.key, before.daily_kwh.key],
        )
        by_week = [before.weekly_kwh.key, before.ranking.key]
        assert job.execute_in_process(asset_selection=by_hour, tags=hours, **told).success
        assert job.execute_in_process(asset_selection=by_hour, partition_key="2026-03-04-05:00", **told).success
        assert job.execute_in_process(asset_selection=by_day, tags=days, **told).success
        assert job.execute_in_process(asset_selection=by_week, partition_key="2026-03-02", **told).success

    with duckdb.connect(str(tmp_path / "farm.duckdb")) as database:
        assert database.execute("select sum(hours), count(distinct day) from daily_kwh").fetchone() == (504, 7)
        assert database.execute("select typeof(energy), rank from ranking order by rank").fetchall() == [
            ("DOUBLE", 1),
            ("DOUBLE", 2),
            ("DOUBLE", 3),
        ]
        assert database.execute("select count(*) from peak_hours").fetchone() == (7,)


def test_it_is_adopted_by_few_lines():
    lines = lines_to_adopt(before, adopted)

    assert 0 < len(lines) <= MOST_LINES, "\n".join(lines)
    assert loaded_by_dagster(adopted) is adopted.defs


def test_sixty_hours_and_then_their_days_are_corrected_taken_back_and_corrected_again_by_command(tmp_path: Path):
    lake = TestLake(tmp_path / "lake", adopted.defs, now="2026-03-10T00:30:00+00:00")
    hours = Story(lake, "hourly_kwh", "2026-03-03T06:00Z", "2026-03-05T17:00Z", ("peak_hours",))
    days = Story(lake, "daily_kwh", "2026-03-03", "2026-03-05", ("weekly_kwh", "ranking"))

    def rolled_up(_: pl.DataFrame) -> pl.DataFrame:
        made = adopted.daily_kwh(hourly_kwh=lake.rows("hourly_kwh"))
        return made.lazy().filter(pl.col("day").is_between(date(2026, 3, 3), date(2026, 3, 5))).collect()

    with commanded(adopted):
        published = hours.run("nightly").told
        assert len(published["hourly_kwh"]["published"]) == 8 * 24
        assert len(published["daily_kwh"]["published"]) == 8
        assert lake.rows("weekly_kwh")["week"].n_unique() == 1
        assert lake.rows("hourly_kwh").schema["hour"] == pl.Datetime("us")
        right = {**hours.tables(), **days.tables()}
        wrong = {**hours.plant(lambda rows: rows.with_columns(pl.col("energy") * 2)), **days.plant(rolled_up)}
        assert all(wrong[name] != right[name] for name in right)

        of_hours = hours.correct(60)
        assert {**hours.tables(), **days.tables()} == {**right, **{name: wrong[name] for name in days.tables()}}
        assert hours.run("nightly").told["daily_kwh"]["late"] == ["2026-03-03", "2026-03-04", "2026-03-05"]
        of_days = days.correct(3)
        assert {**hours.tables(), **days.tables()} == right

        days.roll_back(of_days)
        hours.roll_back(of_hours)
        assert {**hours.tables(), **days.tables()} == wrong
        hours.cut_over(of_hours)
        days.cut_over(of_days)
        assert {**hours.tables(), **days.tables()} == right
        days.decommission(of_days)
        hours.decommission(of_hours)
        assert {**hours.tables(), **days.tables()} == right
