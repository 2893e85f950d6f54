"""The shape of every table of the example pipeline: one model each, and the Polars schema derived from it.

Money in a customer's currency and in USD has four decimals, a rate eight (units per EUR, as the ECB prints them).
"""

from typing import Annotated

import pandera.polars as pa
import polars as pl
from pandera.api.polars.model_config import BaseConfig

CURRENCY = r"^[A-Z]{3}$"
MAX_FIXING_AGE_DAYS = 7
REASONS = (
    "equal",
    "missing_in_ledger",
    "missing_in_fact",
    "amount_differs",
    "count_differs",
    "ledger_incomplete",
)

DAY_AND_CURRENCY = ["day", "currency"]
FACT_KEY = ["day", "currency", "country"]
HOURLY_KEY = ["day", "hour", "currency", "country"]
FIXING_OF_ARRIVAL = ["fixing_day", "currency", "arrival"]
TRANSACTION_OF_ARRIVAL = ["day", "transaction_id", "arrival"]

Amount = Annotated[pl.Decimal, 18, 4]
Sum = Annotated[pl.Decimal, 38, 4]
Rate = Annotated[pl.Decimal, 18, 8]
Moment = Annotated[pl.Datetime, "us", "UTC"]


def _fixing_in_force(data: pa.PolarsData) -> pl.LazyFrame:
    age = pl.col("day") - pl.col("fixing_day")
    return data.lazyframe.select(age.is_between(pl.duration(days=0), pl.duration(days=MAX_FIXING_AGE_DAYS)))


class RawTransactions(pa.DataFrameModel):
    """The raw log: every transaction of every arrival. ``customer`` is a token; refunds are negative.

    A null amount is a transaction that the arrival withdrew: the day's file no longer holds it.
    """

    day: pl.Date
    transaction_id: str = pa.Field(str_length={"min_value": 1})
    occurred_at: Moment
    customer: str = pa.Field(nullable=True)
    country: str = pa.Field(str_length={"min_value": 1})
    currency: str = pa.Field(str_matches=CURRENCY)
    amount: Amount = pa.Field(nullable=True)
    arrival: pl.Int64 = pa.Field(ge=1)

    @pa.dataframe_check
    @classmethod
    def occurred_on_its_day(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """Every transaction lies within its UTC day."""
        return data.lazyframe.select(pl.col("occurred_at").dt.date() == pl.col("day"))

    @pa.dataframe_check
    @classmethod
    def withdrawn_by_a_later_arrival(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """A day's first arrival has nothing to withdraw."""
        return data.lazyframe.select(pl.col("amount").is_not_null() | (pl.col("arrival") > 1))

    class Config(BaseConfig):
        """Exactly these columns; an arrival holds a transaction once."""

        name = "raw_transactions"
        strict = True
        ordered = True
        unique = TRANSACTION_OF_ARRIVAL


class RawFixings(pa.DataFrameModel):
    """The log of fixings: what each arrival added or changed. A null rate is a fixing that was withdrawn."""

    fixing_day: pl.Date
    currency: str = pa.Field(str_matches=CURRENCY)
    rate: Rate = pa.Field(gt=0, nullable=True)
    arrival: pl.Int64 = pa.Field(ge=1)

    class Config(BaseConfig):
        """Exactly these columns; an arrival says one thing about a fixing."""

        name = "raw_fixings"
        strict = True
        ordered = True
        unique = FIXING_OF_ARRIVAL


class FxRates(pa.DataFrameModel):
    """The rate in force per day and currency, units per EUR, and the day it was fixed."""

    day: pl.Date
    currency: str = pa.Field(str_matches=CURRENCY)
    rate: Rate = pa.Field(gt=0)
    fixing_day: pl.Date

    @pa.dataframe_check
    @classmethod
    def fixing_is_in_force(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """No fixing of the future, none older than seven days."""
        return _fixing_in_force(data)

    class Config(BaseConfig):
        """Exactly these columns; one rate per day and currency."""

        name = "fx_rates"
        strict = True
        ordered = True
        unique = DAY_AND_CURRENCY


class FctDailyRevenue(pa.DataFrameModel):
    """Revenue per day, currency and country. ``fixing_day`` is the older of the two rates' fixings."""

    day: pl.Date
    currency: str = pa.Field(str_matches=CURRENCY)
    country: str = pa.Field(str_length={"min_value": 1})
    transactions: pl.Int64 = pa.Field(ge=1)
    amount: Sum
    rate_currency: Rate = pa.Field(gt=0)
    rate_usd: Rate = pa.Field(gt=0)
    fixing_day: pl.Date
    revenue_usd: Sum

    @pa.dataframe_check
    @classmethod
    def fixing_is_in_force(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """No fixing of the future, none older than seven days."""
        return _fixing_in_force(data)

    class Config(BaseConfig):
        """Exactly these columns; one row per key."""

        name = "fct_daily_revenue"
        strict = True
        ordered = True
        unique = FACT_KEY


class IntradayRevenue(pa.DataFrameModel):
    """Revenue per day, hour of the day in UTC, currency and country: the fact by hour, as far as the log is read."""

    day: pl.Date
    hour: pl.Int64 = pa.Field(ge=0, le=23)
    currency: str = pa.Field(str_matches=CURRENCY)
    country: str = pa.Field(str_length={"min_value": 1})
    transactions: pl.Int64 = pa.Field(ge=1)
    amount: Sum
    rate_currency: Rate = pa.Field(gt=0)
    rate_usd: Rate = pa.Field(gt=0)
    fixing_day: pl.Date
    revenue_usd: Sum

    class Config(BaseConfig):
        """Exactly these columns; one row per key."""

        name = "intraday_revenue"
        strict = True
        ordered = True
        unique = HOURLY_KEY


class ExecutiveDashboard(pa.DataFrameModel):
    """Per day: revenue, and its mean over those of the trailing seven days that are published."""

    day: pl.Date = pa.Field(unique=True)
    transactions: pl.Int64 = pa.Field(ge=0)
    revenue_usd: Sum
    trailing_mean_7d_usd: Sum
    days_in_mean: pl.Int64 = pa.Field(ge=1, le=7)

    class Config(BaseConfig):
        """Exactly these columns."""

        name = "executive_dashboard"
        strict = True
        ordered = True


class FinanceReconciliationExport(pa.DataFrameModel):
    """Per day and currency: our revenue beside finance's. ``difference_usd`` is ours less finance's, absent as zero."""

    day: pl.Date
    currency: str = pa.Field(str_matches=CURRENCY)
    transactions: pl.Int64 = pa.Field(ge=1, nullable=True)
    revenue_usd: Sum = pa.Field(nullable=True)
    ledger_transactions: pl.Int64 = pa.Field(ge=0, nullable=True)
    ledger_revenue_usd: Sum = pa.Field(nullable=True)
    difference_usd: Sum
    reason: str = pa.Field(isin=REASONS)

    class Config(BaseConfig):
        """Exactly these columns; one row per day and currency."""

        name = "finance_reconciliation_export"
        strict = True
        ordered = True
        unique = DAY_AND_CURRENCY


class BoardPack(pa.DataFrameModel):
    """Per month, whose first day is ``day``, and currency. ``days_present`` of ``days_expected`` are published."""

    day: pl.Date
    currency: str = pa.Field(str_matches=CURRENCY)
    transactions: pl.Int64 = pa.Field(ge=1)
    amount: Sum
    revenue_usd: Sum
    days_present: pl.Int64 = pa.Field(ge=1, le=31)
    days_expected: pl.Int64 = pa.Field(ge=28, le=31)

    @pa.dataframe_check
    @classmethod
    def day_begins_its_month(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """A month is named by its first day."""
        return data.lazyframe.select(pl.col("day").dt.day() == 1)

    @pa.dataframe_check
    @classmethod
    def no_more_days_than_expected(cls, data: pa.PolarsData) -> pl.LazyFrame:
        """A month does not hold more days than it has."""
        return data.lazyframe.select(pl.col("days_present") <= pl.col("days_expected"))

    class Config(BaseConfig):
        """Exactly these columns; one row per month and currency."""

        name = "board_pack"
        strict = True
        ordered = True
        unique = DAY_AND_CURRENCY


MODELS: dict[str, type[pa.DataFrameModel]] = {
    "raw_transactions": RawTransactions,
    "raw_fixings": RawFixings,
    "fx_rates": FxRates,
    "fct_daily_revenue": FctDailyRevenue,
    "intraday_revenue": IntradayRevenue,
    "executive_dashboard": ExecutiveDashboard,
    "finance_reconciliation_export": FinanceReconciliationExport,
    "board_pack": BoardPack,
}


def schema_of(table: str) -> pl.Schema:
    """The columns of a table, in order, as its model declares them."""
    columns = MODELS[table].to_schema().columns
    return pl.Schema({name: column.dtype.type for name, column in columns.items()})
