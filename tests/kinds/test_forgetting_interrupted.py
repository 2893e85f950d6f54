"""A person is erased, or days expire, while storage fails or the process is killed: the same again ends the same."""

import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from backfill_assets.errors.base import BackfillAssetsError
from tests.faults import Fault, KilledError, faults_of, injected
from tests.sources.people import Owners, day, reading

ADA, BEN = "ada-4711", "ben-4712"
DRAWN, SEED = 14, 20260123


def prepared(root: Path) -> Owners:
    owners = Owners(root)
    for number in range(3):
        owners.lands(number, [reading("m1", ADA), reading("m2", BEN if number else f"{BEN}-once")])
    return owners


STORIES: dict[str, Callable[[Owners], object]] = {
    "erase": lambda owners: owners.erases(ADA),
    "expire": lambda owners: owners.expires(2),
}


def standing(owners: Owners, name: str) -> dict[str, object]:
    gone = ADA if name == "erase" else f"{BEN}-once"
    return {"known": owners.known(), "traces": owners.traces(gone), "raw": owners.bytes_of_raw()}


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_killed_or_refused_at_any_operation_the_same_again_does_the_rest(name: str, tmp_path: Path) -> None:
    told, before = STORIES[name], prepared(tmp_path / "before")
    whole = Owners(tmp_path / "whole")
    shutil.copytree(before.root, whole.root)
    with injected() as injector:
        told(whole)
    right = standing(whole, name)
    assert right["traces"] == []
    points = [(at, fault) for at, (what, _) in enumerate(injector.done, 1) for fault in faults_of(what)]
    kills = [point for point in points if point[1] is Fault.KILLED_AFTER]
    for at, fault in random.Random(SEED).sample(kills, 8) + random.Random(SEED).sample(points, DRAWN - 8):
        there = Owners(tmp_path / "there")
        shutil.copytree(before.root, there.root)
        with injected(at, fault), suppress(BackfillAssetsError, KilledError):
            told(there)
        told(there)
        assert standing(there, name) == right, f"{name}, operation {at} of {injector.done[at - 1]} {fault}"
        # What lands afterwards brings nobody back.
        there.lands(0, [reading("m1", ADA), reading("m2", f"{BEN}-once"), reading("m3", BEN)])
        gone = ADA if name == "erase" else f"{BEN}-once"
        assert gone not in there.known().get(day(0), set())
        shutil.rmtree(there.root)
