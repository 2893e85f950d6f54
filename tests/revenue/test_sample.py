"""The second derivation agrees with the pipeline on every history that can be generated, and shares nothing with it."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.checks import from_units
from backfill_assets.core.onset import findings
from backfill_assets.revenue import sample
from backfill_assets.revenue.fixings import rates_in_force
from backfill_assets.revenue.schemas import FACT_KEY
from backfill_assets.revenue.transforms import daily_revenue
from backfill_assets.sources import MANIFEST
from backfill_assets.watch import Books, Figure, observe
from tests.scenarios import fixings, raw_transactions, transaction

FIRST = date(2026, 1, 5)
CURRENCIES = ("EUR", "USD", "GBP", "JPY")


def days(count: int) -> list[date]:
    return [FIRST + timedelta(days=n) for n in range(count)]


def published(count: int, rates: list[int]) -> dict[tuple[date, str], str]:
    """A fixing for each working day and currency, from three days before the first day on."""
    table: dict[tuple[date, str], str] = {}
    for number in range(-3, count):
        day = FIRST + timedelta(days=number)
        if day.weekday() < 5:
            for place, currency in enumerate(("USD", "GBP", "JPY")):
                table[day, currency] = str(Decimal(rates[(number + place) % len(rates)]).scaleb(-4))
    return table


@st.composite
def histories(draw: st.DrawFn) -> tuple[pl.DataFrame, dict[tuple[date, str], str]]:
    """A fortnight at most of transactions, some of which arrive twice, and the ECB's fixings."""
    count = draw(st.integers(1, 14))
    amounts = st.integers(-(10**8), 10**8).map(lambda units: Decimal(units).scaleb(-4))
    rows = [
        transaction(f"t{n}", draw(st.sampled_from(days(count))), currency=draw(st.sampled_from(CURRENCIES)), amount=a)
        for n, a in enumerate(draw(st.lists(amounts, max_size=30)))
    ]
    again = [row | {"amount": row["amount"] + 1} for row in rows if draw(st.booleans())]
    first, second = raw_transactions(rows, 1), raw_transactions(again, 2)
    return pl.concat([first, second]), published(
        count, draw(st.lists(st.integers(5000, 30000), min_size=1, max_size=5))
    )


def derived(raw: pl.DataFrame, table: dict[tuple[date, str], str]) -> dict[tuple[object, ...], dict[str, object]]:
    known = {(currency, day): Decimal(rate).quantize(Decimal("1.00000000")) for (day, currency), rate in table.items()}
    arrivals = MANIFEST.to_frame().select("day", "arrival", "declared")
    arrivals = pl.concat([arrivals, raw.select("day", "arrival").unique()], how="diagonal")
    effective = sample._effective(raw.lazy(), arrivals)
    of_days = raw.select("day", "currency").unique().iter_rows()
    pairs = {(day, currency): sample.rate_pair(known, currency, day) for day, currency in of_days}
    counted = effective.select(*FACT_KEY, sample._units("amount")).group_by(*FACT_KEY, "amount").agg(pl.len())
    rows = sample._derive(counted.collect(), pairs).to_dicts()
    return {tuple(row[name] for name in FACT_KEY): {name: row[name] for name in sample.CELLS} for row in rows}


@given(histories())
def test_no_right_history_raises_an_alarm(history: tuple[pl.DataFrame, dict[tuple[date, str], str]]):
    raw, table = history
    rates = rates_in_force(fixings(table), days(14))

    fact = {tuple(row[name] for name in FACT_KEY): row for row in daily_revenue(raw.lazy(), rates.lazy()).to_dicts()}

    found = derived(raw, table)
    assert found.keys() == fact.keys()
    for key, row in found.items():
        assert {name: fact[key][name] for name in sample.CELLS} == row
    book = {key[:2]: Figure(row["transactions"], row["revenue_usd"]) for key, row in fact.items()}
    exact = dict.fromkeys(book, Decimal(0))
    books = Books(tuple(days(14)), book, dict(book), frozenset(), frozenset(), exact, frozenset(book))
    assert findings("fact", observe(books)) == ()


@pytest.mark.parametrize(("units", "usd"), [(1, 0), (3, 2), (-1, 0), (-3, -2), (5, 2), (-5, -2), (0, 0)])
def test_ties_go_to_the_even_neighbour(units: int, usd: int):
    pair = sample.RatePair(Decimal("2.00000000"), Decimal("1.0"), FIRST, FIRST)

    assert sample.in_usd([units], pair) == [usd]


@given(
    st.integers(-(10**18) + 1, 10**18 - 1),
    *[st.integers(1, 10**12).map(lambda units: Decimal(units).scaleb(-8))] * 2,
)
def test_a_value_in_usd_is_the_exact_one_rounded(units: int, currency: Decimal, usd: Decimal):
    exact = Fraction(units) * Fraction(usd) / Fraction(currency)

    assert sample.in_usd([units], sample.RatePair(currency, usd, FIRST, FIRST)) == [round(exact)]


def test_money_keeps_every_digit():
    assert f"{from_units(-123456789012345678901234567890123, sample.MONEY):f}" == "-12345678901234567890123456789.0123"
    assert f"{from_units(-5, sample.MONEY):f}" == "-0.0005"


def test_a_fixing_is_carried_seven_days_and_no_longer():
    known = {("USD", FIRST): Decimal("1.1")}

    assert sample.rate_pair(known, "EUR", FIRST + timedelta(days=7)) is not None
    assert sample.rate_pair(known, "EUR", FIRST + timedelta(days=8)) is None


def test_a_withdrawn_fixing_is_none():
    known = {("USD", FIRST): Decimal("1.1"), ("USD", FIRST + timedelta(days=1)): None}

    pair = sample.rate_pair(known, "EUR", FIRST + timedelta(days=1))

    assert pair is not None
    assert pair.usd_fixed == FIRST


def test_the_derivation_imports_nothing_of_the_transform_or_the_rates():
    text = Path(str(sample.__file__)).read_text()

    assert "transforms" not in text
    assert "import fixings" not in text
    assert 'snapshot("fx_rates")' not in text
