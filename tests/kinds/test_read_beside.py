"""The corrected code reads beside the live consumer, is switched to by one commit, and back by another."""

from pathlib import Path

import pytest

from backfill_assets.core.position import Position
from backfill_assets.errors.consuming import NothingToReplay
from backfill_assets.testing import TestLake
from tests.kinds.streamed import Stream, day
from tests.kinds.test_replayed import cleaned


@pytest.fixture
def beside(tmp_path: Path) -> Stream:
    """Six days with the bug, and one that is not over, which the live consumer goes on with."""
    wrong = Stream.at(tmp_path, factor=3)
    for offset in (0, 1, 2, 3, 4, 5, 18):
        wrong.lands(offset, a="1")
    wrong.consumes()
    return wrong.corrected_beside()


def factors(stream: Stream) -> list[float]:
    return [row[2] for row in stream.rows()]


def test_it_is_switched_once_and_loses_nothing_that_came_meanwhile(beside: Stream) -> None:
    correction = beside.opens_beside("commit 0")
    assert correction.progress.plan.days == tuple(day(offset) for offset in range(6))
    beside.lands(18, a="2")
    beside.lands(2, a="5")
    assert beside.consumes()["left"] == [str(day(2))]
    assert factors(beside) == [3, 3, 3, 3, 3, 3, 6]  # live goes on, with the bug
    before = beside.turn().bookmark

    correction.through()
    assert (beside.turn().bookmark.read, factors(beside)) == (Position((0,)), [1, 1, 1, 1, 1, 1, 6])
    assert beside.consumes()["written"] == [str(day(2)), str(day(18))]
    assert factors(beside) == [1, 1, 5, 1, 1, 1, 2]
    beside.lands(18, a="4")
    beside.consumes()
    assert factors(beside)[-1] == 4
    assert beside.turn().bookmark.owed is None
    assert before.read != beside.turn().bookmark.read


def test_roll_back_brings_the_old_output_the_old_bookmark_and_the_old_code(beside: Stream) -> None:
    before = beside.turn().bookmark
    correction = beside.opens_beside("commit 0")
    correction.through()
    beside.consumes()
    beside.lands(18, a="4")
    beside.consumes()
    assert factors(beside) == [1, 1, 1, 1, 1, 1, 4]

    correction.roll_back(note="not yet")
    assert (beside.turn().bookmark.read, beside.turn().bookmark.owed) == (before.read, Position((0,)))
    assert factors(beside) == [3, 3, 3, 3, 3, 3, 4]
    beside.consumes()
    assert factors(beside) == [3, 3, 3, 3, 3, 3, 12]
    correction.abandon(note="not at all")
    beside.consumes()
    assert (factors(beside), beside.turn().bookmark.owed) == ([3, 3, 3, 3, 3, 3, 12], None)


def test_it_is_seeded_from_the_lake_where_the_log_no_longer_reaches(beside: Stream) -> None:
    cleaned(beside)
    correction = beside.opens_beside("2026-03-04")
    assert correction.progress.plan.days == tuple(day(offset) for offset in range(2, 6))
    correction.through()
    beside.consumes()
    assert factors(beside)[:6] == [3, 3, 1, 1, 1, 1]
    with pytest.raises(NothingToReplay):
        beside.opens_beside("commit 900")


def finished(lake: TestLake, opened: str, landing: Path) -> None:
    """The correction through its cut over, and a turn of the consumer."""
    lake.correction(opened, by="Ada").through()
    Stream(lake, landing).consumes()


def is_whole(lake: TestLake, landing: Path) -> bool:
    """Whether it was switched once, to the corrected output of every day."""
    stream = Stream(lake, landing)
    swaps = [info for info in lake.snapshot("usage").handle.history() if info.get("backfill_assets/swap")]
    return (factors(stream), len(swaps), stream.turn().bookmark.owed) == ([1] * 7, 1, None)


@pytest.mark.slow
def test_killed_at_the_swap_it_is_switched_once(beside: Stream, tmp_path: Path) -> None:
    opened, live = beside.opens_beside("commit 0").id, beside.lake.snapshot("usage").folder.uri
    beside.lake.correction(opened, by="Ada").to_gate()
    counted = beside.lake.copy(tmp_path / "counted")
    with counted.killed_at_write(0) as writes:
        finished(counted, opened, beside.landing)
    swap = 1 + [Path(uri).name for uri in writes.tables].index(Path(live).name)

    for after in (False, True):
        killed = beside.lake.copy(tmp_path / f"killed-{after}")
        with killed.killed_at_write(swap, after=after):
            finished(killed, opened, beside.landing)
        finished(killed, opened, beside.landing)
        assert is_whole(killed, beside.landing)


@pytest.mark.soak
def test_killed_at_each_write_it_is_switched_once(beside: Stream, tmp_path: Path) -> None:
    opened = beside.opens_beside("commit 0").id

    def told(lake: TestLake) -> None:
        finished(lake, opened, beside.landing)

    for lake in beside.lake.killed_at_each_write(told, tmp_path / "kills"):
        assert is_whole(lake, beside.landing)
