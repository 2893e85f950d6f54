"""Fresh values for tests of the example pipeline: small landings, fixings, rates. Nothing is a fixture."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from backfill_assets.revenue.landing_checks import LANDED
from backfill_assets.revenue.schemas import schema_of

FRIDAY = date(2026, 1, 9)
SATURDAY = date(2026, 1, 10)
SUNDAY = date(2026, 1, 11)
MONDAY = date(2026, 1, 12)
KEY = b"sixteen bytes or more"


def noon(day: date) -> datetime:
    """Twelve o'clock UTC."""
    return datetime.combine(day, time(12), UTC)


def transaction(transaction_id: str = "t1", day: date = FRIDAY, **fields: Any) -> dict[str, Any]:
    """One landed transaction, 100 EUR in Germany unless the fields say otherwise; amounts may be text."""
    row = {
        "transaction_id": transaction_id,
        "occurred_at": noon(day),
        "customer_id": "c1",
        "country": "Germany",
        "currency": "EUR",
        "amount": "100.0000",
    } | fields
    return row | {"amount": None if row["amount"] is None else Decimal(str(row["amount"]))}


def landed(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Transactions in the shape in which they land."""
    return pl.DataFrame(list(rows), schema=LANDED)


def drop_parquet(root: Path, day: date, rows: Iterable[Mapping[str, Any]] = ()) -> Path:
    """Land a day as Parquet; a day without trade without rows."""
    file = _landing_file(root, day, "parquet")
    landed(rows).write_parquet(file)
    return file


def drop_csv(root: Path, day: date, lines: Iterable[str] = (), header: str = ",".join(LANDED)) -> Path:
    """Land a day as CSV, line by line."""
    file = _landing_file(root, day, "csv")
    file.write_text("\n".join([header, *lines]) + "\n")
    return file


def drop_ndjson(root: Path, day: date, objects: Iterable[Mapping[str, Any] | str] = ()) -> Path:
    """Land a day as NDJSON; a string is a line as it is."""
    file = _landing_file(root, day, "ndjson")
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in objects))
    return file


def csv_line(transaction_id: str = "t1", day: date = FRIDAY, **fields: str) -> str:
    """One transaction as a line of CSV."""
    row = {
        "transaction_id": transaction_id,
        "occurred_at": f"{day}T12:00:00Z",
        "customer_id": "c1",
        "country": "Germany",
        "currency": "EUR",
        "amount": "100.00",
    } | fields
    return ",".join(row.values())


def raw_transactions(rows: Iterable[Mapping[str, Any]], arrival: int = 1) -> pl.DataFrame:
    """Landed transactions as rows of ``raw_transactions``, on the day they occurred, customers as they are."""
    frame = landed(rows).with_columns(
        day=pl.col("occurred_at").dt.date(), customer="customer_id", arrival=pl.lit(arrival, pl.Int64)
    )
    return frame.select(list(schema_of("raw_transactions")))


def fixings(rates: Mapping[tuple[date, str], str | None]) -> pl.DataFrame:
    """Fixings in long form, from text per day and currency; None is an ``N/A``."""
    schema = {name: kind for name, kind in schema_of("raw_fixings").items() if name != "arrival"}
    rows = [(day, code, None if rate is None else Decimal(rate)) for (day, code), rate in rates.items()]
    return pl.DataFrame(rows, schema=schema, orient="row")


def fx_rates(rates: Mapping[tuple[date, str], str]) -> pl.DataFrame:
    """Rates in force, each fixed on its own day, from text per day and currency."""
    rows = [(day, currency, Decimal(rate), day) for (day, currency), rate in rates.items()]
    return pl.DataFrame(rows, schema=schema_of("fx_rates"), orient="row")


def fact(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows of ``fct_daily_revenue``; each needs a day and may set any other column."""
    filled = [
        {
            "currency": "EUR",
            "country": "Germany",
            "transactions": 1,
            "amount": Decimal(100),
            "rate_currency": Decimal(1),
            "rate_usd": Decimal("1.1"),
            "fixing_day": row["day"],
            "revenue_usd": Decimal(110),
        }
        | dict(row)
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema_of("fct_daily_revenue"))


def _landing_file(root: Path, day: date, suffix: str) -> Path:
    folder = root / "transactions"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{day}.{suffix}"
