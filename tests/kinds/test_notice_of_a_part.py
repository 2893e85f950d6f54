"""A notice tells of the event it is about: of two days that were rolled back, not of the whole correction.

Days 6 to 9 of the world are wrong by 100 each; a correction of days 4 to 10 changes exactly those.
"""

import re
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.next_step import WaitForPerson
from backfill_assets.core.notice import Notice
from backfill_assets.core.plan import Request
from backfill_assets.core.window import Window
from backfill_assets.runbook import abandon, approve, cut_over, decommission, open_correction, roll_back
from tests.e2e.shop import open_shop
from tests.e2e.small_lake import SmallLake, publish
from tests.runbook.world import World, copy_of, day, world_at


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[World, str]:
    """A correction that is live and told of."""
    world = world_at(tmp_path_factory.mktemp("part") / "lake")
    correction = world.open(4, 10).correction
    world.through(correction)
    return world, correction


def own(published: tuple[World, str], root: Path) -> tuple[World, str]:
    world, correction = published
    return copy_of(world, root / "lake"), correction


def back(world: World, correction: str, numbers: list[int], note: str = "wrong") -> None:
    roll_back(world.step_context(), correction, [day(number) for number in numbers], note)


def told(world: World, correction: str, event: str) -> Notice:
    """The newest notice of an event, after everything owed was done."""
    world.drive(correction)
    return [notice for notice in world.told if notice.event == event][-1]


def total(notice: Notice) -> str:
    return next((line for line in notice.body.splitlines() if line.startswith("| All days")), "")


PARTS = [
    ([6], "106", "6", "1, namely 6 January 2026"),
    ([6, 7], "213", "13", "2, namely 6 to 7 January 2026"),
    ([6, 8], "214", "14", "2, namely 6 January 2026, 8 January 2026"),
    ([7, 8, 9], "324", "24", "3, namely 7 to 9 January 2026"),
]


@pytest.mark.parametrize("part", PARTS)
def test_a_roll_back_of_some_days_speaks_of_those_days_and_their_sums(published, tmp_path, part):
    numbers, earlier, corrected, named = part
    world, correction = own(published, tmp_path)
    back(world, correction, numbers)

    notice = told(world, correction, "rolled_back")

    assert f"**Days rolled back:** {named}" in notice.body
    assert f"| All days | {corrected} | {earlier} | +{len(numbers)}00" in total(notice)
    assert f"**Reports:** `page` ({numbers[0]} " in notice.body
    assert "of sales 4 to 10 January 2026 was rolled back" in notice.subject
    assert notice.subject != "The correction of sales 4 to 10 January 2026 was rolled back"
    assert f"Reverse what you posted of {numbers[0]} " in notice.body
    others = {6, 7, 8, 9} - {*range(numbers[0], numbers[-1] + 1)}
    assert not {other for other in others if re.search(rf"\b{other} (to \d+ )?January", notice.body)}


def test_a_roll_back_of_all_days_speaks_of_all(published, tmp_path):
    world, correction = own(published, tmp_path)
    roll_back(world.step_context(), correction, all_days=True)

    notice = told(world, correction, "rolled_back")

    assert notice.subject == "The correction of sales 4 to 10 January 2026 was rolled back"
    assert "**Days rolled back:** 4\n" in notice.body
    assert "| All days | 30 | 430 | +400" in total(notice)


def test_a_second_roll_back_speaks_of_the_rest(published, tmp_path):
    world, correction = own(published, tmp_path)
    back(world, correction, [6])
    world.drive(correction)
    roll_back(world.step_context(), correction, all_days=True)

    notice = told(world, correction, "rolled_back")

    assert "**Days rolled back:** 3, namely 7 to 9 January 2026" in notice.body
    assert "| All days | 24 | 324 | +300" in total(notice)
    assert notice.number == 2


def test_two_roll_backs_before_anybody_was_told_are_told_together(published, tmp_path):
    world, correction = own(published, tmp_path)
    back(world, correction, [6], "first")
    back(world, correction, [8], "second")

    notice = told(world, correction, "rolled_back")

    assert "**Days rolled back:** 2, namely 6 January 2026, 8 January 2026" in notice.body
    assert "| All days | 14 | 214 | +200" in total(notice)
    assert "**Note:** first second" in notice.body


def test_a_cut_over_again_speaks_of_the_days_that_came_back(published, tmp_path):
    world, correction = own(published, tmp_path)
    back(world, correction, [6, 7])
    world.drive(correction)
    approve(world.step_context("grace"), correction, "sound after all")
    cut_over(world.step_context(), correction)

    notice = told(world, correction, "published")

    assert "**Days changed:** 2, namely 6 to 7 January 2026" in notice.body
    assert "| All days | 213 | 13 | \u2212200" in total(notice)
    assert "**Approved by:** grace" in notice.body
    assert notice.number == 2


def test_what_was_cut_over_and_taken_back_in_part_before_anybody_was_told_makes_both_notices(tmp_path):
    world = world_at(tmp_path / "lake")
    correction = world.open(4, 10).correction
    world.drive(correction)
    approve(world.step_context(), correction, "looked")
    cut_over(world.step_context(), correction)
    back(world, correction, [6])

    rolled = told(world, correction, "rolled_back")
    published = told(world, correction, "published")

    assert "| All days | 6 | 106 | +100" in total(rolled)
    assert "**Days changed:** 3, namely 7 to 9 January 2026" in published.body
    assert "| All days | 324 | 24 | \u2212300" in total(published)


def test_what_was_rolled_back_and_given_up_is_not_said_never_to_have_been_published(published, tmp_path):
    world, correction = own(published, tmp_path)
    roll_back(world.step_context(), correction, all_days=True)
    abandon(world.step_context(), correction, "start over")

    given_up, rolled = told(world, correction, "abandoned"), told(world, correction, "rolled_back")

    assert "Nothing of it was published" not in given_up.body
    assert "rolled back before" in given_up.body
    assert "| All days | 30 | 430 | +400" in total(rolled)


def test_what_was_never_live_is_not_final_when_its_files_go(tmp_path):
    world = world_at(tmp_path / "lake")
    correction = world.open(4, 10).correction
    world.drive(correction)
    abandon(world.step_context(), correction, "the analysis was wrong")
    world.drive(correction)
    decommission(world.step_context(), correction)

    notice = [one for one in world.told if one.event == "decommissioned"][-1]

    assert "None of its days is published" in notice.body
    assert not total(notice)
    assert "only record" not in notice.body


def test_a_decommission_speaks_of_the_days_that_stay(published, tmp_path):
    world, correction = own(published, tmp_path)
    back(world, correction, [6])
    world.drive(correction)
    world.later(20)
    decommission(world.step_context(), correction, now=True)

    notice = [one for one in world.told if one.event == "decommissioned"][-1]

    assert "**Days changed:** 3, namely 7 to 9 January 2026" in notice.body
    assert "| All days | 324 | 24 | \u2212300" in total(notice)
    assert "**Approved by:** ada" in notice.body


def test_the_sums_are_measured_at_the_swap_and_not_recalled_from_the_last_validation(published, tmp_path):
    """After a second validation, of the day that came back, the last validation knows only that one."""
    world, correction = own(published, tmp_path)
    back(world, correction, [6])
    world.drive(correction)
    world.publish_live({day(6): 206})
    approve(world.step_context("grace"), correction, "again")
    if not isinstance(world.drive(correction), WaitForPerson):
        assert world.progress(correction).publication.swapped
    roll_back(world.step_context(), correction, [day(9)])

    notice = told(world, correction, "rolled_back")

    assert "**Days rolled back:** 1, namely 9 January 2026" in notice.body
    assert "| All days | 9 | 109 | +100" in total(notice)


def test_each_audience_hears_of_the_months_of_the_days_and_not_of_the_window(tmp_path):
    world = world_at(tmp_path / "lake", count=8)
    world.right |= {date(2026, 2, number): number for number in (1, 2)}
    extra = {of: value for of, value in world.right.items() if of.month == 2}
    between = {date(2026, 1, number): number for number in range(9, 32)}
    world.right |= between
    world.land({**between, **extra})
    world.publish_live({**between, **{of: (value or 0) + 100 for of, value in extra.items()}})
    watchers = ("finance", "board-prep", "exec-ops", "growth")
    request = Request("sales", Window(day(6), date(2026, 2, 2)), "wrong", watchers)
    correction = open_correction(world.step_context(), request).correction
    world.through(correction)
    roll_back(world.step_context(), correction, [date(2026, 2, 1)], "wrong")
    world.drive(correction)

    bodies = {
        one.audience: one.body.replace("6 January to 2 February 2026", "")
        for one in world.told
        if one.event == "rolled_back"
    }

    assert set(bodies) == set(watchers)
    assert all("January" not in body for body in bodies.values())
    assert "Withdraw packs of February 2026 made" in bodies["board-prep"]
    assert all("1 February 2026" in body for body in bodies.values())


@pytest.mark.dagster
def test_from_the_command_line_one_day_of_three_is_taken_back_told_and_shown(tmp_path):
    days = [date(2026, 1, number) for number in (5, 6, 7)]
    house = open_shop(tmp_path / "house", days, "2026-01-24T06:00:00+00:00")
    raised = pl.col("revenue_usd") + Decimal("0.5000")
    publish(SmallLake(house.root), days, lambda rows: rows.with_columns(raised.cast(rows.schema["revenue_usd"])))
    correction = house.opened(days[0], days[-1])
    assert house.run("run", correction).told["waits_for"] == "person"
    house.run("approve", correction, "--by", "Grace", "--note", "looked")
    house.run("run", correction)

    answered = house.run("roll-back", correction, "--day", str(days[1]), "--by", "Grace", "--note", "not this one")

    assert answered.code == 0, answered.text
    notice = (house.root / f"published/notices/{correction}-rolled_back-finance.md").read_text()
    assert "**Days rolled back:** 1, namely 6 January 2026" in notice
    assert "| All days " in notice
    assert "+1.00" in notice
    assert "5 January 2026" not in notice.replace("5 to 7 January 2026", "")
    assert "2 days live and 1 day rolled back" in (house.root / "published/index.html").read_text()
    page = (house.root / f"published/corrections/{correction}/index.html").read_text()
    assert 'data-state="live in part"' in page
    assert "1 of 3 days (6 January 2026) is rolled back and 2 are live." in page
