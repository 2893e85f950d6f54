"""A real ``dagster dev``, webserver and daemon, on a free port; stopped with everything it started."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backfill_assets.orchestration.correction.manual_jobs import manual_job_name, manual_op_name
from tests.instances import configuration
from tests.sockets import free_port

ROOT = Path(__file__).parents[2]
UP_WITHIN, GONE_WITHIN, LOOK_EVERY = 180, 30, 0.5

LAUNCH = """mutation($p: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $p) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
LAUNCH_JOB = """mutation($p: ExecutionParams!) { launchRun(executionParams: $p) { __typename
  ... on LaunchRunSuccess { run { runId } } ... on PythonError { message } } }"""
TIMES = """query($id: ID!) { runOrError(runId: $id) { ... on Run { status stats { ... on RunStatsSnapshot {
  enqueuedTime launchTime startTime endTime } } } } }"""
RUNS = """query($f: RunsFilter) { runsOrError(filter: $f) { ... on Runs { results {
  runId status jobName creationTime startTime endTime tags { key value } } } } }"""
SENSORS = """query($s: RepositorySelector!) { sensorsOrError(repositorySelector: $s) {
  ... on Sensors { results { name sensorState { status ticks(limit: 20) { status timestamp endTimestamp
  skipReason error { message } } } } } } }"""


@dataclass(frozen=True)
class Server:
    """A running ``dagster dev``."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    location: str = "backfill_assets"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, query: str, **variables: Any) -> Any:
        """The data of a GraphQL query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(f"{self.url}/graphql", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            told = json.load(answer)
        assert "errors" not in told, told["errors"]
        return told["data"]

    def launch_backfill(self, asset: list[str], partitions: list[str], tags: Mapping[str, str] | None = None) -> str:
        """Launch a backfill as the asset page does; returns its id."""
        named = [{"key": key, "value": value} for key, value in (tags or {}).items()]
        params = {"assetSelection": [{"path": asset}], "partitionNames": partitions, "tags": named}
        return self.ask(LAUNCH, p=params)["launchPartitionBackfill"]["backfillId"]

    def launch_by_hand(self, name: str, correction: str, **config: Any) -> str:
        """Launch the job of ``table__what`` a person does to a correction, as its launchpad does: the run's id."""
        table, _, what = name.rpartition("__")
        told = {"ops": {manual_op_name(table, what): {"config": config}}}
        return self.launch_job(manual_job_name(table, what), {"dagster/partition": correction}, told)

    def launch_job(self, name: str, tags: Mapping[str, str], config: Mapping[str, Any] | None = None) -> str:
        """Launch a job of the code location; returns the run's id."""
        marks = [{"key": key, "value": value} for key, value in tags.items()]
        selector = {**self._repository, "jobName": name}
        params = {"selector": selector, "runConfigData": config or {}, "executionMetadata": {"tags": marks}}
        return self.ask(LAUNCH_JOB, p=params)["launchRun"]["run"]["runId"]

    def ended(self, run_id: str) -> dict[str, Any] | None:
        """How a run ended, and when it was enqueued, launched and begun; None while it has not."""
        run = self.ask(TIMES, id=run_id)["runOrError"]
        return run if run["status"] in {"SUCCESS", "FAILURE", "CANCELED"} else None

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """Runs with these tags, newest first; ``__`` in a name stands for a slash."""
        named = [{"key": key.replace("__", "/"), "value": value} for key, value in tags.items()]
        found = self.ask(RUNS, f={"tags": named})["runsOrError"]["results"]
        return [{**run, "tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def ticks(self) -> dict[str, list[dict[str, Any]]]:
        """The newest ticks of every sensor."""
        found = self.ask(SENSORS, s=self._repository)["sensorsOrError"]["results"]
        return {sensor["name"]: sensor["sensorState"]["ticks"] for sensor in found}

    @property
    def _repository(self) -> dict[str, str]:
        return {"repositoryName": "__repository__", "repositoryLocationName": self.location}

    def kill(self) -> None:
        """``kill -9`` of everything: webserver, daemon, code server, and the runs in their processes."""
        for pid in descendants(self.process.pid):
            _signal(pid, signal.SIGKILL)
        self.process.wait()


@contextmanager
def dagster_dev(environment: Mapping[str, str], module: str = "") -> Iterator[Server]:
    """Start ``dagster dev``; it is up when the webserver answers and has loaded the code location.

    That is a module where one is named, which its location is then called by, and else the example's workspace.
    """
    home = Path(environment["DAGSTER_HOME"])
    (home / "dagster.yaml").write_text(configuration(), encoding="utf-8")
    port = free_port()
    log = home.parent / f"dagster-{port}.log"
    command = [str(Path(sys.executable).with_name("dagster")), "dev", "-h", "127.0.0.1"]
    command += ["-m", module] if module else ["-w", "workspace.yaml"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["env", "--default-signal=INT,TERM,QUIT", *command, "-p", str(port), "--log-level", "warning"],
            cwd=ROOT,
            env=dict(environment),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        server = Server(port, process, log, *([module] if module else []))
        try:
            wait_until(lambda: _answers(server), UP_WITHIN, f"dagster dev, whose log is {log}")
            yield server
        finally:
            stop(server)


@contextmanager
def console_process(environment: Mapping[str, str], port: int) -> Iterator[str]:
    """Start the console on a port of this machine; yields its address once it answers."""
    call = "from backfill_assets.command_line import app; app()"
    command = [sys.executable, "-c", call, "serve", "--port", str(port)]
    log = Path(environment["DAGSTER_HOME"]).parent / f"console-{port}.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            ["env", "--default-signal=INT,TERM,QUIT", *command],
            cwd=ROOT,
            env=dict(environment),
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: _accepts(port, process, log), UP_WITHIN, f"the console, whose log is {log}")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(GONE_WITHIN)


def stop(server: Server) -> None:
    """Stop a server and everything it started."""
    started = descendants(server.process.pid)
    if server.process.poll() is None:
        server.process.terminate()
        try:
            server.process.wait(GONE_WITHIN)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()
    for pid in started:
        _signal(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """A process with everything below it, parents first."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for parent in found:
        found += children.get(parent, [])
    return found


def wait_until(look: Callable[[], Any], seconds: float, what: str) -> Any:
    """Look again and again until something is there; fails naming what never came."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(LOOK_EVERY)
    message = f"{what} did not come within {seconds} seconds"
    raise AssertionError(message)


def _accepts(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")[-3000:]
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def _answers(server: Server) -> bool:
    assert server.process.poll() is None, server.log.read_text(errors="replace")[-3000:]
    try:
        told = server.ask(
            "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus locationOrLoadError {"
            " __typename ... on PythonError { message } } } } } }"
        )
    except OSError:
        return False
    entries = told["workspaceOrError"]["locationEntries"]
    errors = [entry["locationOrLoadError"] for entry in entries if "message" in (entry["locationOrLoadError"] or {})]
    assert not errors, errors
    return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
