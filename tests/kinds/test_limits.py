"""A disk that is full, a lake that is read-only, too few open files, files that may not grow: nothing is lost by them.

What they refuse is told in our sentences, and carried on once they are lifted. The next limit is a line of ``LIMITS``,
the next operation one of ``OPERATIONS``; each is tried under each.
"""

import os
import resource
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from backfill_assets.core.next_step import Finished, WaitUntil
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.runbook import approve, cut_over, decommission, roll_back
from backfill_assets.runbook.maintaining import maintain_all
from backfill_assets.storage import table
from tests.runbook.killing import corrected
from tests.runbook.world import World, copy_of, day, days, world_at

ID = "20260123"
PAGE = 4096
Limited = Callable[[], AbstractContextManager[None]]


def system(*command: object) -> None:
    try:
        subprocess.run([str(part) for part in command], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"nothing can be mounted here: {error}")


@contextmanager
def mounted(place: Path, *how: object) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("mounting takes root")
    place.mkdir()
    system("mount", *how, place)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def full_but(pages: int) -> Callable[[Path], AbstractContextManager[Limited]]:
    """A disk of its own that is full but for some pages."""

    @contextmanager
    def limit(place: Path) -> Iterator[Limited]:
        @contextmanager
        def full() -> Iterator[None]:
            filler = place / "filler"
            status = os.statvfs(place)
            filler.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - pages * PAGE)))
            try:
                yield
            finally:
                filler.unlink()

        with mounted(place, "-t", "tmpfs", "-o", "size=8m", "tmpfs"):
            yield full

    return limit


@contextmanager
def read_only(place: Path) -> Iterator[Limited]:
    @contextmanager
    def limited() -> Iterator[None]:
        system("mount", "-o", "remount,ro", place)
        try:
            yield
        finally:
            system("mount", "-o", "remount,rw", place)

    with mounted(place, "-t", "tmpfs", "-o", "size=8m", "tmpfs"):
        yield limited


def limited_to(kind: int, most: Callable[[], int]) -> Callable[[Path], AbstractContextManager[Limited]]:
    """A limit of this process, which it can lift again."""

    @contextmanager
    def limited() -> Iterator[None]:
        soft, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most(), hard))
        try:
            yield
        finally:
            resource.setrlimit(kind, (soft, hard))

    @contextmanager
    def limit(place: Path) -> Iterator[Limited]:
        place.mkdir()
        yield limited

    return limit


def few_files() -> int:
    """So that one more can be opened at a time."""
    there = {int(place.name) for place in Path("/proc/self/fd").iterdir()}
    return next(number for number in range(len(there) + 1) if number not in there) + 1


LIMITS: Mapping[str, Callable[[Path], AbstractContextManager[Limited]]] = {
    "a disk that fills up": full_but(3),
    "a lake that is read-only": read_only,
    "one open file more": limited_to(resource.RLIMIT_NOFILE, few_files),
    "files of 700 bytes": limited_to(resource.RLIMIT_FSIZE, lambda: 700),
}


def approved(world: World) -> None:
    world.open(4, 9)
    world.drive(ID)
    approve(world.step_context(), ID, "looked")


def opened(world: World) -> None:
    world.open(4, 9)


def as_it_is(_: World) -> None:
    """Nothing has happened yet."""


def long_after(world: World) -> None:
    corrected(world)
    world.later(400)


def published(world: World) -> None:
    if day(11) not in world.live.snapshot().days:
        world.publish_live({day(11): 11})


OPERATIONS: Mapping[str, tuple[Callable[[World], object], Callable[[World], object]]] = {
    "open": (as_it_is, opened),
    "stage": (opened, lambda world: world.stage_wave(ID, days(4, 9))),
    "cut over": (approved, lambda world: cut_over(world.step_context(), ID)),
    "roll back": (corrected, lambda world: roll_back(world.step_context(), ID, all_days=True)),
    "decommission": (long_after, lambda world: decommission(world.step_context(), ID)),
    "nightly": (as_it_is, published),
    "maintain": (corrected, lambda world: maintain_all(world.step_context())),
}
"""What is there before, and what is done."""


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Mapping[Callable[[World], object], World]:
    made: dict[Callable[[World], object], World] = {}
    for number, (state, _) in enumerate(OPERATIONS.values()):
        if state not in made:
            made[state] = world_at(tmp_path_factory.mktemp("before") / f"lake-{number}")
            state(made[state])
    return made


def assert_in_three_sentences(error: BaseException) -> None:
    assert str(error).count(". ") >= 2, error
    assert ": " not in str(error)


@pytest.mark.parametrize(("state", "act"), OPERATIONS.values(), ids=OPERATIONS)
@pytest.mark.parametrize("limit", LIMITS.values(), ids=LIMITS)
def test_what_a_limit_refuses_is_told_in_our_sentences_loses_nothing_and_goes_on_once_it_is_lifted(
    before: Mapping[Callable[[World], object], World],
    tmp_path: Path,
    limit: Callable[[Path], AbstractContextManager[Limited]],
    state: Callable[[World], object],
    act: Callable[[World], object],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(table, "DEADLINE_SECONDS", 1.0)
    with limit(tmp_path / "disk") as limited:
        world = copy_of(before[state], tmp_path / "disk" / "lake")
        content = world.content()
        with limited():
            refused = None
            try:
                act(world)
            except BackfillAssetsError as error:
                refused = error
        if refused is not None:
            assert_in_three_sentences(refused)
            swapped = bool(world.swaps()) != bool(before[state].swaps())
            assert world.content() == content or swapped
        if act is published:
            published(world)
            assert world.content() == content | {day(11): 11}
            return
        corrected(world)
        assert isinstance(world.drive(ID), WaitUntil | Finished)
        assert world.content() == world.right
