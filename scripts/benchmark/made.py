"""The lake that everything is measured on: a generated log, the ECB's rates, and a table that is wrong."""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

# Days end on one day, however many there are, since rates are known up to then.
LAST, WAVE = date(2026, 1, 22), 15
CURRENCIES = ("USD", "EUR", "GBP", "JPY", "CHF", "SEK", "PLN", "AUD")
COUNTRIES = ("US", "DE", "GB", "JP", "CH", "SE", "PL", "AU")


@dataclass(frozen=True)
class Scale:
    """How many days there are, and how many transactions a day."""

    days: int
    rows: int

    @property
    def window(self) -> list[date]:
        """The days."""
        return [LAST - timedelta(days=number) for number in reversed(range(self.days))]

    def __str__(self) -> str:
        return f"{self.days} days of {self.rows:,} transactions"


def environment_of(place: Path, days: int) -> dict[str, str]:
    """The environment of a process that works on a lake of so many days; commits are forced to disk."""
    return {
        **os.environ,
        "BACKFILL_LAKE": f"{place}/lake",
        "BACKFILL_LANDING": f"{place}/landing",
        "BACKFILL_PUBLISHED": f"{place}/published",
        "DAGSTER_HOME": f"{place}/home",
        "BACKFILL_FIRST_DAY": str(LAST - timedelta(days=days - 1)),
        "BACKFILL_NOW": f"{LAST + timedelta(days=300)}T06:00:00+00:00",
        "BACKFILL_SYNC": "on",
        "BACKFILL_STORAGES": "reusing",
    }


def make(scale: Scale, environment: Mapping[str, str]) -> None:
    """Land the log, take it in, and publish a table of it in which all that is not in dollars is wrong."""
    os.environ |= environment
    import demo_data
    import numpy as np

    from backfill_assets.revenue import fixing_log, fixings, transforms
    from backfill_assets.revenue.definitions import LAKE
    from backfill_assets.revenue.raw_log import TRANSACTIONS
    from backfill_assets.revenue.schemas import schema_of
    from backfill_assets.sources import TokenKeys

    records, chance, days = LAKE.records(), np.random.default_rng(20260123), scale.window
    landing, at = Path(environment["BACKFILL_LANDING"]), datetime.now(UTC)
    for folder in ("transactions", "fx"):
        (landing / folder).mkdir(parents=True)
    (landing / "fx/eurofxref-hist.csv").write_text(demo_data.published_history(days[-1]))
    fixing_log.ingest_fixings(records, landing, at)
    keys = TokenKeys((b"no secret of anybody at all",))
    for start in range(0, len(days), WAVE):
        for day in days[start : start + WAVE]:
            transactions(day, scale.rows, chance).write_parquet(landing / f"transactions/{day}.parquet")
        TRANSACTIONS.ingest(records, landing, days[start : start + WAVE], keys, at)
    rates = fixings.rates_in_force(fixings.fixings_known(records.snapshot("raw_fixings").scan().collect()), days)
    right = transforms.daily_revenue(records.snapshot("raw_transactions").scan(), rates.lazy())
    of_others = pl.when(pl.col("currency") == "USD").then(0).otherwise(1).cast(pl.Decimal(38, 4))
    wrong = right.with_columns(revenue_usd=(pl.col("revenue_usd") + of_others).cast(pl.Decimal(38, 4)))
    for name, frame in (("fx_rates", rates), ("fct_daily_revenue", wrong)):
        table = records.table(name, schema_of(name))
        table.create()
        table.replace_days({day: frame.filter(pl.col("day") == day) for day in days})


def transactions(day: date, rows: int, chance: object) -> pl.DataFrame:
    """A day's transactions as they land."""
    amounts = chance.integers(-200_000, 5_000_000, rows)  # type: ignore[attr-defined]
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return pl.DataFrame(
        {
            "transaction_id": [f"{day}-{number}" for number in range(rows)],
            "occurred_at": at,
            "customer_id": None,
            "country": chance.choice(COUNTRIES, rows),  # type: ignore[attr-defined]
            "currency": chance.choice(CURRENCIES, rows),  # type: ignore[attr-defined]
            "amount": pl.Series(amounts, dtype=pl.Int64),
        },
        schema_overrides={"customer_id": pl.String, "occurred_at": pl.Datetime("us", "UTC")},
    ).with_columns(amount=(pl.col("amount").cast(pl.Decimal(38, 4)) / 10_000).cast(pl.Decimal(18, 4)))


if __name__ == "__main__":
    make(Scale(*map(int, sys.argv[1:])), dict(os.environ))
    print(json.dumps({}))
