"""The part of the page that validation fixes: old against new, checks, sample. Drawn once for each certificate."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from backfill_assets.core.certificate import Certificate
from backfill_assets.core.check import Check
from backfill_assets.core.day_comparison import NOTHING
from backfill_assets.core.figures import ROWS, Figures, Line
from backfill_assets.core.sampling import Sample, SampledRow
from backfill_assets.core.slots import Grain
from backfill_assets.pages.charts import Drawing, bars_both_ways, lines_and_changes
from backfill_assets.pages.formats import amount
from backfill_assets.pages.shell import rendered

MOST_DAYS = 120
LARGEST_DAYS = 5
LINES_SHOWN = 8
MOST_MEASURES = 20


@dataclass(frozen=True, slots=True)
class Column:
    """A column's head; those of one group stand side by side under its name."""

    label: str
    group: str = ""
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under columns; the title is what a screen reader calls it."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]

    @property
    def groups(self) -> list[tuple[str, list[Column]]]:
        """Neighbours of one group together."""
        return [(name, list(columns)) for name, columns in groupby(self.columns, lambda column: column.group)]

    @property
    def is_grouped(self) -> bool:
        """Whether the heads are in two rows."""
        return any(column.group for column in self.columns)


def table_of_lines(lines: Sequence[Line], figures: Figures, name: str, title: str) -> Table:
    """Old, new, change and share of every measure that moves, a row a line, with the total below."""
    has_rows, measures = _shows_rows(figures), _shown(figures)
    columns = [Column(name, is_number=False), *[Column(f"rows {side}") for side in ("before", "now") if has_rows]]
    columns += [Column(side, measure) for measure in measures for side in ("before", "now", "change", "share")]
    return Table(title, columns, [_row(line, measures, has_rows=has_rows) for line in [*lines, figures.total]])


def table_of_largest(figures: Figures, grain: Grain) -> Table:
    """The days that change most, the largest first."""
    named = f"The {LARGEST_DAYS} {grain.worded('days')} that change most"
    return table_of_lines(_ranked(figures)[:LARGEST_DAYS], figures, grain.value, named)


def table_of_days(figures: Figures, grain: Grain) -> Table:
    """Every day that changes, oldest first; the hundred and twenty that change most when there are more."""
    moving = _ranked(figures)
    ranked = moving[:MOST_DAYS]
    shown = sorted(ranked, key=lambda day: day.name)
    left = f", the {MOST_DAYS} of {len(moving):,} that change most" if len(moving) > MOST_DAYS else ""
    return table_of_lines(shown, figures, grain.value, f"{grain.worded('Days')} that change{left}")


def _ranked(figures: Figures) -> list[Line]:
    """The days that change, those first that change most."""
    measure = figures.main_measure
    moving = [day for day in figures.days if day.moves]
    return sorted(moving, key=lambda day: -abs(day.of(measure).change))


def table_of_checks(checks: Sequence[Check]) -> Table:
    """Every check with its verdict and its sentence."""
    columns = [Column(name, is_number=False) for name in ("check", "", "found")]
    rows = [(check.name, "✓ passed" if check.passed else "✗ failed", check.sentence) for check in checks]
    return Table("Checks", columns, rows)


def table_of_sample(sample: Sample) -> Table:
    """The sampled rows with every cell twice: as derived from the source, and as staged."""
    keys = list(dict.fromkeys(name for row in sample.rows for name in row.key))
    cells = list(dict.fromkeys(cell.column for row in sample.rows for cell in row.cells))
    columns = [
        *[Column(name, is_number=False) for name in keys],
        *[Column(name) for name in cells],
        Column("staged", is_number=False),
        Column("tick"),
    ]
    rows: list[list[str]] = []
    for row in sample.rows:
        derived = {cell.column: cell.derived or "none" for cell in row.cells}
        differing = "; ".join(f"{cell.column} {cell.staged}" for cell in row.cells if not cell.agrees)
        told = [*[row.key.get(name, "") for name in keys], *[derived.get(name, "") for name in cells]]
        rows.append([*told, "equal" if row.agrees else differing, "☐"])
    return Table("Sample, derived a second time", columns, rows)


def table_of_source_rows(row: SampledRow) -> Table:
    """The first source rows behind a sampled row."""
    columns = list(dict.fromkeys(name for line in row.lines for name in line))
    rows = [[line.get(name, "") for name in columns] for line in row.lines[:LINES_SHOWN]]
    return Table(f"Source rows of {' '.join(row.key.values())}", [Column(name) for name in columns], rows)


def _row(line: Line, measures: Sequence[str], *, has_rows: bool) -> list[str]:
    cells = [line.name, *([f"{line.rows_old:,}", f"{line.rows_new:,}"] if has_rows else [])]
    for measure in measures:
        sums = line.sums[measure]
        change = amount(sums.change, signed=True) if sums.change else "="
        cells += [amount(sums.old), amount(sums.new), change, _share(line, measure)]
    return cells


def _share(line: Line, measure: str) -> str:
    share = line.sums[measure].share
    return "from nothing" if share is None else f"{float(share):.2%}" if share else ""


def _shown(figures: Figures) -> list[str]:
    """The measures that move most, in their order, or the main one when none does."""
    moved = _moved(figures)
    most = set(sorted(moved, key=lambda name: -moved[name])[:MOST_MEASURES])
    return [name for name in moved if name in most] or list(figures.measures[-1:])


def _moved(figures: Figures) -> dict[str, Decimal]:
    """By how much each measure that moves does, all days together and either way, in their order."""
    moved = {name: sum((abs(day.sums[name].change) for day in figures.days), NOTHING) for name in figures.measures}
    return {name: amount for name, amount in moved.items() if amount}


def _shows_rows(figures: Figures) -> bool:
    """Whether the numbers of rows say anything."""
    return not figures.measures or any(day.rows_old != day.rows_new for day in figures.days)


SAMPLE_FILE = "sample.csv"
MOST_DAYS_DRAWN = 400
MOST_VALUES_DRAWN = 20


def changes(figures: Figures, certificate: Certificate, sample: Sample | None, grain: Grain = Grain.DAY) -> str:
    """Old against new per day, month, quarter and key, the checks, and the sample."""
    moving = any(day.moves for day in figures.days)
    return rendered(
        "changes.html",
        failed=table_of_checks([check for check in certificate.checks if not check.passed]),
        passed=table_of_checks([check for check in certificate.checks if check.passed]),
        grain=grain,
        per_day=chart_per_day(figures, grain),
        days=table_of_days(figures, grain) if moving else None,
        largest=table_of_largest(figures, grain),
        differing=len(certificate.changed_days),
        measures_moved=len(_moved(figures)),
        measures_shown=MOST_MEASURES,
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


def chart_per_day(figures: Figures, grain: Grain) -> Drawing:
    """Old and new of the main measure per day above their difference; per month when there are too many days."""
    by_day = len(figures.days) <= MOST_DAYS_DRAWN
    measure, lines = figures.main_measure, figures.days if by_day else figures.months
    title = measure or ROWS
    about = f"{title} per {grain.value if by_day else 'month'}, live before and corrected, and the change"
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
