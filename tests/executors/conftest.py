"""A folder that every process imports strangers' modules from, and every executor that can be had here."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from backfill_assets.orchestration.asset.executors import VARIABLE
from tests.clusters import dask_cluster
from tests.sockets import free_port

WORKERS, TRIES = 2, 3
IN_PROCESS, PROCESSES, DASK, RAY = "in-process", "processes:2", "dask", "ray"
PORTS_OF_RAY = (
    *("object-manager-port", "node-manager-port", "dashboard-agent-listen-port", "dashboard-agent-grpc-port"),
    *("runtime-env-agent-port", "metrics-export-port"),
)


@pytest.fixture(scope="session")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder on the import path of this process and of all that it begins."""
    folder = tmp_path_factory.mktemp("shops")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        told = os.environ.get("PYTHONPATH")
        patch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{told}" if told else str(folder))
        yield folder


@dataclass
class Cluster:
    """A cluster of two workers, begun anew where one that was killed in another test is not replaced in time."""

    begun: ExitStack
    address: str = ""

    def ready(self) -> str:
        """Its address, with both workers there."""
        for _ in range(TRIES):
            if self.address and self.is_whole():
                return self.address
            self.begun.close()
            self.address = self.begun.enter_context(dask_cluster(WORKERS))
        assert self.is_whole(), f"No cluster of {WORKERS} workers came up, {TRIES} times."
        return self.address

    def is_whole(self) -> bool:
        with import_module("distributed").Client(self.address, set_as_default=False) as client:
            try:
                client.wait_for_workers(WORKERS, timeout=20)
            except TimeoutError:
                return False
        return True


@pytest.fixture(scope="session")
def cluster(shops: Path) -> Iterator[Cluster]:
    """A cluster of Dask."""
    with ExitStack() as begun:
        yield Cluster(begun)


@pytest.fixture(scope="session")
def head(shops: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a head of Ray with two workers; where its raylet does not come up, it says why."""
    pytest.importorskip("ray", reason="The extra ray is not installed.")
    told, port = tmp_path_factory.mktemp("ray") / "told", free_port()
    ports = [f"--{name}={free_port()}" for name in PORTS_OF_RAY]
    # Paths of sockets are short.
    with TemporaryDirectory(prefix="ray", dir="/tmp") as sockets, told.open("w") as output:
        settings = ["--head", "--block", "--num-cpus=2", "--include-dashboard=false", "--disable-usage-stats"]
        begin = [sys.executable, "-m", "ray.scripts.scripts", "start", *settings, f"--port={port}", *ports]
        environment = {**os.environ, "RAY_AUTH_MODE": "disabled"}
        with subprocess.Popen(
            [*begin, f"--temp-dir={sockets}"], env=environment, stdout=output, stderr=output, text=True
        ) as ray:
            try:
                if not has_come_up(ray, told):
                    pytest.skip(
                        f"No raylet comes up here. {what_raylet_says(Path(sockets))} {told.read_text()[-2000:]}"
                    )
                yield f"127.0.0.1:{port}"
            finally:
                ray.terminate()
                ray.wait(60)


def has_come_up(ray: subprocess.Popen[str], told: Path) -> bool:
    for _ in range(900):
        if "Ray runtime started" in told.read_text():
            return True
        if ray.poll() is not None:
            return False
        time.sleep(0.1)
    return False


def what_raylet_says(sockets: Path) -> str:
    """The last words of a raylet that did not come up."""
    files = [*sockets.glob("session_*/logs/raylet.err"), *sockets.glob("session_*/logs/raylet.out")]
    return " ".join(file.read_text()[-2000:] for file in files)


@pytest.fixture(params=[IN_PROCESS, PROCESSES, DASK, RAY])
def executor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An executor, as the environment names it."""
    return chosen(request, monkeypatch, request.param)


@pytest.fixture(params=[PROCESSES, DASK, RAY])
def wide(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """An executor with workers of its own."""
    return chosen(request, monkeypatch, request.param)


def chosen(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str) -> str:
    told = kind
    if kind == DASK:
        pytest.importorskip("distributed", reason="The extra dask is not installed.")
        told = f"dask:{request.getfixturevalue('cluster').ready()}"
    if kind == RAY:
        monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
        told = f"ray:{request.getfixturevalue('head')}"
    monkeypatch.setenv(VARIABLE, told)
    return kind
