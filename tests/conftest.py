"""The order of the tests: those that mostly wait for a daemon or a browser begin first, beside the quick ones."""

import gc
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import profiles
from tests.brokers import mock_broker
from tests.roots import DEAR, listed
from tests.stores import InBucket, Root, environment, object_store

pytest_plugins = ["tests.scheduling"]

assert profiles  # Hypothesis' profile is loaded before any test is made.

# Definitions that are loaded once a process serve lakes of several years; a test of the first day takes it away.
os.environ.setdefault("BACKFILL_FIRST_DAY", "2010-12-01")
# Homes that tests make take the quicker storages, as the scripts' do; the README's shop takes Dagster's own.
os.environ.setdefault("BACKFILL_STORAGES", "reusing")
# Lakes of tests may be lost in a power cut; tests/forgetting_disk.py cuts the power of those that may not.
os.environ.setdefault("BACKFILL_SYNC", "off")

LONGEST = (
    "e2e/test_daemon",
    "e2e/test_browser",
    "e2e/test_real_data",
    "e2e/test_interrupted",
    "orchestration/test_sensor",
    "e2e/",
    "orchestration/",
)
DAGSTER_FOLDERS = ("e2e", "foreign", "orchestration", "command_line", "testing", "web")


def _rank(item: pytest.Item) -> int:
    where = item.path.as_posix()
    return next((rank for rank, name in enumerate(LONGEST) if name in where), len(LONGEST))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Sort by how long a file takes, the order within a file stays; and mark by folder what starts Dagster.

    What is dear is left to the soak, which asks for it by its mark.
    """
    items.sort(key=_rank)
    dear = [one for one in items if "[bucket" in one.name and listed(one.nodeid, DEAR)]
    for item in dear:
        item.add_marker(pytest.mark.soak)
    left = [item for item in items if item.get_closest_marker("soak")]
    if left and "soak" not in config.option.markexpr:
        config.hook.pytest_deselected(items=left)
        items[:] = [one for one in items if one not in left]
    for item in items:
        if any(f"tests/{folder}/" in item.path.as_posix() for folder in DAGSTER_FOLDERS):
            item.add_marker(pytest.mark.dagster)


class _Failures:
    """Says each failure and crash as it happens, because a run that is ended from outside prints no summary."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.outcome not in {"passed", "skipped"}:
            why = getattr(getattr(report.longrepr, "reprcrash", None), "message", str(report.longrepr))
            self._terminal.ensure_newline()
            self._terminal.write_line(f"{report.outcome.upper()} {report.nodeid} [{report.when}]\n    {why[:2_000]}")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have the process that prints say failures as they come."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Failures(config.pluginmanager.getplugin("terminalreporter")))


def pytest_collection_finish() -> None:
    """Leave what was imported out of every collection of garbage, which is a fifteenth of the time otherwise."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    """The address of the object store of all tests of a process; one that needs it starts it."""
    with object_store() as address:
        yield address


@pytest.fixture(scope="session")
def broker() -> Iterator[str]:
    """The address of the broker of all tests of a process; one that needs it starts it."""
    with mock_broker() as address:
        yield address


@pytest.fixture
def bucket(store: str, monkeypatch: pytest.MonkeyPatch) -> InBucket:
    """A folder of a test's own in a bucket, reached by the environment alone."""
    for name, value in environment(store).items():
        monkeypatch.setenv(name, value)
    return InBucket(store, f"{uuid.uuid4().hex}/lake")


@pytest.fixture(params=["disk", pytest.param("bucket", marks=pytest.mark.slow)])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Root:
    """Where a test of storage has its lake: on disk, and once more in an object store."""
    return tmp_path if request.param == "disk" else request.getfixturevalue("bucket")
