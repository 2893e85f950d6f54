"""The storages that keep their connections: the same files as Dagster's own, from several threads, for any reader."""

import re
import sqlite3
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
import yaml

from backfill_assets.command_line.session import prepare_home
from backfill_assets.orchestration.instance import sqlite_storages
from backfill_assets.orchestration.instance.sqlite_storages import ReusingSqliteEventLogStorage
from tests.instances import configuration

DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-11")


@dg.asset(partitions_def=DAYS)
def counted(context: dg.AssetExecutionContext) -> None:
    context.add_output_metadata({"day": context.partition_key})


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def counted_at_once() -> None: ...


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def checked_at_once() -> None: ...


@dg.asset_check(asset=checked_at_once)
def there_are_some() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


GRAPH = dg.Definitions(assets=[counted]).resolve_asset_graph()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if issubclass(ReusingSqliteEventLogStorage, sqlite_storages.PlainSqliteEventLogStorage):
        pytest.skip("this release of Dagster has its own")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    (tmp_path / "dagster.yaml").write_text(configuration())
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


def test_a_run_over_many_days_is_recorded_day_by_day_in_both_files(home: Path) -> None:
    days = [str(key) for key in DAYS.get_partition_keys()]
    with dg.DagsterInstance.get() as instance:
        ends = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
        run = dg.materialize([counted_at_once], instance=instance, tags=ends)
        kinds = [dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, dg.DagsterEventType.ASSET_MATERIALIZATION]

        assert instance.get_materialized_partitions(counted_at_once.key) == set(days)
        newest = instance.get_latest_materialization_event(counted_at_once.key)
        assert newest is not None
        assert newest.run_id == run.run_id
        assert instance.get_asset_records([counted_at_once.key])[0].asset_entry.last_run_id == run.run_id
        for kind in kinds:
            of_run = instance.all_logs(run.run_id, of_type=kind)
            assert sorted(str(entry.get_dagster_event().partition) for entry in of_run) == days
        everywhere = instance.fetch_materializations(counted_at_once.key, limit=100).records
        assert sorted(str(one.partition_key) for one in everywhere) == days


def test_a_check_of_an_asset_leaves_the_events_of_its_days_together(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days, alone = [str(key) for key in DAYS.get_partition_keys()], list[dg.DagsterEventType | None]()
    store = ReusingSqliteEventLogStorage.store_event

    def noted(self: ReusingSqliteEventLogStorage, event: dg.EventLogEntry) -> None:
        alone.append(event.dagster_event_type)
        store(self, event)

    monkeypatch.setattr(ReusingSqliteEventLogStorage, "store_event", noted)
    with dg.DagsterInstance.get() as instance:
        ends = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
        run = dg.materialize([checked_at_once, there_are_some], instance=instance, tags=ends)
        planned = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED

        assert planned not in alone
        assert len(instance.all_logs(run.run_id, of_type=planned)) == len(days)
        [check] = run.get_asset_check_evaluations()
        assert dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED in alone
        records = instance.event_log_storage.get_asset_check_execution_history(check.asset_check_key, limit=20)
        assert "SUCCEEDED" in {record.status.value for record in records}


def test_a_watcher_in_another_process_hears_of_events_while_the_writer_keeps_its_file_open(home: Path) -> None:
    heard: list[str] = []
    with dg.DagsterInstance.get() as writer, dg.DagsterInstance.get() as watcher:
        run = writer.create_run_for_job(dg.define_asset_job("one", [counted]).resolve(asset_graph=GRAPH))
        writer.report_engine_event("first", run)
        watcher.watch_event_logs(run.run_id, None, lambda entry, _cursor: heard.append(entry.message))
        # Not so many that SQLite itself writes the file; the observer needs a moment to begin.
        for _ in range(40):
            writer.report_engine_event("second", run)
            time.sleep(0.1)
            if "second" in heard:
                break

    assert "second" in heard


def test_reading_a_run_wakes_nobody_who_watches_it(home: Path) -> None:
    """Whoever is woken reads, and would wake himself again and again."""
    with dg.DagsterInstance.get() as instance:
        run_id = dg.materialize([counted], instance=instance, partition_key="2026-01-01").run_id
        file = home / "history" / "runs" / f"{run_id}.db"
        before = file.stat().st_mtime_ns
        assert instance.all_logs(run_id)
        assert file.stat().st_mtime_ns == before


def test_dagsters_own_runs_are_read_from_the_same_file(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        assert type(instance.run_storage).__name__ == "ReusingSqliteRunStorage"
        assert materialize(instance, "2026-01-01")
        ours = {run.run_id for run in instance.get_runs()}
    config = yaml.safe_load((home / "dagster.yaml").read_text())
    del config["run_storage"], config["event_log_storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))

    with dg.DagsterInstance.get() as plain:
        assert {run.run_id for run in plain.get_runs()} == ours


def test_wiping_lets_go_of_the_files_first(home: Path) -> None:
    with dg.DagsterInstance.get() as instance:
        assert materialize(instance, "2026-01-01")
        instance.wipe()
        assert not instance.get_materialized_partitions(counted.key)
        assert materialize(instance, "2026-01-02")
        assert instance.get_materialized_partitions(counted.key) == {"2026-01-02"}


def test_the_file_of_a_run_has_the_tables_that_dagster_gives_it(home: Path) -> None:
    config = yaml.safe_load((home / "dagster.yaml").read_text())
    with dg.DagsterInstance.get() as instance:
        ours = dg.materialize([counted], instance=instance, partition_key="2026-01-01").run_id
    del config["event_log_storage"]
    (home / "dagster.yaml").write_text(yaml.safe_dump(config))
    with dg.DagsterInstance.get() as plain:
        theirs = dg.materialize([counted], instance=plain, partition_key="2026-01-02").run_id
    assert tables_of(home, ours) == tables_of(home, theirs)


def tables_of(home: Path, run_id: str) -> tuple[set[tuple[str, ...]], list[tuple[str]]]:
    with closing(sqlite3.connect(home / "history" / "runs" / f"{run_id}.db")) as there:
        made = set(there.execute("SELECT type, name, tbl_name, sql FROM sqlite_master"))
        return made, there.execute("SELECT version_num FROM alembic_version").fetchall()


@pytest.mark.parametrize("release", ["1.10.21", "1.12.22", "1.13.8", "1.14.0", "2.0", "1!0+unknown"])
def test_a_release_that_ours_do_not_know_gets_dagsters_own_with_a_warning(release: str) -> None:
    with pytest.warns(
        UserWarning, match=f"do not know Dagster {re.escape(release)}, so Dagster's own keep the same files"
    ):
        chosen = sqlite_storages.storages_for(release)

    assert chosen == (sqlite_storages.PlainSqliteEventLogStorage, sqlite_storages.PlainSqliteRunStorage)


def test_a_release_that_moved_what_ours_reach_into_gets_dagsters_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, sqlite_storages.OURS, raising=False)
    monkeypatch.delattr("dagster._core.storage.event_log.sqlite.sqlite_event_log.INDEX_SHARD_NAME")

    with pytest.warns(UserWarning, match="take longer"):
        chosen = sqlite_storages.storages_for(dg.__version__)

    assert chosen[0] is sqlite_storages.PlainSqliteEventLogStorage


def test_an_instance_goes_on_with_dagsters_own_on_the_same_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with dg.DagsterInstance.get() as instance:
        assert materialize(instance, "2026-01-01")
    for ours, plain in zip(
        ("ReusingSqliteEventLogStorage", "ReusingSqliteRunStorage"),
        (sqlite_storages.PlainSqliteEventLogStorage, sqlite_storages.PlainSqliteRunStorage),
        strict=True,
    ):
        monkeypatch.setattr(sqlite_storages, ours, plain)

    with dg.DagsterInstance.get() as instance:
        assert type(instance.event_log_storage) is sqlite_storages.PlainSqliteEventLogStorage
        assert materialize(instance, "2026-01-02")
        assert instance.get_materialized_partitions(counted.key) == {"2026-01-01", "2026-01-02"}
        assert len(instance.get_runs()) == 2


@pytest.mark.parametrize("named", ["", "dagster", "reusing"])
def test_a_new_home_has_our_storages_only_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "new"))
    monkeypatch.setenv("BACKFILL_STORAGES", named)

    config = yaml.safe_load((prepare_home() / "dagster.yaml").read_text())

    assert config["run_queue"]["dequeue_use_threads"]
    quicker = {"run_storage", "event_log_storage", "compute_logs"}
    assert config.keys() & quicker == (quicker if named == "reusing" else set())
