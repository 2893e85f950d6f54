"""Two processes feed one raw log while messages are sent, and are killed at random: each message is there once."""

import os
import random
import signal
import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from tests.soak.forking import Forker, forking, ticks
from tests.topics import TABLE, Feeds, feeds, payment

assert feeds
pytestmark = pytest.mark.slow

SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(1, 25))]
BATCHES, PARTITIONS, KILLS, LONGEST_TICKS = 30, 3, 6, 25
POISON = b"{"


@pytest.fixture(scope="module")
def forker() -> Iterator[Forker]:
    with forking("tests.sources.feeders_at_work") as there:
        yield there


@pytest.mark.parametrize("seed", SEEDS)
def test_whoever_is_killed_each_message_is_there_once_and_what_is_unreadable_is_set_aside_once(
    seed: int, forker: Forker, feeds: Feeds
) -> None:
    draw, enough = random.Random(seed), feeds.root.parent / "enough"
    told = {"address": feeds.topic.address, "topic": feeds.topic.name, "root": str(feeds.root), "enough": str(enough)}

    def start(number: int) -> int:
        return forker.start("tests.sources.feeders_at_work:work", feeds.root.parent / f"{number}.out", **told)

    feeds.send(payment("first"))
    feeds.feed()
    pids, blows, killed = [start(0), start(1)], [draw.randint(0, LONGEST_TICKS) for _ in range(KILLS)], 0
    worth, poisoned = {"first": Decimal("1.5")}, 0
    for batch in range(BATCHES):
        partition = draw.randrange(PARTITIONS)
        names = [f"{batch}-{number}" for number in range(draw.randint(1, 5))]
        feeds.send(*(payment(name, f"{batch}.25", day=draw.randint(1, 3)) for name in names), partition=partition)
        worth |= {name: Decimal(f"{batch}.25") for name in names}
        if draw.random() < 0.2:
            feeds.send(POISON, partition=partition)
            poisoned += 1
        which = draw.randrange(len(pids))
        if blows and ticks(pids[which]) >= blows[-1]:
            blows.pop()
            os.kill(pids[which], signal.SIGKILL)
            forker.ends([pids[which]], 10)
            pids[which] = start(which)
            killed += 1
        time.sleep(0.05)
    enough.touch()
    ended = forker.ends(pids, 60)
    assert {*ended.values()} == {0}, [file.read_text() for file in feeds.root.parent.glob("*.out")]
    assert killed > 0

    feeds.feed()
    assert feeds.amounts() == worth
    assert len(feeds.places()) == len({*feeds.places()}) == len(worth)
    assert len(feeds.waiting()) == poisoned
    assert feeds.log.verified(feeds.records, feeds.records.days(TABLE)).problems == ()
