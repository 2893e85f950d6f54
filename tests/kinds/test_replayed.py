"""A consumer that is set back reads again and ends as if it had never been interrupted."""

from pathlib import Path
from time import perf_counter

import pytest

from backfill_assets.errors.consuming import ReplayNotReached
from backfill_assets.runbook import open_correction
from backfill_assets.runbook.replaying import foretell
from backfill_assets.runbook.request import read_request
from tests.kinds.streamed import Stream, day


def test_six_days_with_a_bug_are_read_again_by_the_corrected_code(tmp_path: Path) -> None:
    wrong = Stream.at(tmp_path, factor=3)
    for offset in range(8):
        wrong.lands(offset, a="1", bb=str(offset))
        wrong.consumes()
    wrong.lands(7, a="2", bb="7")
    wrong.consumes()
    right = wrong.with_code(1)
    before = right.rows()
    told = right.consumes(rewind_to="commit 2", by="Ada", reason="the factor")

    fresh = Stream.at(tmp_path / "fresh")
    for offset in range(8):
        fresh.lands(offset, a="1", bb=str(offset))
    fresh.lands(7, a="2", bb="7")
    fresh.consumes()
    assert told["written"] == [str(day(offset)) for offset in range(2, 8)]
    assert right.rows()[4:] == fresh.rows()[4:]
    assert right.rows()[:4] == before[:4]
    assert right.turn().bookmark.read == fresh.turn().bookmark.read


def cleaned(stream: Stream) -> None:
    """Let the log lose all entries but its newest, as its retention does."""
    stream.lake.records.snapshot("readings").handle.create_checkpoint()
    for entry in sorted((Path(stream.lake.records.lake.root) / "readings/_delta_log").glob("*.json"))[:-1]:
        entry.unlink()


def test_beyond_the_log_the_request_that_is_printed_corrects_the_same_days(tmp_path: Path) -> None:
    wrong = Stream.at(tmp_path, factor=3)
    for offset in range(4):
        wrong.lands(offset, a="1", bb=str(offset))
    wrong.consumes()
    cleaned(wrong)
    right = wrong.with_code(1)
    with pytest.raises(ReplayNotReached, match="readings cannot be read on from commit 1;") as refused:
        right.consumes(rewind_to="commit 1", by="Ada", reason="the factor")
    with pytest.raises(ReplayNotReached, match=r"from 2026-03-03T00:00Z;") as by_time:
        foretell(right.turn(), "2026-03-03")
    assert right.rows() == wrong.rows()

    with right.lake.entered():
        plan = open_correction(right.ctx(), read_request(by_time.value.request))
    assert plan.days == (day(1), day(2), day(3))
    with right.lake.entered():
        assert read_request(refused.value.request).window.first == day(0)
    right.lake.correction(plan.correction, by="Ada").through()
    fresh = Stream.at(tmp_path / "fresh")
    for offset in range(4):
        fresh.lands(offset, a="1", bb=str(offset))
    fresh.consumes()
    assert right.rows()[2:] == fresh.rows()[2:]


def test_what_an_open_correction_claims_is_left_to_it_and_read_again_after_it(tmp_path: Path) -> None:
    stream = Stream.at(tmp_path)
    for offset in range(3):
        stream.lands(offset, a="1")
    stream.consumes()
    correction = stream.lake.correct(day(0), day(1), reason="a look", table="usage")
    stream.lands(0, a="7")
    stream.lands(2, a="8")

    told = stream.consumes()
    assert (told["written"], told["left"]) == ([str(day(2))], [str(day(0))])
    stream.consumes(rewind_to="commit 0", by="Ada", reason="again")
    assert [row[2] for row in stream.rows()] == [1, 1, 8]
    correction.abandon(note="only a look")
    assert stream.consumes()["written"] == [str(day(0))]
    assert [row[2] for row in stream.rows()] == [7, 1, 8]
    assert stream.turn().bookmark.owed is None


def test_the_consumer_goes_on_through_a_correction_that_is_cut_over_and_rolled_back(tmp_path: Path) -> None:
    wrong = Stream.at(tmp_path, factor=3)
    for offset in range(3):
        wrong.lands(offset, a="1")
    wrong.consumes()
    right = wrong.with_code(1)
    correction = right.lake.correct(day(0), day(1), reason="the factor", table="usage")
    correction.through()
    right.lands(3, a="1")
    right.consumes()
    assert [row[2] for row in right.rows()] == [1, 1, 3, 1]
    correction.roll_back(note="not yet")
    right.lands(0, a="2")
    assert right.consumes()["left"] == [str(day(0))]  # it may be cut over once more
    assert [row[2] for row in right.rows()] == [3, 3, 3, 1]
    correction.abandon(note="not at all")
    right.consumes()
    assert [row[2] for row in right.rows()] == [2, 3, 3, 1]


def test_the_sensor_asks_only_where_something_is_new(tmp_path: Path) -> None:
    stream = Stream.at(tmp_path)
    stream.lands(0, a="1")
    assert stream.asked() == 1
    stream.consumes()
    assert stream.asked() == 0
    stream.lands(1, a="1")
    assert stream.asked() == 1
    stream.consumes()
    began = perf_counter()
    for _ in range(10):
        assert stream.asked() == 0
    assert (perf_counter() - began) / 10 < 0.1  # without the start of a process
