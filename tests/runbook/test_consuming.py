"""A consumer of a raw log: what it reads, recomputes and commits, and what it leaves."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from backfill_assets.core.position import NOTHING, Bookmark, Position
from backfill_assets.errors.consuming import LogNotReached, NothingToReplay, PositionUnread
from backfill_assets.errors.deciding import NameNeeded
from backfill_assets.runbook.consuming import catch_up, consume, is_behind
from backfill_assets.runbook.replaying import foretell, rewind
from tests.runbook.consumed import LOG, Usage, day


@pytest.fixture
def usage(tmp_path: Path) -> Usage:
    return Usage(tmp_path)


def test_what_lands_is_consumed_once_and_the_bookmark_lies_with_it(usage: Usage) -> None:
    usage.lands(day(0), a="1", bb="2")
    assert is_behind(usage.turn)
    first = consume(usage.turn)
    assert (first.written, first.news.records, usage.output()) == ((day(0),), 2, [(day(0), 1, 1), (day(0), 2, 2)])
    assert usage.turn.bookmark == first.bookmark
    assert first.bookmark.read == LOG.newest(usage.records)
    assert not is_behind(usage.turn)
    assert consume(usage.turn).commit is None

    usage.lands(day(1), a="5")
    second = consume(usage.turn)
    assert (second.written, usage.output()[-1]) == ((day(1),), (day(1), 1, 5))


def test_a_day_that_arrives_again_counts_as_its_latest_arrival(usage: Usage) -> None:
    usage.lands(day(0), a="1", bb="2", ccc="3", dddd="4", eeeee="5", ffffff="6", g="7", h="8", i="9", j="4")
    consume(usage.turn)
    usage.lands(day(0), a="2", bb="2", ccc="3", dddd="4", eeeee="5", ffffff="6", g="7", h="8", i="9")

    assert consume(usage.turn).written == (day(0),)
    assert usage.output()[0] == (day(0), 1, 26)  # a, g, h, i; j was withdrawn


def test_pieces_and_a_whole_come_to_the_same(usage: Usage, tmp_path: Path) -> None:
    for offset in range(4):
        usage.lands(day(offset), a=str(offset))
    usage.lands(day(1), a="9")
    whole, nothing = catch_up(usage.turn)
    assert nothing.commit is None
    in_pieces = Usage(tmp_path / "other")
    for offset in range(4):
        in_pieces.lands(day(offset), a=str(offset))
        consume(in_pieces.turn)
    in_pieces.lands(day(1), a="9")
    consume(in_pieces.turn, at_most=1)

    assert in_pieces.output() == usage.output()
    assert in_pieces.turn.bookmark.read == whole.bookmark.read


def test_what_fails_is_owed_and_the_rest_goes_on(usage: Usage) -> None:
    usage.lands(day(0), a="1")
    consume(usage.turn)
    before = usage.turn.bookmark.read
    broken = Usage(usage.root, fails=frozenset([day(1)]))
    usage.lands(day(1), a="2")
    usage.lands(day(2), a="3")

    done = consume(broken.turn)

    assert (done.written, [*done.failed]) == ((day(2),), [day(1)])
    assert (done.bookmark.owed, is_behind(usage.turn)) == (before, True)
    assert consume(broken.turn).commit is None  # nothing that another commit would say
    assert consume(usage.turn).written == (day(1),)
    assert usage.turn.bookmark.owed is None
    assert [row[0] for row in usage.output()] == [day(0), day(1), day(2)]


def test_a_log_that_was_cleaned_is_read_whole_at_first_and_refused_before_what_it_reaches(usage: Usage) -> None:
    for offset in range(3):
        usage.lands(day(offset), a="1")
    records = usage.records
    usage.records.snapshot("readings").handle.create_checkpoint()
    for entry in sorted((usage.root / "lake/readings/_delta_log").glob("*.json"))[:-1]:
        entry.unlink()

    assert LOG.earliest(records) == Position((2,))
    assert consume(usage.turn).written == (day(0), day(1), day(2))
    with pytest.raises(LogNotReached, match="reaches from commit 2 to commit 3"):
        LOG.since(records, Position((0,)))
    with pytest.raises(LogNotReached):
        LOG.since(records, Position((7,)))


@pytest.mark.parametrize("text", ["commit 2", "2"])
def test_positions_are_told_and_read(usage: Usage, text: str) -> None:
    for offset in range(3):
        usage.lands(day(offset), a="1")
    found = LOG.read(usage.records, text)
    assert found == Position((2,))
    assert (LOG.told(found), LOG.read(usage.records, "yesterday")) == ("commit 2", None)
    assert LOG.position_at(usage.records, found.at) == found
    assert LOG.position_at(usage.records, datetime(2020, 1, 1, tzinfo=UTC)) == Position((NOTHING,))
    assert LOG.since(usage.records, LOG.read(usage.records, "its beginning")).slots == {day(0), day(1), day(2)}


def test_positions_of_several_parts_are_beside_each_other() -> None:
    one, other = Position((3, 5)), Position((4, 4, 0))
    assert not one.reaches(other)
    assert not other.reaches(one)
    assert (one.lowest(other), one.highest(other)) == (Position((3, 4, NOTHING)), Position((4, 5, 0)))
    assert Bookmark(read=one, owed=other).begins == Position((3, 4, NOTHING))


def test_of_two_turns_at_once_one_finds_that_the_other_was_there(usage: Usage) -> None:
    usage.lands(day(0), a="1")
    others = []
    slow = Usage(usage.root, meanwhile=lambda: others or others.append(consume(usage.turn)))

    done = consume(slow.turn)

    assert (others[0].written, done.commit, done.written) == ((day(0),), None, ())
    assert usage.turn.bookmark.commits == 1
    assert usage.output() == [(day(0), 1, 1)]


def test_a_slot_is_never_taken_back_to_what_was_known_earlier_while_it_is_read_again(usage: Usage) -> None:
    usage.lands(day(0), a="1")
    usage.lands(day(0), a="2")
    usage.lands(day(1), a="3")
    assert [*catch_up(usage.turn)]
    rewind(usage.turn, "commit 0", "a look")
    seen = [usage.output()[0]]
    while is_behind(usage.turn):
        consume(usage.turn, at_most=1)
        seen.append(usage.output()[0])

    assert set(seen) == {(day(0), 1, 2)}
    assert len(seen) > 3


def test_a_rewind_says_who_asked_why_and_what_is_read_again(usage: Usage) -> None:
    for offset in range(3):
        usage.lands(day(offset), a="1")
    consume(usage.turn)
    told = foretell(usage.turn, "commit 1")
    assert (told.again.records, sorted(told.again.slots)) == (2, [day(1), day(2)])
    rewind(usage.turn, "commit 1", "the factor")

    info = usage.records.snapshot("usage").handle.history(1)[0]
    assert {"ada", "the factor", "commit 1", "commit 3"} <= {*map(str, info.values())}
    assert (usage.turn.bookmark.read, usage.turn.bookmark.farthest) == (Position((1,)), Position((3,)))
    with pytest.raises(NothingToReplay, match="because it has read commit 1"):
        rewind(usage.turn, "commit 2", "forward")
    with pytest.raises(PositionUnread):
        foretell(usage.turn, "yesterday")
    with pytest.raises(NameNeeded):
        rewind(usage.turn_of("dagster"), "commit 0", "")


def test_what_was_never_read_cannot_be_read_again(usage: Usage) -> None:
    usage.lands(day(0), a="1")
    with pytest.raises(NothingToReplay, match="because it has read nothing yet"):
        foretell(usage.turn, "commit 0")


def test_what_is_owed_from_before_a_rewind_stays_owed(usage: Usage) -> None:
    usage.lands(day(0), a="1")
    consume(usage.turn)
    broken = Usage(usage.root, fails=frozenset([day(1)]))
    usage.lands(day(1), a="2")
    usage.lands(day(2), a="3")
    consume(broken.turn)
    rewind(usage.turn, "commit 2", "")

    assert usage.turn.bookmark.begins == Position((1,))
    consume(usage.turn)
    assert [row[0] for row in usage.output()] == [day(0), day(1), day(2)]


def test_a_consumer_of_a_log_without_rows_has_nothing_to_read(usage: Usage) -> None:
    assert not is_behind(usage.turn)
    usage.lands(day(0), a="1")
    assert is_behind(usage.turn)
    consume(usage.turn)
    assert not is_behind(usage.turn)
