from datetime import date, timedelta
from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.revenue.conversions import CONVERSIONS
from backfill_assets.revenue.errors import StaleFixings, UnusableFixings
from backfill_assets.revenue.fixings import fixings_known, new_fixings, rates_in_force
from backfill_assets.revenue.schemas import schema_of
from tests.profiles import share_of_examples
from tests.revenue.shorthands import checked, read_fixings
from tests.scenarios import FRIDAY, MONDAY, SATURDAY, SUNDAY, fixings

NOTHING = schema_of("raw_fixings").to_frame()
THURSDAY = FRIDAY - timedelta(days=1)


def logged(*arrivals):
    """The log after these files, arrivals 1, 2 and so on."""
    log = NOTHING
    for arrival, arrived in enumerate(arrivals, 1):
        log = checked("raw_fixings", pl.concat([log, new_fixings(log, fixings(arrived), arrival)]))
    return log


def known(log, through=None):
    return {(day, code): rate for day, code, rate, _ in fixings_known(log, through).rows()}


def test_the_history_file_is_read_exactly():
    content = b"Date,USD,JPY,ISK,\n2026-01-09,1.1172,175.68,N/A,\n2026-01-08,1.10000001,175,136,\n"

    assert read_fixings(content, "fx/hist.csv").rows() == [
        (THURSDAY, "ISK", Decimal(136)),
        (THURSDAY, "JPY", Decimal(175)),
        (THURSDAY, "USD", Decimal("1.10000001")),
        (FRIDAY, "JPY", Decimal("175.68")),
        (FRIDAY, "USD", Decimal("1.1172")),
    ]


@pytest.mark.parametrize(
    ("content", "culprit"),
    [
        (b"Date,USD,\n2026-01-09,-1.1,\n", "USD on 2026-01-09"),
        (b"Date,USD,\n2026-01-09,0,\n", "USD on 2026-01-09"),
        (b"Date,USD,\n2026-01-09,1.123456789,\n", "USD on 2026-01-09"),
        (b"Date,USD,\n2026-01-09,one,\n", "USD on 2026-01-09"),
        (b"Date,USD,JPY,\n2026-01-09,1.1", "line 2, which has no end"),
        (b"Date,USD,JPY,\n2026-01-09,1.1\n", "line 2"),
        (b"Date,USD,\n09/01/2026,1.1,\n", "USD on 09/01/2026"),
        (b"Date,USD,\n2026-01-09,1.1,\n2026-01-09,1.1,\n", "USD on 2026-01-09"),
        (b"Date,USD,US dollar,\n2026-01-09,1.1,1.1,\n", "column US dollar"),
        (b"Day,USD,\n2026-01-09,1.1,\n", "column Day"),
        (b"", "the whole file"),
    ],
)
def test_a_file_with_anything_else_is_refused(content, culprit):
    with pytest.raises(UnusableFixings) as refused:
        read_fixings(content, "fx/hist.csv")

    assert culprit in str(refused.value)
    assert ":" not in str(refused.value)


def test_an_arrival_appends_only_what_is_new_or_differs():
    log = logged(
        {(FRIDAY, "USD"): "1.1", (FRIDAY, "GBP"): "0.88"},
        {(FRIDAY, "USD"): "1.1", (FRIDAY, "GBP"): "0.89", (MONDAY, "USD"): "1.2", (MONDAY, "GBP"): "0.9"},
    )

    assert log.filter(arrival=2).rows() == [
        (FRIDAY, "GBP", Decimal("0.89"), 2),
        (MONDAY, "GBP", Decimal("0.9"), 2),
        (MONDAY, "USD", Decimal("1.2"), 2),
    ]


def test_the_same_file_again_appends_nothing():
    file = {(FRIDAY, "USD"): "1.1"}

    assert logged(file, file).height == 1


def test_a_fixing_that_went_back_is_appended_again():
    log = logged({(FRIDAY, "USD"): "1.1"}, {(FRIDAY, "USD"): "1.2"}, {(FRIDAY, "USD"): "1.1"})

    assert log["rate"].to_list() == [Decimal("1.1"), Decimal("1.2"), Decimal("1.1")]
    assert known(log) == {(FRIDAY, "USD"): Decimal("1.1")}


def test_a_withdrawn_fixing_is_a_null_row_and_no_longer_known():
    both = {(FRIDAY, "USD"): "1.1", (FRIDAY, "GBP"): "0.88"}
    log = logged(both, {(FRIDAY, "USD"): "1.1", (FRIDAY, "GBP"): None}, both)

    assert log.filter(arrival=2).rows() == [(FRIDAY, "GBP", None, 2)]
    assert known(log, 1) == known(log, 3)
    assert known(log, 2) == {(FRIDAY, "USD"): Decimal("1.1")}


def test_a_file_of_the_last_days_only_withdraws_nothing_before_them():
    log = logged({(FRIDAY, "USD"): "1.1", (MONDAY, "USD"): "1.2"}, {(MONDAY, "USD"): "1.2"})

    assert log.height == 2


def test_an_older_file_is_refused_rather_than_withdrawing_what_is_in_force():
    with pytest.raises(StaleFixings, match="end on 2026-01-09, but those known reach 2026-01-12"):
        logged({(FRIDAY, "USD"): "1.1", (MONDAY, "USD"): "1.2"}, {(FRIDAY, "USD"): "1.1"})


def test_a_file_without_fixings_is_refused_when_some_are_known():
    with pytest.raises(StaleFixings):
        logged({(FRIDAY, "USD"): "1.1"}, {})


def test_what_was_known_at_an_arrival_stays_answerable():
    log = logged({(FRIDAY, "USD"): "1.1"}, {(FRIDAY, "USD"): "1.2"})

    assert known(log, 1) == {(FRIDAY, "USD"): Decimal("1.1")}
    assert known(log) == {(FRIDAY, "USD"): Decimal("1.2")}
    assert known(log, 0) == {}


def test_the_order_of_rows_in_the_log_does_not_matter():
    log = logged({(FRIDAY, "USD"): "1.1"}, {(FRIDAY, "USD"): "1.2"})

    assert known(log.reverse()) == known(log)


def rate_on(published, day, currency="USD", **options):
    rows = rates_in_force(published, [day], **options).filter(currency=currency)
    return rows.select("rate", "fixing_day").rows()


def test_a_weekend_takes_the_rate_of_friday():
    published = fixings({(THURSDAY, "USD"): "1.0", (FRIDAY, "USD"): "1.1", (MONDAY, "USD"): "1.2"})

    assert [rate_on(published, day) for day in (FRIDAY, SATURDAY, SUNDAY, MONDAY)] == [
        [(Decimal("1.1"), FRIDAY)],
        [(Decimal("1.1"), FRIDAY)],
        [(Decimal("1.1"), FRIDAY)],
        [(Decimal("1.2"), MONDAY)],
    ]


@pytest.mark.parametrize(("age", "rows"), [(7, 1), (8, 0)])
def test_a_rate_is_in_force_for_seven_days(age, rows):
    published = fixings({(FRIDAY, "USD"): "1.1"})

    assert len(rate_on(published, FRIDAY + timedelta(days=age))) == rows
    assert len(rate_on(published, FRIDAY + timedelta(days=age), max_age_days=8)) == 1


def test_no_rate_of_the_future_is_in_force():
    assert rate_on(fixings({(MONDAY, "USD"): "1.2"}), FRIDAY) == []


def test_the_euro_is_one_on_every_day():
    assert rate_on(fixings({}), SUNDAY, "EUR") == [(Decimal(1), SUNDAY)]


def test_no_days_give_no_rates():
    checked("fx_rates", rates_in_force(fixings({(FRIDAY, "USD"): "1.1"}), []))


OFFSETS = st.integers(0, 30)
PUBLISHED = st.dictionaries(st.tuples(OFFSETS, st.sampled_from(["USD", "GBP", "ISK"])), st.integers(1, 10**6))


@share_of_examples(0.5)
@given(PUBLISHED, st.sets(OFFSETS, max_size=8))
def test_rates_in_force_equal_a_plain_search(published, offsets):
    first = date(2026, 1, 1)
    rates = {(first + timedelta(days=at), code): f"{scaled}e-4" for (at, code), scaled in published.items()}
    days = [first + timedelta(days=at) for at in offsets]

    in_force = checked("fx_rates", rates_in_force(fixings(rates), days))

    expected = {(day, "EUR"): (Decimal(1), day) for day in days}
    for day in days:
        within = [at for at, _ in rates if timedelta(0) <= day - at <= timedelta(days=7)]
        for code in ("USD", "GBP", "ISK"):
            if within and (max(within), code) in rates:
                expected[day, code] = (Decimal(rates[max(within), code]), max(within))
    of_law = {one.currency for one in CONVERSIONS}
    assert {(day, code): (rate, at) for day, code, rate, at in in_force.rows() if code not in of_law} == expected
