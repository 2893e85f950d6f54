"""A cluster of Dask in a process of its own, so that no thread of its scheduler is in the process of the tests."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers import started

# A call is dropped with the first worker that dies of it.
SERVER = """
import sys, dask
from distributed import LocalCluster
settings = {"distributed.scheduler.allowed-failures": 0, "distributed.admin.system-monitor.gil.enabled": False}
if __name__ == "__main__":
    with dask.config.set(settings), LocalCluster(
        n_workers=int(sys.argv[1]), threads_per_worker=1, dashboard_address=None
    ) as made:
        print(made.scheduler_address, flush=True)
        sys.stdin.read()
"""


@contextmanager
def dask_cluster(workers: int) -> Iterator[str]:
    """A cluster of so many workers; the address of its scheduler."""
    pytest.importorskip("distributed", reason="The extra dask is not installed.")
    with started(SERVER, str(workers), gently=True) as address:
        yield address
