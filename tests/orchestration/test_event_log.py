"""The event log that keeps its engines: the same log as Dagster's own, from several threads, in the same place."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-11")


@dg.asset(partitions_def=DAYS)
def counted(context: dg.AssetExecutionContext) -> None:
    context.add_output_metadata({"day": context.partition_key})


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    (tmp_path / "dagster.yaml").write_text((ROOT / "dagster.yaml").read_text())
    return tmp_path


def materialize(instance: dg.DagsterInstance, day: str) -> bool:
    return dg.materialize([counted], instance=instance, partition_key=day).success


def test_it_is_what_the_instance_uses(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage).__name__ == "ReusingSqliteEventLogStorage"
        assert (home / "history" / "runs" / "index.db").exists()


def test_dagsters_own_storage_reads_what_it_wrote(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        assert materialize(instance, "2026-01-01")
    config = yaml.safe_load((home / "dagster.yaml").read_text())
    del config["event_log_storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))

    with dg.DagsterInstance.get() as plain:
        assert type(plain.event_log_storage).__name__ == "SqliteEventLogStorage"
        assert plain.get_materialized_partitions(counted.key) == {"2026-01-01"}


def test_no_event_of_several_threads_is_lost(home: Path) -> None:
    days = [str(key) for key in DAYS.get_partition_keys()]
    with dg.DagsterInstance.get() as instance, ThreadPoolExecutor(4) as threads:
        events = [dg.AssetMaterialization(counted.key, partition=day) for day in days]
        list(threads.map(instance.report_runless_asset_event, events))

        assert instance.get_materialized_partitions(counted.key) == set(days)
