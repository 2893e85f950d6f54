"""Fresh tables to compare: a small history of payments, as published and as corrected, and ways to spoil it."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

FIRST = date(2026, 1, 1)
DAYS = tuple(FIRST + timedelta(days=offset) for offset in range(10))
KEYS = ["payment"]
MEASURES = ["amount", "revenue_usd"]
SCHEMA: dict[str, Any] = {
    "day": pl.Date,
    "payment": pl.String,
    "currency": pl.String,
    "amount": pl.Decimal(18, 4),
    "rate": pl.Decimal(18, 8),
    "revenue_usd": pl.Decimal(38, 4),
    "transactions": pl.Int64,
}
RATES = {"USD": Decimal(1), "EUR": Decimal("1.10"), "GBP": Decimal("1.30")}

Row = dict[str, Any]


def frame(rows: list[Row]) -> pl.LazyFrame:
    """The rows as a table of payments."""
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").lazy()


def payment(day: date, name: str, currency: str, amount: str, factor: str = "1") -> Row:
    """One payment whose rate is off by the factor."""
    rate = RATES[currency] * (Decimal(factor) if currency != "USD" else 1)
    return {
        "day": day,
        "payment": name,
        "currency": currency,
        "amount": Decimal(amount),
        "rate": rate,
        "revenue_usd": (Decimal(amount) * rate).quantize(Decimal("0.0001")),
        "transactions": 1,
    }


def published() -> list[Row]:
    """Ten days of four payments each; every rate but the dollar's is one per cent too low."""
    return _history("0.99")


def corrected() -> list[Row]:
    """The same payments at the right rates."""
    return _history("1")


def _history(factor: str) -> list[Row]:
    return [
        payment(day, f"{day:%d}-{name}", currency, amount, factor)
        for day in DAYS
        for name, currency, amount in [("a", "USD", "100"), ("b", "EUR", "50"), ("c", "EUR", "70"), ("d", "GBP", "20")]
    ]


def with_cell(rows: list[Row], number: int, column: str, value: Any) -> list[Row]:
    """The rows with one cell replaced."""
    return [{**row, column: value} if index == number else row for index, row in enumerate(rows)]


def off_by(rows: list[Row], number: int, amount: str, column: str = "revenue_usd") -> list[Row]:
    """The rows with one amount moved."""
    return with_cell(rows, number, column, rows[number][column] + Decimal(amount))
