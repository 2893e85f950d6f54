"""Comparing two versions of a table."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given

from backfill_assets.core.comparison import compare
from backfill_assets.core.reconciliation import Comparison
from backfill_assets.errors.validation import (
    AmountsTooLarge,
    ColumnsMissing,
    DayNotDate,
    KeysNotUnique,
    KeysNull,
    MeasureNotExact,
    TypesDiffer,
)
from tests.core.strategies import pairs_of_tables
from tests.profiles import share_of_examples
from tests.scenarios_comparison import (
    DAYS,
    FIRST,
    KEYS,
    MEASURES,
    SCHEMA,
    Row,
    corrected,
    frame,
    off_by,
    published,
    with_cell,
)

COLUMNS = [name for name in SCHEMA if name not in {"day", "payment"}]


def compared(old: list[Row], new: list[Row], **options: Any) -> Comparison:
    return compare(frame(old), frame(new), keys=KEYS, measures=MEASURES, **options)


# ---- what is found


def test_a_table_agrees_with_itself_in_another_order() -> None:
    found = compared(corrected(), corrected()[::-1])

    assert found.agrees
    assert found.unchanged_days == DAYS
    assert (found.equal, found.worst_day, found.largest_rows(5)) == (40, None, ())


def test_a_cell_off_by_one_in_the_fourth_decimal_is_found_and_named() -> None:
    found = compared(corrected(), off_by(corrected(), 5, "0.0001"))

    assert found.changed_days == (DAYS[1],)
    assert found.cells["revenue_usd"].largest == Decimal("0.0001")
    (row,) = found.largest_rows(5)
    assert row.key == {"day": DAYS[1], "payment": "02-b"}
    assert row.values == {"revenue_usd": (Decimal("55.0000"), Decimal("55.0001"))}


def test_errors_that_cancel_in_the_sum_of_a_day_still_differ() -> None:
    found = compared(corrected(), off_by(off_by(corrected(), 5, "1"), 6, "-1"))

    assert found.totals["revenue_usd"].change == 0
    assert (found.differing, found.cells["revenue_usd"].total) == (2, Decimal(2))


def test_thirty_digits_are_compared_and_summed_to_the_last() -> None:
    large = Decimal("123456789012345678901234567890.1234")
    larger = Decimal("123456789012345678901234567890.1235")
    old, new = with_cell(corrected(), 0, "revenue_usd", large), with_cell(corrected(), 0, "revenue_usd", larger)

    assert compared(old, old[::-1]).agrees
    found = compared(old, new)
    assert found.totals["revenue_usd"].change == Decimal("0.0001")
    assert str(found.day(FIRST).sums["revenue_usd"].new).endswith(".1235")


def test_whole_numbers_beyond_the_precision_of_a_float_are_told_apart() -> None:
    old = with_cell(corrected(), 0, "transactions", 2**53)
    new = with_cell(corrected(), 0, "transactions", 2**53 + 1)

    assert compared(old, new).cells["transactions"].total == 1


def test_a_null_equals_a_null_and_nothing_else() -> None:
    null = with_cell(corrected(), 0, "rate", None)

    assert compared(null, null).agrees
    assert compared(null, corrected()).cells["rate"].largest == Decimal(1)
    assert compared(with_cell(null, 0, "rate", Decimal(0)), null).changed_days == (FIRST,)


def test_rows_on_one_side_alone_are_counted_and_shown() -> None:
    found = compared(corrected()[1:], corrected()[:-1])

    assert (found.only_old, found.only_new, found.differing, found.equal) == (1, 1, 0, 38)
    assert {row.kind for row in found.rows_only_on_one_side(5)} == {"only old", "only new"}


def test_a_row_that_moved_to_another_day_is_another_row() -> None:
    found = compared(corrected(), with_cell(corrected(), 0, "day", DAYS[1]))

    assert found.changed_days == DAYS[:2]
    assert (found.only_old, found.only_new) == (1, 1)


def test_an_empty_side_makes_every_row_stand_alone() -> None:
    found = compared([], corrected())

    assert found.only_new == 40
    assert compared([], []).agrees


def test_a_day_without_rows_is_told_from_a_missing_day() -> None:
    quiet = date(2026, 1, 20)

    assert compared(corrected(), corrected(), old_days=[quiet], new_days=[quiet]).unchanged_days == (*DAYS, quiet)
    lost = compared(corrected(), corrected(), old_days=[*DAYS, quiet], new_days=DAYS)
    assert lost.changed_days == (quiet,)
    assert lost.largest_days(5)[0].day == quiet


def test_the_largest_days_come_first_whichever_way_they_moved() -> None:
    new = off_by(off_by(corrected(), 8, "-5", "amount"), 12, "3", "amount")
    found = compared(corrected(), new)

    assert [day.day for day in found.largest_days(2)] == [DAYS[2], DAYS[3]]
    assert found.worst_day == found.day(DAYS[2])


def test_days_left_out_leave_totals_cells_and_examples() -> None:
    found = compared(published(), corrected()).without(DAYS[1:])

    assert found.rows_old == 4
    assert found.totals["revenue_usd"].change == Decimal("1.5800")
    assert {row.key["day"] for row in found.largest_rows(100)} == {FIRST}


def test_the_table_has_a_row_a_day_with_exact_sums() -> None:
    table = compared(published(), corrected()).table

    assert table["day"].to_list() == list(DAYS)
    assert table["change revenue_usd"].to_list() == [Decimal("1.5800")] * 10
    assert isinstance(table.schema["old revenue_usd"], pl.Decimal)


def test_it_can_be_read_by_people_and_programs() -> None:
    found = compared(published(), corrected())

    assert str(found).startswith("10 of 10 days differ; 10 rows equal, 30 differ, 0 only old, 0 only new")
    assert "revenue_usd differs in 30 rows, by 15.8000 in all and 0.7700 at most" in str(found)
    assert found.as_json()["changed_windows"] == ["2026-01-01..2026-01-10"]
    assert found.as_rows(1)[-1]["change revenue_usd"] == "+15.8000 (0.6162%)"
    assert str(found.largest_rows(1)[0]).startswith("day 2026-01-01 payment 01-c (changed) rate 1.08900000 to 1.1")


def test_a_column_that_is_called_like_a_working_column_is_compared_too() -> None:
    old = frame(corrected()).with_columns(len=pl.lit(1), kind=pl.lit("x"), old=pl.lit("y"))
    new = old.with_columns(kind=pl.lit("z"))

    found = compare(old, new, keys=[*KEYS, "old", "len"], measures=MEASURES)
    assert {name for name, cells in found.cells.items() if cells.count} == {"kind"}


def test_categoricals_with_other_codes_are_compared_by_their_words() -> None:
    as_category = pl.col("currency", "payment").cast(pl.Categorical)
    old, new = frame(corrected()), frame(corrected()[::-1])

    found = compare(old.with_columns(as_category), new.with_columns(as_category), keys=KEYS, slice_rows=1)
    assert found.agrees


# ---- against a naive comparison


def naive(old: list[Row], new: list[Row]) -> dict[str, Any]:
    sides = [{(row["day"], row["payment"]): row for row in rows} for rows in (old, new)]
    both = sides[0].keys() & sides[1].keys()
    cells = [(key, name) for key in both for name in COLUMNS if sides[0][key][name] != sides[1][key][name]]
    alone = sides[0].keys() ^ sides[1].keys()
    far = {
        name: [abs((sides[1][key][name] or 0) - (sides[0][key][name] or 0)) for key, of in cells if of == name]
        for name in COLUMNS
        if name != "currency"
    }
    return {
        "only": (len(sides[0].keys() - both), len(sides[1].keys() - both)),
        "differing": len({key for key, _ in cells}),
        "counts": {name: sum(of == name for _, of in cells) for name in COLUMNS},
        "far": {name: (sum(found), max(found)) for name, found in far.items() if found},
        "sums": {name: [sum(row[name] or 0 for row in rows) for rows in (old, new)] for name in MEASURES},
        "changed": tuple(sorted({key[0] for key, _ in cells} | {key[0] for key in alone})),
    }


@share_of_examples(0.6)
@given(pairs_of_tables())
def test_it_finds_what_a_comparison_of_dictionaries_finds(pair: tuple[list[Row], list[Row]]) -> None:
    wanted = naive(*pair)
    for slice_rows in (1, 3, 1000):
        found = compared(*pair, slice_rows=slice_rows)

        assert (found.only_old, found.only_new) == wanted["only"]
        assert found.differing == wanted["differing"]
        assert found.changed_days == wanted["changed"]
        assert {name: cells.count for name, cells in found.cells.items()} == wanted["counts"]
        far = {name: (cells.total, cells.largest) for name, cells in found.cells.items() if cells.largest is not None}
        assert far == wanted["far"]
        assert {name: [sums.old, sums.new] for name, sums in found.totals.items()} == wanted["sums"]
        assert len(found.examples) <= found.differing + found.only_old + found.only_new


# ---- what is refused


def test_doubled_keys_are_refused_with_side_count_and_examples() -> None:
    doubled = [*corrected(), *corrected()[:6]]

    with pytest.raises(KeysNotUnique, match=r"new side 6 keys occur more than once .*01-a.* and 1 more"):
        compared(corrected(), doubled)
    with pytest.raises(KeysNotUnique, match="old side 6 keys"):
        compared(doubled, corrected())


@pytest.mark.parametrize("slice_rows", [1, 4, 1000])
@pytest.mark.parametrize("swapped", [False, True])
def test_a_row_doubled_on_one_side_alone_is_refused(swapped: bool, slice_rows: int) -> None:  # noqa: FBT001
    rows, doubled = corrected()[1:], [*corrected(), corrected()[0]]
    old, new = (doubled, rows) if swapped else (rows, doubled)

    with pytest.raises(KeysNotUnique, match=rf"On the {'old' if swapped else 'new'} side 1 key occurs"):
        compared(old, new, slice_rows=slice_rows)


def test_null_keys_are_refused() -> None:
    with pytest.raises(KeysNull, match=r"null on the old side \(payment in 1 row\)"):
        compared(with_cell(corrected(), 3, "payment", None), corrected())
    with pytest.raises(KeysNull, match=r"null on the new side \(day in 1 row\)"):
        compared(corrected(), with_cell(corrected(), 3, "day", None))


def test_a_column_on_one_side_alone_is_refused() -> None:
    with pytest.raises(ColumnsMissing, match="The old side lacks the columns note"):
        compare(frame(corrected()), frame(corrected()).with_columns(note=pl.lit("")), keys=KEYS)
    with pytest.raises(ColumnsMissing, match="lacks the columns customer"):
        compare(frame(corrected()), frame(corrected()), keys=["customer"])


def test_types_that_differ_are_refused_even_when_the_values_are_equal() -> None:
    with pytest.raises(TypesDiffer, match="amount Decimal"):
        compare(frame(corrected()), frame(corrected()).with_columns(pl.col("amount").cast(pl.Float64)), keys=KEYS)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda table: table.with_columns(pl.col("amount").cast(pl.Float64)), MeasureNotExact),
        (lambda table: table.with_columns(pl.col("day").cast(pl.String)), DayNotDate),
        (
            lambda table: table.with_columns(pl.lit(Decimal(9 * 10**36)).cast(pl.Decimal(38, 0)).alias("amount")),
            AmountsTooLarge,
        ),
    ],
)
def test_what_cannot_be_told_exactly_is_refused(
    change: Callable[[pl.LazyFrame], pl.LazyFrame], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        compare(change(frame(corrected())), change(frame(corrected())), keys=KEYS, measures=MEASURES)
