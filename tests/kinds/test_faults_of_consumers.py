"""A consumer meets every fault of storage at every operation: the same again ends as if there had been none."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backfill_assets.core.faults import FAULTS
from backfill_assets.runbook.consuming import catch_up, consume
from backfill_assets.runbook.replaying import rewind
from backfill_assets.storage.operations import Operation
from tests.faults import Fault, KilledError, astray, faults_of, injected
from tests.runbook.consumed import Usage, day

DAYS = 6
# One in so many of the faults that are no kill at a commit.
DRAWN = 29


def landed(root: Path) -> Usage:
    usage = Usage(root)
    for offset in range(DAYS):
        usage.lands(day(offset), a="1", bb=str(offset))
        if offset == 1:
            consume(usage.turn)
    return usage


def wrong_at_first(root: Path) -> Usage:
    usage = landed(root)
    [*catch_up(Usage(root, times=3).turn, at_most=4)]
    return usage


def read_on(usage: Usage) -> None:
    [*catch_up(usage.turn, at_most=4)]


def read_again(usage: Usage) -> None:
    if any(row[2] >= 3 * (row[1] == 1) and row[1] == 1 for row in usage.output()):
        rewind(usage.turn, "commit 0", "three times too much")
    read_on(usage)


STORIES: dict[str, tuple[Callable[[Path], Usage], Callable[[Usage], None]]] = {
    "reads on": (landed, read_on),
    "reads again": (wrong_at_first, read_again),
}


def standing(usage: Usage) -> dict[str, Any]:
    files = usage.records.snapshot("usage").files
    return {
        "rows": usage.output(),
        "files": {str(of): len(found) for of, found in files.items()},
        "read": usage.turn.bookmark.read,
        "owed": usage.turn.bookmark.owed,
        "astray": astray(usage.root / "lake"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_a_consumer_is_stopped_anywhere_and_goes_on(name: str, tmp_path: Path) -> None:
    found = faults_told(name, tmp_path, DRAWN)
    assert not found, "\n".join(found)


@pytest.mark.soak
@pytest.mark.parametrize("name", STORIES)
def test_a_consumer_meets_every_fault_there_is(name: str, tmp_path: Path) -> None:
    found = faults_told(name, tmp_path, 1)
    assert not found, "\n".join(found)


def faults_told(name: str, tmp_path: Path, every: int) -> list[str]:
    """What is wrong after a kill before each commit, and after every n-th of all other faults."""
    prepared, told = STORIES[name]
    before = prepared(tmp_path / "before")
    whole = Usage(shutil.copytree(before.root, tmp_path / "whole"))
    with injected() as counting:
        told(whole)
    right = standing(whole)
    points = [
        (number, operation, fault)
        for number, (operation, _) in enumerate(counting.done, 1)
        for fault in faults_of(operation)
    ]
    at_commits = [one for one in points if one[1] is Operation.COMMIT and one[2] is Fault.KILLED_BEFORE]
    rest = [one for one in points if one not in at_commits]
    found = []
    for number, operation, fault in [*at_commits, *rest[::every]]:
        usage = Usage(shutil.copytree(before.root, tmp_path / "there"))
        try:
            with injected(number, fault):
                told(usage)
        except (*FAULTS, KilledError):
            pass
        told(usage)
        if (stands := standing(usage)) != right:
            found.append(f"{fault} at {operation} {number}: {stands}")
        shutil.rmtree(usage.root)
    assert len(at_commits) >= 4
    return found
