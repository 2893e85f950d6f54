"""Who has seen wrong numbers: of which days, since when and until when, whatever carried them.

How reports of each kind are told of is in ``test_reports_as_they_are``. Here is what a place took from the table, one
after another, and what it then has shown. The next case is a line.
"""

import csv
import io
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

import pytest

from backfill_assets.core.exposure import Carrier, Side, Taken, Wrong, seen_in
from backfill_assets.core.formats import moment_told
from backfill_assets.core.holders import Reading
from backfill_assets.core.notice import Notice
from backfill_assets.core.slots import Grain
from backfill_assets.core.steps import NoticeKind, Step
from backfill_assets.pages.exposure import COLUMNS, exposure_csv, exposure_page, told
from backfill_assets.runbook import abandon, roll_back
from backfill_assets.runbook.exposure import exposure
from backfill_assets.runbook.watermark_steps import advance_holder, register_holder, report_use
from backfill_assets.storage.completeness import measure
from backfill_assets.storage.publications import Publication
from tests.runbook.world import REPORT, START, TABLE, World, day, days, world_at


def at(hour: int) -> datetime:
    return START + timedelta(hours=hour)


@dataclass(frozen=True)
class Place:
    """What a place took, as hour, commit and days, and the lines that come of it: days, since and until as hours.

    Days 1 and 2 are cut over by commit 10, and day 2 is rolled back by commit 20.
    """

    name: str
    taken: list[tuple[int, int | None, tuple[int, ...]]]
    lines: list[tuple[tuple[int, ...], int, int | None]]
    is_whole: bool = True

    def __str__(self) -> str:
        return self.name


CORRECTED = {day(1): Side.EARLIER, day(2): Side.CORRECTED}
SWAPS = {day(1): [(10, Step.CUT_OVER)], day(2): [(10, Step.CUT_OVER), (20, Step.ROLL_BACK)]}
PLACES = [
    Place("built before and rebuilt", [(1, 5, (1,)), (4, 10, (1,))], [((1,), 1, 4)]),
    Place("built before and never again", [(1, 5, (1,))], [((1,), 1, None)]),
    Place("built twice before", [(1, 5, (1,)), (2, 6, (1,)), (4, 12, (1,))], [((1,), 1, 4)]),
    Place("built only afterwards", [(4, 10, (1,))], []),
    Place("built of what was taken back", [(4, 10, (2,)), (9, 20, (2,))], [((2,), 4, 9)]),
    Place("built before, of a day that went back", [(1, 5, (2,))], []),
    Place("built of another day", [(1, 5, (3,))], []),
    Place("both, in turn", [(1, 5, (1, 2)), (4, 10, (1, 2)), (9, 20, (1, 2))], [((1,), 1, 4), ((2,), 4, 9)]),
    Place(
        "rebuilt of an earlier commit again",
        [(1, 5, (1,)), (4, 10, (1,)), (6, 9, (1,))],
        [((1,), 1, 4), ((1,), 6, None)],
    ),
    Place("rebuilt without the day", [(1, 5, (1, 3)), (4, 5, (3,))], [((1,), 1, 4)]),
    Place("a commit that was not recorded", [(1, None, (1,))], [((1,), 1, None)]),
    Place("a part read again", [(1, 5, (1, 3)), (4, 10, (3,))], [((1,), 1, None)], is_whole=False),
    Place("the part with the day read again", [(1, 5, (1, 3)), (4, 10, (1,))], [((1,), 1, 4)], is_whole=False),
]


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_place_shows_wrong_days_from_one_taking_to_another(place: Place):
    taken = [Taken(at(hour), commit, frozenset(map(day, of)), place.is_whole) for hour, commit, of in place.taken]
    found = seen_in(Carrier.REPORT, "page", "", taken, Wrong(CORRECTED, SWAPS))
    expected = [
        (tuple(map(day, of)), at(since), None if until is None else at(until)) for of, since, until in place.lines
    ]
    assert sorted((one.days, one.since, one.until) for one in found) == sorted(expected)


@pytest.fixture(scope="module")
def corrected(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Two corrections of one table, the second of a day that the first left wrong. Readers have used both."""
    world = world_at(tmp_path_factory.mktemp("world"))
    register_holder(world.step_context(), "billing")
    register_holder(world.step_context(), "silent")
    before = world.live.snapshot().commit
    report_use(world.step_context(), "filing", before, days(6, 7))
    report_use(world.step_context(), "model", before)
    advance_holder(world.step_context(), "billing", day(10), Reading(before))
    world.right = {**world.right, day(7): 55}
    world.open(6, 8, "a")
    world.through("a")
    for kind in (NoticeKind.OPENED, NoticeKind.PUBLISHED):
        world.records.outbox.record(Notice("a", kind, "finance", "", ""), ["1 mailto"], world.now)
    world.later(1)
    world.right = {**world.right, day(7): 7}
    world.open(7, 7, "b")
    world.through("b")
    world.later(1)
    report_use(world.step_context(), "model", world.live.snapshot().commit)
    return world


def lines(world: World, correction: str, carrier: Carrier) -> dict[tuple[str, str], tuple[tuple[date, ...], bool]]:
    found = exposure(world.step_context(), correction)
    return {(one.name, one.part): (one.days, one.until is None) for one in found.of(carrier)}


def test_readers_are_named_until_they_used_a_later_commit(corrected: World):
    assert lines(corrected, "a", Carrier.READER) == {
        ("billing", ""): (tuple(days(6, 8)), True),
        ("filing", ""): (tuple(days(6, 7)), True),
        ("model", ""): (tuple(days(6, 8)), False),
    }
    assert lines(corrected, "b", Carrier.READER) == {
        ("billing", ""): ((day(7),), True),
        ("filing", ""): ((day(7),), True),
        ("model", ""): ((day(7),), False),
    }


def test_notices_of_the_earlier_correction_told_figures_that_a_later_one_changed(corrected: World):
    assert lines(corrected, "a", Carrier.NOTICE) == {}
    assert lines(corrected, "b", Carrier.NOTICE) == {("a-published-finance", "finance"): ((day(7),), True)}
    [notice] = exposure(corrected.step_context(), "b").of(Carrier.NOTICE)
    assert notice.sent == "channel 1 mailto, pending"


def test_what_was_never_recorded_is_said(corrected: World):
    unknown = exposure(corrected.step_context(), "a").unknown
    assert any(f"3 partitions of {REPORT}" in sentence for sentence in unknown)
    assert any(sentence.startswith("silent is registered") for sentence in unknown)


def test_the_page_and_the_file_tell_the_same(corrected: World):
    found = exposure(corrected.step_context(), "a")
    page = exposure_page(found, Grain.DAY, corrected.now)
    rows = [*csv.DictReader(io.StringIO(exposure_csv(found)))]
    assert tuple(rows[0]) == COLUMNS
    assert [(row["kind"], row["name"], row["first_day"]) for row in rows] == [
        ("reader", "billing", "2026-01-06"),
        ("reader", "filing", "2026-01-06"),
        ("reader", "model", "2026-01-06"),
    ]
    assert all(f"<code>{row['name']}</code>" in page for row in rows)
    assert "As far as that is recorded, 2 places still show them." in page


def test_once_it_is_rolled_back_the_numbers_that_it_brought_are_the_wrong_ones(corrected: World, tmp_path):
    world = world_at(tmp_path / "lake")
    world.open(6, 8, "a")
    world.through("a")
    commit = world.live.snapshot().commit
    report_use(world.step_context(), "model", commit)
    world.records.outbox.record(Notice("a", NoticeKind.PUBLISHED, "finance", "", ""), [], world.now)
    world.later(0.1)
    roll_back(world.step_context("grace"), "a", [day(7)])
    found = exposure(world.step_context(), "a")
    assert found.wrong.sides == {day(6): Side.EARLIER, day(7): Side.CORRECTED, day(8): Side.EARLIER}
    assert [(one.days, one.commit) for one in found.of(Carrier.READER)] == [((day(7),), commit)]
    assert [(one.name, one.days) for one in found.of(Carrier.NOTICE)] == [("a-published-finance", (day(7),))]


def test_a_file_shows_what_the_partitions_show_that_it_is_made_of(tmp_path):
    """Until it is replaced, though they are rebuilt already."""
    world = world_at(tmp_path)
    live, of_page = world.live.snapshot(), {str(day(number)): [day(number)] for number in (5, 6)}
    built = partial(measure, "board", of_page, TABLE, builds=world.records.builds, run_id="run")
    world.records.completeness.record(built(live, at=at(1)))
    made_of = {"board": ("2026-01-05", "2026-01-06")}
    world.records.published.record(
        [Publication("page.html", at(2), made_of, 2), Publication("other.html", at(2), {"board": ("2026-01-05",)}, 2)]
    )
    world.open(6, 8, "a")
    world.through("a")
    world.records.completeness.record(built(world.live.snapshot(), at=at(20)))
    world.records.published.record([Publication("page.html", at(25), made_of, 2)])
    world.records.published.record([Publication("page.html", at(30), made_of, 4)])
    found = exposure(world.step_context(), "a")
    assert [(one.part, one.days, one.commit, one.until) for one in found.of(Carrier.REPORT)] == [
        ("2026-01-06", (day(6),), live.commit, at(20))
    ]
    assert [(one.name, one.days, one.commit, one.until) for one in found.of(Carrier.FILE)] == [
        ("page.html", (day(6),), live.commit, at(30))
    ]
    assert f"Which published files were made of these reports is not recorded before {moment_told(at(2))}." in (
        found.unknown
    )


def test_one_that_was_abandoned_has_no_wrong_numbers_and_an_open_one_those_it_would_change(tmp_path):
    world = world_at(tmp_path)
    world.open(4, 8, "a")
    assert exposure(world.step_context(), "a").wrong.days == {*days(4, 8)}
    world.drive("a")
    assert exposure(world.step_context(), "a").wrong.days == {*days(6, 8)}
    abandon(world.step_context("grace"), "a", "no")
    world.drive("a")
    found = exposure(world.step_context(), "a")
    assert told(found, Grain.DAY) == "Correction a changes nothing, so no wrong numbers of it were shown."
