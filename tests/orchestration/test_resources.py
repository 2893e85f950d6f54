"""The lake as a resource: where it was said to be, however a run comes by it."""

import dagster as dg
import polars as pl
import pytest

from backfill_assets import DeltaLakeIOManager, LakeResource


@pytest.mark.parametrize("given", ["said", "from the environment"])
def test_a_lake_is_where_it_was_said_to_be_also_inside_the_io_manager(given: str, tmp_path, monkeypatch):
    monkeypatch.setenv("LAKE_OF_OURS", str(tmp_path / "ours"))
    monkeypatch.setenv("BACKFILL_LAKE", str(tmp_path / "other"))
    root = str(tmp_path / "ours") if given == "said" else dg.EnvVar("LAKE_OF_OURS")
    inside = LakeResource(root=root)

    @dg.asset(io_manager_key="kept")
    def report(lake: LakeResource) -> pl.DataFrame:
        return pl.DataFrame({"root": [lake.lake().root]})

    resources = {"lake": inside, "kept": DeltaLakeIOManager(lake=inside)}
    assert dg.materialize([report], resources=resources).success
    assert [file.name for file in tmp_path.iterdir()] == ["ours"]
    kept = LakeResource(root=str(tmp_path / "ours")).records().snapshot("report").scan().collect()
    assert kept["root"].item() == str(tmp_path / "ours")
