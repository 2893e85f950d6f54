"""541,909 invoice lines of a real shop, and a ledger that nobody on this project computed."""

from datetime import date
from decimal import Decimal
from functools import cache

import polars as pl

from backfill_assets.revenue.fixings import fixings_known, new_fixings, rates_in_force
from backfill_assets.revenue.landing import LEDGER, FinanceLedger
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.revenue.reports import finance_reconciliation_export
from backfill_assets.revenue.schemas import schema_of
from backfill_assets.revenue.transforms import daily_revenue
from tests.revenue.real_data import real_data
from tests.revenue.reference import half_even, half_up, revenue
from tests.revenue.shorthands import as_raw, checked, read_day, read_fixings
from tests.revenue.shorthands import totals as totals_of
from tests.scenarios import KEY


@cache
def shop_days() -> tuple[date, ...]:
    return tuple(sorted(TRANSACTIONS.landed(real_data() / "online_retail")))


@cache
def transactions() -> pl.DataFrame:
    root = real_data() / "online_retail"
    return pl.concat([as_raw(read_day(root, day), 1, KEY) for day in shop_days()])


@cache
def rates() -> pl.DataFrame:
    published = read_fixings((real_data() / "ecb/eurofxref-hist.csv").read_bytes(), "fx/eurofxref-hist.csv")
    log = checked("raw_fixings", new_fixings(schema_of("raw_fixings").to_frame(), published, 1))
    return checked("fx_rates", rates_in_force(fixings_known(log), shop_days()))


def ledger() -> pl.DataFrame:
    return pl.read_csv(real_data() / "online_retail/ledger.csv", schema=LEDGER)


def per_currency(fct: pl.DataFrame) -> pl.DataFrame:
    return fct.group_by("day", "currency").agg(pl.col("transactions", "revenue_usd").sum()).sort("day", "currency")


def test_every_day_and_currency_equals_the_ledger_to_the_last_digit():
    fct = checked("fct_daily_revenue", daily_revenue(transactions().lazy(), rates().lazy()))

    assert fct["transactions"].sum() == 541_909
    assert per_currency(fct).rows() == ledger().sort("day", "currency").rows()


def test_the_reconciliation_calls_every_line_equal():
    fct = daily_revenue(transactions().lazy(), rates().lazy())

    export = finance_reconciliation_export(fct, FinanceLedger(ledger()), shop_days())

    assert checked("finance_reconciliation_export", export)["reason"].unique().to_list() == ["equal"]
    assert export.height == 872


def test_a_decimal_per_row_agrees_and_half_up_does_not():
    month = transactions().filter(pl.col("day").dt.month() == 11).select("day", "currency", "amount")
    table = {(day, currency): rate for day, currency, rate in rates().select("day", "currency", "rate").rows()}
    expected = {(day, currency): (n, usd) for day, currency, n, usd in ledger().rows() if day.month == 11}

    assert revenue(month.iter_rows(), table, half_even) == expected
    assert revenue(month.iter_rows(), table, half_up) != expected


def test_floats_differ_from_the_ledger():
    usd = rates().filter(currency="USD").select("day", usd=pl.col("rate").cast(float))
    floats = (
        transactions()
        .join(rates().select("day", "currency", c=pl.col("rate").cast(float)), on=["day", "currency"])
        .join(usd, on="day")
        .with_columns(usd=(pl.col("amount").cast(float) * pl.col("usd") / pl.col("c")).round(4))
        .group_by("day", "currency")
        .agg(pl.col("usd").sum().round(4))
        .sort("day", "currency")
    )

    off = [a for a, b in zip(floats["usd"], ledger()["revenue_usd"], strict=True) if Decimal(str(a)) != b]
    assert off
    assert (floats["usd"] - ledger()["revenue_usd"].cast(float)).abs().max() < 0.01


def test_control_totals_of_the_log_equal_those_of_the_files():
    root, day = real_data() / "online_retail", shop_days()[0]
    arrival = read_day(root, day)

    totals = TRANSACTIONS.control_totals(transactions().filter(day=day).lazy())

    assert totals["rows"].sum() == arrival.rows
    assert dict(totals.select("currency", "amount").iter_rows()) == totals_of(arrival)


def test_the_days_without_trade_are_landed_days_with_no_rows():
    traded = set(transactions()["day"].unique())

    assert len(shop_days()) == 374
    assert len(set(shop_days()) - traded) == 69


def test_no_rate_is_carried_for_the_years_in_which_a_currency_had_none():
    published = read_fixings((real_data() / "ecb/eurofxref-hist.csv").read_bytes(), "fx/eurofxref-hist.csv")

    in_2011 = rates_in_force(published, [date(2011, 5, 2)])

    assert "ISK" not in set(in_2011["currency"])
    assert "ISK" in set(rates_in_force(published, [date(2008, 5, 2)])["currency"])
