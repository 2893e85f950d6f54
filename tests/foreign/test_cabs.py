"""The cab company: as it was, adopted by a few lines, and corrected by the command line."""

from datetime import date
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from tests.foreign.cabs import before
from tests.foreign.cabs.exports import export

pytestmark = [pytest.mark.dagster, pytest.mark.slow]


@pytest.fixture(autouse=True)
def exports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ninety days, among them that on which the clocks were changed."""
    monkeypatch.setenv("CAB_EXPORTS", str(tmp_path / "exports"))
    monkeypatch.setenv("CAB_FILES", str(tmp_path / "files"))
    export(tmp_path / "exports", date(2026, 2, 1), 90)


def test_it_runs_as_it_was(tmp_path: Path):
    days = {"dagster/asset_partition_range_start": "2026-02-01", "dagster/asset_partition_range_end": "2026-02-28"}
    job = before.defs.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        daily, monthly = [before.rides.key, before.daily_fares.key], [before.monthly_fares.key]
        assert job.execute_in_process(instance=instance, asset_selection=daily, tags=days).success
        month = {"instance": instance, "partition_key": "2026-02-01"}
        assert job.execute_in_process(asset_selection=[*monthly, before.shares_of_zones.key], **month).success

    shares = pl.read_parquet(tmp_path / "files/shares_of_zones/2026-02-01.parquet")
    assert shares["share"].sum() == pytest.approx(1, abs=1e-5)
    assert pl.read_parquet(tmp_path / "files/monthly_fares/*.parquet")["rides"].sum() == 28 * 30
