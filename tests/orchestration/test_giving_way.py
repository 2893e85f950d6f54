"""A correction gives way to a nightly with a deadline: until it has published, or is late anyway."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from backfill_assets import NightlyDue, NightlySpec
from backfill_assets.core import facts
from backfill_assets.core.next_step import WaitForPerson
from backfill_assets.core.nightly_due import WaitForNightly
from backfill_assets.core.sentences import sentence_of
from backfill_assets.orchestration.driving import in_process
from backfill_assets.orchestration.driving.giving_way import nightly_at_risk
from backfill_assets.orchestration.driving.sensor import TickResult, staging_job_name, tick
from backfill_assets.testing import TestLake
from tests.kinds.tables_in_a_row import DAYS_THERE, day, days, doubled, location, orders

NEWEST = date(2026, 2, 1)
EARLY = "2026-02-02T06:00:00+00:00"
"""The newest day has not been published yet, and is over."""
DUE = NightlyDue(time(6, 30))
LATE = datetime(2026, 2, 2, 6, 30, tzinfo=UTC)


def tables(due: NightlyDue | None = DUE) -> dict[str, dict[str, Any]]:
    return {"daily": {"reports": [], "nightly": NightlySpec(inputs=[], due=due)}}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> TestLake:
    """Four weeks of orders, all published but the newest day, two of them doubled."""
    lake = TestLake(tmp_path_factory.mktemp("original") / "lake", location(**tables()), now=EARLY)
    lake.write("orders_log", orders(days(1, DAYS_THERE)))
    lake.publish(day(1), day(DAYS_THERE - 1), table="daily")
    lake.plant(day(3), day(4), doubled, table="daily")
    return lake


@pytest.fixture
def lake(original: TestLake, tmp_path: Path) -> TestLake:
    return original.copy(tmp_path / "lake")


def slept(monkeypatch: pytest.MonkeyPatch, then: Callable[[], object] = lambda: None) -> list[float]:
    """The driver in this process does not wait: what it would have slept, and what happens in the first sleep."""
    told: list[float] = []

    def sleep(seconds: float) -> None:
        told.append(seconds)
        if len(told) == 1:
            then()

    monkeypatch.setattr(in_process.time, "sleep", sleep)
    return told


def test_it_goes_on_once_nightly_has_published(lake: TestLake, monkeypatch: pytest.MonkeyPatch) -> None:
    correction = lake.correct(day(3), day(4), table="daily", reason="Doubled.")
    waited = slept(monkeypatch, lambda: lake.publish(NEWEST, NEWEST, table="daily"))

    assert isinstance(correction.drive(), WaitForPerson)
    assert len(waited) == 1


def test_it_goes_on_once_the_deadline_has_passed(lake: TestLake, monkeypatch: pytest.MonkeyPatch) -> None:
    correction = lake.correct(day(3), day(4), table="daily", reason="Doubled.")
    waited = slept(monkeypatch)

    assert isinstance(correction.drive(), WaitForPerson)
    assert sum(waited) == timedelta(minutes=30).total_seconds()


def test_the_daemon_requests_no_wave_and_says_why(lake: TestLake) -> None:
    correction = lake.correct(day(3), day(4), table="daily", reason="Doubled.")
    ctx = lake.definition("daily").step_context(lake.lake, "driver")
    for fact in (facts.ReportsFrozen(), facts.SourceVerified(), facts.WatermarksReset()):
        ctx.record(correction.id, fact)

    told = ticked(lake)
    assert not told.requests
    assert told.sentence == (
        f"Correction {correction.id} gives way to the nightly of daily, which is due by 2026-02-02 06:30 UTC."
    )

    lake.publish(NEWEST, NEWEST, table="daily")
    assert [one.job_name for one in ticked(lake).requests] == [staging_job_name("daily")]


def ticked(lake: TestLake) -> TickResult:
    definition = lake.definition("daily")
    with lake.entered():
        return tick(definition, lake.instance, definition.step_context(lake.lake, "driver"))


def published(lake: TestLake) -> TestLake:
    lake.publish(NEWEST, NEWEST, table="daily")
    return lake


def claimed(lake: TestLake) -> TestLake:
    published(lake).correct(NEWEST, NEWEST, table="daily", reason="Wrong.")
    return lake


# By what there is: whether corrections give way.
RISKS: dict[str, tuple[Callable[[TestLake], TestLake], bool]] = {
    "near, and not published": (lambda lake: lake, True),
    "published": (published, False),
    "without a deadline": (lambda lake: lake.with_code(location(**tables(None))), False),
    "without a nightly": (lambda lake: lake.with_code(location(daily={"reports": []})), False),
    "a deadline that is far": (lambda lake: lake.with_code(location(**tables(NightlyDue(time(12, 0))))), False),
    "a deadline that has passed": (lambda lake: lake.with_code(location(**tables(NightlyDue(time(5, 59))))), False),
    "claimed by a correction": (claimed, False),
}


@pytest.mark.parametrize("what", RISKS)
@pytest.mark.parametrize("table", ["daily", "trailing"])
def test_corrections_of_tables_around_it_give_way_while_a_deadline_is_near(
    what: str, table: str, lake: TestLake
) -> None:
    make, gives_way = RISKS[what]
    there = make(lake)

    waits = nightly_at_risk(there.definition(table), there.records, there.now)

    assert waits == (WaitForNightly("daily", LATE, there.now + timedelta(seconds=30)) if gives_way else None)
    if waits is not None:
        assert "gives way to the nightly of daily, which is due by 2026-02-02 06:30 UTC" in sentence_of("c", waits)
