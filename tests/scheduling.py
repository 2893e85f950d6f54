"""How files of tests are given to processes: as ``--dist loadfile`` gives them, and so that a crash is survived.

A library that ends its process takes the tests of others along. Once in a run that is told, and what had not ended is
run again; a second crash is a failure of the test that it happened in.

After a crash xdist gives back also the files that the process was through with, of which nothing is left to run, and
to its successor perhaps one test alone, which waits for the one after it. Whoever is given either is never asked
again, and the run does not end.
"""

from collections import Counter
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

FEWEST = 2
"""A process runs a test once it has the one after it."""
CRASHED = "crashed"


class Scheduling(LoadFileScheduling):
    """A file to a process, and to another one where that crashed."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        self.crashes: Counter[str] = Counter()

    def remove_node(self, node: Any) -> str | None:
        """Take a process out that ended or crashed; what it is through with, or crashed twice, is not given again."""
        given = self.assigned_work.pop(node)
        left = {file: tests for file, tests in given.items() if not all(tests.values())}
        if not left:
            return None
        file, tests = next(iter(left.items()))
        crashed = next(name for name, is_through in tests.items() if not is_through)
        self.crashes[crashed] += 1
        tests[crashed] = self.crashes[crashed] > 1
        if all(tests.values()):
            del left[file]
        self.workqueue.update(left)
        for other in self.assigned_work:
            self._reschedule(other)
        return crashed

    def _reschedule(self, node: Any) -> None:
        if node not in self.registered_collections:
            return
        super()._reschedule(node)
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < FEWEST:
            super()._reschedule(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """What xdist asks for a scheduler."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_handlecrashitem(report: pytest.TestReport, sched: Any) -> None:
    """The first crash of a run is none of the test's."""
    if isinstance(sched, Scheduling) and sched.crashes.total() == 1:
        report.outcome = CRASHED  # pyright: ignore[reportAttributeAccessIssue]


def pytest_report_teststatus(report: pytest.TestReport) -> tuple[str, str, str] | None:
    """How that is counted and shown."""
    return (CRASHED, "C", "CRASHED") if report.outcome == CRASHED else None
