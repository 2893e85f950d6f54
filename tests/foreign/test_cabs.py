"""The cab company: as it was, adopted by a few lines, and corrected by the command line."""

from datetime import date
from importlib import reload
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets.testing import TestLake
from tests.foreign.cabs import adopted, before
from tests.foreign.cabs.exports import export
from tests.foreign.project import MOST_LINES, Story, commanded, lines_to_adopt, loaded_by_dagster

pytestmark = [pytest.mark.dagster, pytest.mark.slow]


@pytest.fixture(autouse=True)
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninety days, among them that on which the clocks were changed."""
    monkeypatch.setenv("CAB_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setenv("CAB_FILES", str(tmp_path / "files"))
    export(tmp_path / "exports", date(2026, 2, 1), 90)
    reload(adopted)  # it names the files when it is loaded


def test_it_runs_as_it_was(tmp_path: Path):
    days = {"dagster/asset_partition_range_start": "2026-02-01", "dagster/asset_partition_range_end": "2026-02-28"}
    job = before.defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        daily, monthly = [before.daily_fares.key], [before.monthly_fares.key]
        assert job.execute_in_process(instance=instance, asset_selection=daily, tags=days).success
        month = {"instance": instance, "partition_key": "2026-02-01"}
        assert job.execute_in_process(asset_selection=[*monthly, before.shares_of_zones.key], **month).success

    shares = pl.read_parquet(tmp_path / "files/shares_of_zones/2026-02-01.parquet")
    assert shares["share"].sum() == pytest.approx(1, abs=1e-5)
    assert pl.read_parquet(tmp_path / "files/monthly_fares/*.parquet")["rides"].sum() == 28 * 30


def test_it_is_adopted_by_few_lines():
    lines = lines_to_adopt(before, adopted)

    assert 0 < len(lines) <= MOST_LINES, "\n".join(lines)
    assert loaded_by_dagster(adopted) is adopted.defs


def test_late_rides_inside_the_look_back_are_published_by_nightly_and_those_beyond_it_are_named_and_corrected(
    tmp_path: Path,
):
    lake = TestLake(tmp_path / "lake", adopted.defs, now="2026-02-20T06:00:00+00:00")
    story = Story(lake, "daily_fares", "", "", ("monthly_fares", "shares_of_zones"))
    with commanded(adopted):
        assert len(story.run("nightly").told["published"]) == 19
        before = lake.rows("daily_fares")
        for day in ("2026-02-05", "2026-02-18"):
            rides = tmp_path / f"exports/rides-{day}.parquet"
            pl.read_parquet(rides).with_columns((pl.col("fare") * 2).cast(pl.Decimal(9, 2))).write_parquet(rides)

        night = story.run("nightly").told
        proposed = story.run("plan", "--stale", "daily_fares").told
        request = tmp_path / "late.yaml"
        request.write_text(str(proposed["request"]))
        seen = lake.rows("daily_fares")
        name = str(story.run("open", str(request)).told["correction"])
        assert story.run("run", name, code=3).told["waits_for"] == "person"
        story.cut_over(name)
        after = story.run("nightly").told

    assert (night["rebuilt"], night["late"], proposed["days"]) == (["2026-02-18"], ["2026-02-05"], ["2026-02-05"])
    assert moved(before, seen) == {date(2026, 2, 18)}
    assert moved(before, lake.rows("daily_fares")) == {date(2026, 2, 5), date(2026, 2, 18)}
    assert (after["rebuilt"], after["late"]) == ([], [])


def moved(before: pl.DataFrame, after: pl.DataFrame) -> set[date]:
    """The days of which rows differ."""
    return {*after.join(before, on=before.columns, how="anti", nulls_equal=True)["day"]}


def test_sixty_days_across_a_change_of_clocks_are_corrected_taken_back_and_corrected_again_by_command(tmp_path: Path):
    lake = TestLake(tmp_path / "lake", adopted.defs, now="2026-05-02T06:00:00+00:00")
    story = Story(lake, "daily_fares", "2026-02-10", "2026-04-10", ("monthly_fares", "shares_of_zones"))

    with commanded(adopted):
        published = story.run("nightly").told
        assert len(published["published"]) == 90
        assert lake.rows("monthly_fares")["day"].n_unique() == 3
        assert lake.rows("daily_fares").schema["rides"] == pl.Int64
        story.correct_and_return(
            lambda rows: rows.with_columns(fares=pl.col("fares") - pl.col("highest_fare")), slots=60
        )
