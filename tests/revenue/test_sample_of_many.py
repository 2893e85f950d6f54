"""Where more transactions are behind a plan than are all derived, a drawn part of the staged rows still tells."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from backfill_assets.checks import Check, Clause, Evidence, Samples
from backfill_assets.core.plan import Plan, PlannedInputs, Request
from backfill_assets.core.window import Window
from backfill_assets.revenue import fixing_log, raw_log, sample, sampled_rows
from backfill_assets.revenue.conversions import CONVERSIONS
from backfill_assets.revenue.fixings import fixings_known, rates_in_force
from backfill_assets.revenue.pipeline import prove_control_totals
from backfill_assets.revenue.transforms import daily_revenue
from backfill_assets.storage.layout import Lake
from backfill_assets.storage.records import Records
from tests.scenarios import KEY, drop_parquet, transaction

AT = datetime(2026, 6, 1, 6, tzinfo=UTC)
DAYS = [date(2026, 1, 5) + timedelta(days=number) for number in range(90)]
COUNTRIES = [f"{first}{second}" for first in "ABCD" for second in "ABCD"]
LAST_DIGIT = pl.lit("0.0001").cast(pl.Decimal(38, 4))


Made = tuple[Records, Plan, pl.DataFrame]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Ninety days of two currencies and sixteen countries, and what is right of them."""
    return made_of(tmp_path_factory.mktemp("many"), DAYS, COUNTRIES, ("EUR", "GBP"))


def made_of(root: Path, days: Sequence[date], countries: Sequence[str], currencies: Sequence[str]) -> Made:
    """A row of each day, country and currency."""
    records = Records(Lake(str(root / "lake")))
    (root / "landing/fx").mkdir(parents=True)
    lines = [f"{day},1.{1000 + number % 90},0.{8000 + number % 70}," for number, day in enumerate(days)]
    (root / "landing/fx/eurofxref-hist.csv").write_text("\n".join(["Date,USD,GBP,", *reversed(lines), ""]))
    fixing_log.ingest_fixings(records, root / "landing", AT)
    for day in days:
        drop_parquet(root / "landing", day, [sold(day, place, of) for place in countries for of in currencies])
    raw_log.TRANSACTIONS.ingest(records, root / "landing", days, KEY, AT)
    rates = rates_in_force(fixings_known(records.snapshot("raw_fixings").scan().collect()), days)
    right = daily_revenue(records.snapshot(raw_log.RAW).scan(), rates.lazy()).sort("day", "currency", "country")
    pins = {raw_log.RAW: records.snapshot(raw_log.RAW).commit}
    request = Request("fct_daily_revenue", Window(days[0], days[-1]), "wrong")
    return records, Plan("a", request, AT, "ada", PlannedInputs(pins)), right


def sold(day: date, country: str, currency: str) -> dict[str, object]:
    amount = ("-" if country == "AB" else "") + f"{10 + ord(country[0]) + day.day}.17"
    return transaction(f"{day}{country}{currency}", day, country=country, currency=currency, amount=amount)


def proven(made: Made, staged: pl.DataFrame) -> Check:
    records, plan, right = made
    (check,) = sample.prove_sample(Evidence(plan, records, staged.lazy(), right.lazy(), plan.days))
    return check


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if each row had thousands of transactions behind it."""
    monkeypatch.setattr(sample, "MOST_LINES", 20)


def test_what_is_right_passes_and_says_how_far_that_can_be_trusted(made):
    check = proven(made, made[2])
    assert check.passed
    assert check.detail["rows_in_all"] == 90 * 32
    assert 270 <= check.detail["rows_derived"] <= 320
    assert check.sentence.endswith("Errors in one row of a hundred are found with a probability of 95.0 %.")
    told = Samples(made[0].lake).latest("a")
    assert told is not None
    assert any(line["amount"].startswith("-") for row in told.rows for line in row.lines)
    assert {row.key["currency"] for row in told.rows} == {"EUR", "GBP"}


@pytest.mark.parametrize("day", [DAYS[0], DAYS[44], DAYS[89]])
def test_one_wholly_wrong_day_of_ninety_is_found(made, day: date):
    wrong = pl.when(pl.col("day") == day).then(pl.col("revenue_usd") + LAST_DIGIT).otherwise("revenue_usd")
    check = proven(made, made[2].with_columns(revenue_usd=wrong))
    assert (check.name, check.passed, check.days) == (Clause.SAMPLE_REDERIVED, False, (day,))


def test_errors_in_one_row_of_a_hundred_are_found(made):
    right = made[2]
    wrong = pl.when(pl.int_range(pl.len()) % 100 == 7).then(pl.col("revenue_usd") + LAST_DIGIT).otherwise("revenue_usd")
    assert not proven(made, right.with_columns(revenue_usd=wrong)).passed


@pytest.mark.parametrize("changed", ["transactions", "amount", "revenue_usd", "rate_currency", "fixing_day"])
def test_every_cell_counts(made, changed: str):
    other = {"fixing_day": pl.col("fixing_day").dt.offset_by("-1d")}.get(changed, (pl.col(changed) * 2))
    check = proven(made, made[2].with_columns(other.cast(made[2].schema[changed]).alias(changed)))
    assert not check.passed


def test_a_row_that_is_not_staged_at_all_is_found_by_the_control_totals(made):
    records, plan, right = made
    lacks = right.filter((pl.col("day") != DAYS[3]) | (pl.col("country") != "CC"))
    (check,) = prove_control_totals(Evidence(plan, records, lacks.lazy(), right.lazy(), plan.days))
    assert (check.passed, check.days) == (False, (DAYS[3],))


def test_a_row_that_nothing_stands_behind_is_among_those_drawn(made):
    right = made[2]
    strange = right.filter(pl.col("country") == "AA").with_columns(country=pl.lit("ZZ"))
    check = proven(made, pl.concat([right, strange]))
    assert not check.passed


@pytest.mark.parametrize("key", ["country", "currency"])
def test_a_row_without_a_key_is_no_right_one(made, key: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sample, "MOST_LINES", 300_000)
    right = made[2]
    strange = right.head(1).with_columns(pl.lit(None, right.schema[key]).alias(key))
    assert not proven(made, pl.concat([right, strange])).passed


def test_currencies_that_the_euro_replaced_come_out_the_same(tmp_path: Path):
    converted = made_of(tmp_path, DAYS[:2], COUNTRIES[:1], [one.currency for one in CONVERSIONS])
    check = proven(converted, converted[2])
    assert {*converted[2]["currency"]} == {one.currency for one in CONVERSIONS}
    assert check.passed, check.detail["examples"]


def test_read_in_parts_everything_is_the_same(made, monkeypatch: pytest.MonkeyPatch):
    whole, kept = proven(made, made[2]), Samples(made[0].lake).latest("a")
    monkeypatch.setattr(sampled_rows, "MOST_AT_ONCE", 17)
    parts = proven(made, made[2])
    assert {**parts.detail, "sample": 0} == {**whole.detail, "sample": 0}
    assert Samples(made[0].lake).latest("a") == kept


def test_what_nobody_could_tick_off_is_derived_and_not_listed(made, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sampled_rows, "MOST_LISTED", 3)
    check = proven(made, made[2])
    assert check.passed
    assert check.detail["rows"] == 3
    assert check.detail["rows_derived"] > 200
