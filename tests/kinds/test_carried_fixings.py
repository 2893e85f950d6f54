"""A fixing is carried over days on which nothing was published, never past days on which other fixings were."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.revenue import sample
from backfill_assets.revenue.conversions import CONVERSIONS
from backfill_assets.revenue.fixings import rates_in_force
from tests.e2e.house import new_house
from tests.revenue.shorthands import checked, read_fixings
from tests.scenarios import drop_parquet, fixings, transaction

ISK_ENDS = {
    ("2008-12-08", "ISK"): "290",
    ("2008-12-08", "USD"): "1.29",
    ("2008-12-09", "ISK"): "290",
    ("2008-12-09", "USD"): "1.28",
    ("2008-12-10", "USD"): "1.29",
}
RUB_ENDS = {("2022-03-01", "RUB"): "117.2", ("2022-03-01", "USD"): "1.11", ("2022-03-02", "USD"): "1.11"}
HRK_ENDS = {("2022-12-30", "HRK"): "7.5365", ("2022-12-30", "USD"): "1.0666", ("2023-01-02", "USD"): "1.0683"}
EASTER = {("2026-04-02", "GBP"): "0.87", ("2026-04-02", "USD"): "1.15", ("2026-04-07", "USD"): "1.15"}
ONE_IS_WITHDRAWN = {("2026-01-08", "GBP"): "0.87", ("2026-01-09", "USD"): "1.16", ("2026-01-09", "GBP"): None}

CASES = [
    (ISK_ENDS, "ISK", "2008-12-09", "290"),
    (ISK_ENDS, "ISK", "2008-12-10", None),
    (ISK_ENDS, "ISK", "2008-12-13", None),
    (RUB_ENDS, "RUB", "2022-03-01", "117.2"),
    (RUB_ENDS, "RUB", "2022-03-02", None),
    (HRK_ENDS, "HRK", "2022-12-31", "7.5365"),
    (HRK_ENDS, "HRK", "2023-01-01", "7.5345"),
    (HRK_ENDS, "HRK", "2023-01-02", "7.5345"),
    (HRK_ENDS, "USD", "2023-01-01", "1.0666"),
    (EASTER, "GBP", "2026-04-06", "0.87"),
    (EASTER, "GBP", "2026-04-07", None),
    (ONE_IS_WITHDRAWN, "GBP", "2026-01-09", None),
    (ONE_IS_WITHDRAWN, "GBP", "2026-01-11", None),
    ({}, "DEM", "1998-12-31", None),
    ({}, "DEM", "1999-01-01", "1.95583"),
    ({}, "DEM", "2030-01-01", "1.95583"),
    ({}, "GRD", "2000-12-31", None),
    ({}, "GRD", "2001-01-01", "340.75"),
    ({}, "BGN", "2026-01-01", "1.95583"),
    ({("2026-01-01", "BGN"): "1.9"}, "BGN", "2026-01-02", "1.95583"),
    ({}, "EUR", "1999-01-01", "1"),
]


@pytest.mark.parametrize(("published", "currency", "day", "rate"), CASES)
def test_the_rate_in_force_is_that_of_the_last_day_of_fixings_or_that_of_the_law(published, currency, day, rate):
    on = date.fromisoformat(day)
    table = fixings({(date.fromisoformat(fixed), code): value for (fixed, code), value in published.items()})

    found = checked("fx_rates", rates_in_force(table, [on])).filter(currency=currency)["rate"].to_list()

    assert found == ([] if rate is None else [Decimal(rate)])
    # The derivation by hand, which shares nothing with it, agrees.
    known = {(code, fixed): value for fixed, code, value in table.rows()}
    own = sample._in_force(known, sample.days_fixed(known), currency, on)
    assert (own and own[0]) == (None if rate is None else Decimal(rate))


OFFSETS = st.integers(0, 12)
PUBLISHED = st.dictionaries(st.tuples(OFFSETS, st.sampled_from(["USD", "GBP", "ISK"])), st.integers(1, 10**6))


@given(PUBLISHED, OFFSETS)
def test_no_fixing_is_carried_past_a_day_with_another(published, offset):
    first = date(2008, 12, 1)
    day = first + timedelta(days=offset)
    table = fixings({(first + timedelta(days=at), code): f"{scaled}e-4" for (at, code), scaled in published.items()})

    for code, fixed in rates_in_force(table, [day]).select("currency", "fixing_day").rows():
        others = [at for at, _ in published if fixed < first + timedelta(days=at) <= day]
        assert fixed == day or not others, code


def test_every_conversion_is_named_once_with_six_digits_at_most_and_its_source():
    assert len({one.currency for one in CONVERSIONS}) == len(CONVERSIONS) == 21
    for one in CONVERSIONS:
        assert len(one.rate.normalize().as_tuple().digits) <= 6
        assert one.source.startswith("Council Regulation (E")
        assert (one.since.month, one.since.day) == (1, 1)


def test_kuna_after_the_change_are_worth_what_the_law_says(tmp_path: Path):
    """1,000 euros' worth of kuna, over the first three days of the euro there, and long after."""
    house = new_house(tmp_path / "house", "2023-01-05T06:00:00+00:00")
    days = [date(2023, 1, day) for day in (1, 2, 3)]
    (house.landing / "fx").mkdir(parents=True)
    text = (
        "Date,USD,HRK,\n2023-01-03,1.0545,N/A,\n2023-01-02,1.0683,N/A,\n"
        "2022-12-30,1.0666,7.5365,\n2022-12-29,1.0649,7.5365,\n"
    )
    (house.landing / "fx/eurofxref-hist.csv").write_text(text)
    assert "HRK" in set(read_fixings(text.encode(), "fx")["currency"])
    for day in days:
        drop_parquet(house.landing, day, [transaction("k", day, country="Croatia", currency="HRK", amount="7534.50")])

    answered = house.run("nightly", "--through", str(days[-1]))

    assert answered.code == 0, answered.text
    assert house.fact().select("day", "rate_currency", "revenue_usd").rows() == [
        (days[0], Decimal("7.5345"), Decimal("1066.6000")),
        (days[1], Decimal("7.5345"), Decimal("1068.3000")),
        (days[2], Decimal("7.5345"), Decimal("1054.5000")),
    ]
