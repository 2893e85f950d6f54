from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backfill_assets.revenue.landing import LEDGER, BadLine, FinanceLedger
from backfill_assets.revenue.reports import Reason, board_pack, executive_dashboard, finance_reconciliation_export
from backfill_assets.revenue.schemas import REASONS
from tests.profiles import share_of_examples
from tests.revenue.shorthands import checked
from tests.scenarios import FRIDAY, MONDAY, SATURDAY, SUNDAY, fact

FIRST = date(2026, 1, 1)


def days(count):
    return [FIRST + timedelta(days=at) for at in range(count)]


def ledger(*rows, incomplete=()):
    bad = tuple(BadLine("ledger/x.csv", 2, "", "no day", day) for day in incomplete)
    frame = pl.DataFrame([(day, code, n, Decimal(usd)) for day, code, n, usd in rows], schema=LEDGER, orient="row")
    return FinanceLedger(frame, bad)


def test_the_mean_is_over_the_published_days_of_the_trailing_seven():
    published = [day for day in days(9) if day != FIRST + timedelta(days=3)]
    fct = fact({"day": day, "revenue_usd": Decimal(day.day)} for day in published)

    rows = checked("executive_dashboard", executive_dashboard(fct, published, published))

    last = rows.row(by_predicate=pl.col("day") == date(2026, 1, 9), named=True)
    assert last["days_in_mean"] == 6
    assert last["trailing_mean_7d_usd"] == Decimal("6.3333")  # (3 + 5 + 6 + 7 + 8 + 9) / 6


def test_a_day_without_trade_counts_as_zero_and_is_shown():
    fct = fact([{"day": FIRST, "revenue_usd": Decimal(3)}])

    rows = checked("executive_dashboard", executive_dashboard(fct, days(2), days(2)))

    assert rows.rows()[1] == (FIRST + timedelta(days=1), 0, Decimal(0), Decimal("1.5"), 2)


def test_only_the_days_asked_for_are_shown_but_all_are_looked_at():
    fct = fact({"day": day} for day in days(8))

    rows = executive_dashboard(fct.lazy(), days(8), [date(2026, 1, 8)])

    assert rows.select("day", "days_in_mean").rows() == [(date(2026, 1, 8), 7)]


def test_a_changed_day_changes_its_own_row_and_the_six_after_it():
    before = fact({"day": day} for day in days(20))
    other = pl.when(pl.col("day") == date(2026, 1, 5)).then(pl.lit(Decimal(999))).otherwise("revenue_usd")
    after = before.with_columns(revenue_usd=other.cast(pl.Decimal(38, 4)))

    old, new = (executive_dashboard(frame, days(20), days(20)) for frame in (before, after))

    changed = [a[0].day for a, b in zip(new.rows(), old.rows(), strict=True) if a != b]
    assert changed == [5, 6, 7, 8, 9, 10, 11]


@share_of_examples(0.4)
@given(st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=7))
def test_the_mean_is_exact_and_half_even(scaled):
    published = days(len(scaled))
    money = [Decimal(value).scaleb(-4) for value in scaled]
    fct = fact({"day": day, "revenue_usd": usd} for day, usd in zip(published, money, strict=True))

    mean = executive_dashboard(fct, published, published)["trailing_mean_7d_usd"].to_list()[-1]

    assert Fraction(mean) == round(Fraction(sum(scaled), len(scaled) * 10**4), 4)


def reasons(fct_rows, finance, on=FRIDAY):
    export = finance_reconciliation_export(fact(fct_rows), finance, [on])
    return checked("finance_reconciliation_export", export).select("currency", "reason").rows()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ((1, "110"), "equal"),
        ((1, "110.0001"), "amount_differs"),
        ((2, "110"), "count_differs"),
        ((2, "111"), "count_differs"),
    ],
)
def test_a_difference_has_a_reason(line, reason):
    assert reasons([{"day": FRIDAY}], ledger((FRIDAY, "EUR", *line))) == [("EUR", reason)]


def test_a_currency_that_only_one_side_has_is_named():
    finance = ledger((FRIDAY, "GBP", 1, "5"))

    assert reasons([{"day": FRIDAY}], finance) == [("EUR", "missing_in_ledger"), ("GBP", "missing_in_fact")]


def test_an_incomplete_day_of_the_ledger_excuses_differences_but_not_our_own_gaps():
    rows = [{"day": FRIDAY}, {"day": FRIDAY, "currency": "CHF"}, {"day": FRIDAY, "currency": "SEK"}]
    lines = [(FRIDAY, "EUR", 1, "110"), (FRIDAY, "SEK", 1, "1"), (FRIDAY, "GBP", 1, "5")]

    assert reasons(rows, ledger(*lines, incomplete=[FRIDAY])) == [
        ("CHF", "ledger_incomplete"),
        ("EUR", "equal"),
        ("GBP", "missing_in_fact"),
        ("SEK", "ledger_incomplete"),
    ]


def test_differences_add_up_also_where_a_side_is_absent():
    fct = fact([{"day": FRIDAY}, {"day": FRIDAY, "country": "France"}, {"day": SATURDAY, "currency": "CHF"}])
    finance = ledger((FRIDAY, "EUR", 2, "200"), (SATURDAY, "GBP", 1, "5"), (MONDAY, "EUR", 1, "1"))

    export = finance_reconciliation_export(fct, finance, [FRIDAY, SATURDAY])

    assert export.select("day", "currency", "difference_usd").rows() == [
        (FRIDAY, "EUR", Decimal(20)),
        (SATURDAY, "CHF", Decimal(110)),
        (SATURDAY, "GBP", Decimal(-5)),
    ]


def test_the_reasons_of_the_schema_are_those_of_the_code():
    assert tuple(Reason) == REASONS


def test_the_board_pack_sums_months_and_counts_their_days():
    fct = fact([{"day": FRIDAY}, {"day": SATURDAY, "country": "France"}, {"day": date(2026, 2, 1)}])
    published = [FRIDAY, SATURDAY, SUNDAY, date(2026, 2, 1)]

    pack = checked("board_pack", board_pack(fct, published, [FIRST]))

    assert pack.rows() == [(FIRST, "EUR", 2, Decimal(200), Decimal(220), 3, 31)]


def test_reports_of_nothing_have_their_shape():
    nothing = fact([])

    checked("executive_dashboard", executive_dashboard(nothing, [], []))
    checked("finance_reconciliation_export", finance_reconciliation_export(nothing, ledger(), [FRIDAY]))
    checked("board_pack", board_pack(nothing, [], []))
