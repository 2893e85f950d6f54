"""Materializations of many partitions in few calls of the event log, and one by one where it takes no batches."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from backfill_assets.orchestration.instance import sqlite_storages
from backfill_assets.orchestration.instance.materializing import log_materializations
from backfill_assets.orchestration.instance.sqlite_storages import ReusingSqliteEventLogStorage
from tests.instances import configuration

HOURS = [f"2026-01-{number // 24 + 1:02}-{number % 24:02}:00" for number in range(540)]
LIVE = dg.AssetKey("live")
OURS = pytest.mark.skipif(
    issubclass(ReusingSqliteEventLogStorage, sqlite_storages.PlainSqliteEventLogStorage), reason="Dagster's own"
)


@dg.op
def tell(context: dg.OpExecutionContext) -> None:
    log_materializations(context, [dg.AssetMaterialization(LIVE, partition=hour) for hour in HOURS])


@dg.job
def cut_over() -> None:
    tell()


def noting(calls: list[int], store: Callable[..., None]) -> Callable[..., None]:
    """The same, with how many events of the table each call stores."""

    def stored(self: Any, given: Any) -> None:
        events = [given] if isinstance(given, dg.EventLogEntry) else given
        calls.append(sum(one.dagster_event_type is dg.DagsterEventType.ASSET_MATERIALIZATION for one in events))
        store(self, given)

    return stored


def told(home: Path, calls: list[int], monkeypatch: pytest.MonkeyPatch, *, storage: str) -> set[str]:
    """What an instance knows to be materialized, after a run; ``calls`` has how many each call of its log stored."""
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
    monkeypatch.delenv("DAGSTER_EVENT_BATCH_SIZE", raising=False)
    home.mkdir()
    (home / "dagster.yaml").write_text(storage)
    with dg.DagsterInstance.get() as instance:
        kind = type(instance.event_log_storage)
        for name in ("store_event", "store_event_batch"):
            monkeypatch.setattr(kind, name, noting(calls, getattr(kind, name)))
        assert cut_over.execute_in_process(instance=instance).success
        return instance.get_materialized_partitions(LIVE)


@OURS
def test_materializations_of_one_swap_are_stored_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    assert told(tmp_path / "home", calls, monkeypatch, storage=configuration()) == {*HOURS}
    assert [number for number in calls if number] == [500, len(HOURS) - 500]


def test_dagsters_own_storages_get_them_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.orchestration.test_materializing.HOURS", HOURS[:20])
    calls: list[int] = []
    assert told(tmp_path / "home", calls, monkeypatch, storage="telemetry: {enabled: false}\n") == {*HOURS}
    assert [number for number in calls if number] == [1] * len(HOURS)


def test_nothing_is_logged_of_a_swap_of_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.orchestration.test_materializing.HOURS", [])
    calls: list[int] = []
    assert told(tmp_path / "home", calls, monkeypatch, storage=configuration()) == set()
    assert not any(calls)
