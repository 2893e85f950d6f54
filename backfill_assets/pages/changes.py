"""The part of the page that validation fixes: old against new, checks, sample. Drawn once for each certificate."""

import csv
import io
from collections.abc import Sequence

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.figures import ROWS, Figures, Line
from backfill_assets.core.sampling import Sample
from backfill_assets.pages.charts import Drawing, bars_both_ways, lines_and_changes
from backfill_assets.pages.shell import rendered
from backfill_assets.pages.tables import (
    LINES_SHOWN,
    table_of_checks,
    table_of_days,
    table_of_lines,
    table_of_sample,
    table_of_source_rows,
)

SAMPLE_FILE = "sample.csv"
MOST_DAYS_DRAWN = 400
MOST_VALUES_DRAWN = 20


def changes(figures: Figures, certificate: Certificate, sample: Sample | None) -> str:
    """Old against new per day, month, quarter and key, the checks, and the sample."""
    moving = any(day.moves for day in figures.days)
    return rendered(
        "changes.html",
        checks=table_of_checks(certificate.checks),
        per_day=chart_per_day(figures),
        days=table_of_days(figures) if moving else None,
        differing=len(certificate.changed_days),
        months=table_of_lines(figures.months, figures, "month", "Months"),
        quarters=table_of_lines(figures.quarters, figures, "quarter", "Quarters"),
        keys=[
            (key, chart_per_value(lines, figures.main_measure, key), table_of_lines(lines, figures, key, f"By {key}"))
            for key, lines in figures.keys.items()
        ],
        sample=sample,
        sample_table=table_of_sample(sample) if sample else None,
        source_rows=[(row, table_of_source_rows(row)) for row in (sample.rows if sample else ()) if row.lines],
        lines_shown=LINES_SHOWN,
        sample_file=SAMPLE_FILE,
    )


def chart_per_day(figures: Figures) -> Drawing:
    """Old and new of the main measure per day above their difference; per month when there are too many days."""
    by_day = len(figures.days) <= MOST_DAYS_DRAWN
    measure, lines = figures.main_measure, figures.days if by_day else figures.months
    title = measure or ROWS
    about = f"{title} per {'day' if by_day else 'month'}, live before and corrected, and the change"
    sums = [(line.name, line.of(measure)) for line in lines]
    moved = [(name, float(one.old), float(one.new), float(one.change)) for name, one in sums]
    return lines_and_changes(moved, title=title, about=about)


def chart_per_value(lines: Sequence[Line], measure: str | None, column: str) -> Drawing | None:
    """By how much each value of a key moves; None when none does."""
    moving = [line for line in lines if line.of(measure).change][:MOST_VALUES_DRAWN]
    if not moving:
        return None
    changed = [(line.name, float(line.of(measure).change)) for line in moving]
    title = measure or ROWS
    return bars_both_ways(changed, title=f"change of {title}", about=f"Change of {title} per {column}")


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


def _harmless(value: str) -> str:
    """A text that no spreadsheet takes for a formula; amounts stay as they are."""
    is_number = value.lstrip("+-").replace(".", "", 1).isdigit()
    return f"'{value}" if value[:1] in {"=", "+", "-", "@", "\t", "\r"} and not is_number else value
