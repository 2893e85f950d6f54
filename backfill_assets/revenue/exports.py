"""What finance takes: a Parquet and a CSV file for each day, a workbook for each month.

Cells that begin like a formula are texts and stay texts. An amount is a number where the workbook's 64-bit floats
hold it exactly, to the fourth decimal; otherwise it is a text of all its digits.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from backfill_assets import needs_extra
from backfill_assets.revenue.schemas import REASONS
from backfill_assets.text import is_formula, neutral, one_line

NUMBER = "#,##0.0000"
RESTATEMENT = ["at", "entry", "day", "currency", "old_usd", "new_usd", "delta_usd", "reason", "correction"]
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
EXCEL_DIGITS = 15


def day_parquet(rows: pl.DataFrame) -> bytes:
    """The rows of a day as a Parquet file; decimals stay decimals."""
    file = io.BytesIO()
    rows.write_parquet(file)
    return file.getvalue()


def day_csv(rows: pl.DataFrame) -> bytes:
    """The rows of a day as CSV for spreadsheets; texts that begin like a formula are neutralised."""
    texts = [name for name, kind in rows.schema.items() if kind == pl.String]
    safe = rows.with_columns(
        pl.col(name).map_elements(lambda text: neutral(one_line(text)), return_dtype=pl.String) for name in texts
    )
    return safe.write_csv().encode()


@dataclass(frozen=True, slots=True)
class Book:
    """A month's workbook: the month, its lines on the cover, its rows of the export, and its journal entries."""

    month: str
    cover: Sequence[tuple[str, str]]
    banner: tuple[str, str] | None
    rows: pl.DataFrame
    entries: pl.DataFrame


def workbook(book: Book) -> bytes:
    """The workbook, the same bytes for the same content."""
    with needs_extra("demo", "A month's workbook"):
        import xlsxwriter

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as made:
        made.set_properties({"title": f"Finance reconciliation {book.month}", "created": ALWAYS})
        sheets = _Sheets(made)
        _cover(sheets, book)
        _totals(sheets, book.rows)
        sheets.table("Days and currencies", book.rows, {"day": 12, "reason": 20})
        _reasons(sheets, book.rows)
        if book.entries.height:
            sheets.table("Restatement journal", book.entries.select(RESTATEMENT), {"at": 17, "reason": 60, "entry": 13})
    return file.getvalue()


class _Sheets:
    """The formats of a workbook and the few shapes its sheets have."""

    def __init__(self, workbook: Any) -> None:
        self.workbook = workbook
        base = {"font_name": "Calibri", "font_size": 11, "valign": "top"}
        shapes: dict[str, dict[str, Any]] = {
            "text": {},
            "quoted": {"quote_prefix": True},
            "title": {"bold": True, "font_size": 18},
            "head": {"bold": True, "bottom": 1, "text_wrap": True},
            "number": {"num_format": NUMBER, "align": "right"},
            "count": {"num_format": "#,##0", "align": "right"},
            "digits": {"align": "right"},
            "day": {"num_format": "yyyy-mm-dd", "align": "left"},
            "moment": {"num_format": "yyyy-mm-dd hh:mm", "align": "left"},
            "total": {"bold": True, "top": 1, "num_format": NUMBER},
            "banner": {"bold": True, "bg_color": "#FDF1DC", "font_color": "#5B3A05", "text_wrap": True},
            "wrapped": {"text_wrap": True},
        }
        self.formats = {name: workbook.add_format({**base, **shape}) for name, shape in shapes.items()}

    def table(self, name: str, frame: pl.DataFrame, widths: dict[str, int]) -> Any:
        """A sheet that holds a frame, its head frozen and filtered."""
        sheet = self.workbook.add_worksheet(name)
        for column, header in enumerate(frame.columns):
            sheet.set_column(column, column, widths.get(header, 18))
            sheet.write_string(0, column, header, self.formats["head"])
        for line, values in enumerate(frame.iter_rows(), start=1):
            for column, value in enumerate(values):
                self.write(sheet, line, column, value)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(frame.height, 1), max(frame.width - 1, 0))
        return sheet

    def write(self, sheet: Any, line: int, column: int, value: object) -> None:
        """Write one value by its kind; nothing is ever a formula."""
        match value:
            case None:
                sheet.write_blank(line, column, None, self.formats["text"])
            case Decimal() if is_exact(value):
                sheet.write_number(line, column, float(value), self.formats["number"])
            case Decimal():
                sheet.write_string(line, column, f"{value:f}", self.formats["digits"])
            case int():
                sheet.write_number(line, column, value, self.formats["count"])
            case datetime():
                sheet.write_datetime(line, column, value.astimezone(UTC).replace(tzinfo=None), self.formats["moment"])
            case date():
                sheet.write_datetime(line, column, value, self.formats["day"])
            case _:
                text = one_line(value)
                sheet.write_string(line, column, text, self.formats["quoted" if is_formula(text) else "text"])


def is_exact(value: Decimal) -> bool:
    """Whether a 64-bit float, read to the decimals that the amount has, gives it back.

    >>> is_exact(Decimal("85342.2782")), is_exact(Decimal("123456789012345678.1234"))
    (True, False)
    """
    places = -int(value.as_tuple().exponent)
    digits = len(value.as_tuple().digits)
    return digits <= EXCEL_DIGITS and Decimal(f"{float(value):.{max(places, 0)}f}") == value


def _cover(sheets: _Sheets, book: Book) -> None:
    sheet = sheets.workbook.add_worksheet("Cover")
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 96)
    sheet.write_string(0, 0, f"Finance reconciliation {book.month}", sheets.formats["title"])
    line = 2
    if book.banner:
        for text in book.banner:
            sheet.merge_range(line, 0, line, 1, "", sheets.formats["banner"])
            sheet.write_string(line, 0, one_line(text), sheets.formats["banner"])
            sheet.set_row(line, 34)
            line += 1
        line += 1
    for name, text in book.cover:
        sheet.write_string(line, 0, name, sheets.formats["head"])
        clean = one_line(text)
        sheet.write_string(line, 1, clean, sheets.formats["quoted" if is_formula(clean) else "wrapped"])
        line += 1


def totals(rows: pl.DataFrame) -> pl.DataFrame:
    """By currency: ours, the ledger's, and the difference."""
    amounts = ["transactions", "revenue_usd", "ledger_transactions", "ledger_revenue_usd", "difference_usd"]
    return rows.group_by("currency").agg(pl.col(amounts).sum()).sort("currency")


def _totals(sheets: _Sheets, rows: pl.DataFrame) -> None:
    found = totals(rows)
    sheet = sheets.table("Totals", found, {})
    sheet.write_string(found.height + 1, 0, "all", sheets.formats["total"])
    for column, name in enumerate(found.columns[1:], start=1):
        total = found[name].sum()
        sheets.write(sheet, found.height + 1, column, total if total is not None else 0)


def _reasons(sheets: _Sheets, rows: pl.DataFrame) -> None:
    counted = dict(rows.group_by("reason").agg(pl.len().cast(pl.Int64)).iter_rows())
    sums = dict(rows.group_by("reason").agg(pl.col("difference_usd").sum()).iter_rows())
    frame = pl.DataFrame(
        [(name, counted.get(name, 0), sums.get(name, Decimal(0))) for name in REASONS],
        schema={"reason": pl.String, "rows": pl.Int64, "difference_usd": pl.Decimal(38, 4)},
        orient="row",
    )
    sheets.table("Reason codes", frame, {"reason": 22})
