"""The part of the page that validation fixes: old against new, checks, sample. Drawn once for each certificate."""

import csv
import io
from html import escape

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.figures import Figures
from backfill_assets.core.sampling import Sample, SampledRow
from backfill_assets.pages.charts import chart_per_value, charts_per_day
from backfill_assets.pages.tables import (
    LINES_SHOWN,
    table_of_checks,
    table_of_days,
    table_of_lines,
    table_of_sample,
    table_of_transactions,
)

SAMPLE_FILE = "sample.csv"


def changes(figures: Figures, certificate: Certificate, sample: Sample | None) -> str:
    """Old against new per day, month, quarter and key, the checks, and the sample."""
    parts = [
        "<h2>Checks</h2>",
        f'<div class="wrap">{table_of_checks(certificate.checks)}</div>',
        "<h2>Old against new, day by day</h2>",
        charts_per_day(figures),
        _total(table_of_days(figures)) or f"<p>{_no_day_moves(certificate)}</p>",
        "<h2>By month and quarter</h2>",
        _total(table_of_lines(figures.months, figures, "month", "Months")),
        _total(table_of_lines(figures.quarters, figures, "quarter", "Quarters")),
        *[_per_key(figures, key) for key in figures.keys],
    ]
    return "".join([*parts, _sample(sample) if sample else ""])


def sample_csv(sample: Sample) -> str:
    """Every single source row behind the sample, with its key, to be ticked off."""
    columns = [
        *dict.fromkeys(name for row in sample.rows for name in [*row.key, *(n for line in row.lines for n in line)])
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    for row in sample.rows:
        for line in row.lines:
            writer.writerow({name: _harmless(value) for name, value in {**row.key, **line}.items()})
    return text.getvalue()


def _no_day_moves(certificate: Certificate) -> str:
    differing = len(certificate.changed_days)
    in_cells = f" {differing} days differ in cells that are not summed." if differing else ""
    return f"No day moves in a sum or in its number of rows.{in_cells}"


def _per_key(figures: Figures, key: str) -> str:
    lines = figures.keys[key]
    chart = chart_per_value(lines, figures.main_measure, key)
    table = _total(table_of_lines(lines, figures, key, f"By {key}"))
    return f'<h2>By {escape(key)}</h2><div class="{"pair" if chart else ""}">{chart}{table}</div>'


def _sample(sample: Sample) -> str:
    count = sum(len(row.lines) for row in sample.rows)
    said = (
        f"{sample.derived} of {sample.population} rows were derived a second time, from {sample.lines_derived:,} "
        f"source rows, on a path that shares nothing with the pipeline. These {len(sample.rows)} were drawn at random, "
        "seeded by the id of the correction; every source row behind them is in "
        f'<a href="{SAMPLE_FILE}">{SAMPLE_FILE}</a>, {count:,} in all.'
    )
    details = "".join(_details(row) for row in sample.rows if row.lines)
    return f"<h2>Sample</h2><p>{said}</p>{table_of_sample(sample)}<h3>Transaction by transaction</h3>{details}"


def _details(row: SampledRow) -> str:
    first = f", the first {LINES_SHOWN}" if len(row.lines) > LINES_SHOWN else ""
    summary = f"{escape(' '.join(row.key.values()))}, {len(row.lines)} transactions{first}"
    return f"<details><summary>{summary}</summary>{table_of_transactions(row)}</details>"


def _total(table: str) -> str:
    return f'<div class="total">{table}</div>' if table else ""


def _harmless(value: str) -> str:
    """A text that no spreadsheet takes for a formula; amounts stay as they are."""
    is_number = value.lstrip("+-").replace(".", "", 1).isdigit()
    return f"'{value}" if value[:1] in {"=", "+", "-", "@", "\t", "\r"} and not is_number else value
