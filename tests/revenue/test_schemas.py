from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest
from pandera.errors import SchemaErrors

from backfill_assets.revenue.reports import board_pack, executive_dashboard, finance_reconciliation_export
from backfill_assets.revenue.schemas import MODELS, schema_of
from tests.revenue.shorthands import checked
from tests.revenue.test_reports import ledger
from tests.scenarios import FRIDAY, fact, fixings, fx_rates, raw_transactions, transaction

MONTH = FRIDAY.replace(day=1)


def row_of(table):
    """One good row of a table."""
    fct = fact([{"day": FRIDAY}])
    return {
        "raw_transactions": raw_transactions([transaction()]),
        "raw_fixings": fixings({(FRIDAY, "USD"): "1.1"}).with_columns(arrival=pl.lit(1, pl.Int64)),
        "fx_rates": fx_rates({(FRIDAY, "USD"): "1.1"}),
        "fct_daily_revenue": fct,
        "intraday_revenue": fct.with_columns(hour=pl.lit(7, pl.Int64)).select(list(schema_of("intraday_revenue"))),
        "executive_dashboard": executive_dashboard(fct, [FRIDAY], [FRIDAY]),
        "finance_reconciliation_export": finance_reconciliation_export(fct, ledger(), [FRIDAY]),
        "board_pack": board_pack(fct, [FRIDAY], [MONTH]),
    }[table]


TABLES = sorted(MODELS)
NULLABLE = {
    "raw_transactions": {"customer"},
    "raw_fixings": {"rate"},
    "finance_reconciliation_export": {
        "transactions",
        "revenue_usd",
        "ledger_transactions",
        "ledger_revenue_usd",
    },
}
REQUIRED = [(table, name) for table in TABLES for name in schema_of(table) if name not in NULLABLE.get(table, ())]


@pytest.mark.parametrize("table", TABLES)
def test_a_good_row_and_no_row_pass(table):
    row = row_of(table)

    assert checked(table, row) is row
    checked(table, schema_of(table).to_frame())


@pytest.mark.parametrize("table", TABLES)
def test_a_key_may_not_repeat(table):
    row = row_of(table)

    with pytest.raises(SchemaErrors):
        checked(table, pl.concat([row, row]))


@pytest.mark.parametrize("table", TABLES)
def test_columns_are_exactly_these_in_this_order(table):
    row = row_of(table)
    first, *others = row.columns

    for frame in (row.with_columns(more=1), row.drop(first), row.select(*others, first)):
        with pytest.raises(SchemaErrors):
            checked(table, frame)


@pytest.mark.parametrize(("table", "name"), REQUIRED)
def test_required_columns_hold_no_null(table, name):
    row = row_of(table).with_columns(pl.lit(None, schema_of(table)[name]).alias(name))

    with pytest.raises(SchemaErrors):
        checked(table, row)


BROKEN = [
    ("raw_transactions", {"transaction_id": ""}),
    ("raw_transactions", {"country": ""}),
    ("raw_transactions", {"currency": "eur"}),
    ("raw_transactions", {"arrival": 0}),
    ("raw_transactions", {"day": FRIDAY + timedelta(days=1)}),
    ("raw_fixings", {"rate": Decimal(0)}),
    ("raw_fixings", {"currency": "USDX"}),
    ("raw_fixings", {"arrival": 0}),
    ("fx_rates", {"rate": Decimal(0)}),
    ("fx_rates", {"fixing_day": FRIDAY - timedelta(days=8)}),
    ("fx_rates", {"fixing_day": FRIDAY + timedelta(days=1)}),
    ("fct_daily_revenue", {"transactions": 0}),
    ("fct_daily_revenue", {"rate_usd": Decimal(0)}),
    ("fct_daily_revenue", {"rate_currency": Decimal(-1)}),
    ("fct_daily_revenue", {"fixing_day": FRIDAY - timedelta(days=8)}),
    ("fct_daily_revenue", {"fixing_day": FRIDAY + timedelta(days=1)}),
    ("fct_daily_revenue", {"country": ""}),
    ("intraday_revenue", {"hour": 24}),
    ("executive_dashboard", {"days_in_mean": 8}),
    ("executive_dashboard", {"transactions": -1}),
    ("finance_reconciliation_export", {"reason": "unknown"}),
    ("board_pack", {"day": FRIDAY}),
    ("board_pack", {"days_present": 31, "days_expected": 30}),
]


@pytest.mark.parametrize(("table", "values"), BROKEN)
def test_a_broken_rule_is_found(table, values):
    row = row_of(table).with_columns(
        pl.lit(value).cast(schema_of(table)[name]).alias(name) for name, value in values.items()
    )

    with pytest.raises(SchemaErrors):
        checked(table, row)


def test_a_column_of_another_type_is_found():
    with pytest.raises(SchemaErrors, match="fct_daily_revenue"):
        checked("fct_daily_revenue", fact([{"day": FRIDAY}]).with_columns(pl.col("amount").cast(float)))


def test_a_fixing_of_seven_days_ago_is_in_force():
    checked("fx_rates", fx_rates({(FRIDAY, "USD"): "1.1"}).with_columns(fixing_day=FRIDAY - timedelta(days=7)))


def test_the_fact_is_exactly_this():
    assert schema_of("fct_daily_revenue") == pl.Schema(
        {
            "day": pl.Date(),
            "currency": pl.String(),
            "country": pl.String(),
            "transactions": pl.Int64(),
            "amount": pl.Decimal(38, 4),
            "rate_currency": pl.Decimal(18, 8),
            "rate_usd": pl.Decimal(18, 8),
            "fixing_day": pl.Date(),
            "revenue_usd": pl.Decimal(38, 4),
        }
    )


def test_every_partitioned_table_has_a_day():
    assert {table for table in TABLES if schema_of(table).get("day") == pl.Date} == set(TABLES) - {"raw_fixings"}
