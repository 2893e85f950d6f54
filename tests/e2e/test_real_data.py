"""The main job on 541,909 real invoice lines: publish, plant, correct, roll back, cut over again."""

from datetime import date
from pathlib import Path

import deltalake
import polars as pl
import pytest

from backfill_assets.core.window import ONE_DAY, Window
from backfill_assets.revenue.transforms import daily_revenue
from tests.e2e.house import FACT, KEYS, House, finance_ledger, new_house, per_currency
from tests.revenue.real_data import real_data

pytestmark = pytest.mark.dagster

SHOP = Window(date(2010, 12, 1), date(2011, 12, 9))
WINDOW = Window(date(2011, 8, 1), date(2011, 10, 29))
LAST_BUT_ONE = date(2011, 12, 8)
EXPECT = {
    "columns": ["revenue_usd", "rate_usd", "rate_currency", "fixing_day"],
    "same_rows": True,
    "unchanged_where": "currency = 'USD'",
    "max_change_per_day": "2%",
    "max_change_total": "0.5%",
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The real data, published by nightly up to the last day but one. Read it, copy it, do not write to it."""
    real_data()
    house = new_house(tmp_path_factory.mktemp("published") / "house").moved_in(SHOP.days)
    answered = house.run("nightly", "--through", str(LAST_BUT_ONE))
    assert answered.code == 0, answered.text
    assert len(answered.told["published"]) == 373
    return house


@pytest.fixture(scope="module")
def story(published: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """The planted lake, on which the tests below tell one story, in their order."""
    return planted(published.copy(tmp_path_factory.mktemp("story") / "house"))


def planted(house: House, window: Window = WINDOW) -> House:
    """Overwrite the window from outside, by delta-rs alone, with the rates of the calendar day before."""
    records = house.records
    raw = records.snapshot("raw_transactions").scan(window.days)
    rates = records.snapshot("fx_rates").scan().with_columns(pl.col("day") + ONE_DAY)
    wrong = daily_revenue(raw, rates.filter(pl.col("day").is_in(list(window))))
    deltalake.write_deltalake(
        records.lake.table_uri(FACT),
        wrong.to_arrow(),
        mode="overwrite",
        predicate=f"day >= '{window.first}' and day <= '{window.last}'",
    )
    return house


def differing(left: pl.DataFrame, right: pl.DataFrame) -> set[date]:
    """The days on which two facts differ in any row."""
    sides = (left.join(right, on=left.columns, how="anti"), right.join(left, on=left.columns, how="anti"))
    return {day for side in sides for day in side["day"]}


def test_every_day_and_currency_equals_the_ledger_to_the_last_digit(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")

    answered = house.run("nightly", "--through", str(SHOP.last))

    assert answered.told["published"] == [str(SHOP.last)]
    assert per_currency(house.fact()).rows() == finance_ledger().rows()
    assert house.live().days == frozenset(SHOP.days)
    assert house.fact()["transactions"].sum() == 541_909


def test_nightly_again_finds_nothing_to_do(published: House, tmp_path: Path):
    house = published.copy(tmp_path / "house")
    before = house.commits()

    answered = house.run("nightly", "--through", str(LAST_BUT_ONE))

    assert answered.code == 0
    assert not answered.told["published"] + answered.told["rebuilt"] + answered.told["late"]
    assert house.commits() == before


def test_a_correction_makes_all_planted_days_equal_the_ledger_again(story: House, published: House):
    right, wrong = published.fact(), story.fact()
    touched = differing(wrong, right)
    assert 50 < len(touched) < len(WINDOW)
    before = story.live()

    correction = story.opened(WINDOW.first, WINDOW.last, expect=EXPECT, correction="20111210")
    waiting = story.run("run", correction)
    assert (waiting.code, waiting.told["waits_for"]) == (3, "person")
    assert story.live().commit == before.commit
    assert story.run("approve", correction, "--by", "Ada", "--note", "looked at all 90 days").code == 0
    done = story.run("run", correction)

    assert (done.code, done.told["waits_for"]) == (0, "time")
    assert per_currency(story.fact()).rows() == finance_ledger().filter(pl.col("day") <= LAST_BUT_ONE).rows()
    assert story.fact().equals(right)
    after = story.live()
    moved = {day for day in after.days if after.names(day) != before.names(day)}
    assert moved == touched
    assert after.commit == before.commit + 1
    sundays = [day for day in WINDOW if day.weekday() == 6]
    assert not moved & set(sundays)


def test_the_corrected_lake_is_what_every_other_reader_sees(story: House):
    table = deltalake.DeltaTable(story.records.lake.table_uri(FACT))

    query = deltalake.QueryBuilder().register("t", table).execute("select sum(revenue_usd), count(*) from t")
    by_delta = pl.DataFrame(query.read_all())
    by_polars = pl.read_delta(story.records.lake.table_uri(FACT))

    assert by_polars.select(story.fact().columns).sort(KEYS).equals(story.fact())
    assert by_delta.rows() == [(story.fact()["revenue_usd"].sum(), len(story.fact()))]
    assert table.count() == len(story.fact())


def test_the_reports_that_the_change_reaches_are_those_of_the_corrected_days(story: House, published: House):
    for report in ("executive_dashboard", "finance_reconciliation_export", "board_pack"):
        now, right = (one.records.snapshot(report).scan().collect().sort(pl.all()) for one in (story, published))
        assert now.equals(right), report


def test_a_roll_back_brings_the_planted_numbers_and_keeps_the_day_that_landed_since(story: House, published: House):
    assert story.run("nightly", "--through", str(SHOP.last)).told["published"] == [str(SHOP.last)]
    latest = story.fact([SHOP.last])

    answered = story.run("roll-back", "20111210", "--all", "--by", "Ada", "--note", "not yet")

    assert answered.code == 0, answered.text
    wrong = planted(published.copy(story.root.parent / "wrong")).fact()
    assert story.fact().equals(pl.concat([wrong, latest]).sort(KEYS))
    assert len(latest) > 0


def test_cutting_over_again_after_the_roll_back_works(story: House):
    assert story.run("approve", "20111210", "--by", "Ada", "--note", "now").code == 0

    assert story.run("run", "20111210").told["waits_for"] == "time"

    assert per_currency(story.fact()).rows() == finance_ledger().rows()
