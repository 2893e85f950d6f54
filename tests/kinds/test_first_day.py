"""No date of anybody's data is in the product: any year of any landing is published, days that cannot be are named."""

import shutil
import sys
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.core.window import Window
from tests.e2e.house import House, new_house
from tests.e2e.test_bad_input import assert_in_three_sentences
from tests.revenue.real_data import real_data
from tests.scenarios import drop_parquet, transaction

sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

pytestmark = pytest.mark.dagster

YEARS = {
    "before the euro had ten years": (date(2009, 12, 28), 6),
    "over the leap day": (date(2024, 2, 27), 4),
    "over a New Year": (date(2019, 12, 30), 4),
    "in the middle of a month": (date(2015, 6, 17), 4),
    "by a clock that is far ahead": (date(2031, 3, 29), 5),
}


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first day is what landed, as it is for everybody who configures nothing."""
    monkeypatch.delenv("BACKFILL_FIRST_DAY", raising=False)


def landing_of(root: Path, first: date, count: int, *, clock: date | None = None) -> House:
    """A house in which so many days have landed, on the day after the last of them."""
    house = new_house(root, f"{clock or first + timedelta(days=count)}T06:00:00+00:00")
    land(house, first, count)
    return house


def land(house: House, first: date, count: int) -> list[date]:
    days = [first + timedelta(days=offset) for offset in range(count)]
    for day in days:
        drop_parquet(house.landing, day, [transaction(f"{day}-a", day), transaction(f"{day}-b", day, currency="GBP")])
    landed = sorted(
        (date.fromisoformat(file.stem) for file in (house.landing / "transactions").iterdir()), reverse=True
    )
    file = house.landing / "fx/eurofxref-hist.csv"
    file.parent.mkdir(exist_ok=True)
    file.write_text("Date,USD,GBP,\n" + "".join(f"{day},1.2500,0.8000,\n" for day in landed))
    return days


def published(house: House) -> list[date]:
    return sorted(house.live().days)


@pytest.mark.parametrize("name", YEARS)
def test_nightly_publishes_any_year_of_any_landing_with_its_reports(name: str, tmp_path: Path):
    first, count = YEARS[name]
    house = landing_of(tmp_path / "house", first, count)
    days = [first + timedelta(days=offset) for offset in range(count)]

    answered = house.run("nightly")

    assert (answered.code, answered.told["published"]) == (0, [str(day) for day in days]), answered.text
    assert published(house) == days
    assert house.records.snapshot("executive_dashboard").days == set(days)
    assert house.records.snapshot("board_pack").days == {day.replace(day=1) for day in days}
    assert house.records.first_days.known("raw_transactions") == first
    months = house.records.completeness.of_report("board_pack")
    last = days[-1].replace(day=1)
    in_month = {day for day in Window(last, last + timedelta(days=27)) if day >= first}
    assert in_month <= set(months[str(last)].expected)


def test_nightly_publishes_earlier_days_that_land_later_in_one_go(tmp_path: Path):
    house = landing_of(tmp_path / "house", date(2016, 5, 10), 3)
    assert house.run("nightly").code == 0
    earlier = land(house, date(2016, 5, 6), 4)

    answered = house.run("nightly")

    assert (answered.code, answered.told["published"]) == (0, [str(day) for day in earlier]), answered.text
    assert published(house) == [*earlier, *(date(2016, 5, 10) + timedelta(days=offset) for offset in range(3))]
    assert house.records.first_days.known("raw_transactions") == earlier[0]


def test_the_first_day_stays_when_the_landing_is_emptied(tmp_path: Path):
    house = landing_of(tmp_path / "house", date(2016, 5, 10), 4)
    assert house.run("nightly").code == 0
    for file in (house.landing / "transactions").iterdir():
        file.unlink()
    drop_parquet(house.landing, date(2016, 5, 14), [transaction("late", date(2016, 5, 14))])

    answered = house.at("2016-05-15T06:00:00+00:00").run("nightly")

    assert (answered.code, answered.told["published"]) == (0, ["2016-05-14"]), answered.text


def test_definitions_that_were_loaded_before_anything_landed_publish_what_landed_since(tmp_path: Path):
    house = new_house(tmp_path / "house", "2012-02-03T06:00:00+00:00")
    (house.landing / "transactions").mkdir(parents=True)
    empty = house.run("nightly")
    assert empty.told["error"] == "NothingToPublish", empty.text
    days = land(house, date(2012, 1, 31), 3)
    assert house.run("nightly").told["published"] == [str(day) for day in days]


CANNOT_BE = {
    "before the first day that is configured": ("2014-03-03", "2014-02-27", "DayBeforeFirst"),
    "in the future": ("", "2014-03-09", "DayNotOver"),
    "in the far future": ("", "2099-01-01", "DayNotOver"),
}


@pytest.mark.parametrize("name", CANNOT_BE)
def test_a_day_that_cannot_be_is_named_and_the_others_are_published(name: str, tmp_path: Path, monkeypatch):
    configured, strange, error = CANNOT_BE[name]
    house = landing_of(tmp_path / "house", date(2014, 3, 3), 3)
    drop_parquet(house.landing, date.fromisoformat(strange))
    if configured:
        monkeypatch.setenv("BACKFILL_FIRST_DAY", configured)

    answered = house.run("nightly")

    assert (answered.code, answered.told["error"]) == (2, error), answered.text
    assert list(answered.told["failed"]) == [strange]
    assert_in_three_sentences(answered.told["message"])
    assert published(house) == [date(2014, 3, 3), date(2014, 3, 4), date(2014, 3, 5)]


@pytest.mark.parametrize(
    ("through", "error"),
    [("2014-03-06", "DayNotOver"), ("2031-01-01", "DayNotOver"), ("2014-03-02", "DayBeforeFirst")],
)
def test_a_last_day_that_cannot_be_is_refused_before_anything_is_done(through: str, error: str, tmp_path: Path):
    house = landing_of(tmp_path / "house", date(2014, 3, 3), 3)
    answered = house.run("nightly", "--through", through)
    assert (answered.code, answered.told["error"]) == (2, error), answered.text
    assert_in_three_sentences(answered.told["message"])
    assert not house.records.exists("raw_transactions")


@pytest.mark.parametrize("told", ["2014-02-30", "20140303", "yesterday", "2014-03", " "])
def test_a_first_day_that_is_no_day_is_refused_by_every_command(told: str, tmp_path: Path, monkeypatch):
    house = landing_of(tmp_path / "house", date(2014, 3, 3), 1)
    monkeypatch.setenv("BACKFILL_FIRST_DAY", told)
    for command in (["nightly"], ["status"], ["pages"], ["audit"]):
        answered = house.run(*command)
        assert (answered.code, answered.told["error"]) == (2, "FirstDayUnreadable"), answered.text
        assert_in_three_sentences(answered.told["message"])


LOADED = """
import sys
from backfill_assets.orchestration.asset.table_definition import tables_in
from backfill_assets.revenue.definitions import defs
definition = tables_in(defs)["fct_daily_revenue"]
known = {"days": definition.slots.partitions_def, **{one.name: one.partitions_def for one in definition.reports.assets}}
print(*(f"{name} {one.get_num_partitions()} {one.get_first_partition_key()} {one.get_last_partition_key()}"
        for name, one in known.items()), sep="\\n")
"""


def test_the_code_location_has_the_days_from_the_first_to_the_last_that_is_over(tmp_path: Path):
    house = landing_of(tmp_path / "house", date(2025, 7, 1), 1, clock=date(2026, 1, 23))
    told = house.python(LOADED).text
    assert "days 206 2025-07-01 2026-01-22" in told, told
    assert "executive_dashboard 206 2025-07-01 2026-01-22" in told
    assert "board_pack 7 2025-07-01 2026-01-01" in told


def test_the_code_location_loads_before_anything_has_landed_and_writes_nothing(tmp_path: Path):
    house = new_house(tmp_path / "house", "2026-01-23T06:00:00+00:00")
    told = house.python(LOADED).text
    assert "days 0 None None" in told, told
    assert not (tmp_path / "house/lake").exists()


def test_a_first_day_that_nobody_can_tell_is_said_so_when_definitions_load(tmp_path: Path):
    house = new_house(tmp_path / "house", "2026-01-23T06:00:00+00:00")
    log = tmp_path / "house/lake/_control/first_days/_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("no log at all")
    told = house.python(LOADED)
    assert told.code != 0
    last = told.text.strip().splitlines()[-1]
    assert last.startswith("backfill_assets.errors."), told.text
    assert_in_three_sentences(last.partition(": ")[2])


def test_a_few_days_of_the_real_trade_are_published_in_another_year_as_in_their_own(tmp_path: Path):
    if not (real_data() / "online_retail").is_dir():
        pytest.skip("the real data is not beside the repository")
    years = 2
    days = [*Window(date(2011, 3, 1), date(2011, 3, 4))]
    house = new_house(tmp_path / "house", "2009-03-05T06:00:00+00:00")
    for folder in ("transactions", "fx"):
        (house.landing / folder).mkdir(parents=True)
    shutil.copy(real_data() / "ecb/eurofxref-hist.csv", house.landing / "fx")
    for day in days:
        rows = pl.read_parquet(real_data() / f"online_retail/transactions/{day}.parquet")
        moved = rows.with_columns(pl.col("occurred_at").dt.offset_by(f"-{years}y"))
        moved.write_parquet(house.landing / f"transactions/{day.replace(year=day.year - years)}.parquet")
    answered = house.run("nightly")
    assert answered.code == 0, answered.text
    assert published(house) == [day.replace(year=day.year - years) for day in days]
    assert house.fact()["transactions"].sum() == sum(
        len(pl.read_parquet(real_data() / f"online_retail/transactions/{day}.parquet")) for day in days
    )
