"""Processes land, consume and switch to the corrected code at once; each is killed at random and begins again.

Whatever the moment: switched once, no window lost or counted twice, and roll back brings the old output and bookmark.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backfill_assets.errors.swaps import DaysRewritten
from tests.kinds.streamed import Stream
from tests.kinds.streams_at_work import CLOSED, OPEN, ROLES, landed, stopped, taken_in
from tests.soak.forking import Forker, forking, is_over, ticks

pytestmark = pytest.mark.slow

SEEDS = [*range(2), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(2, 40))]
LATE = "lander of late files"
"""Takes part in every other story: then what was switched was read again since, and there is no way back."""
KILLS, LONGEST_TICKS, PATIENCE = 6, 40, 240


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    with forking("tests.kinds.streams_at_work") as there:
        yield there


def turmoil(forker: Forker, stream: Stream, opened: str, roles: list[str], draw: random.Random) -> int:
    """Start everybody, kill some of them at random moments, and begin those again; how many were killed."""

    def start(role: str) -> int:
        told = {"root": str(stream.lake.folder), "landing": str(stream.landing), "opened": opened}
        out = stream.landing.parent / f"{role}.out"
        return forker.start("tests.kinds.streams_at_work:work", out, role=role, seed=draw.getrandbits(32), **told)

    pids = {role: start(role) for role in roles}
    blows = [(draw.choice(roles), draw.randint(0, LONGEST_TICKS)) for _ in range(KILLS)]
    killed, deadline = 0, time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for role, after in [*blows]:
            if is_over(pids[role]):
                blows.remove((role, after))
            elif ticks(pids[role]) >= after:
                blows.remove((role, after))
                os.kill(pids[role], signal.SIGKILL)
                forker.ends([pids[role]], 10)
                pids[role] = start(role)
                killed += 1
        if not blows and all(is_over(pid) for role, pid in pids.items() if "consumer" not in role):
            break
        time.sleep(0.005)
    stopped(stream).touch()
    ended = forker.ends([*pids.values()], 60)
    assert {*ended.values()} == {0}, [file.read_text() for file in stream.landing.parent.glob("*.out")]
    return killed


def worth(stream: Stream) -> list[float]:
    rows = stream.rows()
    assert len({row[0] for row in rows}) == len(rows)
    return [row[2] for row in rows]


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_is_killed_it_is_switched_once_and_no_window_is_lost_or_counted_twice(
    seed: int, forker: Forker, tmp_path: Path
) -> None:
    wrong = Stream.at(tmp_path, factor=3)
    for offset in (*CLOSED, OPEN):
        wrong.lands(offset, a="1")
    wrong.consumes()
    stream = wrong.corrected_beside()
    opened = stream.opens_beside("commit 0").id

    roles = [role for role in ROLES if role != LATE or seed % 2]
    assert turmoil(forker, stream, opened, roles, random.Random(seed)) > 0

    taken_in(stream)
    correction = stream.lake.correction(opened, by="Ada")
    correction.through()
    stream.consumes()
    right = [landed(stream)[offset] for offset in (*CLOSED, OPEN)]
    assert worth(stream) == right
    assert stream.turn().bookmark.owed is None
    swaps = [info for info in stream.lake.snapshot("usage").handle.history() if info.get("backfill_assets/swap")]
    assert len(swaps) == 1

    if right[: len(CLOSED)] != [1] * len(CLOSED):
        with pytest.raises(DaysRewritten):
            correction.roll_back(note="what landed late was read again since")
        return
    correction.roll_back(note="not yet")
    stream.consumes()
    assert worth(stream)[-1] == 3 * right[-1]
    correction.abandon(note="not at all")
    stream.consumes()
    assert worth(stream) == [3 * one for one in right]
    assert stream.turn().bookmark.owed is None
