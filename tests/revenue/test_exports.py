"""Files that finance takes, opened again by readers that did not write them."""

import csv
import io
from datetime import UTC, date, datetime
from decimal import Decimal

import openpyxl
import polars as pl
import pytest

from backfill_assets.core.plain import is_formula, neutral
from backfill_assets.revenue.exports import Book, day_csv, day_parquet, is_exact, totals, workbook
from backfill_assets.revenue.journal import SCHEMA
from backfill_assets.revenue.schemas import schema_of

DAY = date(2026, 1, 5)
SHAPE = schema_of("finance_reconciliation_export")
HUGE = Decimal("12345678901234567.1234")


def rows(*found: tuple) -> pl.DataFrame:
    return pl.DataFrame(found, schema=SHAPE, orient="row")


EUR = (DAY, "EUR", 3, Decimal("10.1000"), 3, Decimal("10.0000"), Decimal("0.1000"), "amount_differs")
NOK = (DAY, "NOK", None, None, 2, Decimal("5.0000"), Decimal("-5.0000"), "missing_in_fact")
VAST = (DAY, "ZAR", 1, HUGE, 1, HUGE, Decimal("0.0000"), "equal")


def entries(reason: str = "late") -> pl.DataFrame:
    at = datetime(2026, 1, 23, 9, tzinfo=UTC)
    told = (
        "20260123",
        1,
        "restatement",
        at,
        DAY,
        "EUR",
        Decimal("9.0000"),
        Decimal("10.1000"),
        Decimal("1.1000"),
        reason,
    )
    return pl.DataFrame([told], schema=SCHEMA, orient="row")


def opened(frame: pl.DataFrame, **changes):
    fields = {"month": "2026-01", "cover": [("Data as of", "2026-01-05")], "banner": None, "entries": entries().clear()}
    return openpyxl.load_workbook(io.BytesIO(workbook(Book(rows=frame, **{**fields, **changes}))))


def table(book, name: str) -> list[tuple]:
    return list(book[name].iter_rows(values_only=True))


def test_a_workbook_holds_every_row_as_the_table_has_it():
    found = table(opened(rows(EUR, NOK)), "Days and currencies")

    assert found[0] == tuple(SHAPE)
    for cells, wanted in zip(found[1:], (EUR, NOK), strict=True):
        for cell, value in zip(cells, wanted, strict=True):
            if isinstance(value, Decimal):
                assert Decimal(f"{cell:.4f}") == value
            else:
                assert (cell.date() if isinstance(cell, datetime) else cell) == value


def test_totals_add_up_and_reason_codes_are_counted():
    book = opened(rows(EUR, NOK))

    assert table(book, "Totals")[-1] == ("all", 3, 10.1, 5, 15, -4.9)
    counted = {row[0]: row[1] for row in table(book, "Reason codes")[1:]}
    assert counted["amount_differs"] == counted["missing_in_fact"] == 1
    assert counted["equal"] == 0
    assert totals(rows(EUR, NOK))["difference_usd"].sum() == Decimal("-4.9000")


def test_an_amount_that_floats_cannot_hold_is_a_text_of_all_its_digits():
    cell = opened(rows(VAST))["Days and currencies"]["D2"]

    assert cell.data_type == "s"
    assert Decimal(cell.value) == HUGE


@pytest.mark.parametrize("text", ["=1+1", "+49", "-x", "@sum", "\t=1", " =1", "\uff1d1"])
def test_a_text_that_begins_like_a_formula_is_never_one(text: str):
    book = opened(rows(EUR), entries=entries(text), cover=[("Why", text)])

    cells = [cell for sheet in book for line in sheet.iter_rows() for cell in line]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert is_formula(text)
    assert neutral(text).startswith("'")
    assert book["Restatement journal"]["H2"].quotePrefix


def test_the_csv_of_a_day_neutralises_texts_and_leaves_negative_amounts_numbers():
    evil = (*NOK[:1], "=HYPERLINK(1)", *NOK[2:])

    read = list(csv.DictReader(io.StringIO(day_csv(rows(evil)).decode())))

    assert read[0]["currency"] == "'=HYPERLINK(1)"
    assert read[0]["difference_usd"] == "-5.0000"
    assert read[0]["revenue_usd"] == ""


def test_the_parquet_of_a_day_is_the_table_with_its_decimals():
    frame = rows(EUR, NOK, VAST)

    again = pl.read_parquet(io.BytesIO(day_parquet(frame)))

    assert again.equals(frame)
    assert again.schema == SHAPE


def test_the_journal_is_there_only_after_a_correction_and_ready_to_be_posted():
    assert "Restatement journal" not in opened(rows(EUR)).sheetnames

    found = table(opened(rows(EUR), entries=entries()), "Restatement journal")

    assert found[0] == ("at", "entry", "day", "currency", "old_usd", "new_usd", "delta_usd", "reason", "correction")
    assert found[1][4:] == (9, 10.1, 1.1, "late", "20260123")


def test_the_banner_stands_on_the_cover_exactly_when_there_is_one():
    assert "correction in flight" not in str(table(opened(rows(EUR)), "Cover"))
    assert "correction in flight" in str(table(opened(rows(EUR), banner=("correction in flight", "why")), "Cover"))


def test_the_same_content_makes_the_same_file():
    book = Book("2026-01", [], None, rows(EUR), entries())

    assert workbook(book) == workbook(book)


def test_a_month_without_rows_is_a_workbook_too():
    assert table(opened(rows()), "Days and currencies") == [tuple(SHAPE)]


def test_exact_is_what_fifteen_digits_give_back():
    assert is_exact(Decimal("99999999999.9999"))
    assert not is_exact(Decimal("999999999999.9999"))
