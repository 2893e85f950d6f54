"""A folder that every process imports strangers' modules from, and every executor that can be had here."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backfill_assets.orchestration.asset.executors import VARIABLE

IN_PROCESS, PROCESSES, DASK = "in-process", "processes:2", "dask"


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the import path of this process and of all that it begins."""
    folder = tmp_path_factory.mktemp("shops")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        told = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{told}" if told else str(folder))
        yield folder


@pytest.fixture(scope="session")
def cluster(shops: Path) -> Iterator[Any]:
    """A cluster of two workers, on which a call is dropped with the first worker that dies of it."""
    distributed = pytest.importorskip("distributed", reason="The extra dask is not installed.")
    import dask

    with (
        dask.config.set(
            {"distributed.scheduler.allowed-failures": 0, "distributed.admin.system-monitor.gil.enabled": False}
        ),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made,
    ):
        yield made


@pytest.fixture(params=[IN_PROCESS, PROCESSES, DASK])
def executor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An executor, as the environment names it."""
    return chosen(request, monkeypatch, request.param)


@pytest.fixture(params=[PROCESSES, DASK])
def wide(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An executor with workers of its own."""
    return chosen(request, monkeypatch, request.param)


def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str) -> str:
    told = kind
    if kind == DASK:
        cluster = request.getfixturevalue("cluster")
        cluster.wait_for_workers(2)  # those that died in another test are being replaced
        told = f"dask:{cluster.scheduler_address}"
    monkeypatch.setenv(VARIABLE, told)
    return kind
