"""A process of another host is known by its pulse alone, where the hosts share Dagster's records."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import DagsterEvent

from backfill_assets.core.plan import Request
from backfill_assets.core.progress import Progress
from backfill_assets.core.steps import Step, WorkItem
from backfill_assets.orchestration.driving.run_requests import fail_orphaned_runs, settle, take_over
from backfill_assets.orchestration.instance import pulses, tags
from backfill_assets.orchestration.instance.pulses import beating, gone_among
from backfill_assets.orchestration.instance.runs import place_of, place_of_this, this_process
from backfill_assets.runbook import StepContext, open_correction
from backfill_assets.runbook.requesting import ask
from tests.e2e.server import wait_until
from tests.e2e.small_lake import FACT
from tests.orchestration.daemon import NOW, Daemon
from tests.orchestration.worlds import WRONG
from tests.postgres import postgres

pytestmark = [pytest.mark.dagster, pytest.mark.slow]

CONFIGURATION = Path(__file__).parents[2] / "docs/dagster-postgres.yaml"
PLACE = "0badc0de-4026531999"
STARTED = count(100)
HOSTS = {"of another host": "grace-2", "of a host of this name": socket.gethostname()}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """An instance in PostgreSQL."""
    home = tmp_path_factory.mktemp("home")
    (home / "dagster.yaml").write_text(CONFIGURATION.read_text())
    with postgres() as database, pytest.MonkeyPatch.context() as patch:
        for name, value in database.environment.items():
            patch.setenv(name, value)
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulses, "EVERY", 0.05)
    monkeypatch.setattr(pulses, "SILENT", 1.0)


def elsewhere(host: str = "grace-2") -> str:
    """A process that nobody has heard of yet, on a host of that name that is not this one."""
    return f"{host}/{PLACE}:{os.getpid()}:{next(STARTED)}"


def pulse_of(instance: dg.DagsterInstance, process: str) -> str:
    key = f"{tags.PULSE}/{process}"
    return instance.daemon_cursor_storage.get_cursor_values({key}).get(key, "")


def stopped(instance: dg.DagsterInstance, process: str) -> None:
    """What a process leaves that was killed."""
    instance.daemon_cursor_storage.set_cursor_values({f"{tags.PULSE}/{process}": "17"})


def dead() -> str:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return str(ended.pid)


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
@pytest.mark.usefixtures("hurried")
def test_a_process_elsewhere_lives_while_its_pulse_goes_on_and_is_gone_when_it_stands_still(
    shared: dg.DagsterInstance, host: str
) -> None:
    process = elsewhere(host)
    with beating(shared, process):
        begun = pulse_of(shared, process)
        deadline = time.monotonic() + 3 * pulses.SILENT
        while time.monotonic() < deadline:
            assert not gone_among(shared, [process])
        assert pulse_of(shared, process) != begun
    stopped(shared, process)

    assert not gone_among(shared, [process])  # it is looked at for the first time
    wait_until(lambda: gone_among(shared, [process]) == {process}, 60, "its end")


@pytest.mark.usefixtures("hurried")
def test_a_process_at_rest_and_one_that_never_had_a_pulse_are_not_looked_for(shared: dg.DagsterInstance) -> None:
    at_rest, never = elsewhere(), elsewhere()
    with beating(shared, at_rest):
        with beating(shared, at_rest):
            pass
        assert pulse_of(shared, at_rest) != pulses.AT_REST
    gone_among(shared, [at_rest, never])
    time.sleep(2 * pulses.SILENT)

    assert pulse_of(shared, at_rest) == pulses.AT_REST
    assert not gone_among(shared, [at_rest, never])


OF_THIS_HOST: dict[str, tuple[Callable[[], str], bool]] = {
    "this one": (this_process, False),
    "one that has ended": (lambda: f"{socket.gethostname()}/{place_of_this()}:{dead()}:1", True),
    "its id belongs to another now": (lambda: f"{socket.gethostname()}/{place_of_this()}:{os.getppid()}:1", True),
    "one that was named before, ended": (lambda: f"{socket.gethostname()}:{dead()}:1", True),
    "one that was named before, of another host": (lambda: f"grace-2:{dead()}:1", False),
}
"""A process, and whether it is gone."""


@pytest.mark.parametrize(("process", "is_gone"), OF_THIS_HOST.values(), ids=OF_THIS_HOST)
def test_a_process_of_this_host_is_asked_of_the_system(
    shared: dg.DagsterInstance, process: Callable[[], str], *, is_gone: bool
) -> None:
    assert place_of(this_process()) == place_of_this() != ""
    named = process()

    assert gone_among(shared, [named]) == ({named} if is_gone else set())


def test_one_host_alone_knows_its_processes_by_its_name_and_keeps_no_pulse(tmp_path: Path) -> None:
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        before_the_restart = f"{socket.gethostname()}/{PLACE}:{dead()}:1"
        with beating(instance, this_process()):
            assert pulse_of(instance, this_process()) == ""

        assert gone_among(instance, [before_the_restart, elsewhere()]) == {before_the_restart}


@pytest.mark.usefixtures("hurried")
def test_a_run_whose_host_is_lost_fails_by_its_name_and_one_that_ended_meanwhile_stays_as_it_is(
    shared: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dg.job
    def nothing() -> None:
        pass

    process = elsewhere()
    lost, ended = (shared.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTED) for _ in range(2))
    for run in (lost, ended):
        shared.add_run_tags(run.run_id, {tags.PROCESS: f"{run.run_id} {process}"})
    read = shared.get_run_records

    def read_before_the_end(filters: dg.RunsFilter) -> object:
        records = read(filters)
        shared.report_dagster_event(DagsterEvent(dg.DagsterEventType.RUN_SUCCESS.value, nothing.name), ended.run_id)
        return records

    stopped(shared, process)
    fail_orphaned_runs(shared)
    time.sleep(2 * pulses.SILENT)
    monkeypatch.setattr(shared, "get_run_records", read_before_the_end)
    fail_orphaned_runs(shared)

    states = {run.run_id: shared.get_run_by_id(run.run_id).status for run in (lost, ended)}
    assert states == {lost.run_id: dg.DagsterRunStatus.FAILURE, ended.run_id: dg.DagsterRunStatus.SUCCESS}
    said = [str(entry.dagster_event.message) for entry in shared.all_logs(lost.run_id) if entry.dagster_event]
    assert any("grace-2" in text and "is gone" in text for text in said), said


WHO_LOOKS = {"the next tick": settle, "whoever takes it over": take_over}


@pytest.mark.parametrize("look", WHO_LOOKS.values(), ids=WHO_LOOKS)
@pytest.mark.usefixtures("hurried")
def test_what_a_lost_host_had_asked_for_and_not_begun_is_free_again(
    daemon: Daemon, shared: dg.DagsterInstance, look: Callable[[StepContext, dg.DagsterInstance, Progress], object]
) -> None:
    ctx = daemon.lake.step_context(NOW)
    correction = open_correction(ctx, Request(FACT, WRONG, "The rate was that of the day before.")).correction
    process = elsewhere()
    ask(ctx, ctx.progress(correction), WorkItem(steps=(Step.FREEZE_REPORTS,)), process)
    stopped(shared, process)

    look(ctx, shared, ctx.progress(correction))
    assert ctx.progress(correction).runs.pending
    time.sleep(2 * pulses.SILENT)
    look(ctx, shared, ctx.progress(correction))
    assert not ctx.progress(correction).runs.pending


def test_what_was_heard_long_ago_is_forgotten(shared: dg.DagsterInstance) -> None:
    key = f"{tags.HEARD}/{place_of_this()}"
    long_ago = time.monotonic() - 2 * pulses.FORGOTTEN
    shared.daemon_cursor_storage.set_cursor_values({key: json.dumps({"old": ["1", long_ago]})})
    process = elsewhere()
    stopped(shared, process)
    gone_among(shared, [process])

    assert [*json.loads(shared.daemon_cursor_storage.get_cursor_values({key})[key])] == [process]
