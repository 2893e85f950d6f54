"""From raw transactions and rates to revenue, exactly, in scaled 128-bit integers."""

import polars as pl

from backfill_assets.revenue.errors import AmbiguousRates, MissingRates, RevenueTooLarge
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.revenue.schemas import FACT_KEY, HOURLY_KEY, schema_of

LARGEST_SUM = 1e33
"""In ten-thousandths of a USD: thousands of such sums still add up within decimal(38,4) and 128 bits."""


def divided_half_even(numerator: pl.Expr, denominator: pl.Expr) -> pl.Expr:
    """Divide integers (Int128, positive denominator) and round the exact quotient half to even."""
    doubled = numerator * 2 + denominator
    half_up = doubled // (denominator * 2)
    is_odd_tie = (half_up * denominator * 2 == doubled) & ((half_up & 1) == 1)
    return half_up - is_odd_tie.cast(pl.Int128)


def daily_revenue(raw_transactions: pl.LazyFrame, fx_rates: pl.LazyFrame) -> pl.DataFrame:
    """Revenue per day, currency and country, in the shape of ``fct_daily_revenue``, sorted by its key.

    revenue_usd of a transaction is amount * rate(USD) / rate(currency), the exact value rounded half to even at four
    decimals; then it is summed. Each transaction counts once, as its latest arrival has it, and not at all when that
    withdrew it. The days are those of the transactions that are passed.

    Raises:
        MissingRates: money was traded in a currency, or on a day, without rate.
        AmbiguousRates: a currency has two rates on a day.
        RevenueTooLarge: a sum could reach 10^29 USD.
    """
    return _revenue(raw_transactions, fx_rates, FACT_KEY).select(list(schema_of("fct_daily_revenue"))).sort(FACT_KEY)


def hourly_revenue(raw_transactions: pl.LazyFrame, fx_rates: pl.LazyFrame) -> pl.DataFrame:
    """The same by hour of the day, UTC, in the shape of ``intraday_revenue``: the hours of a day add up to its revenue.

    Raises:
        MissingRates, AmbiguousRates, RevenueTooLarge: as :func:`daily_revenue`.
    """
    found = _revenue(raw_transactions, fx_rates, HOURLY_KEY)
    return found.select(list(schema_of("intraday_revenue"))).sort(HOURLY_KEY)


def _revenue(raw_transactions: pl.LazyFrame, fx_rates: pl.LazyFrame, key: list[str]) -> pl.DataFrame:
    wanted = schema_of("raw_transactions")
    columns = (*FACT_KEY, "transaction_id", "arrival", "amount", *["occurred_at"] * ("hour" in key))
    raw = raw_transactions.select(columns).match_to_schema({name: wanted[name] for name in columns})
    if "hour" in key:
        raw = raw.with_columns(pl.col("occurred_at").dt.hour().cast(pl.Int64).alias("hour"))
    pairs = _rate_pairs(fx_rates)
    parts = TRANSACTIONS.latest_by_day(raw)
    sums = pl.concat(_sums(part, pairs, key) for part in parts).join(pairs, on=["day", "currency"], how="left")
    _refuse_missing_rates(sums, fx_rates)
    _refuse_overflow(sums)
    return sums.with_columns(pl.col("revenue_usd").reinterpret(dtype=pl.Decimal(38, 4)))


def _sums(transactions: pl.LazyFrame, pairs: pl.DataFrame, key: list[str]) -> pl.DataFrame:
    """The sums per key, revenue in ten-thousandths, and what bounds them; null where a rate is missing."""
    integers = pairs.lazy().select("day", "currency", pl.col("rate_currency", "rate_usd").to_physical())
    revenue = divided_half_even(pl.col("amount").to_physical() * pl.col("rate_usd"), pl.col("rate_currency"))
    return (
        transactions.select(*key, "amount")
        .join(integers, on=["day", "currency"], how="left")
        .select(*key, "amount", revenue_usd=revenue)
        .group_by(key)
        .agg(
            transactions=pl.len().cast(pl.Int64),
            amount=pl.col("amount").sum().cast(pl.Decimal(38, 4)),
            revenue_usd=pl.col("revenue_usd").sum(),
            smallest=pl.col("amount").min().to_physical(),
            largest=pl.col("amount").max().to_physical(),
        )
        .collect(engine="streaming")
    )


def _rate_pairs(fx_rates: pl.LazyFrame) -> pl.DataFrame:
    """Both rates of every day and currency that has them, and the older of their fixings."""
    rates = fx_rates.filter(pl.col("rate") > 0).collect()
    twice = rates.filter(pl.struct("day", "currency").is_duplicated())
    if twice.height:
        raise AmbiguousRates(set(twice.select("day", "currency").iter_rows()))
    usd = rates.filter(pl.col("currency") == "USD").select("day", rate_usd="rate", fixing_of_usd="fixing_day")
    return rates.join(usd, on="day").select(
        "day",
        "currency",
        "rate_usd",
        rate_currency="rate",
        fixing_day=pl.min_horizontal("fixing_day", "fixing_of_usd"),
    )


def _refuse_missing_rates(sums: pl.DataFrame, fx_rates: pl.LazyFrame) -> None:
    gaps = sums.filter(pl.col("rate_currency").is_null()).select("day", "currency").unique()
    if gaps.is_empty():
        return
    with_usd = gaps.vstack(gaps.select("day", currency=pl.lit("USD"))).unique()
    rates = fx_rates.filter(pl.col("rate") > 0).select("day", "currency").collect()
    raise MissingRates(set(with_usd.join(rates, on=["day", "currency"], how="anti").iter_rows()))


def _refuse_overflow(sums: pl.DataFrame) -> None:
    """Bound the sum of absolute values by the largest amount; a product itself always fits (10^18 x 10^18)."""
    largest = pl.max_horizontal(pl.col("smallest", "largest").cast(pl.Float64).abs())
    bound = pl.col("transactions") * largest * pl.col("rate_usd").cast(pl.Float64)
    bound = bound / pl.col("rate_currency").cast(pl.Float64)
    if (absurd := sums.filter(bound > LARGEST_SUM)).height:
        raise RevenueTooLarge(set(absurd["day"]))
