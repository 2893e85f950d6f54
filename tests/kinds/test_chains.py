"""Corrections of tables that read each other, as one: staged from staged, approved together, cut over in order."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from backfill_assets.core.next_step import WaitForPerson, WaitUntil
from backfill_assets.errors.chains import LedByAnother
from backfill_assets.testing import TestLake
from backfill_assets.testing.correction import TestCorrection
from tests.kinds.tables_in_a_row import DAYS_THERE, NOW, day, days, doubled, location, orders

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
