"""A reader that began before a swap and reports after it has not read what the swap brought, whoever it is.

A case is a kind of reader, in whatever order its report and the swap are written down. The next one is a line.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import dagster as dg
import pytest

from backfill_assets.core.holders import Reading, Use
from backfill_assets.core.window import Window
from backfill_assets.errors.watermarks import CommitUnmade, CommitUnsaid, DaysUnused, HolderInternal, HolderUnnamed
from backfill_assets.orchestration.instance.resources import LakeResource
from backfill_assets.orchestration.watching.cursors import CursorMark
from backfill_assets.runbook import roll_back
from backfill_assets.runbook.watermark_steps import LONGEST_NAME, advance_holder, register_holder, report_use
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.watermarks import Watermarks
from tests.runbook.world import REPORT, TABLE, World, copy_of, day, world_at
from tests.storage.test_watermark_orders import RowsInMemory

BY = {"by": "test", "at": datetime(2026, 1, 23, tzinfo=UTC)}
BILLING = "billing"
BEFORE, SWAP, BACK = 10, 11, 12


@dataclass(frozen=True)
class Reader:
    """A kind of reader: what was known of it before the swap, and how it reports the commit it has read."""

    name: str
    known: Callable[[Watermarks], None]
    reports: Callable[[Watermarks, int], None]

    def __str__(self) -> str:
        return self.name


def registered(mark: int) -> Callable[[Watermarks], None]:
    def known(marks: Watermarks) -> None:
        marks.register(BILLING, TABLE, external=True, **BY)
        if mark:
            marks.advance(BILLING, TABLE, day(mark), reading=Reading(1), **BY)

    return known


def nothing(_marks: Watermarks) -> None:
    """Nobody had heard of it."""


def advancing(to: int, after: int = 0) -> Callable[[Watermarks, int], None]:
    def reports(marks: Watermarks, commit: int) -> None:
        reading = Reading(commit, day(after) if after else None)
        marks.register(BILLING, TABLE, external=True, **BY)
        marks.advance_verified(BILLING, TABLE, day(to), day(20), reading=reading, **BY)

    return reports


def using(first: int, last: int) -> Callable[[Watermarks, int], None]:
    return lambda marks, commit: (
        marks.use(BILLING, TABLE, Use(day(first - 1), day(last), commit, BY["at"]), by="test") and None
    )


def using_all(marks: Watermarks, commit: int) -> None:
    marks.use(BILLING, TABLE, Use(None, None, commit, BY["at"]), by="test")


READERS = [
    Reader("has read the days", registered(10), advancing(10)),
    Reader("has read some of the days", registered(7), advancing(10)),
    Reader("had not come to the days", registered(2), advancing(10)),
    Reader("never told its mark", registered(0), advancing(10)),
    Reader("registers only afterwards", nothing, advancing(10)),
    Reader("reads everything each time", registered(10), using_all),
    Reader("used everything", nothing, using_all),
    Reader("used the days", nothing, using(4, 9)),
    Reader("used some of the days", nothing, using(6, 7)),
]


def marks_of(reader: Reader) -> Watermarks:
    marks = Watermarks(Lake("/nowhere"))
    marks._rows = RowsInMemory()
    reader.known(marks)
    return marks


def swap(marks: Watermarks, commit: int, correction: str = "a") -> None:
    marks.rewind(correction, TABLE, Window(day(5), day(9)), commit=commit, **BY)


def held(marks: Watermarks) -> bool:
    return bool(marks.holders(TABLE)[BILLING].holds)


@pytest.mark.parametrize("reader", READERS, ids=str)
@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["told before the swap", "told after the swap"])
def test_what_it_read_of_an_earlier_commit_counts_as_not_read(reader: Reader, order: tuple[int, int]):
    marks = marks_of(reader)
    steps = [lambda: reader.reports(marks, BEFORE), lambda: swap(marks, SWAP)]
    for one in order:
        steps[one]()
    assert held(marks)
    reader.reports(marks, SWAP)
    assert not held(marks)


@pytest.mark.parametrize("reader", READERS, ids=str)
def test_a_roll_back_makes_it_read_again_though_it_has_read_the_cut_over(reader: Reader):
    marks = marks_of(reader)
    swap(marks, SWAP)
    reader.reports(marks, SWAP)
    swap(marks, BACK)
    assert held(marks)
    reader.reports(marks, SWAP)
    assert held(marks)
    reader.reports(marks, BACK)
    assert not held(marks)


@pytest.mark.parametrize("reader", READERS, ids=str)
def test_a_swap_that_is_written_down_late_asks_nothing_of_who_has_read_it(reader: Reader):
    marks = marks_of(reader)
    swap(marks, SWAP)
    reader.reports(marks, SWAP)
    swap(marks, SWAP)
    assert not held(marks)


def test_one_that_read_the_swap_from_its_mark_of_before_has_skipped_the_days():
    marks = marks_of(READERS[0])
    swap(marks, SWAP)
    advancing(11, after=10)(marks, SWAP)
    assert marks.holders(TABLE)[BILLING].effective == day(4)


def test_who_does_not_name_the_commit_is_refused_once_days_it_has_read_were_swapped():
    marks = marks_of(READERS[2])
    swap(marks, SWAP)
    marks.advance_verified(BILLING, TABLE, day(4), day(20), **BY)
    with pytest.raises(CommitUnsaid, match=r"were swapped by a\. Its mark is as it was\. "):
        marks.advance_verified(BILLING, TABLE, day(10), day(20), **BY)
    assert marks.holders(TABLE)[BILLING].mark == day(4)


def test_holds_of_before_commits_were_recorded_are_worked_off_as_they_were():
    marks = marks_of(READERS[0])
    marks.rewind("a", TABLE, Window(day(5), day(9)), **BY)
    marks.advance_verified(BILLING, TABLE, day(10), day(20), **BY)
    assert not held(marks)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A lake where a sensor looked at what is pending, then days were cut over, then it said that it had read them."""
    world = world_at(tmp_path_factory.mktemp("world"))
    register_holder(world.step_context(), BILLING)
    advance_holder(world.step_context(), BILLING, day(10))
    world.open(6, 8, "a")
    context = dg.build_sensor_context()
    mark = CursorMark("sensor", TABLE, LakeResource(root=str(world.root)))
    mark.pending(context)
    world.through("a")
    mark.read(context)
    return world


def test_a_sensor_that_looked_before_the_cut_over_looks_again(corrected: World):
    mark = CursorMark("sensor", TABLE, LakeResource(root=str(corrected.root)))
    assert str(mark.pending(dg.build_sensor_context())) == "2026-01-06..2026-01-10"


def test_a_correction_waits_for_who_reported_an_earlier_commit_and_not_for_who_only_used_days(
    corrected: World, tmp_path
):
    world = copy_of(corrected, tmp_path / "lake")
    commit = world.live.snapshot().commit
    report_use(world.step_context(), "model", commit - 1)
    advance_holder(world.step_context(), BILLING, day(10), Reading(commit - 1))
    assert world.progress("a").downstream.awaited_holders == {BILLING, "sensor"}
    advance_holder(world.step_context(), BILLING, day(10), Reading(commit))
    assert world.progress("a").downstream.awaited_holders == {"sensor"}
    assert "a" in world.records.watermarks.holders(TABLE)["model"].holds
    roll_back(world.step_context(), "a", [day(7)])
    assert world.progress("a").downstream.awaited_holders == {BILLING, "sensor"}


@dataclass(frozen=True)
class Report:
    """A report of use that is refused: by which name, of which commit, of which days."""

    name: str
    error: type[Exception]
    told: str = "model"
    commit: int = 1
    days: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.name


REFUSED = [
    Report("a commit to come", CommitUnmade, commit=900),
    Report("a commit below zero", CommitUnmade, commit=-1),
    Report("days that are not published", DaysUnused, days=(25, 28)),
    Report("no name", HolderUnnamed, told=""),
    Report("a name that cannot be seen", HolderUnnamed, told="mo\u200bdel"),
    Report("a name with a line break", HolderUnnamed, told="mo\ndel"),
    Report("a name of markup", HolderUnnamed, told="<b>model</b>"),
    Report("a name that is too long", HolderUnnamed, told="m" * (LONGEST_NAME + 1)),
    Report("a report's name", HolderInternal, told=REPORT),
    Report("nightly", HolderInternal, told="nightly"),
]


@pytest.mark.parametrize("report", REFUSED, ids=str)
def test_what_cannot_have_been_used_is_refused_in_three_sentences(corrected: World, report: Report):
    before = corrected.records.watermarks._rows.rows().height
    with pytest.raises(report.error) as refusal:
        report_use(corrected.step_context(), report.told, report.commit, [day(one) for one in report.days])
    said = str(refusal.value)
    assert len(said) < 400
    assert len([one for one in said.split(". ") if one]) == 3 + said.count(" . _")
    assert corrected.records.watermarks._rows.rows().height == before


def test_no_table_no_commit(tmp_path):
    world = World(tmp_path, {})
    with pytest.raises(CommitUnmade, match="was never published"):
        report_use(replace(world.step_context()), "model", 0)
