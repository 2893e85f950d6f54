"""How files of tests are given to processes: as ``--dist loadfile`` gives them, and so that a crash is survived.

After a crash xdist gives back also the files that the process was through with, of which nothing is left to run, and
to its successor perhaps one test alone, which waits for the one after it. Whoever is given either is never asked
again, and the run does not end.
"""

from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

FEWEST = 2
"""A process runs a test once it has the one after it."""


class Scheduling(LoadFileScheduling):
    """A file to a process, and to another one where that crashed."""

    def remove_node(self, node: Any) -> str | None:
        """Take a process out that ended or crashed; what it is through with is not given again."""
        given = self.assigned_work[node]
        self.assigned_work[node] = {file: tests for file, tests in given.items() if not all(tests.values())}
        return super().remove_node(node)

    def _reschedule(self, node: Any) -> None:
        if node not in self.registered_collections:
            return
        super()._reschedule(node)
        while not node.shutting_down and self._pending_of(self.assigned_work[node]) < FEWEST:
            super()._reschedule(node)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling | None:
    """What xdist asks for a scheduler."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None
