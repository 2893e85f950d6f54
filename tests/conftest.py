"""The order of the tests: those that mostly wait for a daemon or a browser begin first, beside the quick ones."""

import gc

import pytest

LONGEST = (
    "e2e/test_daemon",
    "e2e/test_browser",
    "e2e/test_real_data",
    "e2e/test_interrupted",
    "orchestration/test_driver",
    "e2e/",
    "orchestration/",
)


def _rank(item: pytest.Item) -> int:
    where = item.path.as_posix()
    return next((rank for rank, name in enumerate(LONGEST) if name in where), len(LONGEST))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort by how long a file takes; the order within a file stays."""
    items.sort(key=_rank)


def pytest_collection_finish() -> None:
    """Leave what was imported out of every collection of garbage, which is a fifteenth of the time otherwise."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
