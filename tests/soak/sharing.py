"""Sharing the work of a part out to processes, each of which prepares a story once and takes every n-th point of it."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fault_stories import STORIES, Expected
from tests.soak.tally import Tally, Tell

SHARES = 24


@dataclass(frozen=True)
class Share:
    """Every point of a story whose number leaves ``first`` when it is divided by ``SHARES``."""

    story: str
    first: int


@dataclass(frozen=True)
class Found:
    """What was tried of a share, of how many points of the whole story, and what did not hold."""

    share: Share
    tried: int
    known: int
    violations: tuple[str, ...]


def shared_out(work: Callable[[Share], Found], tell: Tell) -> Tally:
    """Have every share of every story tried."""
    found: list[Found] = []
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as processes:
        for story in STORIES:
            asked = [processes.submit(work, Share(story.name, first)) for first in range(SHARES)]
            of_story = list(_results(asked, tell))
            known, broken = of_story[0].known, sum(len(one.violations) for one in of_story)
            tried = sum(one.tried for one in of_story)
            tell(f"{story.name}: {tried:,} of {known:,} points, {broken} violations")
            found += of_story
    known = {one.share.story: one.known for one in found}
    violations = tuple(violation for one in found for violation in one.violations)
    return Tally(sum(one.tried for one in found), sum(known.values()), violations)


def _results(asked, tell: Tell) -> Iterator[Found]:
    for number, future in enumerate(as_completed(asked), start=1):
        done: Found = future.result()
        for violation in done.violations:
            tell(f"did not hold: {violation}")
        if number % (SHARES // 4) == 0:
            tell(f"{done.share.story}: {number} of {SHARES} shares")
        yield done


@cache
def _folder() -> "TemporaryDirectory[str]":
    return TemporaryDirectory(prefix="soak-")


def folder(name: str) -> Path:
    """A folder of this process, which goes with it."""
    return Path(_folder().name) / name


@cache
def expected(story: str) -> Expected:
    """A story without a fault, told once a process."""
    (found,) = (one for one in STORIES if one.name == story)
    return Expected.of(found, folder(f"expected-{story}"))
