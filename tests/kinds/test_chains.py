"""Corrections of tables that read each other, as one: staged from staged, approved together, cut over in order."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from backfill_assets.core.facts import DaysToRestage
from backfill_assets.core.next_step import Finished, Stuck, WaitForPerson, WaitUntil
from backfill_assets.core.steps import Ending
from backfill_assets.errors.base import BackfillAssetsError
from backfill_assets.errors.chains import DownstreamBusy, DownstreamUnread, DownstreamUntouched, LedByAnother
from backfill_assets.errors.request import RequestFieldsUnknown
from backfill_assets.pages.publishing import page_path
from backfill_assets.runbook.as_reported import history_of
from backfill_assets.runbook.exposure import exposure
from backfill_assets.runbook.standing import standings
from backfill_assets.testing import TestLake
from backfill_assets.testing.correction import TestCorrection
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.kinds.tables_in_a_row import DAYS_THERE, NOW, day, days, doubled, location, orders
from tests.profiles import every_write

TABLES = ("daily", "trailing", "weekly")
REPORTS = ("both", "by_week")


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return location()


@pytest.fixture(scope="module")
def original(definitions: dg.Definitions, tmp_path_factory: pytest.TempPathFactory) -> TestLake:
    """Four weeks, of which ``daily`` is doubled on four days, and with it what is computed from them."""
    lake = TestLake(tmp_path_factory.mktemp("original") / "lake", definitions, now=NOW)
    lake.write("orders_log", orders(days(1, DAYS_THERE)))
    alone = lake.with_code(location(daily={"reports": []}))
    alone.publish(day(1), day(DAYS_THERE), table="daily")
    alone.plant(day(9), day(12), doubled, table="daily")
    lake.publish(day(1), day(DAYS_THERE), table="trailing")
    lake.publish(day(1), day(22), table="weekly")
    return lake


@pytest.fixture
def lake(original: TestLake, tmp_path: Path) -> TestLake:
    return original.copy(tmp_path / "lake")


@pytest.fixture(scope="module")
def at_gate(original: TestLake, tmp_path_factory: pytest.TempPathFactory) -> TestLake:
    """The chain is staged and validated, and nobody has approved it."""
    lake = original.copy(tmp_path_factory.mktemp("at_gate") / "lake")
    to_the_gate(lake)
    return lake


@pytest.fixture(scope="module")
def swapped(at_gate: TestLake, tmp_path_factory: pytest.TempPathFactory) -> TestLake:
    """The chain is live, and may go back."""
    lake = at_gate.copy(tmp_path_factory.mktemp("swapped") / "lake")
    cut_over(lake)
    return lake


@pytest.fixture(scope="module")
def right(definitions: dg.Definitions, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, pl.DataFrame]:
    """What every table would be had nothing ever been wrong."""
    lake = TestLake(tmp_path_factory.mktemp("right") / "lake", definitions, now=NOW)
    lake.write("orders_log", orders(days(1, DAYS_THERE)))
    lake.with_code(location(daily={"reports": []})).publish(day(1), day(DAYS_THERE), table="daily")
    lake.publish(day(1), day(DAYS_THERE), table="trailing")
    lake.publish(day(1), day(22), table="weekly")
    return read(lake)


def read(lake: TestLake) -> Mapping[str, pl.DataFrame]:
    return {name: lake.rows(name) for name in (*TABLES, *REPORTS)}


def chain(lake: TestLake) -> TestCorrection:
    return lake.correct(
        day(9), day(12), table="daily", reason="Doubled.", downstream=["weekly", "trailing"], watchers=["finance"]
    )


def same(one: Mapping[str, pl.DataFrame], other: Mapping[str, pl.DataFrame]) -> bool:
    return all(one[name].equals(other[name]) for name in one)


def test_a_chain_in_which_nothing_changes_closes_by_itself(lake: TestLake):
    before = read(lake)
    lead = lake.correct(
        day(1), day(3), table="daily", reason="Perhaps.", downstream=["trailing", "weekly"], watchers=["finance"]
    )
    waits = lead.drive()
    assert isinstance(waits, Finished), waits
    members = [lake.correction(name) for name in (lead.id, f"{lead.id}-2", f"{lead.id}-3")]
    assert {member.progress.publication.ending for member in members} == {Ending.UNCHANGED}
    assert not any(member.progress.downstream.frozen for member in members)
    assert {notice.event for notice in lead.notices} == {"opened", "unchanged"}
    assert same(read(lake), before)


def test_a_chain_of_three_goes_through_and_back(lake: TestLake, right: Mapping[str, pl.DataFrame]):
    before = read(lake)
    lead = chain(lake)
    plans = [lake.correction(name).progress.plan for name in (lead.id, f"{lead.id}-2", f"{lead.id}-3")]
    assert [plan.table for plan in plans] == [*TABLES]
    assert [len(plan.days) for plan in plans] == [4, 6, 1]

    waits = lead.drive()
    assert isinstance(waits, WaitForPerson), waits
    assert same(read(lake), before)
    follower = lake.correction(f"{lead.id}-2")
    with pytest.raises(LedByAnother, match=lead.id):
        follower.approve()
    lead.approve()
    waits = lead.drive()

    assert isinstance(waits, WaitUntil), waits
    assert same(read(lake), right)
    assert [(notice.event, notice.correction) for notice in lead.notices if notice.event == "published"] == [
        ("published", lead.id)
    ]
    assert not follower.notices
    lead.roll_back()
    assert same(read(lake), before)
    lead.approve()
    lead.drive()
    assert same(read(lake), right)


def led(lake: TestLake) -> TestCorrection:
    """The chain that is in the ledger, or opened now."""
    known = [name for name in lake.records.ledger.all_progress() if "-" not in name]
    return lake.correction(known[0]) if known else chain(lake)


def to_the_gate(lake: TestLake) -> None:
    waits = led(lake).drive()
    assert isinstance(waits, WaitForPerson), waits


def cut_over(lake: TestLake) -> None:
    lead = led(lake)
    if isinstance(lead.drive(), WaitForPerson):
        lead.approve()
    waits = lead.drive()
    assert isinstance(waits, WaitUntil), waits


def back(lake: TestLake) -> None:
    lead = led(lake)
    lead.drive()
    if lead.progress.publication.swapped:
        lead.roll_back()
    lead.drive()


def told_mixed(lake: TestLake, *, held: bool) -> bool:
    """Whether every page and status says that the tables may disagree, and the reports are held meanwhile."""
    with lake.entered():
        standing = standings(lake.records, lake.now)
    frozen = {report for one in standing for report in one.progress.downstream.frozen}
    pages = [page_path(lake.folder / "published", one.progress.plan.correction).read_text() for one in standing]
    told = all(one.mixed for one in standing) and all("may disagree" in page for page in pages)
    return told and (frozen >= {*REPORTS} or not held)


def disagree(lake: TestLake, before: Mapping[str, pl.DataFrame], right: Mapping[str, pl.DataFrame]) -> bool:
    """Whether some tables hold what was wrong and others what is right."""
    now = {name: lake.rows(name) for name in TABLES}
    return not (same(now, before) or same(now, right))


@dataclass(frozen=True)
class Part:
    """A part of the story that is killed at each of its writes: the lake it begins on, and whether reports are held."""

    tell: Callable[[TestLake], None]
    begins: str
    ends_right: bool = False
    holds_reports: bool = True


PARTS = {
    "opened, staged and validated": Part(to_the_gate, "original"),
    "approved, cut over, reports rebuilt": Part(cut_over, "at_gate", ends_right=True),
    "rolled back": Part(back, "swapped", holds_reports=False),
}


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS.values(), ids=PARTS.keys())
def test_a_chain_that_is_killed_is_carried_on(
    original: TestLake,
    right: Mapping[str, pl.DataFrame],
    tmp_path: Path,
    part: Part,
    request: pytest.FixtureRequest,
    record_property: Callable[[str, object], None],
):
    wrong, lake = read(original), request.getfixturevalue(part.begins)
    counted = lake.copy(tmp_path / "counted")
    with counted.killed_at_write(0) as writes:
        part.tell(counted)
    every = every_write(12)
    first = random.randrange(every) + 1
    record_property("writes", len(writes))

    for number in range(first, len(writes) + 1, every):
        killed = lake.copy(tmp_path / f"killed-{number}")
        with killed.killed_at_write(number, after=bool(number % 2)):
            part.tell(killed)
        if disagree(killed, wrong, right):
            assert told_mixed(killed, held=part.holds_reports), number
        part.tell(killed)
        assert same(read(killed), right if part.ends_right else wrong), number
        assert not any(one.mixed for one in standings(killed.records, killed.now))


def test_what_is_staged_again_is_staged_again_after_it(
    at_gate: TestLake, right: Mapping[str, pl.DataFrame], tmp_path: Path
):
    lake = at_gate.copy(tmp_path / "lake")
    lead = led(lake)
    certified = lake.correction(f"{lead.id}-2").progress.gate.certificate
    # Somebody launches a day of the first table again, by code that is right too and rounds otherwise.
    ctx = lake.definition("daily").step_context(lake.lake, "ada")
    ctx.record(lead.id, DaysToRestage((day(10),), "Staged again."))

    waits = lead.drive()

    assert isinstance(waits, WaitForPerson), waits
    follower = lake.correction(f"{lead.id}-2").progress
    assert follower.gate.certificate != certified
    cut_over(lake)
    assert same(read(lake), right)


def test_a_chain_is_abandoned_and_decommissioned_as_one(at_gate: TestLake, tmp_path: Path):
    lake = at_gate.copy(tmp_path / "lake")
    wrong = read(lake)
    lead = led(lake)
    with pytest.raises(LedByAnother):
        lake.correction(f"{lead.id}-3").abandon()
    lead.abandon()
    names = [lead.id, f"{lead.id}-2", f"{lead.id}-3"]
    assert {lake.correction(name).progress.publication.ending for name in names} == {Ending.ABANDONED}
    assert not lake.correction(names[1]).progress.downstream.frozen
    assert same(read(lake), wrong)

    before = {name: lake.snapshot(name).commit for name in TABLES}
    again = chain(lake)
    again.through()
    again.decommission()
    for name in TABLES:
        known = history_of(lake.definition(name).step_context(lake.lake, "ada")).at_commit(before[name])
        told = {of: int(one.amounts.sums["revenue"]) for of, one in known.items() if one.amounts}
        assert told == dict(wrong[name].select("day", "revenue").iter_rows())
    standing = [lake.correction(name).progress for name in (again.id, f"{again.id}-2", f"{again.id}-3")]
    assert {one.publication.ending for one in standing} == {Ending.DECOMMISSIONED}


def test_rolling_a_table_of_it_back_takes_those_after_it_along(original: TestLake, swapped: TestLake, tmp_path: Path):
    wrong, lake = read(original), swapped.copy(tmp_path / "lake")
    lead = led(lake)
    corrected = read(lake)

    lake.correction(f"{lead.id}-2").roll_back()

    now = read(lake)
    assert now["daily"].equals(corrected["daily"])
    assert now["trailing"].equals(wrong["trailing"])
    assert now["weekly"].equals(wrong["weekly"])
    with lake.entered():
        (standing,) = standings(lake.records, lake.now, lead.id)
        stale = standing.among(lake.definition("daily").step_context(lake.lake, "ada")).stale
        exposed = exposure(lake.definition("daily").step_context(lake.lake, "ada"), lead.id)
    assert [one.table for one in stale] == ["trailing", "weekly"]
    assert exposed.stale == tuple(one.sentence for one in stale)


WINDOW: dict[str, Any] = {"first": day(9), "last": day(12), "table": "daily", "reason": "Doubled."}


def busy(lake: TestLake) -> None:
    lake.correct(day(14), day(15), table="trailing", reason="Its own.")


def one_day_more(lake: TestLake) -> None:
    lake.write("orders_log", orders(days(29, 29)))
    lake.with_code(location(daily={"reports": []})).publish(day(29), day(29), table="daily")


REFUSED: dict[str, tuple[dict[str, Any], Callable[[TestLake], None] | None, type[BackfillAssetsError], str]] = {
    "a table that is not there": ({"downstream": ["hourly"]}, None, DownstreamUnread, "hourly"),
    "the table itself": ({"downstream": ["daily"]}, None, DownstreamUnread, "daily"),
    "a table twice": ({"downstream": ["trailing", "trailing"]}, None, DownstreamUnread, "twice"),
    "a table that reads another one": ({"downstream": ["weekly"]}, None, DownstreamUnread, "weekly"),
    "a table before it": ({"table": "trailing", "downstream": ["daily"]}, None, DownstreamUnread, "daily"),
    "a table with an open correction of its own": ({"downstream": ["trailing"]}, busy, DownstreamBusy, "its own"),
    "a table of which nothing is computed from it": (
        {"first": day(29), "last": day(29), "downstream": ["trailing"]},
        one_day_more,
        DownstreamUntouched,
        "trailing",
    ),
    "a column that a table after it lacks": (
        {"downstream": [{"table": "trailing", "expect": {"columns": ["price"]}}]},
        None,
        BackfillAssetsError,
        "price",
    ),
    "a clause that is none": (
        {"downstream": [{"table": "trailing", "expect": {"colums": ["revenue"]}}]},
        None,
        RequestFieldsUnknown,
        "colums",
    ),
    "a field that is none": (
        {"downstream": [{"table": "trailing", "window": "all"}]},
        None,
        RequestFieldsUnknown,
        "window",
    ),
}


@pytest.mark.parametrize(("told", "before", "refusal", "names"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_corrected_together_is_refused_when_it_is_opened(
    lake: TestLake,
    told: dict[str, Any],
    before: Callable[[TestLake], None] | None,
    refusal: type[BackfillAssetsError],
    names: str,
):
    if before is not None:
        before(lake)
    known = [*lake.records.ledger.all_progress()]

    with pytest.raises(refusal, match=names) as refused:
        lake.correct(**{**WINDOW, **told})

    assert_in_three_sentences(str(refused.value))
    assert [*lake.records.ledger.all_progress()] == known


def test_what_is_expected_is_expected_of_each_table(lake: TestLake):
    lead = lake.correct(
        day(9),
        day(12),
        table="daily",
        reason="Doubled.",
        approval="automatic",
        expect={"columns": ["revenue"], "sign": "down"},
        downstream=[{"table": "trailing", "expect": {"columns": ["revenue"], "sign": "up"}}],
    )
    waits = lead.drive()

    assert isinstance(waits, Stuck), waits
    assert not lake.correction(f"{lead.id}-2").progress.gate.passed
    assert not lead.progress.publication.swap_count


def test_a_chain_passes_by_itself_when_every_table_is_as_expected(lake: TestLake, right: Mapping[str, pl.DataFrame]):
    expected: dict[str, Any] = {"columns": ["revenue"], "same_rows": True, "sign": "down"}
    lead = lake.correct(
        day(9),
        day(12),
        table="daily",
        reason="Doubled.",
        approval="automatic",
        expect=expected,
        downstream=[{"table": name, "expect": expected} for name in ("trailing", "weekly")],
    )
    waits = lead.drive()

    assert isinstance(waits, WaitUntil), waits
    assert same(read(lake), right)


def test_a_chain_writes_no_more_than_corrections_of_its_tables(lake: TestLake, tmp_path: Path):
    apart, together = lake.copy(tmp_path / "apart"), lake.copy(tmp_path / "together")
    with together.killed_at_write(0) as of_chain:
        cut_over(together)
    with apart.killed_at_write(0) as of_three:
        for table, first, last in (("daily", 9, 12), ("trailing", 9, 14), ("weekly", 8, 8)):
            apart.correct(day(first), day(last), table=table, reason="Doubled.").through()

    assert same(read(together), read(apart))
    assert len(of_chain) <= len(of_three)
