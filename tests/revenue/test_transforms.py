from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from backfill_assets.revenue.errors import AmbiguousRates, MissingRates, RevenueTooLarge
from backfill_assets.revenue.raw_log import TRANSACTIONS
from backfill_assets.revenue.transforms import daily_revenue, hourly_revenue
from tests.profiles import share_of_examples
from tests.revenue.reference import half_even, in_usd
from tests.revenue.shorthands import checked
from tests.scenarios import FRIDAY, MONDAY, SATURDAY, fx_rates, raw_transactions, transaction

RATES = {(FRIDAY, "EUR"): "1", (FRIDAY, "USD"): "1.1", (FRIDAY, "GBP"): "0.88"}


def revenue_of(rows, rates=RATES):
    return daily_revenue(raw_transactions(rows).lazy(), fx_rates(rates).lazy())


def usd(amount, rate_usd="1.1", rate_currency="1"):
    rates = {(FRIDAY, "USD"): rate_usd, (FRIDAY, "XTS"): rate_currency}
    return revenue_of([transaction(amount=amount, currency="XTS")], rates)["revenue_usd"].item()


def test_revenue_is_per_day_currency_and_country():
    rows = [
        transaction("t1", amount="100"),
        transaction("t2", amount="-30.5"),
        transaction("t3", country="France"),
        transaction("t4", currency="GBP", country="France", amount="8"),
    ]

    fct = checked("fct_daily_revenue", revenue_of(rows))

    assert fct.drop("rate_usd", "fixing_day", "day").rows() == [
        ("EUR", "France", 1, Decimal(100), Decimal(1), Decimal(110)),
        ("EUR", "Germany", 2, Decimal("69.5"), Decimal(1), Decimal("76.45")),
        ("GBP", "France", 1, Decimal(8), Decimal("0.88"), Decimal(10)),
    ]


def test_no_transactions_give_no_rows_of_the_right_shape():
    checked("fct_daily_revenue", revenue_of([]))


@pytest.mark.parametrize(
    ("amount", "expected"), [("0.0005", "0.0002"), ("0.0015", "0.0008"), ("-0.0005", "-0.0002"), ("-0.0015", "-0.0008")]
)
def test_ties_go_to_the_even_neighbour(amount, expected):
    assert usd(amount, "0.5") == Decimal(expected)


def test_each_transaction_is_rounded_before_the_sum():
    rows = [transaction(f"t{n}", amount="0.0001", currency="USD") for n in range(3)]
    third = {(FRIDAY, "USD"): "0.4", (FRIDAY, "EUR"): "1"}

    assert revenue_of(rows, third)["revenue_usd"].item() == Decimal("0.0003")
    assert revenue_of([row | {"currency": "EUR"} for row in rows], third)["revenue_usd"].item() == 0


AMOUNTS = st.integers(-(10**18) + 1, 10**18 - 1).map(lambda scaled: Decimal(scaled).scaleb(-4))
SMALL = st.integers(-(10**6), 10**6).map(lambda scaled: Decimal(scaled).scaleb(-4))
ANY_RATE = st.integers(1, 10**18 - 1).map(lambda scaled: Decimal(scaled).scaleb(-8))
TIE_RATES = st.sampled_from([Decimal(text) for text in ("0.5", "1", "2", "4", "0.25", "1.5", "0.00000002", "8")])


@share_of_examples(0.6)
@given(st.lists(st.tuples(AMOUNTS | SMALL, ANY_RATE | TIE_RATES, ANY_RATE | TIE_RATES), min_size=1, max_size=40))
@example([(Decimal("99999999999999.9999"), Decimal("9999999999.99999999"), Decimal("9999999999.99999998"))])
@example([(Decimal("-0.0005"), Decimal("0.5"), Decimal(1)), (Decimal("0.0003"), Decimal(1), Decimal(2))])
def test_scaled_integers_equal_fractions(cases):
    cases = [(amount, up, down) for amount, up, down in cases if abs(in_usd(amount, up, down)) < 10**28]
    days = [FRIDAY + timedelta(days=at) for at in range(len(cases))]
    rows = [transaction(f"t{day}", day, amount=case[0], currency="XTS") for day, case in zip(days, cases, strict=True)]
    rates = {}
    for day, (_, rate_usd, rate_currency) in zip(days, cases, strict=True):
        rates |= {(day, "USD"): str(rate_usd), (day, "XTS"): str(rate_currency)}

    computed = revenue_of(rows, rates)["revenue_usd"].to_list()

    assert [Fraction(value) for value in computed] == [half_even(in_usd(*case)) for case in cases]


def test_a_sum_that_could_leave_128_bits_is_refused():
    rates = {(FRIDAY, "USD"): "9999999999", (FRIDAY, "XTS"): "0.00000001"}
    rows = [transaction(f"t{n}", amount="99999999999999", currency="XTS") for n in range(200)]

    with pytest.raises(RevenueTooLarge, match="2026-01-09"):
        revenue_of(rows, rates)


def test_an_amount_of_another_scale_is_refused_rather_than_rounded():
    raw = raw_transactions([transaction()]).with_columns(pl.col("amount").cast(pl.Decimal(18, 6)))

    with pytest.raises(pl.exceptions.SchemaError):
        daily_revenue(raw.lazy(), fx_rates(RATES).lazy())


def test_a_traded_currency_without_rate_is_named_with_its_day():
    rows = [transaction(), transaction("t2", currency="ISK"), transaction("t3", SATURDAY)]
    rates = RATES | {(SATURDAY, "USD"): "1.1"}

    with pytest.raises(MissingRates) as refused:
        revenue_of(rows, rates)

    assert refused.value.gaps == {(FRIDAY, "ISK"), (SATURDAY, "EUR")}


def test_a_missing_usd_rate_is_the_culprit_not_the_traded_currency():
    with pytest.raises(MissingRates) as refused:
        revenue_of([transaction()], {(FRIDAY, "EUR"): "1"})

    assert refused.value.gaps == {(FRIDAY, "USD")}


def test_two_rates_of_a_day_are_refused_instead_of_doubling_revenue():
    twice = pl.concat([fx_rates(RATES), fx_rates({(FRIDAY, "EUR"): "1"})])

    with pytest.raises(AmbiguousRates):
        daily_revenue(raw_transactions([transaction()]).lazy(), twice.lazy())


def test_the_fixing_day_is_the_older_of_the_two():
    rates = fx_rates({(MONDAY, "EUR"): "1", (MONDAY, "USD"): "1.1"})
    friday = pl.when(pl.col("currency") == "USD").then(pl.lit(FRIDAY)).otherwise("fixing_day")
    raw = raw_transactions([transaction(day=MONDAY)])

    fct = daily_revenue(raw.lazy(), rates.with_columns(fixing_day=friday).lazy())

    assert fct["fixing_day"].item() == FRIDAY


def test_each_transaction_counts_as_its_latest_arrival_has_it():
    first = raw_transactions([transaction("t1"), transaction("t2"), transaction("t3", SATURDAY)])
    second = raw_transactions([transaction("t2", amount="7"), transaction("t4")], arrival=2)

    latest = TRANSACTIONS.latest(pl.concat([second, first]).lazy()).collect().sort("transaction_id")

    assert latest.select("transaction_id", "amount", "arrival").rows() == [
        ("t1", Decimal(100), 1),
        ("t2", Decimal(7), 2),
        ("t3", Decimal(100), 1),
        ("t4", Decimal(100), 2),
    ]


def test_revenue_does_not_count_an_older_arrival_again():
    first = raw_transactions([transaction("t1")])
    again = raw_transactions([transaction("t1", amount="50")], arrival=2)

    fct = daily_revenue(pl.concat([first, again]).lazy(), fx_rates(RATES).lazy())

    assert fct.select("transactions", "revenue_usd").row(0) == (1, Decimal(55))


def test_days_of_one_arrival_pass_untouched():
    raw = raw_transactions([transaction("t1"), transaction("t2", SATURDAY)]).lazy()

    assert TRANSACTIONS.latest(raw).explain() == raw.explain()


def test_control_totals_are_per_arrival():
    first = raw_transactions([transaction("t1"), transaction("t2", currency="GBP", amount="-3.25")])
    second = raw_transactions([transaction("t1", amount="1")], arrival=2)

    assert TRANSACTIONS.control_totals(pl.concat([first, second]).lazy()).rows() == [
        (FRIDAY, 1, "EUR", 1, Decimal(100)),
        (FRIDAY, 1, "GBP", 1, Decimal("-3.25")),
        (FRIDAY, 2, "EUR", 1, Decimal(1)),
    ]


def test_the_hours_of_a_day_add_up_to_it():
    rows = [transaction(f"t{n}", amount="0.0005", currency="GBP", occurred_at=at(n % 3)) for n in range(7)]
    hours = hourly_revenue(raw_transactions(rows).lazy(), fx_rates(RATES).lazy())

    checked("intraday_revenue", hours)
    assert hours["hour"].to_list() == [0, 1, 2]
    whole = hours.drop("hour").group_by("day", "currency", "country", "rate_currency", "rate_usd", "fixing_day").sum()
    assert whole.select(revenue_of(rows).columns).equals(revenue_of(rows))


def at(hour):
    return datetime(FRIDAY.year, FRIDAY.month, FRIDAY.day, hour, 59, tzinfo=UTC)
